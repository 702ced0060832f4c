/*
 * astrid_enqueue and astrid_enqueue_batch: jobs come to be.
 *
 * A job that may run now goes to astrid.ready, one that has to wait (run_at, depends_on) to
 * astrid.waiting. The number of a ready job is also its place in the queue: one sequence numbers
 * jobs and places, so that places only grow.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "floor.h"
#include "guc.h"
#include "helpers.h"
#include "queues.h"
#include "sqlstate.h"
#include "store.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(astrid_enqueue);
PG_FUNCTION_INFO_V1(astrid_enqueue_batch);

/* Arguments: the same places in both functions. */
enum
{
	ARG_QUEUE,
	ARG_PAYLOAD,
	ARG_PRIORITY,
	ARG_RUN_AT,
	ARG_MAX_ATTEMPTS,
	ARG_TIMEOUT,
	ARG_UNIQUE_KEY,
	ARG_GROUP_KEY,
	ARG_DEPENDS_ON,
	ARG_TAGS
};

/* What the jobs of one call have in common, and where they go. */
typedef struct Batch
{
	FunctionCallInfo fcinfo;
	const Queue *queue;
	TimestampTz now;
	TimestampTz run_at;
	int32 max_attempts;
	int n;
	int64 first;  /* lowest position of those in ready */
	Store *ready; /* opened when first needed */
	Store *waiting;
} Batch;

static void
check_payload(Datum payload, bool is_null)
{
	Size size;

	if (is_null)
		arg_refuse("payload", "It must not be null; an empty payload is '{}'.");
	size = toast_raw_datum_size(payload);
	if (size > (Size) guc_max_payload_size * 1024)
		ereport(
			ERROR,
			(errcode(astrid_sqlstate(ASTRID_INVALID_ARGUMENT)), errmsg("payload is too large"),
			 errdetail("It has %zu bytes, at most %d kB are allowed.", size, guc_max_payload_size),
			 errhint("Put the data into a file or table and its name into the payload, or raise "
					 "astrid.max_payload_size.")));
}

static void
batch_begin(Batch *batch, FunctionCallInfo fcinfo, int n)
{
	PreventCommandIfReadOnly("astrid_enqueue()");
	arg_require(fcinfo, ARG_QUEUE, "queue");
	queues_refresh();
	batch->fcinfo = fcinfo;
	batch->queue = queue_by_name(text_to_cstring(PG_GETARG_TEXT_PP(ARG_QUEUE)));
	batch->now = clock_now();
	batch->run_at = PG_ARGISNULL(ARG_RUN_AT) ? batch->now : PG_GETARG_TIMESTAMPTZ(ARG_RUN_AT);
	batch->max_attempts = PG_ARGISNULL(ARG_MAX_ATTEMPTS) ? batch->queue->max_attempts
														 : PG_GETARG_INT32(ARG_MAX_ATTEMPTS);
	batch->n = n;
	batch->first = PG_INT64_MAX;
	if (batch->max_attempts < 1)
		arg_refuse("max_attempts", "It must be at least 1.");
	if (!PG_ARGISNULL(ARG_UNIQUE_KEY) &&
		toast_raw_datum_size(PG_GETARG_DATUM(ARG_UNIQUE_KEY)) > 1024)
		arg_refuse("unique_key", "It must not be longer than 1020 bytes.");
	if (!PG_ARGISNULL(ARG_TIMEOUT))
		arg_require_positive(PG_GETARG_INTERVAL_P(ARG_TIMEOUT), "timeout");
}

static void
set_argument(TupleTableSlot *row, int column, FunctionCallInfo fcinfo, int number)
{
	if (!PG_ARGISNULL(number))
		store_set(row, column, PG_GETARG_DATUM(number));
}

static int32
batch_priority(const Batch *batch)
{
	FunctionCallInfo fcinfo = batch->fcinfo;

	return PG_ARGISNULL(ARG_PRIORITY) ? 0 : PG_GETARG_INT32(ARG_PRIORITY);
}

static void
fill_row(TupleTableSlot *row, const Batch *batch, int64 job_id, Datum payload)
{
	FunctionCallInfo fcinfo = batch->fcinfo;

	store_set(row, JOB_ID, Int64GetDatum(job_id));
	store_set(row, JOB_POSITION, Int64GetDatum(job_id));
	store_set(row, JOB_RUN_AT, TimestampTzGetDatum(batch->run_at));
	store_set(row, JOB_ENQUEUED_AT, TimestampTzGetDatum(batch->now));
	store_set(row, JOB_QUEUE_ID, Int32GetDatum(batch->queue->id));
	store_set(row, JOB_PRIORITY, Int32GetDatum(batch_priority(batch)));
	store_set(row, JOB_ATTEMPT, Int32GetDatum(0));
	store_set(row, JOB_MAX_ATTEMPTS, Int32GetDatum(batch->max_attempts));
	if (batch->queue->has_timeout)
		store_set(row, JOB_TIMEOUT, IntervalPGetDatum(&batch->queue->timeout));
	set_argument(row, JOB_TIMEOUT, fcinfo, ARG_TIMEOUT);
	set_argument(row, JOB_UNIQUE_KEY, fcinfo, ARG_UNIQUE_KEY);
	set_argument(row, JOB_GROUP_KEY, fcinfo, ARG_GROUP_KEY);
	set_argument(row, JOB_TAGS, fcinfo, ARG_TAGS);
	store_set(row, JOB_PAYLOAD, payload);
}

/* One job; returns its id, or that of the live job with the same unique key. */
static int64
batch_add(Batch *batch, Datum payload, bool is_null)
{
	FunctionCallInfo fcinfo = batch->fcinfo;
	int64 job_id = store_next(STORE_JOB_SEQ);
	bool blocked = false;
	bool wait;
	Store **store;
	TupleTableSlot *row;

	check_payload(payload, is_null);
	if (!PG_ARGISNULL(ARG_UNIQUE_KEY))
	{
		int64 holder = helper_hold_key(batch->queue->id, PG_GETARG_DATUM(ARG_UNIQUE_KEY), job_id);

		if (holder != job_id)
			return holder;
	}
	if (!PG_ARGISNULL(ARG_DEPENDS_ON))
		blocked = helper_depend(job_id, PG_GETARG_DATUM(ARG_DEPENDS_ON));
	wait = blocked || batch->run_at > batch->now;
	store = wait ? &batch->waiting : &batch->ready;
	if (!wait)
		batch->first = Min(batch->first, job_id);
	if (*store == NULL)
		*store = store_open(wait ? STORE_WAITING : STORE_READY, batch->n);
	row = store_row(*store);
	fill_row(row, batch, job_id, payload);
	if (wait)
		store_set(row, WAITING_BLOCKED, BoolGetDatum(blocked));
	store_add(*store);
	return job_id;
}

static void
batch_end(Batch *batch)
{
	if (batch->waiting != NULL)
	{
		store_close(batch->waiting);
		wake_maintenance_at(batch->run_at);
	}
	if (batch->ready != NULL)
	{
		store_close(batch->ready);
		wake_queue_jobs(batch->queue->name, batch->n);
		floor_note_jobs(batch->queue->name, batch_priority(batch), batch->first);
	}
	CommandCounterIncrement();
}

/* astrid.enqueue(queue, payload, priority, run_at, ...) -> bigint */
Datum
astrid_enqueue(PG_FUNCTION_ARGS)
{
	Batch batch = {0};
	int64 job_id;

	batch_begin(&batch, fcinfo, 1);
	job_id = batch_add(&batch, PG_GETARG_DATUM(ARG_PAYLOAD), PG_ARGISNULL(ARG_PAYLOAD));
	batch_end(&batch);
	PG_RETURN_INT64(job_id);
}

/* astrid.enqueue_batch(queue, payloads, priority, run_at, ...) -> setof bigint, in the order of the
 * payloads */
Datum
astrid_enqueue_batch(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ArgArray payloads;
	Batch batch = {0};
	bool is_null = false;

	arg_require(fcinfo, ARG_PAYLOAD, "payloads");
	payloads = arg_array(fcinfo, ARG_PAYLOAD, JSONBOID);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	batch_begin(&batch, fcinfo, payloads.n);
	for (int i = 0; i < payloads.n; i++)
	{
		Datum job_id = Int64GetDatum(batch_add(&batch, payloads.values[i], payloads.nulls[i]));

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &job_id, &is_null);
	}
	batch_end(&batch);
	return (Datum) 0;
}
