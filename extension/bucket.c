/*
 * Token buckets (see bucket.h). Called by enqueue.c and group.c.
 *
 * Generic cell rate algorithm (ITU-T I.371, Annex A): of a bucket only the time is kept at which it
 * will be full. Taking a token moves that time on by interval / limit; a token is there as long as
 * the time lies no further ahead than an interval. A bucket without a row is full.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "bucket.h"
#include "gate.h"
#include "rows.h"
#include "sqlstate.h"

#define NAME_MAX_BYTES 1100

static void
add_row(int32 queue_id, Datum name, TimestampTz full_at)
{
	Store *store = store_open(STORE_BUCKET, 1);
	TupleTableSlot *row = store_row(store);

	store_set(row, BUCKET_QUEUE_ID, Int32GetDatum(queue_id));
	store_set(row, BUCKET_NAME, name);
	store_set(row, BUCKET_FULL_AT, TimestampTzGetDatum(full_at));
	store_add(store);
	store_close(store);
}

/* Takes the row away and returns its time; where there is none, the bucket is full. */
static TimestampTz
take_row(int32 queue_id, Datum name, TimestampTz now)
{
	Rows *rows = rows_open(STORE_BUCKET);
	ScanKeyData key[2];
	TimestampTz full_at = now;

	rows_key_int4(&key[0], 1, queue_id);
	rows_key_text(&key[1], 2, name);
	/* Only maintenance, which deletes rows of full buckets, does so without the bucket's gate. */
	if (rows_find(rows, key, 2) && rows_delete(rows, true) == TM_Ok)
		full_at = DatumGetTimestampTz(rows->row->tts_values[BUCKET_FULL_AT]);
	rows_close(rows);
	return full_at;
}

TimestampTz
bucket_take(int32 queue_id, const char *name, BucketRate rate, int tokens, bool reserve,
			TimestampTz now)
{
	Datum key = CStringGetTextDatum(name);
	TimestampTz was = take_row(queue_id, key, now);
	double step = (double) rate.interval / rate.limit * tokens;
	TimestampTz full_at = Max(was, now) + (int64) step;
	TimestampTz there_at = Max(full_at - rate.interval, now);

	if (there_at > now && !reserve)
		full_at = was;
	if (full_at > now)
		add_row(queue_id, key, full_at);
	CommandCounterIncrement();
	return there_at;
}

static char *
producer_name(const Queue *queue, Datum group)
{
	const char *name = queue->producer_is_group
						   ? (group != (Datum) 0 ? TextDatumGetCString(group) : "")
						   : GetUserNameFromId(GetSessionUserId(), false);

	return psprintf("producer:%.*s", NAME_MAX_BYTES, name);
}

static uint32
stripe_of(const char *name)
{
	return hash_bytes((const unsigned char *) name, strlen(name)) % PRODUCER_STRIPES;
}

uint32
bucket_producer_stripe(const Queue *queue, Datum group)
{
	char *name = producer_name(queue, group);
	uint32 stripe = stripe_of(name);

	pfree(name);
	return stripe;
}

void
bucket_check_producer(const Queue *queue, Datum group, int jobs, TimestampTz now)
{
	BucketRate rate = {queue->producer_rate_limit, queue->producer_rate_interval};
	char *name;
	TimestampTz there_at;

	if (rate.limit == 0 || jobs == 0)
		return;
	name = producer_name(queue, group);
	(void) gate_enter(GATE_PRODUCER, queue->id, stripe_of(name), true);
	there_at = bucket_take(queue->id, name, rate, jobs, false, now);
	if (there_at > now)
		ereport(ERROR,
				(errcode(astrid_sqlstate(ASTRID_RATE_LIMITED)),
				 errmsg("producer enqueues too fast into queue \"%s\"", queue->name),
				 errdetail("%s \"%s\" may enqueue %d jobs at once and in each %.6g s.",
						   queue->producer_is_group ? "Group" : "Role", name + strlen("producer:"),
						   rate.limit, (double) rate.interval / USECS_PER_SEC),
				 jobs > rate.limit
					 ? errhint("Enqueue at most %d jobs at a time.", rate.limit)
					 : errhint("Try again in %.3f s.", (double) (there_at - now) / USECS_PER_SEC)));
}
