/*
 * Limits of queues (see limit.h). Called by claim.c, complete.c and, as SQL, by all that ends a
 * job.
 *
 * A limit is a number of units in rows of astrid.token. A claim deletes rows without waiting, as it
 * does with jobs, and inserts rows for what it leaves over; what a claim holds others do not see.
 * So a limit holds exactly, whoever aborts or crashes, and claims do not wait for each other. A
 * queue without a limit costs a look at its settings.
 *
 * Lanes of the table: a unit of the concurrency lies in lane 0 while no job has it. A unit of the
 * rate lies in lane 1, or in lane 2 until the interval since it was spent is over: never do more
 * than rate_limit jobs start in any interval, which is stricter than a bucket that is refilled drop
 * by drop. When a concurrency is lowered below what runs, rows in lane 3 swallow the units of jobs
 * that end.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "fmgr.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "limit.h"
#include "store.h"
#include "wake.h"

#define ROWS_FREE                                                                                  \
	16 /* that a limit is laid out in, so that claims at the same time find one each */

PG_FUNCTION_INFO_V1(astrid_count_running);
PG_FUNCTION_INFO_V1(astrid_lay_tokens);
PG_FUNCTION_INFO_V1(astrid_return_tokens);

enum
{
	LANE_FREE,
	LANE_RATE_FREE,
	LANE_RATE_SPENT,
	LANE_DEBT
};

static const struct
{
	FloorDomain domain;
	int first_lane;
	int last_lane;
} kinds[LIMIT_KINDS] = {
	[LIMIT_CONCURRENCY] = {FLOOR_CONCURRENCY, LANE_FREE, LANE_FREE},
	[LIMIT_RATE] = {FLOOR_RATE, LANE_RATE_FREE, LANE_RATE_SPENT},
};

static FloorDomain
domain_of(int lane)
{
	if (lane == LANE_FREE)
		return FLOOR_CONCURRENCY;
	return lane == LANE_DEBT ? FLOOR_DEBT : FLOOR_RATE;
}

void
limit_look(QueueLimit *limit, const Queue *queue)
{
	limit->queue = queue;
	limit->used = 0;
	limit->parts[LIMIT_CONCURRENCY].on = queue->concurrency > 0;
	limit->parts[LIMIT_RATE].on = queue->rate_limit > 0;
	for (int i = 0; i < LIMIT_KINDS; i++)
	{
		limit->parts[i].units = 0;
		limit->parts[i].exhausted = false;
		if (limit->parts[i].on)
			floor_look(kinds[i].domain, queue->name, &limit->parts[i].view);
	}
}

static WalkTable
open_tokens(void)
{
	return walk_table(STORE_TOKEN, TOKEN_LANE, TOKEN_POSITION);
}

static TM_Result
delete_token(const WalkTable *table, Walk *walk, Snapshot snapshot)
{
	TM_FailureData failure;
	TM_Result result;

	/* As of the snapshot, which still shows the tokens that this claim has taken: they are passed
	 * over, though the command counter may have moved on. */
	(void) GetCurrentCommandId(true);
	result = table_tuple_delete(table->rel, &walk->row->tts_tid, snapshot->curcid, snapshot,
								InvalidSnapshot, false, &failure, false);
	walk_passed(walk, result == TM_Ok || result == TM_Deleted);
	return result;
}

static TimestampTz
free_at(Walk *walk)
{
	return DatumGetTimestampTz(walk->row->tts_values[TOKEN_FREE_AT]);
}

/* Takes tokens until there are enough units, or no more tokens. */
static void
take(QueueLimit *limit, LimitKind kind, int wanted, Snapshot snapshot)
{
	QueueLimitPart *part = &limit->parts[kind];
	WalkTable table = open_tokens();
	TimestampTz now = clock_now();
	Walk walk;

	walk_open(&walk, &table, limit->queue->id, kinds[kind].first_lane, kinds[kind].last_lane,
			  &part->view, snapshot);
	for (; walk.valid && part->units < wanted; walk_next(&walk))
	{
		if (free_at(&walk) > now)
		{
			/* All that follow come later still. Maintenance wakes a worker then. */
			wake_maintenance_at(free_at(&walk));
			break;
		}
		if (delete_token(&table, &walk, snapshot) == TM_Ok)
			part->units += DatumGetInt32(walk.row->tts_values[TOKEN_UNITS]);
	}
	part->exhausted = part->units < wanted;
	walk_close(&walk);
	walk_table_close(&table);
}

int
limit_room(QueueLimit *limit, int wanted, Snapshot snapshot)
{
	int room = wanted;

	for (int i = 0; i < LIMIT_KINDS && room > 0; i++)
	{
		QueueLimitPart *part = &limit->parts[i];

		if (!part->on)
			continue;
		if (part->units < room && !part->exhausted)
			take(limit, i, room, snapshot);
		room = Min(room, part->units);
	}
	return room;
}

void
limit_use(QueueLimit *limit)
{
	for (int i = 0; i < LIMIT_KINDS; i++)
		limit->parts[i].units--;
	limit->used++;
}

static void
lay(Store *tokens, const Queue *queue, int lane, int units, TimestampTz at)
{
	TupleTableSlot *row;
	int64 position;

	if (units <= 0)
		return;
	row = store_row(tokens);
	position = store_next(STORE_JOB_SEQ);
	store_set(row, TOKEN_QUEUE_ID, Int32GetDatum(queue->id));
	store_set(row, TOKEN_LANE, Int32GetDatum(lane));
	store_set(row, TOKEN_POSITION, Int64GetDatum(position));
	store_set(row, TOKEN_UNITS, Int32GetDatum(units));
	store_set(row, TOKEN_FREE_AT, TimestampTzGetDatum(at));
	store_add(tokens);
	floor_note_rows(domain_of(lane), queue->name, lane, position);
}

/* In two rows, so that claims at the same time find one each. */
static void
lay_free(Store *tokens, const Queue *queue, int lane, int units)
{
	lay(tokens, queue, lane, units / 2, DT_NOBEGIN);
	lay(tokens, queue, lane, units - units / 2, DT_NOBEGIN);
}

void
limit_close(QueueLimit *limit, TimestampTz now)
{
	QueueLimitPart *concurrency = &limit->parts[LIMIT_CONCURRENCY];
	QueueLimitPart *rate = &limit->parts[LIMIT_RATE];
	Store *tokens;

	if ((!concurrency->on || concurrency->units == 0) &&
		(!rate->on || rate->units + limit->used == 0))
		return;
	tokens = store_open(STORE_TOKEN, 4);
	if (concurrency->on)
		lay_free(tokens, limit->queue, LANE_FREE, concurrency->units);
	if (rate->on)
	{
		lay_free(tokens, limit->queue, LANE_RATE_FREE, rate->units);
		lay(tokens, limit->queue, LANE_RATE_SPENT, limit->used, now + limit->queue->rate_interval);
	}
	store_close(tokens);
	/* Somebody may have found no token because they were here. */
	wake_others(limit->queue->name, limit->used == 0);
}

/* Takes away up to so many units that were withdrawn, and returns how many. */
static int
pay_debt(const Queue *queue, int units)
{
	WalkTable table = open_tokens();
	FloorView view;
	Snapshot snapshot;
	Walk walk;
	int paid = 0;

	floor_look(FLOOR_DEBT, queue->name, &view);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	walk_open(&walk, &table, queue->id, LANE_DEBT, LANE_DEBT, &view, snapshot);
	for (; walk.valid && paid < units; walk_next(&walk))
		if (delete_token(&table, &walk, snapshot) == TM_Ok)
			paid++;
	walk_close(&walk);
	UnregisterSnapshot(snapshot);
	walk_table_close(&table);
	return paid;
}

void
limit_return(const Queue *queue, int jobs)
{
	Store *tokens;

	if (queue == NULL || queue->concurrency == 0 || jobs <= 0)
		return;
	jobs -= pay_debt(queue, jobs);
	if (jobs == 0)
		return;
	tokens = store_open(STORE_TOKEN, 1);
	lay(tokens, queue, LANE_FREE, jobs, DT_NOBEGIN);
	store_close(tokens);
	CommandCounterIncrement(); /* for the claim of astrid_complete_and_claim */
	wake_queue_jobs(queue->name, jobs);
}

/* astrid._return_tokens(queue, jobs) */
Datum
astrid_return_tokens(PG_FUNCTION_ARGS)
{
	queues_refresh();
	limit_return(queue_by_id(PG_GETARG_INT32(0)), PG_GETARG_INT32(1));
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

/* astrid._lay_tokens(queue, lane, units) */
Datum
astrid_lay_tokens(PG_FUNCTION_ARGS)
{
	int lane = PG_GETARG_INT32(1);
	int units = PG_GETARG_INT32(2);
	int rows = lane == LANE_DEBT ? units : Min(units, ROWS_FREE);
	Store *tokens = store_open(STORE_TOKEN, rows);
	const Queue *queue;

	queues_refresh();
	queue = queue_by_id(PG_GETARG_INT32(0));
	for (int i = 0; i < rows; i++)
		lay(tokens, queue, lane, units / rows + (i < units % rows ? 1 : 0), DT_NOBEGIN);
	store_close(tokens);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

/* astrid._count_running(queue) -> int */
Datum
astrid_count_running(PG_FUNCTION_ARGS)
{
	Relation rel = table_open(store_oid(STORE_RUNNING), AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	int n = 0;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool is_null;

		if (DatumGetInt32(slot_getattr(slot, JOB_QUEUE_ID + 1, &is_null)) == PG_GETARG_INT32(0))
			n++;
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	PG_RETURN_INT32(n);
}
