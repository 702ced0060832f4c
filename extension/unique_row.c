/*
 * Rows of astrid.unique_key (see unique_row.h). Called by unique.c, unique_new.c, unique_release.c.
 *
 * A row is inserted as ON CONFLICT DO NOTHING does, speculatively, but without the planner and with
 * table and index opened once for all jobs of a call.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "keyhash.h"
#include "rows.h"
#include "tidy.h"
#include "unique_restore.h"
#include "unique_row.h"

/* Of the index. */
#define KEY_COLUMNS 3

Keys *
unique_open(void)
{
	Keys *keys = palloc0(sizeof(Keys));

	unique_restore();
	keys->rel = table_open(store_oid(STORE_UNIQUE_KEY), RowExclusiveLock);
	keys->index = index_open(store_key(keys->rel), RowExclusiveLock);
	InitDirtySnapshot(keys->dirty);
	keys->scan = ASTRID_INDEX_BEGINSCAN(keys->rel, keys->index, &keys->dirty, KEY_COLUMNS);
	keys->row = table_slot_create(keys->rel, NULL);
	return keys;
}

void
unique_close(Keys *keys)
{
	index_endscan(keys->scan);
	ExecDropSingleTupleTableSlot(keys->row);
	if (keys->entries != NULL)
	{
		ExecDropSingleTupleTableSlot(keys->fresh);
		entries_close(keys->entries);
	}
	index_close(keys->index, NoLock);
	table_close(keys->rel, NoLock);
	tidy_note_deleted(STORE_UNIQUE_KEY, keys->removed);
	pfree(keys);
}

static void
wait_for_inserter(Keys *keys, ItemPointer tid)
{
	if (keys->dirty.speculativeToken != 0)
		SpeculativeInsertionWait(keys->dirty.xmin, keys->dirty.speculativeToken);
	else
		XactLockTableWait(keys->dirty.xmin, keys->rel, tid, XLTW_InsertIndex);
}

static void
read_row(TupleTableSlot *slot, KeyRow *row)
{
	slot_getallattrs(slot);
	row->tid = slot->tts_tid;
	row->holder.job_id = DatumGetInt64(slot->tts_values[UNIQUE_KEY_JOB_ID]);
	row->holder.next_id = slot->tts_isnull[UNIQUE_KEY_NEXT_ID]
							  ? 0
							  : DatumGetInt64(slot->tts_values[UNIQUE_KEY_NEXT_ID]);
	row->holder.finished = DatumGetBool(slot->tts_values[UNIQUE_KEY_FINISHED]);
	row->held_until = slot->tts_isnull[UNIQUE_KEY_HELD_UNTIL]
						  ? 0
						  : DatumGetTimestampTz(slot->tts_values[UNIQUE_KEY_HELD_UNTIL]);
	ExecClearTuple(slot);
}

static bool
find(Keys *keys, KeyRow *row)
{
	ScanKeyData key[KEY_COLUMNS];

	rows_key_int8(&key[0], 1, key_hash(row->queue_id, row->key));
	rows_key_int4(&key[1], 2, row->queue_id);
	rows_key_bytes(&key[2], 3, row->key);
	index_rescan(keys->scan, key, KEY_COLUMNS, NULL, 0);
	if (!index_getnext_slot(keys->scan, ForwardScanDirection, keys->row))
		return false;
	read_row(keys->row, row);
	return true;
}

bool
unique_look(Keys *keys, KeyRow *row)
{
	for (;;)
	{
		if (!find(keys, row))
			return false;
		if (!TransactionIdIsValid(keys->dirty.xmin))
			return true;
		CHECK_FOR_INTERRUPTS();
		wait_for_inserter(keys, &row->tid);
	}
}

bool
unique_peek(Keys *keys, KeyRow *row)
{
	return find(keys, row) && !TransactionIdIsValid(keys->dirty.xmin);
}

static bool
is_of(TupleTableSlot *slot, const KeyRow *row)
{
	slot_getallattrs(slot);
	return DatumGetInt32(slot->tts_values[UNIQUE_KEY_QUEUE_ID]) == row->queue_id &&
		   unique_compare(slot->tts_values[UNIQUE_KEY_KEY], row->key) == 0;
}

bool
unique_peek_at(Keys *keys, KeyRow *row, const ItemPointerData *place)
{
	if (keys->blocks == 0)
		keys->blocks = RelationGetNumberOfBlocks(keys->rel);
	if (!ItemPointerIsValid(place) || ItemPointerGetBlockNumber(place) >= keys->blocks ||
		!table_tuple_fetch_row_version(keys->rel, (ItemPointer) place, &keys->dirty, keys->row) ||
		!is_of(keys->row, row))
		return false;
	read_row(keys->row, row);
	return !TransactionIdIsValid(keys->dirty.xmin);
}

bool
unique_remove(Keys *keys, KeyRow *row)
{
	TM_FailureData failure;

	if (table_tuple_delete(keys->rel, &row->tid, GetCurrentCommandId(true), &keys->dirty,
						   InvalidSnapshot, true, &failure, false) != TM_Ok)
		return false;
	keys->removed++;
	return true;
}

void
unique_fill(TupleTableSlot *slot, const KeyRow *row)
{
	store_set(slot, UNIQUE_KEY_QUEUE_ID, Int32GetDatum(row->queue_id));
	store_set(slot, UNIQUE_KEY_KEY, row->key);
	store_set(slot, UNIQUE_KEY_JOB_ID, Int64GetDatum(row->holder.job_id));
	store_set(slot, UNIQUE_KEY_FINISHED, BoolGetDatum(row->holder.finished));
	store_set(slot, UNIQUE_KEY_KEY_HASH, Int64GetDatum(key_hash(row->queue_id, row->key)));
	if (row->holder.next_id != 0)
		store_set(slot, UNIQUE_KEY_NEXT_ID, Int64GetDatum(row->holder.next_id));
	if (row->held_until != 0)
		store_set(slot, UNIQUE_KEY_HELD_UNTIL, TimestampTzGetDatum(row->held_until));
}

static void
fill(TupleTableSlot *slot, const KeyRow *row)
{
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts);
	unique_fill(slot, row);
	ExecStoreVirtualTuple(slot);
}

bool
unique_insert(Keys *keys, const KeyRow *row)
{
	TransactionId xid = GetCurrentTransactionId();
	bool is_new;
	uint32 token;

	if (keys->entries == NULL)
	{
		keys->fresh = table_slot_create(keys->rel, NULL);
		keys->entries = entries_open(keys->rel);
	}
	fill(keys->fresh, row);
	token = SpeculativeInsertionLockAcquire(xid);
	table_tuple_insert_speculative(keys->rel, keys->fresh, GetCurrentCommandId(true), 0, NULL,
								   token);
	is_new = entries_try_add(keys->entries, keys->fresh);
	table_tuple_complete_speculative(keys->rel, keys->fresh, token, is_new);
	SpeculativeInsertionLockRelease(xid);
	return is_new;
}

int
unique_compare(Datum a, Datum b)
{
	text *ta = DatumGetTextPP(a);
	text *tb = DatumGetTextPP(b);
	int na = VARSIZE_ANY_EXHDR(ta);
	int nb = VARSIZE_ANY_EXHDR(tb);
	int order = memcmp(VARDATA_ANY(ta), VARDATA_ANY(tb), Min(na, nb));

	return order != 0 ? order : (na > nb) - (na < nb);
}
