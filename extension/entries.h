/*
 * The index entries of rows, without the executor where it can be done. SPDX-License-Identifier:
 * PostgreSQL
 */
#ifndef ASTRID_ENTRIES_H
#define ASTRID_ENTRIES_H

#include "executor/tuptable.h"
#include "utils/rel.h"

typedef struct Entries Entries;

extern Entries *entries_open(Relation rel);
extern void entries_close(Entries *entries);

/* So many rows come next: where they are many, a tree is not searched from its root for each. */
extern void entries_expect(Entries *entries, int rows);

/* Adds the entries of a row that has just been written; it knows its place. */
extern void entries_add(Entries *entries, TupleTableSlot *row);

/* The same, but false where another row has its key in a unique index, or may have it when its
 * transaction commits: then this row must not stay. */
extern bool entries_try_add(Entries *entries, TupleTableSlot *row);

#endif
