/*
 * Limits of groups: the jobs of a queue with the same group_key. SPDX-License-Identifier:
 * PostgreSQL
 */
#ifndef ASTRID_GROUP_H
#define ASTRID_GROUP_H

#include "executor/tuptable.h"

#include "queues.h"
#include "store.h"

/* What a job has passed, in its column admission; null: nothing. */
enum
{
	ADMISSION_RATE = 1,
	ADMISSION_ALL = 2
};

/* Groups share locks: each is hashed into one of these. Held locks are entries of the lock table.
 */
#define GROUP_STRIPES 1024

/* The tables of groups, open for one call, and what it has learned of groups whose locks it has. */
typedef struct Groups Groups;

extern Groups *groups_open(int jobs_expected);

/* Gives the places that were left to those who wait for them, and writes what the call has
 * gathered. */
extern void groups_close(Groups *groups);

/* Must the group of this ready job be asked before it may run? */
extern bool group_limits(const Queue *queue, TupleTableSlot *job);

/* The number of the group's lock. */
extern uint32 group_stripe(Datum group);

/* Keeps all others from taking places of the group until this transaction ends; false without
 * waiting where another has it. */
extern bool group_try_lock(const Queue *queue, uint32 stripe);

/* Can it be told now whether the job may run? Not while its group is full and somebody is just
 * leaving it: then it stays where it is. The caller has the group's lock. */
extern bool group_is_settled(Groups *groups, const Queue *queue, TupleTableSlot *job);

/*
 * The job, which was taken from astrid.ready, may run: its admission is set. Else it goes into
 * astrid.waiting, until its group's bucket has a token or a job of its group ends. The caller has
 * the group's lock, and it is settled.
 */
extern bool group_admit(Groups *groups, const Queue *queue, TupleTableSlot *job, TimestampTz now);

/* The job counts no more: the next one of its group that waits becomes ready with groups_close(),
 * until which the key must stay. Waits for who is just parking a job of the group, and, where one
 * is parked, for who has the group's lock. So many jobs at most as were expected. */
extern void group_leave(Groups *groups, int32 queue_id, Datum group, int64 job_id);

#endif
