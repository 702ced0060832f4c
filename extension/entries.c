/*
 * Index entries (see entries.h). Called by store.c, rows.c, unique_row.c.
 *
 * The indexes of the tables of jobs are plain: columns, unique or not. An entry for one
 * takes a line of code; what the executor sets up for it, for one row, takes longer than the entry.
 * Two are partial, by a column that is at hand. As soon as a table has another index, which a user
 * added, the executor does it all.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
#include "executor/executor.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "compat.h"
#include "entries.h"
#include "store.h"

#define INDEXES_MAX     8
#define ROWS_FOR_A_LOOK 16 /* as many are worth it */

/* An entry only where the column has this value. */
static const struct
{
	StoreId index;
	int column;
	bool value;
} partial[] = {
	{STORE_WAITING_RUN_AT, WAITING_BLOCKED, false},
	{STORE_WAITING_PARKED, WAITING_PARKED, true},
};

/* An index, opened when a row first needs it. */
typedef struct TableIndex
{
	Oid id;
	Relation rel;
	int column; /* -1: every row has an entry */
	bool value;
	bool is_tree; /* not set for those that are partial */
	int looks;    /* for its end, at most */
} TableIndex;

struct Entries
{
	Relation rel;
	int n;
	TableIndex indexes[INDEXES_MAX];
	EState *estate; /* null unless the executor does it */
	ResultRelInfo *result;
};

static void
hand_over(Entries *entries)
{
	entries->estate = CreateExecutorState();
	entries->result = makeNode(ResultRelInfo);
	InitResultRelInfo(entries->result, entries->rel, 0, NULL, 0);
	ExecOpenIndices(entries->result, false);
}

static bool
is_plain(Relation index)
{
	const FormData_pg_index *form = index->rd_index;

	return (index->rd_rel->relam == BTREE_AM_OID || index->rd_rel->relam == HASH_AM_OID) &&
		   form->indisready && form->indimmediate && !form->indisexclusion &&
		   heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL) &&
		   heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

/* False where it is an index for the executor. */
static bool
add_index(Entries *entries, Oid id)
{
	TableIndex *index = &entries->indexes[entries->n];

	if (entries->n == INDEXES_MAX)
		return false;
	entries->n++;
	*index = (TableIndex){.id = id, .column = -1};
	for (int i = 0; i < lengthof(partial); i++)
		if (store_oid(partial[i].index) == id)
		{
			index->column = partial[i].column;
			index->value = partial[i].value;
			return true;
		}
	index->rel = index_open(id, RowExclusiveLock);
	index->is_tree = index->rel->rd_rel->relam == BTREE_AM_OID;
	return is_plain(index->rel);
}

static void
close_indexes(Entries *entries)
{
	for (int i = 0; i < entries->n; i++)
		if (entries->indexes[i].rel != NULL)
			index_close(entries->indexes[i].rel, NoLock);
	entries->n = 0;
}

Entries *
entries_open(Relation rel)
{
	Entries *entries = palloc(sizeof(Entries));
	List *ids = RelationGetIndexList(rel);
	bool plain = true;
	ListCell *cell;

	entries->rel = rel;
	entries->n = 0;
	entries->estate = NULL;
	foreach (cell, ids)
		plain = plain && add_index(entries, lfirst_oid(cell));
	list_free(ids);
	if (!plain)
	{
		close_indexes(entries);
		hand_over(entries);
	}
	return entries;
}

void
entries_close(Entries *entries)
{
	close_indexes(entries);
	if (entries->estate != NULL)
	{
		ExecCloseIndices(entries->result);
		FreeExecutorState(entries->estate);
	}
	pfree(entries);
}

/* False where the index has the key already, which it tells only if it is not to raise an error. */
static bool
add_entry(Entries *entries, Relation index, TupleTableSlot *row, IndexUniqueCheck check)
{
	bool is_new;

	const FormData_pg_index *form = index->rd_index;
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];

	for (int i = 0; i < form->indnatts; i++)
		values[i] = slot_getattr(row, form->indkey.values[i], &nulls[i]);
	is_new = index_insert(index, values, nulls, &row->tts_tid, entries->rel,
						  form->indisunique ? check : UNIQUE_CHECK_NO, false, NULL);
	return is_new || check != UNIQUE_CHECK_PARTIAL || !form->indisunique;
}

/*
 * Numbers of jobs and places grow, so that new entries mostly belong at the end of a tree. The
 * server remembers that page only for trees of three levels, and looks whether it is still the one
 * before it uses it: so it may be told of it. It forgets it as soon as another session is there.
 */
static void
begin_at_end(TableIndex *index)
{
	Buffer last;

	if (index->looks == 0 || RelationGetTargetBlock(index->rel) != InvalidBlockNumber)
		return;
	index->looks--;
	last = ASTRID_RIGHTMOST_LEAF(index->rel);
	if (!BufferIsValid(last))
		return;
	RelationSetTargetBlock(index->rel, BufferGetBlockNumber(last));
	_bt_relbuf(index->rel, last);
}

void
entries_expect(Entries *entries, int rows)
{
	for (int i = 0; i < entries->n; i++)
		if (entries->indexes[i].is_tree)
			entries->indexes[i].looks = rows / ROWS_FOR_A_LOOK;
}

/* A boolean that is not null. */
static bool
is_listed(const TableIndex *index, TupleTableSlot *row)
{
	bool is_null;

	return index->column < 0 ||
		   DatumGetBool(slot_getattr(row, index->column + 1, &is_null)) == index->value;
}

static bool
add_by_executor(Entries *entries, TupleTableSlot *row, IndexUniqueCheck check)
{
	bool conflict = false;
	List *unsure;

	if (check == UNIQUE_CHECK_PARTIAL)
		unsure = ASTRID_INSERT_INDEX_TUPLES_SPECULATIVE(entries->result, row, entries->estate,
														&conflict);
	else
		unsure = ASTRID_INSERT_INDEX_TUPLES(entries->result, row, entries->estate);
	list_free(unsure);
	ResetPerTupleExprContext(entries->estate);
	return !conflict;
}

static bool
add(Entries *entries, TupleTableSlot *row, IndexUniqueCheck check)
{
	bool all_new = true;

	if (entries->estate != NULL)
		return add_by_executor(entries, row, check);
	for (int i = 0; i < entries->n && all_new; i++)
	{
		TableIndex *index = &entries->indexes[i];

		if (!is_listed(index, row))
			continue;
		if (index->rel == NULL)
			index->rel = index_open(index->id, RowExclusiveLock);
		begin_at_end(index);
		all_new = add_entry(entries, index->rel, row, check);
	}
	return all_new;
}

void
entries_add(Entries *entries, TupleTableSlot *row)
{
	(void) add(entries, row, UNIQUE_CHECK_YES);
}

bool
entries_try_add(Entries *entries, TupleTableSlot *row)
{
	return add(entries, row, UNIQUE_CHECK_PARTIAL);
}
