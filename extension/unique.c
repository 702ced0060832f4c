/*
 * Unique keys (see unique.h). Called by enqueue.c, complete.c and, as SQL, by all that ends or
 * revives a job.
 *
 * A key is a row of a table of its own, held from enqueue to the job's final state: so no move of a
 * job can meet a conflict. Enqueue inserts it as ON CONFLICT DO NOTHING does, speculatively, but
 * without the planner and with table and index opened once for all jobs of a call. Many that are all
 * new are written together (unique_new.c).
 *
 * A running job cannot be replaced. What should replace it waits in astrid.waiting, blocked, as
 * next_id of the key, which is handed on to it when the running job ends.
 *
 * Rows are changed by deleting and inserting them, so whoever waited for a change looks again. Who
 * needs both locks a job's row before its key's.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "helpers.h"
#include "keyhash.h"
#include "rows.h"
#include "unique.h"

PG_FUNCTION_INFO_V1(astrid_hold_key);
PG_FUNCTION_INFO_V1(astrid_release_key);
PG_FUNCTION_INFO_V1(astrid_forget_key);

/* Of the index. */
#define KEY_COLUMNS 3

struct Keys
{
	Relation rel;
	Relation index;
	SnapshotData dirty; /* shows what is being written, and by whom */
	IndexScanDesc scan;
	TupleTableSlot *row;   /* found */
	TupleTableSlot *fresh; /* to be inserted */
	EState *estate;        /* null until the first row is inserted */
	ResultRelInfo *indexes;
	enum
	{
		KEYS_UNKNOWN,
		KEYS_FREE, /* all that were asked for */
		KEYS_TAKEN /* one of them, at least */
	} found;
};

/* A row of the table. */
typedef struct KeyRow
{
	int32 queue_id;
	Datum key;
	KeyHolder holder;
	TimestampTz held_until; /* 0: no window */
	ItemPointerData tid;
} KeyRow;

Keys *
unique_open(void)
{
	Keys *keys = palloc0(sizeof(Keys));

	PreventCommandIfReadOnly("writing unique keys");
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
	if (keys->estate != NULL)
	{
		ExecDropSingleTupleTableSlot(keys->fresh);
		ExecCloseIndices(keys->indexes);
		FreeExecutorState(keys->estate);
	}
	index_close(keys->index, NoLock);
	table_close(keys->rel, NoLock);
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

/* The row of the key, if there is one; it may be that its deletion is not committed yet. */
static bool
look(Keys *keys, KeyRow *row)
{
	ScanKeyData key[KEY_COLUMNS];

	rows_key_int8(&key[0], 1, key_hash(row->queue_id, row->key));
	rows_key_int4(&key[1], 2, row->queue_id);
	rows_key_bytes(&key[2], 3, row->key);
	for (;;)
	{
		index_rescan(keys->scan, key, KEY_COLUMNS, NULL, 0);
		if (!index_getnext_slot(keys->scan, ForwardScanDirection, keys->row))
			return false;
		read_row(keys->row, row);
		if (!TransactionIdIsValid(keys->dirty.xmin))
			return true;
		CHECK_FOR_INTERRUPTS();
		wait_for_inserter(keys, &row->tid);
	}
}

/* False where another transaction was first. */
static bool
remove_row(Keys *keys, KeyRow *row)
{
	TM_FailureData failure;

	return table_tuple_delete(keys->rel, &row->tid, GetCurrentCommandId(true), &keys->dirty,
							  InvalidSnapshot, true, &failure, false) == TM_Ok;
}

static void
prepare_insert(Keys *keys)
{
	keys->fresh = table_slot_create(keys->rel, NULL);
	keys->estate = CreateExecutorState();
	keys->indexes = makeNode(ResultRelInfo);
	InitResultRelInfo(keys->indexes, keys->rel, 0, NULL, 0);
	ExecOpenIndices(keys->indexes, false);
}

static void
fill(TupleTableSlot *slot, const KeyRow *row)
{
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts);
	store_set(slot, UNIQUE_KEY_QUEUE_ID, Int32GetDatum(row->queue_id));
	store_set(slot, UNIQUE_KEY_KEY, row->key);
	store_set(slot, UNIQUE_KEY_JOB_ID, Int64GetDatum(row->holder.job_id));
	store_set(slot, UNIQUE_KEY_FINISHED, BoolGetDatum(row->holder.finished));
	store_set(slot, UNIQUE_KEY_KEY_HASH, Int64GetDatum(key_hash(row->queue_id, row->key)));
	if (row->holder.next_id != 0)
		store_set(slot, UNIQUE_KEY_NEXT_ID, Int64GetDatum(row->holder.next_id));
	if (row->held_until != 0)
		store_set(slot, UNIQUE_KEY_HELD_UNTIL, TimestampTzGetDatum(row->held_until));
	ExecStoreVirtualTuple(slot);
}

/* False where another session has just inserted the key; nothing is left of the attempt. */
static bool
insert_row(Keys *keys, const KeyRow *row)
{
	TransactionId xid = GetCurrentTransactionId();
	bool conflict = false;
	uint32 token;

	if (keys->estate == NULL)
		prepare_insert(keys);
	fill(keys->fresh, row);
	token = SpeculativeInsertionLockAcquire(xid);
	table_tuple_insert_speculative(keys->rel, keys->fresh, GetCurrentCommandId(true), 0, NULL,
								   token);
	list_free(ASTRID_INSERT_INDEX_TUPLES_SPECULATIVE(keys->indexes, keys->fresh, keys->estate,
													 &conflict));
	table_tuple_complete_speculative(keys->rel, keys->fresh, token, !conflict);
	SpeculativeInsertionLockRelease(xid);
	ResetPerTupleExprContext(keys->estate);
	return !conflict;
}

/* 0: no window. */
static TimestampTz
window_end(int64 window, TimestampTz now)
{
	return window == 0 ? 0 : now + window;
}

/* While all keys of a call are free the insertion itself is the look. It leaves a dead row where it
 * meets a conflict: so only once. */
static bool
insert_unseen(Keys *keys, const KeyRow *row)
{
	if (keys->found != KEYS_FREE)
		return false;
	if (insert_row(keys, row))
		return true;
	keys->found = KEYS_TAKEN;
	return false;
}

KeyHolder
unique_hold(Keys *keys, int32 queue_id, Datum key, int64 job_id, int64 window, TimestampTz now)
{
	KeyRow row = {.queue_id = queue_id,
				  .key = key,
				  .holder.job_id = job_id,
				  .held_until = window_end(window, now)};

	if (insert_unseen(keys, &row))
		return row.holder;
	for (;;)
	{
		bool found = look(keys, &row);
		bool is_own = found && row.holder.job_id == job_id;

		if (keys->found != KEYS_TAKEN)
			keys->found = found ? KEYS_TAKEN : KEYS_FREE;
		if (found && !row.holder.finished)
			return row.holder;
		if (found && !is_own && row.held_until > now)
			return row.holder;
		/* Free, or left over from a window, or from the life that this job had before. */
		if (found && !remove_row(keys, &row))
			continue;
		row.holder = (KeyHolder){.job_id = job_id};
		if (!is_own)
			row.held_until = window_end(window, now);
		if (insert_row(keys, &row))
			return row.holder;
	}
}

int64
unique_holder(Keys *keys, int32 queue_id, Datum key)
{
	KeyRow row = {.queue_id = queue_id, .key = key};

	if (!look(keys, &row) || row.holder.finished)
		return 0;
	return row.holder.next_id != 0 ? row.holder.next_id : row.holder.job_id;
}

bool
unique_follow(Keys *keys, int32 queue_id, Datum key, const KeyHolder *holder, int64 job_id,
			  int64 window, TimestampTz now)
{
	KeyRow row = {.queue_id = queue_id, .key = key};

	if (!look(keys, &row) || row.holder.finished || row.holder.job_id != holder->job_id ||
		row.holder.next_id != holder->next_id || !remove_row(keys, &row))
		return false;
	row.holder.next_id = job_id;
	row.held_until = Max(row.held_until, window_end(window, now));
	(void) insert_row(keys, &row);
	return true;
}

/* Maintenance deletes the key when its window is over. */
static void
note_window(const KeyRow *row)
{
	Store *windows = store_open(STORE_UNIQUE_WINDOW, 1);
	TupleTableSlot *slot = store_row(windows);

	store_set(slot, UNIQUE_WINDOW_FREE_AT, TimestampTzGetDatum(row->held_until));
	store_set(slot, UNIQUE_WINDOW_JOB_ID, Int64GetDatum(row->holder.job_id));
	store_set(slot, UNIQUE_WINDOW_QUEUE_ID, Int32GetDatum(row->queue_id));
	store_set(slot, UNIQUE_WINDOW_KEY, row->key);
	store_add(windows);
	store_close(windows);
}

/* What becomes of the key when this job, its holder or the next one, ends; false: it is free. */
static bool
succeed(KeyRow *row, int64 job_id, int64 successor, TimestampTz now)
{
	if (row->holder.next_id == job_id)
		row->holder.next_id = 0;
	else if (successor != 0)
		row->holder = (KeyHolder){.job_id = successor};
	else if (row->held_until > now)
	{
		row->holder.next_id = 0;
		row->holder.finished = true;
		note_window(row);
	}
	else
		return false;
	return true;
}

static void
release(Keys *keys, int32 queue_id, Datum key, int64 job_id, TimestampTz now, bool finished_too)
{
	KeyRow row = {.queue_id = queue_id, .key = key};
	int64 successor = 0;

	while (look(keys, &row) && (finished_too || !row.holder.finished) &&
		   (row.holder.job_id == job_id || row.holder.next_id == job_id))
	{
		int64 next_id = row.holder.job_id == job_id ? row.holder.next_id : 0;

		/* Its row before the key's: as who cancels or replaces it. */
		if (successor == 0 && next_id != 0 && helper_go_on(next_id))
			successor = next_id;
		if (!remove_row(keys, &row))
			continue;
		if (succeed(&row, job_id, successor, now))
			(void) insert_row(keys, &row);
		return;
	}
}

void
unique_release(Keys *keys, int32 queue_id, Datum key, int64 job_id, TimestampTz now)
{
	release(keys, queue_id, key, job_id, now, false);
}

void
unique_release_one(int32 queue_id, Datum key, int64 job_id, TimestampTz now)
{
	Keys *keys = unique_open();

	/* This command may have taken the key itself. */
	CommandCounterIncrement();
	unique_release(keys, queue_id, key, job_id, now);
	unique_close(keys);
	CommandCounterIncrement();
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

/* astrid._hold_key(queue, key, job) -> bigint */
Datum
astrid_hold_key(PG_FUNCTION_ARGS)
{
	Keys *keys = unique_open();
	KeyHolder holder = unique_hold(keys, PG_GETARG_INT32(0), PG_GETARG_DATUM(1), PG_GETARG_INT64(2),
								   0, clock_now());

	unique_close(keys);
	CommandCounterIncrement();
	PG_RETURN_INT64(holder.job_id);
}

/* astrid._forget_key(queue, key, job) */
Datum
astrid_forget_key(PG_FUNCTION_ARGS)
{
	Keys *keys = unique_open();

	release(keys, PG_GETARG_INT32(0), PG_GETARG_DATUM(1), PG_GETARG_INT64(2), DT_NOEND, true);
	unique_close(keys);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

/* astrid._release_key(queue, key, job) */
Datum
astrid_release_key(PG_FUNCTION_ARGS)
{
	unique_release_one(PG_GETARG_INT32(0), PG_GETARG_DATUM(1), PG_GETARG_INT64(2), clock_now());
	PG_RETURN_VOID();
}
