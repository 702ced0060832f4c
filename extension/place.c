/*
 * Where a job stands in its queue (see place.h). Called by enqueue.c, claim.c and, as SQL, by all
 * that makes jobs ready.
 *
 * Claims take the smallest (lane, position). Three orders:
 * - strict priority: a lane for each priority, positions are numbers of job_seq.
 * - ageing: one lane. A position begins with the second at which the job became ready, moved by so
 *   many times the ageing interval as its priority says: who waits gains on all that come later.
 * - fair: a lane for each priority. A position begins with a round: the next one in which the
 *   job's group has no job yet, but none that is past. So groups take turns (start-time fair
 *   queueing, Goyal et al. 1996, with a length of one for each job).
 *
 * In both the number fills the low bits: within a second or round, first come is first served.
 * Rounds live in shared memory. Without it they are all 0, and the queue is first in first out;
 * after a restart groups begin with the round of the next claim.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "channel.h"
#include "clock.h"
#include "place.h"
#include "shmem.h"
#include "store.h"

#define NUMBER_BITS  31
#define NUMBER_MASK  ((INT64CONST(1) << NUMBER_BITS) - 1)
#define PREFIX_MAX   ((INT64CONST(1) << 32) - 1)
#define PRIORITY_MAX ((1 << 30) - 1)

PG_FUNCTION_INFO_V1(astrid_lane);
PG_FUNCTION_INFO_V1(astrid_position);

static int64
compose(int64 prefix, int64 number)
{
	prefix = Max(Min(prefix, PREFIX_MAX), 0);
	return (prefix << NUMBER_BITS) | (number & NUMBER_MASK);
}

static SharedRound *
round_slot(uint64 key)
{
	return &shared->rounds[key % ROUND_SLOTS];
}

/* The queue's own entry holds the round that is being claimed. */
static uint64
round_key(const Queue *queue, Datum group)
{
	uint64 key = hash_combine64(channel_key(queue->name), store_oid(STORE_READY));

	if (group != (Datum) 0)
	{
		text *value = DatumGetTextPP(group);

		key = hash_combine64(key, hash_bytes_extended((unsigned char *) VARDATA_ANY(value),
													  VARSIZE_ANY_EXHDR(value), 1));
	}
	return key ? key : 1;
}

static int64
present_round(const Queue *queue)
{
	uint64 key = round_key(queue, (Datum) 0);
	SharedRound *slot = round_slot(key);
	int64 present;

	SpinLockAcquire(&slot->mutex);
	present = slot->key == key ? slot->round : 0;
	SpinLockRelease(&slot->mutex);
	return present;
}

static int64
next_round(const Queue *queue, Datum group)
{
	int64 present;
	uint64 key;
	SharedRound *slot;
	int64 next;

	if (shared == NULL)
		return 0;
	present = present_round(queue);
	key = round_key(queue, group != (Datum) 0 ? group : CStringGetTextDatum(""));
	slot = round_slot(key);
	SpinLockAcquire(&slot->mutex);
	next = slot->key == key ? Max(slot->round + 1, present) : present;
	slot->key = key;
	slot->round = next;
	SpinLockRelease(&slot->mutex);
	return next;
}

void
place_note_claim(const Queue *queue, int64 position)
{
	uint64 key;
	SharedRound *slot;

	if (!queue->fair || shared == NULL)
		return;
	key = round_key(queue, (Datum) 0);
	slot = round_slot(key);
	SpinLockAcquire(&slot->mutex);
	if (slot->key != key)
		slot->round = 0;
	slot->key = key;
	slot->round = Max(slot->round, position >> NUMBER_BITS);
	SpinLockRelease(&slot->mutex);
}

int32
place_lane(const Queue *queue, int32 priority)
{
	if (queue->ageing > 0)
		return 1;
	return Max(Min(priority, PRIORITY_MAX), -PRIORITY_MAX) * 2 + 1;
}

int64
place_position(const Queue *queue, int32 priority, Datum group, int64 number, TimestampTz now)
{
	if (queue->ageing > 0)
	{
		double moved = (double) now / USECS_PER_SEC +
					   (double) priority * ((double) queue->ageing / USECS_PER_SEC);

		return compose((int64) Max(Min(moved, (double) PREFIX_MAX), 0), number);
	}
	if (queue->fair)
		return compose(next_round(queue, group), number);
	return number;
}

/* astrid._lane(queue, priority) -> int */
Datum
astrid_lane(PG_FUNCTION_ARGS)
{
	static const Queue plain;
	const Queue *queue;

	queues_refresh();
	queue = queue_by_id(PG_GETARG_INT32(0));
	PG_RETURN_INT32(place_lane(queue ? queue : &plain, PG_GETARG_INT32(1)));
}

/* astrid._position(queue, priority, group_key) -> bigint */
Datum
astrid_position(PG_FUNCTION_ARGS)
{
	int64 number = store_next(STORE_JOB_SEQ);
	const Queue *queue;

	queues_refresh();
	queue = queue_by_id(PG_GETARG_INT32(0));
	if (queue == NULL)
		PG_RETURN_INT64(number);
	PG_RETURN_INT64(place_position(queue, PG_GETARG_INT32(1),
								   PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2), number,
								   clock_now()));
}
