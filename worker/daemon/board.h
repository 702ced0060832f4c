/*
 * What each slot is doing, in memory shared with the supervisor: for SIGUSR1, systemd's status
 * line, the throttle and the watch over slots that hang. SPDX-License-Identifier: PostgreSQL
 *
 * Each entry is written by its slot alone and read by the supervisor, which uses it for display and
 * for decisions that a torn value cannot spoil. The supervisor clears an entry before it starts its
 * slot.
 */
#ifndef DAEMON_BOARD_H
#define DAEMON_BOARD_H

#include <sys/types.h>

enum worker_status
{
	WORKER_IDLE,
	WORKER_BUSY,
	WORKER_ERROR,
	WORKER_STOPPED
};

struct board_slot
{
	volatile enum worker_status status;
	volatile pid_t runner;     /* leader of the runner's process group; 0: none */
	volatile double alive;     /* monotonic time of the last sign of life */
	volatile long long job_id; /* 0: none */
	volatile long processed, failed;
};

#endif
