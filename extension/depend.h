/*
 * Jobs that wait for jobs: a child runs after its parents. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_DEPEND_H
#define ASTRID_DEPEND_H

#include "args.h"
#include "store.h"

/* Whether a new job has to wait. */
typedef enum DependVerdict
{
	DEPEND_FREE,
	DEPEND_BLOCKED,
	DEPEND_CANCELLED /* a parent failed, and the job asked to be cancelled then */
} DependVerdict;

/* What the jobs of one call depend on. */
typedef struct Depend
{
	ArgArray wanted; /* depends_on */
	bool any_of;
	const char *failure;
	bool resolved;
	DependVerdict verdict;
	const char *reason; /* of a cancellation */
	int64 *parents;     /* those to wait for */
	int n;
	Datum parents_array; /* the same; 0: not made yet */
	int64 *children;
	int n_children;
} Depend;

/* Checks depends_mode and depends_failure; null is the default. */
extern void depend_begin(Depend *depend, ArgArray depends_on, const char *mode,
						 const char *failure);

/* At the first call, looks the parents up and keeps the unfinished ones from ending until this
 * transaction does. */
extern DependVerdict depend_verdict(Depend *depend, int children_expected);

/* Where the verdict is DEPEND_BLOCKED: this new job waits for the parents; completes its row for
 * astrid.waiting. Children are noted in the order of their numbers. */
extern void depend_note(Depend *depend, int64 child_id, TupleTableSlot *waiting);

/* The rows of all children that were noted have been written, to these places. */
extern void depend_end(Depend *depend, const ItemPointerData *places);

#endif
