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
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "batch.h"
#include "bucket.h"
#include "guc.h"
#include "helpers.h"
#include "place.h"
#include "schema_queue.h"
#include "sqlstate.h"
#include "unique.h"

PG_FUNCTION_INFO_V1(astrid_enqueue);
PG_FUNCTION_INFO_V1(astrid_enqueue_batch);

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

static void
check_items(const Batch *batch, const NewJob *items)
{
	for (int i = 0; i < batch->n; i++)
	{
		check_payload(batch->queue, &items[i]);
		check_unique_key(items[i].keyed.key);
		check_group_key(items[i].group_key);
	}
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
	check_items(&batch, &item);
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

/* The group of an item, which is its producer. */
typedef struct Producer
{
	uint32 stripe;
	Datum group; /* a text; empty where the item has none */
} Producer;

static int
compare_producers(const void *a, const void *b)
{
	const Producer *pa = a;
	const Producer *pb = b;

	if (pa->stripe != pb->stripe)
		return pa->stripe < pb->stripe ? -1 : 1;
	return unique_compare(pa->group, pb->group);
}

/* Each group is a producer of its own, and asked once. Locks are taken in the order of their
 * stripes: no deadlock with another batch. */
static void
check_groups(const Batch *batch, const NewJob *items)
{
	Datum none = CStringGetTextDatum("");
	Producer *producers = palloc(sizeof(Producer) * Max(batch->n, 1));
	int end;

	for (int i = 0; i < batch->n; i++)
	{
		producers[i].group = items[i].group_key != (Datum) 0 ? items[i].group_key : none;
		producers[i].stripe = bucket_producer_stripe(batch->queue, producers[i].group);
	}
	qsort(producers, batch->n, sizeof(Producer), compare_producers);
	for (int begin = 0; begin < batch->n; begin = end)
	{
		CHECK_FOR_INTERRUPTS();
		for (end = begin + 1;
			 end < batch->n && compare_producers(&producers[begin], &producers[end]) == 0;)
			end++;
		bucket_check_producer(batch->queue, producers[begin].group, end - begin, batch->now);
	}
	pfree(producers);
}

static void
check_producers(const Batch *batch, const NewJob *items)
{
	if (batch->queue->producer_rate_limit > 0 && batch->queue->producer_is_group)
		check_groups(batch, items);
	else
		bucket_check_producer(batch->queue, (Datum) 0, batch->n, batch->now);
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
	check_items(&batch, items);
	batch_add(&batch, items);
	batch_end(&batch);
	for (int i = 0; i < payloads.n; i++)
	{
		Datum job_id = Int64GetDatum(items[i].keyed.job_id);

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &job_id, &is_null);
	}
	return (Datum) 0;
}
