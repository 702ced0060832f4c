/*
 * What a row counts for. Called where rows move (stats.c) and where they are counted
 * (stats_count.c), so that the two agree.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "stats_internal.h"
#include "store.h"

/* Columns of astrid.attempt. */
enum
{
	ATTEMPT_QUEUE_ID = 5,
	ATTEMPT_CAUSE = 8
};

int
stats_bucket(int64 microseconds)
{
	int64 ms = microseconds / 1000;

	if (ms < 1)
		return 0;
	return Min(pg_leftmost_one_pos64(ms) + 1, STATS_BUCKETS - 1);
}

static void
add_histogram(StatsHistogram *to, const StatsHistogram *from)
{
	to->sum += from->sum;
	for (int i = 0; i < STATS_BUCKETS; i++)
		to->n[i] += from->n[i];
}

void
stats_add_times(StatsTimes *to, const StatsTimes *from)
{
	add_histogram(&to->wait, &from->wait);
	add_histogram(&to->run, &from->run);
}

void
stats_add_counts(StatsCounts *to, const StatsCounts *from, StatsPart part)
{
	if (part == PART_GAUGES)
	{
		for (int i = 0; i < GAUGES; i++)
			to->gauges[i] += from->gauges[i];
		return;
	}
	for (int i = 0; i < TOTALS; i++)
		to->totals[i] += from->totals[i];
	stats_add_times(&to->times, &from->times);
}

static void
add_time(StatsHistogram *to, TimestampTz from, TimestampTz until, int sign)
{
	int64 took = Max(until - from, 0);

	to->sum += sign * took;
	to->n[stats_bucket(took)] += sign;
}

static bool
is_text(TupleTableSlot *row, int column, const char *value)
{
	text *found = DatumGetTextPP(row->tts_values[column]);
	Size size = strlen(value);

	return VARSIZE_ANY_EXHDR(found) == size && memcmp(VARDATA_ANY(found), value, size) == 0;
}

static TimestampTz
time_of(TupleTableSlot *row, int column)
{
	return DatumGetTimestampTz(row->tts_values[column]);
}

bool
stats_has_times(StatsTable table, TupleTableSlot *row)
{
	return table == STATS_HISTORY && !row->tts_isnull[HISTORY_STARTED_AT] &&
		   is_text(row, HISTORY_STATE, "completed");
}

static void
count_history(int64 *totals, StatsTimes *times, TupleTableSlot *row, int sign)
{
	TimestampTz due = Max(time_of(row, JOB_RUN_AT), time_of(row, JOB_ENQUEUED_AT));
	TimestampTz started_at;

	if (!is_text(row, HISTORY_STATE, "completed"))
	{
		totals[TOTAL_CANCELLED] += sign;
		return;
	}
	totals[TOTAL_COMPLETED] += sign;
	totals[TOTAL_STARTED] += sign;
	if (row->tts_isnull[HISTORY_STARTED_AT])
		return;
	started_at = time_of(row, HISTORY_STARTED_AT);
	add_time(&times->wait, due, started_at, sign);
	add_time(&times->run, started_at, time_of(row, HISTORY_FINISHED_AT), sign);
}

static void
count_attempt(int64 *totals, TupleTableSlot *row, int sign)
{
	static const char *const crashes[] = {"crash", "signal", "memory", "lease expired"};

	totals[TOTAL_STARTED] += sign;
	if (is_text(row, ATTEMPT_CAUSE, "cancel"))
		return;
	totals[TOTAL_FAILED] += sign;
	for (int i = 0; i < lengthof(crashes); i++)
		if (is_text(row, ATTEMPT_CAUSE, crashes[i]))
			totals[TOTAL_CRASHED] += sign;
}

int32
stats_queue_of(StatsTable table, TupleTableSlot *row)
{
	return DatumGetInt32(row->tts_values[table == STATS_ATTEMPT ? ATTEMPT_QUEUE_ID : JOB_QUEUE_ID]);
}

/* -1: its rows are no live jobs. */
int
stats_gauge_of(StatsTable table, TupleTableSlot *row)
{
	static const int gauges[] = {[STATS_READY] = GAUGE_READY,
								 [STATS_WAITING] = GAUGE_SCHEDULED,
								 [STATS_RUNNING] = GAUGE_RUNNING,
								 [STATS_DEAD] = GAUGE_DEAD,
								 [STATS_HISTORY] = -1,
								 [STATS_ATTEMPT] = -1};

	if (table == STATS_WAITING && DatumGetBool(row->tts_values[WAITING_BLOCKED]))
		return GAUGE_BLOCKED;
	return gauges[table];
}

/* All that the row says of totals, but for those that live rows imply (enqueued, started). */
void
stats_count_row(int64 *totals, StatsTimes *times, StatsTable table, TupleTableSlot *row, int sign)
{
	switch (table)
	{
		case STATS_HISTORY:
			count_history(totals, times, row, sign);
			break;
		case STATS_ATTEMPT:
			count_attempt(totals, row, sign);
			break;
		case STATS_DEAD:
			totals[TOTAL_DIED] += sign;
			break;
		case STATS_READY:
		case STATS_WAITING:
		case STATS_RUNNING:
		case STATS_NO_TABLE:
			break;
	}
}
