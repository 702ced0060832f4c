/*
 * The end of a job as its children see it. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_CHILDREN_H
#define ASTRID_CHILDREN_H

#include "executor/tuptable.h"

#include "clock.h"

typedef enum ParentEnd
{
	PARENT_COMPLETED,
	PARENT_DEAD,
	PARENT_CANCELLED,
	PARENT_DELETED,
	PARENT_ENDS
} ParentEnd;

/* "job 7, which it depends on, was cancelled" */
extern const char *children_reason(int64 parent_id, ParentEnd end);

/* A row of astrid.history, its job's columns set: cancelled, without having run. */
extern void children_mark_cancelled(TupleTableSlot *row, TimestampTz now, const char *reason);

/* The order of job numbers, for qsort(). */
extern int children_compare_ids(const void *a, const void *b);

/*
 * These jobs have ended, and their rows are gone from where they were: children that waited for
 * nothing else go on, others are cancelled, with their own children. The caller has called
 * queues_refresh(). The numbers are put in order.
 */
extern void children_settle(int64 *parent_ids, int n, ParentEnd end);

#endif
