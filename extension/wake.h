/*
 * Wake-up: from the transaction that makes jobs ready to the sessions that sleep in astrid_wait.
 *
 * All of it is a hint. These calls work with and without preload, never wait and, but for running
 * out of memory, never fail.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_WAKE_H
#define ASTRID_WAKE_H

#include "datatype/timestamp.h"

/*
 * Jobs of this queue become ready when this transaction commits: one, or n of them. At most as many
 * sleepers are woken. Called by whatever inserts into astrid.ready, and when a queue is resumed.
 */
extern void wake_queue(const char *queue_name);
extern void wake_queue_jobs(const char *queue_name, uint32 n);

/*
 * Another session may have found nothing because of this transaction: one sleeper looks again when
 * it is over. Does not end this session's own next wait. A transaction that only looked wakes
 * nobody who was woken by another one of those.
 */
extern void wake_others(const char *queue_name, bool only_looked);

/*
 * This session is about to look for jobs of this queue (NULL: of any). To be called before the
 * snapshot is taken that the search uses: astrid_wait then returns at once when jobs were committed
 * later than that snapshot. A transaction that aborts after it hands on what it may have claimed by
 * waking one other sleeper.
 */
extern void wake_note_claim(const char *queue_name);

/* When this transaction commits, a job waits that falls due then; the maintenance worker may sleep
 * no longer. */
extern void wake_maintenance_at(TimestampTz due);

/* Called once, from _PG_init. */
extern void wake_init(void);

#endif
