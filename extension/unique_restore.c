/*
 * Unique keys after a crash (see unique_restore.h). Called by unique_row.c, unique_new.c,
 * children.c and, as SQL, by maintenance, which mostly comes first.
 *
 * astrid.unique_key is unlogged: all that it says follows from the jobs that are alive and from
 * astrid.unique_window, and to log it costs more than to write it. A crash, a promotion and a dump
 * without unlogged tables leave it empty, and astrid.key_epoch_kept with it: then that lacks a
 * number that astrid.key_epoch has. A crash ends all sessions, so what one has seen of it once
 * stays true.
 *
 * All who write keys have looked here before, and hold a lock on the table that conflicts with the
 * one taken here. So no key is written meanwhile, and those of prepared transactions, whose locks
 * outlive a crash, are waited for.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "helpers.h"
#include "store.h"
#include "unique_restore.h"
#include "unique_row.h"

PG_FUNCTION_INFO_V1(astrid_restore_keys);

/* More are only left where a dump was restored again and again. */
#define EPOCHS_MAX 16

/* The table that this session has seen complete, so that a new extension is looked at anew. */
static Oid complete = InvalidOid;

/* Calls the function for all rows of a table that a snapshot shows. */
typedef void (*Visit)(Relation rel, TupleTableSlot *row, void *to);

static void
visit_all(StoreId table, LOCKMODE lock, Snapshot snapshot, Visit visit, void *to)
{
	Relation rel = table_open(store_oid(table), lock);
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	TupleTableSlot *row = table_slot_create(rel, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(row);
		visit(rel, row, to);
	}
	ExecDropSingleTupleTableSlot(row);
	table_endscan(scan);
	table_close(rel, NoLock);
}

static void
visit_now(StoreId table, Visit visit, void *to)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());

	visit_all(table, RowExclusiveLock, snapshot, visit, to);
	UnregisterSnapshot(snapshot);
}

typedef struct Epochs
{
	int n;
	int64 epochs[EPOCHS_MAX];
	bool committed;
} Epochs;

static void
note_epoch(Relation rel, TupleTableSlot *row, void *to)
{
	Epochs *epochs = to;
	bool is_null;
	TransactionId xmin =
		DatumGetTransactionId(slot_getsysattr(row, MinTransactionIdAttributeNumber, &is_null));

	if (TransactionIdIsCurrentTransactionId(xmin))
		epochs->committed = false;
	if (epochs->n < EPOCHS_MAX)
		epochs->epochs[epochs->n++] = DatumGetInt64(row->tts_values[KEY_EPOCH_EPOCH]);
}

static bool
has_epoch(const Epochs *epochs, int64 epoch)
{
	for (int i = 0; i < epochs->n; i++)
		if (epochs->epochs[i] == epoch)
			return true;
	return false;
}

static bool
is_complete(void)
{
	Epochs written = {.committed = true};
	Epochs kept = {.committed = true};

	visit_now(STORE_KEY_EPOCH_KEPT, note_epoch, &kept);
	if (kept.n == 0)
		return false;
	visit_now(STORE_KEY_EPOCH, note_epoch, &written);
	for (int i = 0; i < written.n; i++)
		if (!has_epoch(&kept, written.epochs[i]))
			return false;
	/* A rollback to a savepoint may undo what this transaction has restored. */
	if (kept.committed)
		complete = store_oid(STORE_KEY_EPOCH_KEPT);
	return true;
}

static void
remove_row(Relation rel, TupleTableSlot *row, void *to)
{
	simple_heap_delete(rel, &row->tts_tid);
}

static void
begin_epoch(StoreId table, int64 epoch)
{
	Store *store;

	visit_now(table, remove_row, NULL);
	store = store_open(table, 1);
	store_set(store_row(store), KEY_EPOCH_EPOCH, Int64GetDatum(epoch));
	store_add(store);
	store_close(store);
}

/* Does the job wait for another one that has its key? */
static bool
is_next(Relation rel, TupleTableSlot *job)
{
	return RelationGetRelid(rel) == store_oid(STORE_WAITING) &&
		   DatumGetBool(job->tts_values[WAITING_BLOCKED]) &&
		   !DatumGetBool(job->tts_values[WAITING_PARKED]) && job->tts_isnull[WAITING_PARENTS_LEFT];
}

static void
hold(Relation rel, TupleTableSlot *job, void *to)
{
	KeyRow row = {.queue_id = DatumGetInt32(job->tts_values[JOB_QUEUE_ID]),
				  .key = job->tts_values[JOB_UNIQUE_KEY],
				  .holder.job_id = DatumGetInt64(job->tts_values[JOB_ID])};

	if (job->tts_isnull[JOB_UNIQUE_KEY] || is_next(rel, job))
		return;
	unique_fill(store_row(to), &row);
	store_add(to);
}

/* Two jobs have the same key, which only damage can bring about: the work must go on. */
static void
refuse(Relation rel, TupleTableSlot *row)
{
	slot_getallattrs(row);
	ereport(WARNING, (errcode(ERRCODE_UNIQUE_VIOLATION),
					  errmsg("job " INT64_FORMAT " has lost its unique key \"%s\"",
							 DatumGetInt64(row->tts_values[UNIQUE_KEY_JOB_ID]),
							 TextDatumGetCString(row->tts_values[UNIQUE_KEY_KEY])),
					  errdetail("Another live job of queue %d has the same key.",
								DatumGetInt32(row->tts_values[UNIQUE_KEY_QUEUE_ID])),
					  errhint("Cancel one of the two.")));
	CommandCounterIncrement();
	remove_row(rel, row, NULL);
}

/* Together: there are millions perhaps. */
static void
hold_all(Snapshot snapshot)
{
	static const StoreId tables[] = {STORE_READY, STORE_RUNNING, STORE_WAITING};
	Store *store = store_open(STORE_UNIQUE_KEY, STORE_ROWS_MAX);

	store->refused = refuse;
	for (int i = 0; i < lengthof(tables); i++)
		visit_all(tables[i], AccessShareLock, snapshot, hold, store);
	store_close(store);
	CommandCounterIncrement();
}

static void
follow(Relation rel, TupleTableSlot *job, void *to)
{
	int32 queue_id = DatumGetInt32(job->tts_values[JOB_QUEUE_ID]);
	int64 job_id = DatumGetInt64(job->tts_values[JOB_ID]);
	Datum key = job->tts_values[JOB_UNIQUE_KEY];
	KeyHolder holder;

	if (job->tts_isnull[JOB_UNIQUE_KEY] || !is_next(rel, job))
		return;
	holder = unique_hold(to, queue_id, key, job_id, 0, 0);
	if (holder.job_id != job_id)
		(void) unique_follow(to, queue_id, key, &holder, job_id, 0, 0);
	else
		(void) helper_go_on(job_id); /* this transaction has just ended the holder */
}

static void
keep(Relation rel, TupleTableSlot *window, void *to)
{
	TimestampTz free_at = DatumGetTimestampTz(window->tts_values[UNIQUE_WINDOW_FREE_AT]);

	if (free_at <= clock_now())
		return;
	/* The key may have had another window just now. */
	CommandCounterIncrement();
	unique_keep(to, DatumGetInt32(window->tts_values[UNIQUE_WINDOW_QUEUE_ID]),
				window->tts_values[UNIQUE_WINDOW_KEY],
				DatumGetInt64(window->tts_values[UNIQUE_WINDOW_JOB_ID]), free_at);
}

static void
write_keys(void)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	Keys *keys;

	hold_all(snapshot);
	keys = unique_open();
	visit_all(STORE_WAITING, AccessShareLock, snapshot, follow, keys);
	visit_all(STORE_UNIQUE_WINDOW, AccessShareLock, snapshot, keep, keys);
	unique_close(keys);
	CommandCounterIncrement();
	UnregisterSnapshot(snapshot);
}

void
unique_restore(void)
{
	int64 epoch;

	if (complete == store_oid(STORE_KEY_EPOCH_KEPT))
		return;
	PreventCommandIfReadOnly("writing unique keys");
	if (is_complete())
		return;
	LockRelationOid(store_oid(STORE_UNIQUE_KEY), ShareRowExclusiveLock);
	if (is_complete())
	{
		/* Those who have waited too are not to wait for this transaction as well. */
		UnlockRelationOid(store_oid(STORE_UNIQUE_KEY), ShareRowExclusiveLock);
		return;
	}
	visit_now(STORE_UNIQUE_KEY, remove_row, NULL);
	epoch = (int64) pg_prng_uint64(&pg_global_prng_state);
	begin_epoch(STORE_KEY_EPOCH, epoch);
	begin_epoch(STORE_KEY_EPOCH_KEPT, epoch);
	CommandCounterIncrement();
	write_keys();
}

/* astrid._restore_keys() */
Datum
astrid_restore_keys(PG_FUNCTION_ARGS)
{
	/* A dump may have been restored since this session looked. */
	complete = InvalidOid;
	unique_restore();
	PG_RETURN_VOID();
}
