/*
 * Single rows of a table, found by an index (see rows.h). Called by lease.c, group.c, slot.c,
 * bucket.c, depend.c, edges.c, children.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "executor/tuptable.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "entries.h"
#include "rows.h"
#include "tidy.h"

#define KEYS_MAX 3

static Snapshot
latest(void)
{
	return RegisterSnapshot(GetLatestSnapshot());
}

static Rows *
open_with(StoreId table, Relation rel, Oid index, Snapshot snapshot)
{
	Rows *rows = palloc0(sizeof(Rows));

	rows->id = table;
	rows->rel = rel;
	rows->table = store_stats_table(table);
	rows->index_id = index;
	rows->row = table_slot_create(rows->rel, NULL);
	rows->snapshot = snapshot;
	return rows;
}

Rows *
rows_open(StoreId table)
{
	return open_with(table, table_open(store_oid(table), RowExclusiveLock), InvalidOid, latest());
}

Rows *
rows_open_by(StoreId table, StoreId index)
{
	return open_with(table, table_open(store_oid(table), RowExclusiveLock), store_oid(index),
					 latest());
}

Rows *
rows_open_now_by(StoreId table, StoreId index)
{
	return open_with(table, table_open(store_oid(table), RowExclusiveLock), store_oid(index),
					 SnapshotSelf);
}

Rows *
rows_open_unless_empty(StoreId table, StoreId index)
{
	Relation rel = table_open(store_oid(table), RowExclusiveLock);

	if (RelationGetNumberOfBlocks(rel) > 0)
		return open_with(table, rel, store_oid(index), latest());
	table_close(rel, NoLock);
	return NULL;
}

static void
end_scan(Rows *rows)
{
	if (rows->scan != NULL)
		index_endscan(rows->scan);
	rows->scan = NULL;
}

void
rows_close(Rows *rows)
{
	tidy_note_deleted(rows->id, rows->deleted);
	end_scan(rows);
	if (rows->snapshot != SnapshotSelf)
		UnregisterSnapshot(rows->snapshot);
	ExecDropSingleTupleTableSlot(rows->row);
	if (rows->fetch != NULL)
		table_index_fetch_end(rows->fetch);
	if (rows->index != NULL)
		index_close(rows->index, NoLock);
	table_close(rows->rel, NoLock);
	pfree(rows);
}

void
rows_refresh(Rows *rows)
{
	end_scan(rows);
	UnregisterSnapshot(rows->snapshot);
	rows->snapshot = latest();
}

static void
begin_scan(Rows *rows)
{
	if (rows->index == NULL)
		rows->index = index_open(OidIsValid(rows->index_id) ? rows->index_id : store_key(rows->rel),
								 RowExclusiveLock);
	rows->scan = ASTRID_INDEX_BEGINSCAN(rows->rel, rows->index, rows->snapshot, KEYS_MAX);
}

bool
rows_next(Rows *rows)
{
	if (!index_getnext_slot(rows->scan, ForwardScanDirection, rows->row))
		return false;
	slot_getallattrs(rows->row);
	return true;
}

static void
search(Rows *rows, ScanKey key, int n)
{
	Assert(n <= KEYS_MAX);
	if (rows->scan == NULL)
		begin_scan(rows);
	/* A scan keeps the number of keys it was begun with. */
	rows->scan->numberOfKeys = n;
	index_rescan(rows->scan, key, n, NULL, 0);
}

bool
rows_find(Rows *rows, ScanKey key, int n)
{
	search(rows, key, n);
	return rows_next(rows);
}

bool
rows_may_find(Rows *rows, ScanKey key, int n, int entries)
{
	search(rows, key, n);
	while (index_getnext_tid(rows->scan, ForwardScanDirection) != NULL)
		if (entries-- == 0 || index_fetch_heap(rows->scan, rows->row))
			return true;
	return false;
}

static void
begin_fetch(Rows *rows)
{
	rows->fetch = table_index_fetch_begin(rows->rel);
	/* The lock on the table keeps it from becoming shorter. */
	rows->blocks = RelationGetNumberOfBlocks(rows->rel);
}

bool
rows_at(Rows *rows, const ItemPointerData *place)
{
	ItemPointerData newest = *place;
	bool more = false;

	if (rows->fetch == NULL)
		begin_fetch(rows);
	if (!ItemPointerIsValid(place) || ItemPointerGetBlockNumber(place) >= rows->blocks ||
		!table_index_fetch_tuple(rows->fetch, &newest, rows->snapshot, rows->row, &more, NULL))
		return false;
	slot_getallattrs(rows->row);
	return true;
}

TM_Result
rows_delete(Rows *rows, bool wait)
{
	TM_FailureData failure;
	TM_Result result = table_tuple_delete(rows->rel, &rows->row->tts_tid, GetCurrentCommandId(true),
										  rows->snapshot, InvalidSnapshot, wait, &failure, false);

	if (result == TM_Ok)
		rows->deleted++;
	if (result == TM_Ok && rows->table != STATS_NO_TABLE)
		stats_note_row(rows->table, rows->row, -1);
	return result;
}

static void
add_entries(Relation rel, TupleTableSlot *row)
{
	Entries *entries = entries_open(rel);

	entries_add(entries, row);
	entries_close(entries);
}

TM_Result
rows_update(Rows *rows, int column, Datum value)
{
	TupleTableSlot *changed = table_slot_create(rows->rel, NULL);
	Size natts = changed->tts_tupleDescriptor->natts;
	ASTRID_UPDATED_INDEXES indexes;
	TM_FailureData failure;
	LockTupleMode mode;
	TM_Result result;

	memcpy(changed->tts_values, rows->row->tts_values, natts * sizeof(Datum));
	memcpy(changed->tts_isnull, rows->row->tts_isnull, natts * sizeof(bool));
	store_set(changed, column, value);
	ExecStoreVirtualTuple(changed);
	result = table_tuple_update(rows->rel, &rows->row->tts_tid, changed, GetCurrentCommandId(true),
								rows->snapshot, InvalidSnapshot, true, &failure, &mode, &indexes);
	/* No room on its page. */
	if (result == TM_Ok && indexes)
		add_entries(rows->rel, changed);
	ExecDropSingleTupleTableSlot(changed);
	return result;
}

TM_Result
rows_lock(Rows *rows, LockTupleMode mode)
{
	TM_FailureData failure;
	/* Also the version that an update is just writing, where it lets the lock through. */
	TM_Result result = table_tuple_lock(rows->rel, &rows->row->tts_tid, rows->snapshot, rows->row,
										GetCurrentCommandId(false), mode, LockWaitBlock,
										TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS, &failure);

	if (result == TM_Ok)
		slot_getallattrs(rows->row);
	return result;
}

static void
init_key(ScanKey key, int column, Oid collation, RegProcedure equal, Datum value)
{
	ScanKeyEntryInitialize(key, 0, column, BTEqualStrategyNumber, InvalidOid, collation, equal,
						   value);
}

void
rows_key_int4(ScanKey key, int column, int32 value)
{
	init_key(key, column, InvalidOid, F_INT4EQ, Int32GetDatum(value));
}

void
rows_key_int8(ScanKey key, int column, int64 value)
{
	init_key(key, column, InvalidOid, F_INT8EQ, Int64GetDatum(value));
}

void
rows_key_int8_range(ScanKey keys, int column, int64 from, int64 to)
{
	ScanKeyEntryInitialize(&keys[0], 0, column, BTGreaterEqualStrategyNumber, InvalidOid,
						   InvalidOid, F_INT8GE, Int64GetDatum(from));
	ScanKeyEntryInitialize(&keys[1], 0, column, BTLessEqualStrategyNumber, InvalidOid, InvalidOid,
						   F_INT8LE, Int64GetDatum(to));
}

void
rows_key_hash(ScanKey key, int64 hash)
{
	ScanKeyEntryInitialize(key, 0, 1, HTEqualStrategyNumber, InvalidOid, InvalidOid, F_INT8EQ,
						   Int64GetDatum(hash));
}

void
rows_key_text(ScanKey key, int column, Datum value)
{
	init_key(key, column, DEFAULT_COLLATION_OID, F_TEXTEQ, value);
}

void
rows_key_bytes(ScanKey key, int column, Datum value)
{
	init_key(key, column, C_COLLATION_OID, F_TEXTEQ, value);
}
