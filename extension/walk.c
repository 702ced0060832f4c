/*
 * The ready jobs of one queue, in order (see walk.h): an index scan in parts, each of which begins
 * at a claim floor and so leaves out the entries of jobs that are long gone.
 *
 * Below the first priority with a floor, and between two of them, everything is walked. What the
 * walk learns of a priority is noted when it leaves that priority.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"

#include "compat.h"
#include "walk.h"

#define WALK_KEYS 3

/* Columns of the primary key. */
enum
{
	KEY_QUEUE_ID = 1,
	KEY_LANE,
	KEY_POSITION
};

static void
key_of_queue(const Walk *walk, ScanKey key)
{
	ScanKeyInit(key, KEY_QUEUE_ID, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(walk->queue_id));
}

/* From (priority, position) to the end of the last priority. The row comparison is referred to by
 * the scan: it lives in the walk. */
static void
scan_part(Walk *walk, FloorMark from, int32 last_lane)
{
	ScanKeyData keys[WALK_KEYS] = {0};

	ScanKeyInit(&walk->from[0], KEY_LANE, BTGreaterEqualStrategyNumber, F_BTINT4CMP,
				Int32GetDatum(from.lane));
	ScanKeyInit(&walk->from[1], KEY_POSITION, BTGreaterEqualStrategyNumber, F_BTINT8CMP,
				Int64GetDatum(from.position));
	walk->from[0].sk_flags = SK_ROW_MEMBER;
	walk->from[1].sk_flags = SK_ROW_MEMBER | SK_ROW_END;
	key_of_queue(walk, &keys[0]);
	keys[1].sk_flags = SK_ROW_HEADER;
	keys[1].sk_attno = KEY_LANE;
	keys[1].sk_strategy = BTGreaterEqualStrategyNumber;
	keys[1].sk_argument = PointerGetDatum(walk->from);
	ScanKeyInit(&keys[2], KEY_LANE, BTLessEqualStrategyNumber, F_INT4LE, Int32GetDatum(last_lane));
	index_rescan(walk->scan, keys, WALK_KEYS, NULL, 0);
}

static bool
next_part(Walk *walk)
{
	const FloorView *view = walk->view;
	int part = walk->n_parts++;
	FloorMark from = {walk->first_lane, PG_INT64_MIN};
	int32 last_lane = walk->last_lane;

	if (part > view->n)
		return false;
	if (part > 0)
		from = view->marks[part - 1];
	if (part < view->n)
	{
		if (view->marks[part].lane == PG_INT32_MIN)
			return next_part(walk);
		last_lane = Min(last_lane, view->marks[part].lane - 1);
	}
	scan_part(walk, from, last_lane);
	return true;
}

/* Looks for a job below the floor. None is there, unless it came without the commit callback. */
static void
probe(Walk *walk, FloorMark *mark)
{
	ScanKeyData keys[WALK_KEYS];

	key_of_queue(walk, &keys[0]);
	ScanKeyInit(&keys[1], KEY_LANE, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(mark->lane));
	ScanKeyInit(&keys[2], KEY_POSITION, BTLessStrategyNumber, F_INT8LT,
				Int64GetDatum(mark->position));
	index_rescan(walk->scan, keys, WALK_KEYS, NULL, 0);
	if (!index_getnext_slot(walk->scan, ForwardScanDirection, walk->row))
		return;
	slot_getallattrs(walk->row);
	mark->position = walk_position(walk);
	floor_correct(walk->view, mark);
}

static void
note_floor(const Walk *walk)
{
	floor_note_rise(walk->view, walk->lane, walk->free);
}

WalkTable
walk_table(StoreId id, int lane_column, int position_column)
{
	WalkTable table = {.lane_column = lane_column, .position_column = position_column};

	table.rel = table_open(store_oid(id), RowExclusiveLock);
	table.key = index_open(store_key(table.rel), RowExclusiveLock);
	return table;
}

void
walk_table_close(WalkTable *table)
{
	index_close(table->key, NoLock);
	table_close(table->rel, NoLock);
}

void
walk_open(Walk *walk, const WalkTable *table, int32 queue_id, int32 first_lane, int32 last_lane,
		  FloorView *view, Snapshot snapshot)
{
	walk->table = table;
	walk->queue_id = queue_id;
	walk->view = view;
	walk->n_parts = 0;
	walk->first_lane = first_lane;
	walk->last_lane = last_lane;
	walk->lane = PG_INT32_MIN;
	walk->free = PG_INT64_MIN;
	walk->left = false;
	walk->row = table_slot_create(table->rel, NULL);
	walk->scan = ASTRID_INDEX_BEGINSCAN(table->rel, table->key, snapshot, WALK_KEYS);
	if (view->probe)
	{
		for (int i = 0; i < view->n; i++)
			probe(walk, &view->marks[i]);
		floor_end_probe(view);
	}
	next_part(walk);
	walk_next(walk);
}

void
walk_next(Walk *walk)
{
	int32 lane;

	CHECK_FOR_INTERRUPTS();
	do
		walk->valid = index_getnext_slot(walk->scan, ForwardScanDirection, walk->row);
	while (!walk->valid && next_part(walk));
	if (!walk->valid)
		return;
	slot_getallattrs(walk->row);
	lane = DatumGetInt32(walk->row->tts_values[walk->table->lane_column]);
	if (lane != walk->lane)
	{
		note_floor(walk);
		walk->lane = lane;
		walk->free = PG_INT64_MIN;
		walk->left = false;
	}
}

void
walk_passed(Walk *walk, bool gone)
{
	if (!walk->left)
		walk->free = walk_position(walk) + (gone ? 1 : 0);
	walk->left = walk->left || !gone;
}

void
walk_close(Walk *walk)
{
	note_floor(walk);
	index_endscan(walk->scan);
	ExecDropSingleTupleTableSlot(walk->row);
}
