/*
 * The ready jobs of one queue, in the order of the primary key (priority, position). Called by
 * claim.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_WALK_H
#define ASTRID_WALK_H

#include "access/tableam.h"

#include "floor.h"
#include "queues.h"

typedef struct Walk
{
	const Queue *queue;
	FloorView *view;
	int n_parts; /* that have begun: one before the first floor, and one from each floor on */
	ScanKeyData from[2];
	IndexScanDesc scan;
	TupleTableSlot *row; /* the next job */
	bool valid;          /* there is one */
	int32 priority;      /* of the row */
	int64 free;          /* no job of this priority that is left behind is below it */
	bool left;           /* one was */
} Walk;

/* The view must be older than the snapshot. */
extern void walk_open(Walk *walk, const Queue *queue, FloorView *view, Relation ready, Relation key,
					  Snapshot snapshot);
extern void walk_next(Walk *walk);
extern void walk_close(Walk *walk);

/* The row is no longer ready, as far as anybody will see (gone), or is left behind. */
extern void walk_passed(Walk *walk, bool gone);

static inline int64
walk_position(const Walk *walk)
{
	return DatumGetInt64(walk->row->tts_values[JOB_POSITION]);
}

#endif
