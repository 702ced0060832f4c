/*
 * A slot: one process, one connection, one job at a time; with prefetch_multiplier, others held
 * meanwhile. SPDX-License-Identifier: PostgreSQL
 *
 * claim -> plan -> runner -> commit, with a heartbeat at every third of the lease from the event
 * loop, so that no computation can starve it. Signals, from the supervisor: TERM, INT, HUP finish
 * the job and end; QUIT ends at once, the job goes back to the queue. What has not begun goes back
 * in any case.
 */
#ifndef DAEMON_SLOT_H
#define DAEMON_SLOT_H

#include "core/config.h"
#include "daemon/attempt.h"
#include "daemon/board.h"
#include "db/queue.h"

struct slot
{
	const struct config *config;
	struct board_slot *board;
	const struct cgroups *cgroups; /* NULL: runners get none */
	struct loop loop;
	struct queue_client queue;
	char worker[128], host[64];
	int number;

	bool stop, fast, drained; /* asked to end; at once; by the database */
	bool idle;                /* a wait for jobs is under way, that a signal shall end */
	bool beat_due,
		validate; /* a heartbeat is due; the lease must be checked before anything is written */
	struct loop_timer heartbeat, nudge, pause;
	bool pause_over;
	int failures; /* attempts to reach the server in a row */
	enum wake_mode wake;
	enum worker_status told; /* the status of the last heartbeat */
	double maintained_at, beaten_at;

	/* held[0..n_held) was claimed in one call; held[next..) has not begun. Ended ones are cleared.
	 */
	struct job held[QUEUE_MAX_JOBS];
	int n_held, next;

	bool full;      /* no room below data_dir: no job is taken */
	double room_at; /* and not before this time, after a job ran out of it */

	struct attempt *attempt; /* the runner of the current job; NULL: none */
	char last_queue[256];
	double busy_s, usage_at, usage_cpu; /* for the metrics */
	double cpu_percent;
};

#define SLOT_DRAINED 3 /* exit status: told by the database to take no more jobs */

/* Runs until told to end; the exit status of the process. */
int slot_main(const struct config *config, int number, struct board_slot *board,
			  const struct cgroups *cgroups);

/* slot_db.c: reach the server (once, with a deadline); wait for a while; heartbeat for all that is
 * held, whose answer is about job (may be NULL). */
bool slot_connect(struct slot *slot, const bool *give_up);
void slot_back_off(struct slot *slot, const bool *give_up);
enum pq_failure slot_beat(struct slot *slot, const struct job *job);
void slot_wait_for_jobs(struct slot *slot);
void slot_nap(struct slot *slot);
void slot_maintain(struct slot *slot);

/* slot_job.c: everything about one claimed job. */
void slot_run_job(struct slot *slot, struct job *job);

/*
 * slot_held.c: claim up to prefetch_multiplier jobs; the next one that has not begun, NULL: none;
 * end those that the last heartbeat had a command for; give all of them back, no attempt used.
 */
enum pq_failure slot_claim(struct slot *slot);
struct job *slot_next(struct slot *slot);
void slot_settle_held(struct slot *slot);
void slot_give_back(struct slot *slot);
/* Is there room for outputs? Tells the log when that changes. */
bool slot_has_room(struct slot *slot);

/* metrics.c: the info of a heartbeat, a new reference. */
json_t *slot_metrics(struct slot *slot);

#endif
