/*
 * Single rows of a table, found by an index, without the planner. SPDX-License-Identifier:
 * PostgreSQL
 */
#ifndef ASTRID_ROWS_H
#define ASTRID_ROWS_H

#include "access/skey.h"
#include "access/tableam.h"
#include "utils/rel.h"

#include "store.h"

/* The rows as the latest snapshot shows them, whatever the transaction's isolation level. */
typedef struct Rows
{
	StoreId id;
	Relation rel;
	StatsTable table; /* that its rows count for */
	int deleted;      /* rows, so far */
	Snapshot snapshot;
	Oid index_id;   /* InvalidOid: the primary key */
	Relation index; /* opened when first needed, as the next ones */
	IndexScanDesc scan;
	struct IndexFetchTableData *fetch;
	BlockNumber blocks;  /* of the table, as the fetch knows it */
	TupleTableSlot *row; /* the one that was found, all columns read */
} Rows;

/* By the primary key, or by the index where one is named; the table's lock stays until the end of
 * the transaction. */
extern Rows *rows_open(StoreId table);
extern Rows *rows_open_by(StoreId table, StoreId index);

/* Null where the table has not a single page: then nothing else is opened. */
extern Rows *rows_open_unless_empty(StoreId table, StoreId index);

/* By the index too, but with the rows as each look finds them: what is committed, and what this
 * transaction did. For who holds a lock that keeps others from changing what it looks for: without
 * one, a row may be missed, or seen twice, while it is moved. */
extern Rows *rows_open_now_by(StoreId table, StoreId index);
extern void rows_close(Rows *rows);

/* Sees what was committed since; not for rows_open_now_by. */
extern void rows_refresh(Rows *rows);

/* The first row with this key, or beginning of one; then the next ones. */
extern bool rows_find(Rows *rows, ScanKey key, int n);
extern bool rows_next(Rows *rows);

/* Is there a row with this key? Looks at so many entries of the index at most, some of which may be
 * of rows that are gone, and says yes where there are more. */
extern bool rows_may_find(Rows *rows, ScanKey key, int n, int entries);

/*
 * The row that was written to this place, or what has become of it by updates that left the index
 * alone; no index is read. The place may be as old as you like: see whether it is the row.
 */
extern bool rows_at(Rows *rows, const ItemPointerData *place);

/* Without waiting for a session that is just changing it TM_BeingModified, else TM_Ok, TM_Updated
 * or TM_Deleted. */
extern TM_Result rows_delete(Rows *rows, bool wait);

/* Changes one column, waiting as rows_delete() does; the row must count for the same after it. */
extern TM_Result rows_update(Rows *rows, int column, Datum value);

/*
 * Locks the row until the end of the transaction, waiting for whoever has it: TM_Ok, or TM_Updated
 * or TM_Deleted where it is not the newest version.
 */
extern TM_Result rows_lock(Rows *rows, LockTupleMode mode);

/* Keys of the first columns of an index. */
extern void rows_key_int4(ScanKey key, int column, int32 value);
extern void rows_key_int8(ScanKey key, int column, int64 value);
/* Two keys: from and to, both included. */
extern void rows_key_int8_range(ScanKey keys, int column, int64 from, int64 to);
extern void rows_key_text(ScanKey key, int column, Datum value);
extern void rows_key_bytes(ScanKey key, int column, Datum value); /* of a text with COLLATE "C" */

/* Of a hash index: what is found may have another value. */
extern void rows_key_hash(ScanKey key, int64 hash);

#endif
