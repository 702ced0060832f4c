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
#include "bucket.h"
#include "children.h"
#include "depend.h"
#include "floor.h"
#include "group.h"
#include "guc.h"
#include "helpers.h"
#include "place.h"
#include "queues.h"
#include "replace.h"
#include "schema_queue.h"
#include "sqlstate.h"
#include "store.h"
#include "unique.h"
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
	ARG_TAGS,
	ARG_UNIQUE_MODE,
	ARG_UNIQUE_WINDOW,
	ARG_UNIQUE_MAX_WAIT,
	ARG_DEADLINE,
	ARG_RETRY,
	ARG_DEPENDS_MODE,
	ARG_DEPENDS_FAILURE,
	ARG_UNIQUE_KEYS, /* of the batch only */
	ARG_GROUP_KEYS
};

/* What the jobs of one call have in common, and where they go. */
typedef struct Batch
{
	FunctionCallInfo fcinfo;
	const Queue *queue;
	TimestampTz now;
	TimestampTz run_at;
	UniqueOptions unique;
	int32 max_attempts;
	int n;
	int32 lane;
	int64 first;     /* lowest position of those in ready */
	TimestampTz due; /* lowest run_at of those in waiting */
	Store *ready;    /* opened when first needed */
	Store *waiting;
	Store *cancelled;
	Depend depend;
	Store *deadlines;
} Batch;

/* What distinguishes a job of it; 0: null. */
typedef struct NewJob
{
	Datum payload;
	bool payload_is_null;
	Datum group_key;
	KeyedJob keyed;
	TimestampTz run_at;
	bool keeps_place; /* of the job that it replaces */
} NewJob;

static void
check_payload(const Queue *queue, const NewJob *item)
{
	int limit = queue->max_payload_size > 0 ? queue->max_payload_size : guc_max_payload_size;
	Size size;

	if (item->payload_is_null)
		arg_refuse("payload", "It must not be null; an empty payload is '{}'.");
	size = toast_raw_datum_size(item->payload);
	if (size > (Size) limit * 1024)
		ereport(
			ERROR,
			(errcode(astrid_sqlstate(ASTRID_INVALID_ARGUMENT)), errmsg("payload is too large"),
			 errdetail("It has %zu bytes, at most %d kB are allowed.", size, limit),
			 errhint("Put the data into a file or table and its name into the payload, or raise "
					 "astrid.max_payload_size or the queue's max_payload_size.")));
}

/* The payloads of a call by the queue's schema; those of a batch are numbered. */
static void
check_schema(const Queue *queue, const NewJob *items, int n, const char *what)
{
	Refusal refusal = {0};

	if (queue->payload_schema == NULL)
		return;
	for (int i = 0; i < n && !refusal.full; i++)
	{
		check_payload(queue, &items[i]);
		queue_schema_check(queue->payload_schema, queue->name, items[i].payload, false, what, i + 1,
						   &refusal);
	}
	queue_schema_refuse(&refusal, "payload");
}

static void
check_unique_key(Datum key)
{
	if (key != (Datum) 0 && toast_raw_datum_size(key) > 1024)
		arg_refuse("unique_key", "It must not be longer than 1020 bytes.");
}

static void
check_group_key(Datum key)
{
	if (key != (Datum) 0 && toast_raw_datum_size(key) > 1024)
		arg_refuse("group_key", "It must not be longer than 1020 bytes.");
}

static int32
batch_priority(const Batch *batch)
{
	FunctionCallInfo fcinfo = batch->fcinfo;

	return PG_ARGISNULL(ARG_PRIORITY) ? 0 : PG_GETARG_INT32(ARG_PRIORITY);
}

/* A queue that is being drained takes no job. */
static void
check_accepting(const Queue *queue)
{
	if (!queue->accepting)
		ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_QUEUE_CLOSED)),
						errmsg("queue \"%s\" is closed", queue->name),
						errdetail("It is being drained: it accepts no new jobs."),
						errhint("astrid_resume_queue opens it again.")));
}

/* Null where the argument is. */
static const char *
name_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

static void
check_deadline(const Batch *batch)
{
	FunctionCallInfo fcinfo = batch->fcinfo;

	if (!PG_ARGISNULL(ARG_DEADLINE) &&
		PG_GETARG_TIMESTAMPTZ(ARG_DEADLINE) <= Max(batch->now, batch->run_at))
		arg_refuse("deadline", "It must lie in the future, and later than run_at.");
}

static void
check_unique(const Batch *batch)
{
	FunctionCallInfo fcinfo = batch->fcinfo;

	if (batch->unique.mode == UNIQUE_IGNORE)
		return;
	if (!PG_ARGISNULL(ARG_DEPENDS_ON))
		arg_refuse("depends_on", "A job that replaces another must not depend on jobs.");
	if (batch->unique.mode == UNIQUE_DEBOUNCE && PG_ARGISNULL(ARG_RUN_AT))
		arg_refuse("run_at", "It must not be null where unique_mode is debounce.");
}

static bool
has_unique_key(FunctionCallInfo fcinfo)
{
	return !PG_ARGISNULL(ARG_UNIQUE_KEY) ||
		   (PG_NARGS() > ARG_UNIQUE_KEYS && !PG_ARGISNULL(ARG_UNIQUE_KEYS));
}

static void
batch_begin(Batch *batch, FunctionCallInfo fcinfo, int n)
{
	PreventCommandIfReadOnly("astrid_enqueue()");
	arg_require(fcinfo, ARG_QUEUE, "queue");
	queues_refresh();
	batch->fcinfo = fcinfo;
	batch->queue = queue_by_name(text_to_cstring(PG_GETARG_TEXT_PP(ARG_QUEUE)));
	check_accepting(batch->queue);
	batch->now = clock_now();
	batch->run_at = PG_ARGISNULL(ARG_RUN_AT) ? batch->now : PG_GETARG_TIMESTAMPTZ(ARG_RUN_AT);
	batch->max_attempts = PG_ARGISNULL(ARG_MAX_ATTEMPTS) ? batch->queue->max_attempts
														 : PG_GETARG_INT32(ARG_MAX_ATTEMPTS);
	batch->n = n;
	batch->lane = place_lane(batch->queue, batch_priority(batch));
	batch->first = PG_INT64_MAX;
	batch->due = DT_NOEND;
	batch->unique = unique_options(fcinfo, ARG_UNIQUE_MODE, has_unique_key(fcinfo));
	check_unique(batch);
	check_deadline(batch);
	if (!PG_ARGISNULL(ARG_RETRY))
		helper_check_retry(PG_GETARG_DATUM(ARG_RETRY));
	if (batch->max_attempts < 1)
		arg_refuse("max_attempts", "It must be at least 1.");
	if (!PG_ARGISNULL(ARG_TIMEOUT))
		arg_require_positive(PG_GETARG_INTERVAL_P(ARG_TIMEOUT), "timeout");
	depend_begin(&batch->depend, arg_array(fcinfo, ARG_DEPENDS_ON, INT8OID),
				 name_argument(fcinfo, ARG_DEPENDS_MODE),
				 name_argument(fcinfo, ARG_DEPENDS_FAILURE));
}

static void
set_argument(TupleTableSlot *row, int column, FunctionCallInfo fcinfo, int number)
{
	if (!PG_ARGISNULL(number))
		store_set(row, column, PG_GETARG_DATUM(number));
}

static void
set_text(TupleTableSlot *row, int column, Datum value)
{
	if (value != (Datum) 0)
		store_set(row, column, value);
}

static void
fill_row(TupleTableSlot *row, const Batch *batch, const NewJob *item)
{
	FunctionCallInfo fcinfo = batch->fcinfo;
	const Replaced *old = item->keyed.old;

	store_set(row, JOB_ID, Int64GetDatum(item->keyed.job_id));
	store_set(row, JOB_POSITION, Int64GetDatum(item->keyed.number));
	store_set(row, JOB_RUN_AT, TimestampTzGetDatum(item->run_at));
	store_set(row, JOB_ENQUEUED_AT, TimestampTzGetDatum(old ? old->enqueued_at : batch->now));
	store_set(row, JOB_QUEUE_ID, Int32GetDatum(batch->queue->id));
	store_set(row, JOB_PRIORITY, Int32GetDatum(batch_priority(batch)));
	store_set(row, JOB_LANE, Int32GetDatum(batch->lane));
	store_set(row, JOB_ATTEMPT, Int32GetDatum(0));
	store_set(row, JOB_MAX_ATTEMPTS, Int32GetDatum(batch->max_attempts));
	store_set(row, JOB_CRASHES, Int32GetDatum(0));
	if (batch->queue->has_timeout)
		store_set(row, JOB_TIMEOUT, IntervalPGetDatum(&batch->queue->timeout));
	set_argument(row, JOB_TIMEOUT, fcinfo, ARG_TIMEOUT);
	set_argument(row, JOB_DEADLINE, fcinfo, ARG_DEADLINE);
	set_text(row, JOB_UNIQUE_KEY, item->keyed.key);
	set_text(row, JOB_GROUP_KEY, item->group_key);
	set_argument(row, JOB_TAGS, fcinfo, ARG_TAGS);
	set_argument(row, JOB_RETRY, fcinfo, ARG_RETRY);
	store_set(row, JOB_PAYLOAD, item->payload);
}

static void
note_ready(Batch *batch, const NewJob *item, int64 position)
{
	if (item->keeps_place)
		floor_note_rows(FLOOR_READY, batch->queue->name, item->keyed.old->lane, position);
	else
		batch->first = Min(batch->first, position);
}

static void
add_ready(Batch *batch, const NewJob *item)
{
	int64 position = item->keeps_place
						 ? item->keyed.old->position
						 : place_position(batch->queue, batch_priority(batch), item->group_key,
										  item->keyed.number, batch->now);
	TupleTableSlot *row;

	if (batch->ready == NULL)
		batch->ready = store_open(STORE_READY, batch->n);
	row = store_row(batch->ready);
	fill_row(row, batch, item);
	store_set(row, JOB_POSITION, Int64GetDatum(position));
	if (item->keeps_place)
		replace_keep_place(row, item->keyed.old);
	store_add(batch->ready);
	note_ready(batch, item, position);
}

static void
add_waiting(Batch *batch, const NewJob *item, bool blocked)
{
	bool parked = item->keeps_place && item->keyed.old->parked;
	TupleTableSlot *row;

	if (batch->waiting == NULL)
		batch->waiting = store_open(STORE_WAITING, batch->n);
	row = store_row(batch->waiting);
	fill_row(row, batch, item);
	if (item->keeps_place)
		replace_keep_place(row, item->keyed.old);
	store_set(row, WAITING_BLOCKED, BoolGetDatum(blocked || parked));
	store_set(row, WAITING_PARKED, BoolGetDatum(parked));
	store_add(batch->waiting);
	batch->due = Min(batch->due, item->run_at);
}

/* A parent has failed already. */
static void
add_cancelled(Batch *batch, const NewJob *item)
{
	TupleTableSlot *row;

	if (batch->cancelled == NULL)
		batch->cancelled = store_open(STORE_HISTORY + ring_slot(batch->now), batch->n);
	row = store_row(batch->cancelled);
	fill_row(row, batch, item);
	children_mark_cancelled(row, batch->now, batch->depend.reason);
	store_add(batch->cancelled);
	if (item->keyed.key != (Datum) 0)
		unique_release_one(batch->queue->id, item->keyed.key, item->keyed.job_id, batch->now);
}

static void
add_deadline(Batch *batch, const NewJob *item)
{
	FunctionCallInfo fcinfo = batch->fcinfo;
	TupleTableSlot *row;

	if (PG_ARGISNULL(ARG_DEADLINE))
		return;
	if (batch->deadlines == NULL)
		batch->deadlines = store_open(STORE_DEADLINE, batch->n);
	row = store_row(batch->deadlines);
	store_set(row, DEADLINE_AT, PG_GETARG_DATUM(ARG_DEADLINE));
	store_set(row, DEADLINE_JOB_ID, Int64GetDatum(item->keyed.job_id));
	store_add(batch->deadlines);
}

/* Takes the unique keys of all jobs that have one. */
static void
settle_keys(Batch *batch, NewJob *items)
{
	KeyedJob **keyed = palloc(sizeof(KeyedJob *) * Max(batch->n, 1));
	int n = 0;

	for (int i = 0; i < batch->n; i++)
		if (items[i].keyed.key != (Datum) 0)
			keyed[n++] = &items[i].keyed;
	if (n > 0)
		replace_settle(keyed, n, batch->queue->id, &batch->unique, batch->now);
	pfree(keyed);
}

/* The job that it replaces leaves its group, unless it keeps its place. */
static void
replace(Batch *batch, NewJob *item)
{
	const Replaced *old = item->keyed.old;

	item->keeps_place =
		replace_keeps_place(old, &batch->unique, batch_priority(batch), item->group_key);
	if (!item->keeps_place && old->admission == ADMISSION_ALL)
	{
		Groups *groups = groups_open(1);

		group_leave(groups, batch->queue->id, old->group_key, item->keyed.job_id);
		groups_close(groups);
	}
}

static void
add_where_it_belongs(Batch *batch, const NewJob *item, bool blocked)
{
	const Replaced *old = item->keyed.old;
	DependVerdict verdict = depend_verdict(&batch->depend, batch->n);

	if (verdict == DEPEND_BLOCKED)
		depend_note(&batch->depend, item->keyed.job_id);
	blocked = blocked || verdict == DEPEND_BLOCKED;
	if (verdict == DEPEND_CANCELLED)
		add_cancelled(batch, item);
	else if (blocked || item->run_at > batch->now || (item->keeps_place && !old->ready))
		add_waiting(batch, item, blocked);
	else
		add_ready(batch, item);
}

static void
add_job(Batch *batch, NewJob *item)
{
	const Replaced *old = item->keyed.old;
	bool blocked = item->keyed.blocked || (old != NULL && old->blocked && !old->parked);

	if (old != NULL)
		replace(batch, item);
	item->run_at = replace_run_at(old, &batch->unique, batch->run_at, batch->now);
	add_where_it_belongs(batch, item, blocked);
	add_deadline(batch, item);
}

/* Afterwards keyed.job_id is the job that each of them has become. */
static void
batch_add(Batch *batch, NewJob *items)
{
	for (int i = 0; i < batch->n; i++)
	{
		check_payload(batch->queue, &items[i]);
		check_unique_key(items[i].keyed.key);
		check_group_key(items[i].group_key);
		items[i].keyed.number = items[i].keyed.job_id = store_next(STORE_JOB_SEQ);
	}
	settle_keys(batch, items);
	for (int i = 0; i < batch->n; i++)
		if (!items[i].keyed.answered)
			add_job(batch, &items[i]);
}

static void
batch_end(Batch *batch)
{
	FunctionCallInfo fcinfo = batch->fcinfo;

	depend_end(&batch->depend);
	if (batch->cancelled != NULL)
		store_close(batch->cancelled);
	if (batch->waiting != NULL)
	{
		store_close(batch->waiting);
		wake_maintenance_at(batch->due);
	}
	if (batch->deadlines != NULL)
	{
		store_close(batch->deadlines);
		wake_maintenance_at(PG_GETARG_TIMESTAMPTZ(ARG_DEADLINE));
	}
	if (batch->ready != NULL)
	{
		store_close(batch->ready);
		wake_queue_jobs(batch->queue->name, batch->n);
		if (batch->first != PG_INT64_MAX)
			floor_note_rows(FLOOR_READY, batch->queue->name, batch->lane, batch->first);
	}
	CommandCounterIncrement();
}

static Datum
text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? (Datum) 0 : PG_GETARG_DATUM(number);
}

/* astrid.enqueue(queue, payload, priority, run_at, ...) -> bigint */
Datum
astrid_enqueue(PG_FUNCTION_ARGS)
{
	Batch batch = {0};
	NewJob item = {.payload = PG_GETARG_DATUM(ARG_PAYLOAD),
				   .payload_is_null = PG_ARGISNULL(ARG_PAYLOAD),
				   .keyed.key = text_argument(fcinfo, ARG_UNIQUE_KEY),
				   .group_key = text_argument(fcinfo, ARG_GROUP_KEY)};

	batch_begin(&batch, fcinfo, 1);
	check_schema(batch.queue, &item, 1, NULL);
	bucket_check_producer(batch.queue, item.group_key, 1, batch.now);
	batch_add(&batch, &item);
	batch_end(&batch);
	PG_RETURN_INT64(item.keyed.job_id);
}

/* A text[] with one element per payload, or null. */
static ArgArray
keys_argument(FunctionCallInfo fcinfo, int number, const char *name, int n)
{
	ArgArray keys = arg_array(fcinfo, number, TEXTOID);

	if (!keys.is_null && keys.n != n)
		arg_refuse(name, "It must be null or have as many elements as payloads.");
	return keys;
}

static Datum
key_of(const ArgArray *keys, int i, Datum otherwise)
{
	if (keys->is_null)
		return otherwise;
	return keys->nulls[i] ? (Datum) 0 : keys->values[i];
}

/* Each item's group is a producer of its own, in the order of the items. */
static void
check_producers(const Batch *batch, const NewJob *items)
{
	if (!batch->queue->producer_is_group)
		bucket_check_producer(batch->queue, (Datum) 0, batch->n, batch->now);
	else
		for (int i = 0; i < batch->n; i++)
			bucket_check_producer(batch->queue, items[i].group_key, 1, batch->now);
}

static NewJob *
get_items(FunctionCallInfo fcinfo, const ArgArray *payloads)
{
	ArgArray unique_keys = keys_argument(fcinfo, ARG_UNIQUE_KEYS, "unique_keys", payloads->n);
	ArgArray group_keys = keys_argument(fcinfo, ARG_GROUP_KEYS, "group_keys", payloads->n);
	NewJob *items = palloc0(sizeof(NewJob) * Max(payloads->n, 1));

	for (int i = 0; i < payloads->n; i++)
	{
		items[i].payload = payloads->values[i];
		items[i].payload_is_null = payloads->nulls[i];
		items[i].keyed.key = key_of(&unique_keys, i, text_argument(fcinfo, ARG_UNIQUE_KEY));
		items[i].group_key = key_of(&group_keys, i, text_argument(fcinfo, ARG_GROUP_KEY));
	}
	return items;
}

/* astrid.enqueue_batch(queue, payloads, priority, run_at, ...) -> setof bigint, in the order of the
 * payloads */
Datum
astrid_enqueue_batch(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ArgArray payloads;
	Batch batch = {0};
	NewJob *items;
	bool is_null = false;

	arg_require(fcinfo, ARG_PAYLOAD, "payloads");
	payloads = arg_array(fcinfo, ARG_PAYLOAD, JSONBOID);
	items = get_items(fcinfo, &payloads);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	batch_begin(&batch, fcinfo, payloads.n);
	check_schema(batch.queue, items, payloads.n, "payload");
	check_producers(&batch, items);
	batch_add(&batch, items);
	batch_end(&batch);
	for (int i = 0; i < payloads.n; i++)
	{
		Datum job_id = Int64GetDatum(items[i].keyed.job_id);

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &job_id, &is_null);
	}
	return (Datum) 0;
}
