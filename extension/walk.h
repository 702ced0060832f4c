/*
 * The rows of one queue in astrid.ready or astrid.token, in the order of the primary key (lane,
 * position). Called by claim.c and limit.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_WALK_H
#define ASTRID_WALK_H

#include "access/tableam.h"

#include "floor.h"
#include "queues.h"
#include "store.h"

/* A table that is walked. */
typedef struct WalkTable
{
	Relation rel;
	Relation key;
	int lane_column;
	int position_column;
} WalkTable;

typedef struct Walk
{
	const WalkTable *table;
	int32 queue_id;
	FloorView *view;
	int n_parts; /* that have begun: one before the first floor, and one from each floor on */
	ScanKeyData from[2];
	IndexScanDesc scan;
	TupleTableSlot *row; /* the next one */
	bool valid;          /* there is one */
	int32 first_lane;
	int32 last_lane;
	int32 lane; /* of the row */
	int64 free; /* no row of this lane that is left behind is below it */
	bool left;  /* one was */
} Walk;

/* The tables stay open until the end of the transaction. */
extern WalkTable walk_table(StoreId id, int lane_column, int position_column);
extern void walk_table_close(WalkTable *table);

/* The view must be older than the snapshot. */
extern void walk_open(Walk *walk, const WalkTable *table, int32 queue_id, int32 first_lane,
					  int32 last_lane, FloorView *view, Snapshot snapshot);
extern void walk_next(Walk *walk);
extern void walk_close(Walk *walk);

/* The row is no longer there, as far as anybody will see (gone), or is left behind. */
extern void walk_passed(Walk *walk, bool gone);

static inline int64
walk_position(const Walk *walk)
{
	return DatumGetInt64(walk->row->tts_values[walk->table->position_column]);
}

#endif
