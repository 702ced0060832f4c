/*
 * Single rows of a table, found by an index (see rows.h). Called by lease.c, group.c, bucket.c,
 * depend.c, children.c.
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
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "rows.h"

#define KEYS_MAX 3

static void
begin(Rows *rows)
{
	rows->snapshot = RegisterSnapshot(GetLatestSnapshot());
	rows->scan = ASTRID_INDEX_BEGINSCAN(rows->rel, rows->index, rows->snapshot, KEYS_MAX);
}

static void
end(Rows *rows)
{
	index_endscan(rows->scan);
	UnregisterSnapshot(rows->snapshot);
}

static Rows *
open_with(StoreId table, Oid index)
{
	Rows *rows = palloc(sizeof(Rows));

	rows->rel = table_open(store_oid(table), RowExclusiveLock);
	rows->table = store_stats_table(table);
	rows->index = index_open(OidIsValid(index) ? index : store_key(rows->rel), RowExclusiveLock);
	rows->row = table_slot_create(rows->rel, NULL);
	begin(rows);
	return rows;
}

Rows *
rows_open(StoreId table)
{
	return open_with(table, InvalidOid);
}

Rows *
rows_open_by(StoreId table, StoreId index)
{
	return open_with(table, store_oid(index));
}

void
rows_close(Rows *rows)
{
	end(rows);
	ExecDropSingleTupleTableSlot(rows->row);
	index_close(rows->index, NoLock);
	table_close(rows->rel, NoLock);
	pfree(rows);
}

void
rows_refresh(Rows *rows)
{
	end(rows);
	begin(rows);
}

static bool
move(Rows *rows, ScanDirection direction)
{
	if (!index_getnext_slot(rows->scan, direction, rows->row))
		return false;
	slot_getallattrs(rows->row);
	return true;
}

static void
search(Rows *rows, ScanKey key, int n)
{
	Assert(n <= KEYS_MAX);
	/* A scan keeps the number of keys it was begun with. */
	rows->scan->numberOfKeys = n;
	index_rescan(rows->scan, key, n, NULL, 0);
}

bool
rows_next(Rows *rows)
{
	return move(rows, ForwardScanDirection);
}

bool
rows_find(Rows *rows, ScanKey key, int n)
{
	search(rows, key, n);
	return rows_next(rows);
}

bool
rows_previous(Rows *rows)
{
	return move(rows, BackwardScanDirection);
}

bool
rows_find_last(Rows *rows, ScanKey key, int n)
{
	search(rows, key, n);
	return rows_previous(rows);
}

TM_Result
rows_delete(Rows *rows, bool wait)
{
	TM_FailureData failure;
	TM_Result result = table_tuple_delete(rows->rel, &rows->row->tts_tid, GetCurrentCommandId(true),
										  rows->snapshot, InvalidSnapshot, wait, &failure, false);

	if (result == TM_Ok && rows->table != STATS_NO_TABLE)
		stats_note_row(rows->table, rows->row, -1);
	return result;
}

TM_Result
rows_lock(Rows *rows, LockTupleMode mode)
{
	TM_FailureData failure;
	TM_Result result =
		table_tuple_lock(rows->rel, &rows->row->tts_tid, rows->snapshot, rows->row,
						 GetCurrentCommandId(false), mode, LockWaitBlock, 0, &failure);

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
rows_key_text(ScanKey key, int column, Datum value)
{
	init_key(key, column, DEFAULT_COLLATION_OID, F_TEXTEQ, value);
}

void
rows_key_bytes(ScanKey key, int column, Datum value)
{
	init_key(key, column, C_COLLATION_OID, F_TEXTEQ, value);
}
