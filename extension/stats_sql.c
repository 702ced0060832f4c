/*
 * The counters as SQL: triggers that note what SQL moves, and what the views read.
 *
 * A view gets the counters where they are exact, and else what a look at the tables says: the same
 * numbers, only slower. Totals, which need a look at all of history, are null while that look is
 * under way; without preload they are counted at each call.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "stats_internal.h"
#include "stats_keep.h"

#define RATE_SPANS 2 /* the last minute, and the last 15 */

PG_FUNCTION_INFO_V1(astrid_count_rows);
PG_FUNCTION_INFO_V1(astrid_queue_counts);
PG_FUNCTION_INFO_V1(astrid_queue_totals);
PG_FUNCTION_INFO_V1(astrid_stats_recount);
PG_FUNCTION_INFO_V1(astrid_stats_exact);
PG_FUNCTION_INFO_V1(astrid_percentile);

/* Columns of astrid._queue_totals(). */
enum
{
	OUT_QUEUE_ID,
	OUT_TOTALS,
	OUT_WAIT_SUM = OUT_TOTALS + TOTALS,
	OUT_RUN_SUM,
	OUT_WAIT,
	OUT_RUN,
	OUT_RATES,
	OUT_COLUMNS = OUT_RATES + RATES * RATE_SPANS
};

static StatsTable
table_named(const char *name)
{
	static const char *const names[] = {"ready", "waiting", "running",
										"dead",  "history", "attempt"};

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(names[i], name) == 0)
			return i;
	elog(ERROR, "rows of \"%s\" do not count", name);
}

static void
note_slot(StatsTable table, TupleTableSlot *row, int sign)
{
	slot_getallattrs(row);
	stats_note_row(table, row, sign);
}

/* Trigger of the tables of jobs, after each row; its argument is the name of the table. */
Datum
astrid_count_rows(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	StatsTable table;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "not called as a trigger");
	table = table_named(trigger->tg_trigger->tgargs[0]);
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		note_slot(table, trigger->tg_trigslot, 1);
	else if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		note_slot(table, trigger->tg_trigslot, -1);
	else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		note_slot(table, trigger->tg_trigslot, -1);
		note_slot(table, trigger->tg_newslot, 1);
	}
	else if (stats_shared != NULL)
		/* Truncated. The lock on the table keeps a count from ending before this transaction does.
		 */
		stats_note_loss(stats_database());
	return PointerGetDatum(NULL);
}

/* A slow look: own changes are seen, and a partition that is being emptied is waited for. */
static HTAB *
count_now(StatsPart part)
{
	Snapshot snapshot;
	HTAB *counted;

	stats_lock_tables();
	snapshot = IsolationUsesXactSnapshot() ? GetActiveSnapshot() : GetLatestSnapshot();
	snapshot = RegisterSnapshot(snapshot);
	counted = stats_count_tables(part, snapshot);
	UnregisterSnapshot(snapshot);
	return counted;
}

/* The counters of the queue, null where they are not exact. */
static bool
read_counters(StatsDatabase *database, StatsPart part, int32 queue_id, SharedCounts *copy)
{
	SharedCounts *queue;
	bool exact;

	if (database == NULL || !stats_are_exact(database, part))
		return false;
	memset(copy, 0, sizeof(*copy));
	queue = stats_find(stats_key(database, queue_id));
	if (queue == NULL)
		return !database->bases[part].full;
	SpinLockAcquire(&queue->mutex);
	exact = queue->live[part] && !queue->in_doubt[part] &&
			pg_atomic_read_u64(&queue->key) == stats_key(database, queue_id);
	copy->counts = queue->counts;
	memcpy(copy->minutes, queue->minutes, sizeof(copy->minutes));
	SpinLockRelease(&queue->mutex);
	return exact;
}

static void
put_counts(ReturnSetInfo *result, int32 queue_id, const StatsCounts *counts)
{
	Datum values[1 + GAUGES];
	bool nulls[1 + GAUGES] = {false};

	values[0] = Int32GetDatum(queue_id);
	/* A claim may have reported before the commit that made its job ready did. */
	for (int i = 0; i < GAUGES; i++)
		values[1 + i] = Int64GetDatum(Max(counts->gauges[i], 0));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* astrid._queue_counts() -> setof (queue_id, ready, scheduled, blocked, running, dead) */
Datum
astrid_queue_counts(PG_FUNCTION_ARGS)
{
	StatsDatabase *database = stats_are_readable() ? stats_database() : NULL;
	HTAB *queues = stats_read_queues(GetActiveSnapshot());
	HTAB *counted = NULL;
	HASH_SEQ_STATUS each;
	QueueCounts *queue;

	InitMaterializedSRF(fcinfo, 0);
	hash_seq_init(&each, queues);
	while ((queue = hash_seq_search(&each)) != NULL)
	{
		SharedCounts copy;
		QueueCounts *found;

		if (read_counters(database, PART_GAUGES, queue->queue_id, &copy))
		{
			stats_add_own(queue->queue_id, &copy.counts);
			put_counts((ReturnSetInfo *) fcinfo->resultinfo, queue->queue_id, &copy.counts);
			continue;
		}
		if (counted == NULL)
			counted = count_now(PART_GAUGES);
		found = hash_search(counted, &queue->queue_id, HASH_FIND, NULL);
		if (found != NULL)
			put_counts((ReturnSetInfo *) fcinfo->resultinfo, queue->queue_id, &found->counts);
	}
	return (Datum) 0;
}

/* Of the whole minutes before the present one. */
static int64
sum_of_minutes(const StatsMinute *minutes, int rate, int n)
{
	int64 now = clock_now() / USECS_PER_MINUTE;
	int64 sum = 0;

	for (int i = 0; i < STATS_MINUTES; i++)
		if (minutes[i].minute < now && minutes[i].minute >= now - n)
			sum += minutes[i].n[rate];
	return sum;
}

/* Minutes: null where they are not counted. */
static void
put_totals(ReturnSetInfo *result, int32 queue_id, const StatsCounts *counts,
		   const StatsMinute *minutes)
{
	static const int spans[RATE_SPANS] = {1, 15};
	Datum values[OUT_COLUMNS] = {0};
	bool nulls[OUT_COLUMNS] = {false};

	values[OUT_QUEUE_ID] = Int32GetDatum(queue_id);
	for (int i = 0; i < TOTALS; i++)
		values[OUT_TOTALS + i] = Int64GetDatum(counts->totals[i]);
	values[OUT_WAIT_SUM] = Int64GetDatum(counts->times.wait.sum);
	values[OUT_RUN_SUM] = Int64GetDatum(counts->times.run.sum);
	values[OUT_WAIT] = stats_int64_array(counts->times.wait.n, STATS_BUCKETS);
	values[OUT_RUN] = stats_int64_array(counts->times.run.n, STATS_BUCKETS);
	for (int i = 0; i < RATES * RATE_SPANS; i++)
	{
		nulls[OUT_RATES + i] = minutes == NULL;
		if (minutes != NULL)
			values[OUT_RATES + i] =
				Int64GetDatum(sum_of_minutes(minutes, i % RATES, spans[i / RATES]));
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* astrid._queue_totals() -> setof (queue_id, enqueued, ...): queues that are being counted are
 * missing. */
Datum
astrid_queue_totals(PG_FUNCTION_ARGS)
{
	static const StatsCounts none;
	bool readable = stats_are_readable();
	StatsDatabase *database = readable ? stats_database() : NULL;
	HTAB *queues = stats_read_queues(GetActiveSnapshot());
	HTAB *counted = readable ? NULL : count_now(PART_TOTALS);
	HASH_SEQ_STATUS each;
	QueueCounts *queue;

	InitMaterializedSRF(fcinfo, 0);
	hash_seq_init(&each, queues);
	while ((queue = hash_seq_search(&each)) != NULL)
	{
		ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
		SharedCounts copy;

		if (counted != NULL)
		{
			QueueCounts *found = hash_search(counted, &queue->queue_id, HASH_FIND, NULL);

			put_totals(result, queue->queue_id, found ? &found->counts : &none, NULL);
		}
		else if (read_counters(database, PART_TOTALS, queue->queue_id, &copy))
			put_totals(result, queue->queue_id, &copy.counts, copy.minutes);
	}
	return (Datum) 0;
}

/* astrid.stats_recount() -> boolean */
Datum
astrid_stats_recount(PG_FUNCTION_ARGS)
{
	bool done = true;

	for (StatsPart part = 0; part < PARTS; part++)
		done = stats_recount(part) && done;
	PG_RETURN_BOOL(done);
}

/* astrid._stats_exact() -> boolean */
Datum
astrid_stats_exact(PG_FUNCTION_ARGS)
{
	StatsDatabase *database = stats_are_readable() ? stats_database() : NULL;

	PG_RETURN_BOOL(database != NULL && !stats_need_recount(database, PART_GAUGES) &&
				   !stats_need_recount(database, PART_TOTALS));
}

/* Within its bucket the time is taken to be spread evenly. In seconds. */
static float8
percentile(const int64 *buckets, int n, float8 rank)
{
	float8 below = 0;

	for (int i = 0; i < n; i++)
	{
		float8 from = i == 0 ? 0 : (float8) (UINT64CONST(1) << (i - 1));
		float8 to = (float8) (UINT64CONST(1) << i);

		if (buckets[i] > 0 && below + buckets[i] >= rank)
			return (from + (to - from) * Max(rank - below, 0) / buckets[i]) / 1000;
		below += buckets[i];
	}
	return 0;
}

/* astrid._percentile(histogram bigint[], fraction float8) -> float8 */
Datum
astrid_percentile(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	const int64 *buckets = (int64 *) ARR_DATA_PTR(array);
	int n = Min(ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)), STATS_BUCKETS);
	float8 all = 0;

	for (int i = 0; i < n; i++)
		all += buckets[i];
	if (all == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(percentile(buckets, n, all * PG_GETARG_FLOAT8(1)));
}
