/*
 * Counts the rows of the tables of jobs, for each queue: the slow way, and where the counters
 * begin.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "clock.h"
#include "stats_internal.h"
#include "store.h"

/* Columns of astrid.queue_total: queue_id, the totals, and */
enum
{
	KEPT_QUEUE_ID,
	KEPT_TOTALS,
	KEPT_WAIT_SUM = KEPT_TOTALS + TOTALS,
	KEPT_RUN_SUM,
	KEPT_WAIT,
	KEPT_RUN
};

static const struct
{
	const char *name;
	StatsTable table;
} live_tables[] = {{"ready", STATS_READY},
				   {"waiting", STATS_WAITING},
				   {"running", STATS_RUNNING},
				   {"dead", STATS_DEAD}};

HTAB *
stats_new_counts(void)
{
	HASHCTL ctl = {
		.keysize = sizeof(int32), .entrysize = sizeof(QueueCounts), .hcxt = CurrentMemoryContext};

	return hash_create("astrid counts", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static StatsCounts *
counts_of(HTAB *queues, int32 queue_id)
{
	bool found;
	QueueCounts *queue = hash_search(queues, &queue_id, HASH_ENTER, &found);

	if (!found)
		memset(&queue->counts, 0, sizeof(queue->counts));
	return &queue->counts;
}

/* A live job is one that was enqueued, a running one is being tried. */
static void
count_live(StatsCounts *to, int gauge)
{
	to->gauges[gauge]++;
	to->totals[TOTAL_ENQUEUED]++;
	if (gauge == GAUGE_RUNNING)
		to->totals[TOTAL_STARTED]++;
}

static void
count(StatsCounts *to, StatsTable table, StatsPart part, TupleTableSlot *row)
{
	int gauge = stats_gauge_of(table, row);

	if (gauge >= 0)
		count_live(to, gauge);
	if (table == STATS_HISTORY)
		to->totals[TOTAL_ENQUEUED]++;
	if (part == PART_TOTALS)
		stats_count_row(to->totals, &to->times, table, row, 1);
}

static void
add_array(int64 *to, Datum value)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	int64 *values = (int64 *) ARR_DATA_PTR(array);
	int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	for (int i = 0; i < n && i < STATS_BUCKETS; i++)
		to[i] += values[i];
}

static void
count_kept(StatsCounts *to, TupleTableSlot *row)
{
	for (int i = 0; i < TOTALS; i++)
		to->totals[i] += DatumGetInt64(row->tts_values[KEPT_TOTALS + i]);
	to->times.wait.sum += DatumGetInt64(row->tts_values[KEPT_WAIT_SUM]);
	to->times.run.sum += DatumGetInt64(row->tts_values[KEPT_RUN_SUM]);
	add_array(to->times.wait.n, row->tts_values[KEPT_WAIT]);
	add_array(to->times.run.n, row->tts_values[KEPT_RUN]);
}

/* STATS_NO_TABLE: it is astrid.queue_total. */
void
stats_count_table(HTAB *queues, Relation rel, StatsTable table, StatsPart part, Snapshot snapshot)
{
	TupleTableSlot *row = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(row);
		if (table == STATS_NO_TABLE)
			count_kept(counts_of(queues, DatumGetInt32(row->tts_values[KEPT_QUEUE_ID])), row);
		else
			count(counts_of(queues, stats_queue_of(table, row)), table, part, row);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(row);
}

static Relation
open_named(const char *name)
{
	return table_open(get_relname_relid(name, get_namespace_oid("astrid", false)), AccessShareLock);
}

/* No privilege is asked for: whoever may call the functions may know the numbers. */
static void
count_named(HTAB *queues, const char *name, StatsTable table, StatsPart part, Snapshot snapshot)
{
	Relation rel = open_named(name);

	stats_count_table(queues, rel, table, part, snapshot);
	table_close(rel, NoLock);
}

/* Before the snapshot is taken: a partition that is emptied after it would seem to have been empty
 * all along. */
void
stats_lock_tables(void)
{
	table_close(open_named("history_kept"), NoLock);
	for (int i = 0; i < RING_SLOTS; i++)
	{
		table_close(open_named(psprintf("history_%d", i)), NoLock);
		table_close(open_named(psprintf("attempt_%d", i)), NoLock);
	}
}

HTAB *
stats_count_tables(StatsPart part, Snapshot snapshot)
{
	HTAB *queues = stats_new_counts();

	for (int i = 0; i < lengthof(live_tables); i++)
		count_named(queues, live_tables[i].name, live_tables[i].table, part, snapshot);
	if (part == PART_GAUGES)
		return queues;
	count_named(queues, "queue_total", STATS_NO_TABLE, part, snapshot);
	count_named(queues, "history_kept", STATS_HISTORY, part, snapshot);
	for (int i = 0; i < RING_SLOTS; i++)
	{
		count_named(queues, psprintf("history_%d", i), STATS_HISTORY, part, snapshot);
		count_named(queues, psprintf("attempt_%d", i), STATS_ATTEMPT, part, snapshot);
	}
	return queues;
}
