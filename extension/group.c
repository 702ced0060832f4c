/*
 * Limits of groups (see group.h). Called by claim.c, complete.c and, as SQL, by all that ends a
 * job.
 *
 * A queue has any number of groups, most of them idle, so nothing is laid out for them. All ready
 * jobs lie in astrid.ready; the claim that comes upon one takes the lock of its group, or passes it
 * over where another has it, and looks how many places are taken (astrid.group_slot). A job for
 * which there is no place is parked in astrid.waiting; whoever frees a place hands it on to the
 * first that is parked. So a job is looked at once before it is parked, and once after, however
 * many wait; and as long as one is parked, all places of its group are taken, so that none
 * overtakes it.
 *
 * Enqueueing takes no lock. The locks are hashed into stripes: two groups that share one only pass
 * each other over a little more often.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "bucket.h"
#include "floor.h"
#include "gate.h"
#include "group.h"
#include "place.h"
#include "rows.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(astrid_leave_group);

static int
admission(TupleTableSlot *job)
{
	return job->tts_isnull[JOB_ADMISSION] ? 0 : DatumGetInt32(job->tts_values[JOB_ADMISSION]);
}

bool
group_limits(const Queue *queue, TupleTableSlot *job)
{
	return queue_limits_groups(queue) && !job->tts_isnull[JOB_GROUP_KEY] &&
		   admission(job) < ADMISSION_ALL;
}

uint32
group_stripe(Datum group)
{
	text *value = DatumGetTextPP(group);

	return hash_bytes((unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)) %
		   GROUP_STRIPES;
}

bool
group_try_lock(const Queue *queue, uint32 stripe)
{
	return gate_enter(GATE_GROUP, queue->id, stripe, false);
}

/* Places of the group that are taken, counted up to the limit. */
static int
count_slots(int32 queue_id, Datum group, int limit)
{
	Rows *rows = rows_open(STORE_GROUP_SLOT);
	ScanKeyData key[2];
	int n = 0;

	rows_key_int4(&key[0], 1, queue_id);
	rows_key_text(&key[1], 2, group);
	for (bool found = rows_find(rows, key, 2); found && n < limit; found = rows_next(rows))
		n++;
	rows_close(rows);
	return n;
}

static void
add_slot(int32 queue_id, Datum group, Datum job_id)
{
	Store *store = store_open(STORE_GROUP_SLOT, 1);
	TupleTableSlot *row = store_row(store);

	store_set(row, GROUP_SLOT_QUEUE_ID, Int32GetDatum(queue_id));
	store_set(row, GROUP_SLOT_GROUP_KEY, group);
	store_set(row, GROUP_SLOT_JOB_ID, job_id);
	store_add(store);
	store_close(store);
	CommandCounterIncrement();
}

static void
put_aside(TupleTableSlot *job, bool parked)
{
	Store *waiting = store_open(STORE_WAITING, 1);
	TupleTableSlot *row = store_row(waiting);

	store_copy_job(row, job);
	store_set(row, WAITING_BLOCKED, BoolGetDatum(parked));
	store_set(row, WAITING_PARKED, BoolGetDatum(parked));
	store_add(waiting);
	store_close(waiting);
	CommandCounterIncrement();
}

/* False: put aside until the bucket of the group has a token, which it has taken in advance. */
static bool
pass_rate(const Queue *queue, TupleTableSlot *job, TimestampTz now)
{
	BucketRate rate = {queue->group_rate_limit, queue->group_rate_interval};
	TimestampTz there_at;
	char *name;

	if (rate.limit == 0 || admission(job) >= ADMISSION_RATE)
		return true;
	name = psprintf("group:%s", TextDatumGetCString(job->tts_values[JOB_GROUP_KEY]));
	there_at = bucket_take(queue->id, name, rate, 1, true, now);
	store_set(job, JOB_ADMISSION, Int32GetDatum(ADMISSION_RATE));
	if (there_at <= now)
		return true;
	store_set(job, JOB_RUN_AT, TimestampTzGetDatum(there_at));
	put_aside(job, false);
	wake_maintenance_at(there_at);
	return false;
}

bool
group_admit(const Queue *queue, TupleTableSlot *job, TimestampTz now)
{
	Datum group = job->tts_values[JOB_GROUP_KEY];
	int limit = queue->group_concurrency;

	if (!pass_rate(queue, job, now))
		return false;
	if (limit == 0)
		return true;
	if (count_slots(queue->id, group, limit) == limit)
	{
		put_aside(job, true);
		return false;
	}
	add_slot(queue->id, group, job->tts_values[JOB_ID]);
	store_set(job, JOB_ADMISSION, Int32GetDatum(ADMISSION_ALL));
	return true;
}

/* Deletes the slot of the job; false where it has none. */
static bool
free_slot(int32 queue_id, Datum group, int64 job_id)
{
	Rows *rows = rows_open(STORE_GROUP_SLOT);
	ScanKeyData key[3];
	bool found;

	rows_key_int4(&key[0], 1, queue_id);
	rows_key_text(&key[1], 2, group);
	rows_key_int8(&key[2], 3, job_id);
	found = rows_find(rows, key, 3) && rows_delete(rows, true) == TM_Ok;
	rows_close(rows);
	return found;
}

/* A parked job becomes ready, with a place of its group, ahead of those of its priority that were
 * never looked at. */
static void
hand_on(const Queue *queue, TupleTableSlot *parked)
{
	Store *ready = store_open(STORE_READY, 1);
	TupleTableSlot *row = store_row(ready);
	int64 position = store_next(STORE_JOB_SEQ);
	int32 lane;

	store_copy_job(row, parked);
	lane = PLACE_LANE_RETURNED(place_lane(queue, DatumGetInt32(parked->tts_values[JOB_PRIORITY])));
	store_set(row, JOB_LANE, Int32GetDatum(lane));
	store_set(row, JOB_POSITION, Int64GetDatum(position));
	store_set(row, JOB_ADMISSION, Int32GetDatum(ADMISSION_ALL));
	add_slot(queue->id, parked->tts_values[JOB_GROUP_KEY], parked->tts_values[JOB_ID]);
	store_add(ready);
	store_close(ready);
	floor_note_rows(FLOOR_READY, queue->name, lane, position);
	wake_queue(queue->name);
}

/* The first of the group that is parked goes on; false where none is. */
static bool
release_next(const Queue *queue, Datum group)
{
	Rows *rows = rows_open_by(STORE_WAITING, STORE_WAITING_PARKED);
	ScanKeyData key[2];
	bool found;

	rows_key_int4(&key[0], 1, queue->id);
	rows_key_text(&key[1], 2, group);
	while ((found = rows_find(rows, key, 2)) && rows_delete(rows, true) != TM_Ok)
	{
		/* It was cancelled just now. */
		CHECK_FOR_INTERRUPTS();
		rows_refresh(rows);
	}
	if (found)
		hand_on(queue, rows->row);
	rows_close(rows);
	CommandCounterIncrement();
	return found;
}

void
group_leave(int32 queue_id, Datum group, int64 job_id)
{
	const Queue *queue;
	int taken;

	(void) gate_enter(GATE_GROUP, queue_id, group_stripe(group), true);
	if (!free_slot(queue_id, group, job_id))
		return;
	CommandCounterIncrement();
	queue = queue_by_id(queue_id);
	if (queue == NULL || queue->group_concurrency == 0)
		return;
	taken = count_slots(queue_id, group, queue->group_concurrency);
	while (taken < queue->group_concurrency && release_next(queue, group))
		taken++;
}

/* astrid._leave_group(queue, group_key, job) */
Datum
astrid_leave_group(PG_FUNCTION_ARGS)
{
	queues_refresh();
	group_leave(PG_GETARG_INT32(0), PG_GETARG_DATUM(1), PG_GETARG_INT64(2));
	PG_RETURN_VOID();
}
