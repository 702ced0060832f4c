/*
 * astrid_complete, _batch and _and_claim, and astrid_check_lease: running jobs end well.
 *
 * Every write on behalf of a job names its lease; a lease that is not the job's current one is lost
 * and changes nothing. Several leases are taken in the order of their job ids, as the heartbeat
 * does: no deadlock between them.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "children.h"
#include "claim.h"
#include "event.h"
#include "group.h"
#include "lease.h"
#include "limit.h"
#include "queues.h"
#include "schema_queue.h"
#include "sqlstate.h"
#include "store.h"
#include "unique.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(astrid_check_lease);
PG_FUNCTION_INFO_V1(astrid_complete);
PG_FUNCTION_INFO_V1(astrid_complete_batch);
PG_FUNCTION_INFO_V1(astrid_complete_and_claim);

/* One job to complete. */
typedef struct Completion
{
	int64 job_id;
	int64 lease_id;
	Datum result;
	bool result_is_null;
} Completion;

/* What must be done beside the move, remembered while the row is at hand. */
typedef struct Aftermath
{
	int64 job_id;
	int32 queue_id;
	Datum unique_key; /* 0: none */
	Datum group_key;  /* 0: it has no place of a group */
	uint32 stripe;    /* of that, else 0 */
} Aftermath;

static int
compare_completions(const void *a, const void *b)
{
	int64 ia = ((const Completion *) a)->job_id;
	int64 ib = ((const Completion *) b)->job_id;

	return (ia > ib) - (ia < ib);
}

static void
archive(Store *history, TupleTableSlot *running, const Completion *item, TimestampTz now)
{
	TupleTableSlot *row = store_row(history);

	store_copy_job(row, running);
	store_set(row, HISTORY_LEASE_ID, running->tts_values[RUNNING_LEASE_ID]);
	store_set(row, HISTORY_STARTED_AT, running->tts_values[RUNNING_STARTED_AT]);
	store_set(row, HISTORY_FINISHED_AT, TimestampTzGetDatum(now));
	store_set(row, HISTORY_SLOT, Int16GetDatum(ring_slot(now)));
	store_set(row, HISTORY_WORKER, running->tts_values[RUNNING_WORKER]);
	store_set(row, HISTORY_STATE, PointerGetDatum(cstring_to_text("completed")));
	row->tts_values[HISTORY_RESULT] = item->result;
	row->tts_isnull[HISTORY_RESULT] = item->result_is_null;
	store_add(history);
}

static Datum
copy_text(TupleTableSlot *row, int column)
{
	if (row->tts_isnull[column])
		return (Datum) 0;
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(row->tts_values[column]));
}

static Aftermath
remember(TupleTableSlot *running)
{
	bool has_place = !running->tts_isnull[JOB_ADMISSION] &&
					 DatumGetInt32(running->tts_values[JOB_ADMISSION]) == ADMISSION_ALL;
	Datum group = has_place ? copy_text(running, JOB_GROUP_KEY) : (Datum) 0;

	return (Aftermath){.job_id = DatumGetInt64(running->tts_values[JOB_ID]),
					   .queue_id = DatumGetInt32(running->tts_values[JOB_QUEUE_ID]),
					   .unique_key = copy_text(running, JOB_UNIQUE_KEY),
					   .group_key = group,
					   .stripe = group != (Datum) 0 ? group_stripe(group) : 0};
}

/* By queue and group: locks of groups are taken in one order. */
static int
compare_aftermaths(const void *a, const void *b)
{
	const Aftermath *aa = a;
	const Aftermath *ab = b;

	if (aa->queue_id != ab->queue_id)
		return aa->queue_id < ab->queue_id ? -1 : 1;
	return (aa->stripe > ab->stripe) - (aa->stripe < ab->stripe);
}

/* Places under the limits of queues become free. */
static void
return_tokens(const Aftermath *after, int n)
{
	int end;

	for (int begin = 0; begin < n; begin = end)
	{
		for (end = begin + 1; end < n && after[end].queue_id == after[begin].queue_id;)
			end++;
		limit_return(queue_by_id(after[begin].queue_id), end - begin);
	}
}

/* Places of groups become free. */
static void
leave_groups(const Aftermath *after, int n)
{
	Groups *groups = NULL;

	for (int i = 0; i < n; i++)
	{
		if (after[i].group_key == (Datum) 0)
			continue;
		if (groups == NULL)
			groups = groups_open(n);
		group_leave(groups, after[i].queue_id, after[i].group_key, after[i].job_id);
	}
	if (groups != NULL)
		groups_close(groups);
}

static void
release_keys(const Aftermath *after, int n, TimestampTz now)
{
	HeldKey *held = palloc(sizeof(HeldKey) * Max(n, 1));
	int n_held = 0;

	for (int i = 0; i < n; i++)
		if (after[i].unique_key)
			held[n_held++] = (HeldKey){after[i].queue_id, after[i].unique_key, after[i].job_id};
	unique_release(held, n_held, now);
}

/* Unique keys, children and places under limits become free. */
static void
settle(Aftermath *after, int n, TimestampTz now)
{
	int64 *jobs = palloc(sizeof(int64) * Max(n, 1));

	queues_refresh();
	if (n > 1)
		qsort(after, n, sizeof(Aftermath), compare_aftermaths);
	return_tokens(after, n);
	leave_groups(after, n);
	release_keys(after, n, now);
	for (int i = 0; i < n; i++)
		jobs[i] = after[i].job_id;
	children_settle(jobs, n, PARENT_COMPLETED);
}

/* Null where it was dropped. */
static const Queue *
queue_of(TupleTableSlot *running)
{
	return queue_by_id(DatumGetInt32(running->tts_values[JOB_QUEUE_ID]));
}

/* The result by the schema of the job's queue; in a batch the job is named. */
static void
check_result(TupleTableSlot *running, const Completion *item, bool batch, Refusal *refusal)
{
	const Queue *queue = queue_of(running);

	if (queue != NULL && queue->result_schema != NULL && !refusal->full)
		queue_schema_check(queue->result_schema, queue->name, item->result, item->result_is_null,
						   batch ? "job" : NULL, item->job_id, refusal);
}

/* The last of the items from i on whose job ids follow one another. */
static int
run_end(const Completion *items, int n, int i)
{
	while (i + 1 < n && items[i + 1].job_id == items[i].job_id + 1)
		i++;
	return i;
}

static void
raise_lease_lost(const char *job_ids)
{
	ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_LEASE_LOST)), errmsg("lease_lost"),
					errdetail("Jobs: %s", job_ids),
					errhint("The lease ran out, or the job was cancelled or dropped: roll back "
							"what was done for it.")));
}

/* Completes what still has its lease and returns how many. With all, any other is an error, before
 * anything is done about what the jobs leave behind. */
static int
complete(Completion *items, int n, bool all)
{
	Leases leases;
	Aftermath *after = palloc(sizeof(Aftermath) * Max(n, 1));
	TimestampTz now = clock_now();
	Refusal refusal = {0};
	Store *history = NULL;
	Events *events = NULL;
	StringInfoData lost;
	int done = 0;
	int last = -1;

	initStringInfo(&lost);
	leases_open(&leases);
	queues_refresh();
	qsort(items, n, sizeof(Completion), compare_completions);
	for (int i = 0; i < n; i++)
	{
		TupleTableSlot *row;

		if (i > last)
			last = run_end(items, n, i);
		row = leases_take(&leases, items[i].job_id, items[i].lease_id, items[last].job_id);
		if (row == NULL)
		{
			appendStringInfo(&lost, "%s" INT64_FORMAT, lost.len ? ", " : "", items[i].job_id);
			continue;
		}
		check_result(row, &items[i], n > 1, &refusal);
		if (history == NULL)
			history = store_open(STORE_HISTORY + ring_slot(now), n);
		archive(history, row, &items[i], now);
		events_add_row(&events, queue_of(row), "completed", row, row->tts_values[RUNNING_WORKER],
					   (Datum) 0);
		after[done++] = remember(row);
	}
	if (all && done < n)
		raise_lease_lost(lost.data);
	queue_schema_refuse(&refusal, "result");
	if (history != NULL)
		store_close(history);
	leases_close(&leases);
	CommandCounterIncrement();
	settle(after, done, now);
	events_close(events);
	return done;
}

/* The arguments job_ids, lease_ids, results of the batch functions. */
static Completion *
get_batch(FunctionCallInfo fcinfo, int *n)
{
	ArgArray jobs = arg_array_without_nulls(fcinfo, 0, "job_ids", INT8OID);
	ArgArray leases = arg_array_without_nulls(fcinfo, 1, "lease_ids", INT8OID);
	ArgArray results = arg_array(fcinfo, 2, JSONBOID);
	Completion *items = palloc(sizeof(Completion) * Max(jobs.n, 1));

	if (leases.n != jobs.n)
		arg_refuse("lease_ids", "It must have as many elements as job_ids.");
	if (!results.is_null && results.n != jobs.n)
		arg_refuse("results", "It must be null or have as many elements as job_ids.");
	for (int i = 0; i < jobs.n; i++)
	{
		items[i].job_id = DatumGetInt64(jobs.values[i]);
		items[i].lease_id = DatumGetInt64(leases.values[i]);
		items[i].result_is_null = results.is_null || results.nulls[i];
		items[i].result = items[i].result_is_null ? (Datum) 0 : results.values[i];
	}
	*n = jobs.n;
	return items;
}

/* astrid.complete(job_id, lease_id, result) -> boolean */
Datum
astrid_complete(PG_FUNCTION_ARGS)
{
	Completion item;

	arg_require(fcinfo, 0, "job_id");
	arg_require(fcinfo, 1, "lease_id");
	item.job_id = PG_GETARG_INT64(0);
	item.lease_id = PG_GETARG_INT64(1);
	item.result = PG_GETARG_DATUM(2);
	item.result_is_null = PG_ARGISNULL(2);
	PG_RETURN_BOOL(complete(&item, 1, false) == 1);
}

/* astrid.complete_batch(job_ids, lease_ids, results) -> int */
Datum
astrid_complete_batch(PG_FUNCTION_ARGS)
{
	int n;
	Completion *items = get_batch(fcinfo, &n);

	PG_RETURN_INT32(complete(items, n, false));
}

/* astrid.complete_and_claim(job_ids, lease_ids, results, queues, worker, max_jobs, lease) -> as
 * claim */
Datum
astrid_complete_and_claim(PG_FUNCTION_ARGS)
{
	int n;
	Completion *items = get_batch(fcinfo, &n);

	if (n > 0)
		(void) complete(items, n, true);
	claim_jobs(fcinfo, 3);
	return (Datum) 0;
}

/* astrid.check_lease(job_id, lease_id): locks the lease against completion, reaping and cancelling
 * by others. */
Datum
astrid_check_lease(PG_FUNCTION_ARGS)
{
	arg_require(fcinfo, 0, "job_id");
	arg_require(fcinfo, 1, "lease_id");
	if (!lease_lock(PG_GETARG_INT64(0), PG_GETARG_INT64(1)))
		raise_lease_lost(psprintf(INT64_FORMAT, PG_GETARG_INT64(0)));
	PG_RETURN_VOID();
}
