/*
 * Adding rows to the tables of jobs without the planner. Called by enqueue.c, claim.c and
 * complete.c.
 *
 * Rows are gathered in slots and written with table_multi_insert(): one WAL record per page instead
 * of one per row. Nothing here checks privileges: EXECUTE on the functions is the
 * privilege.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"

#include "entries.h"
#include "store.h"

static Oid oids[STORE_COUNT];
static bool oids_valid = false;

static void
oids_invalidate(Datum arg, Oid relid)
{
	for (int i = 0; oids_valid && i < STORE_COUNT; i++)
		if (relid == InvalidOid || oids[i] == relid)
			oids_valid = false;
}

static Oid
lookup(Oid namespace, const char *name)
{
	Oid oid = get_relname_relid(name, namespace);

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"astrid.%s\" does not exist", name),
				 errhint("Run CREATE EXTENSION astrid, or ALTER EXTENSION astrid UPDATE, in this "
						 "database.")));
	return oid;
}

static void
oids_load(void)
{
	static const char *const names[STORE_HISTORY] = {
		[STORE_QUEUE] = "queue",
		[STORE_READY] = "ready",
		[STORE_WAITING] = "waiting",
		[STORE_RUNNING] = "running",
		[STORE_DEPENDENCY] = "dependency",
		[STORE_TOKEN] = "token",
		[STORE_DEAD] = "dead",
		[STORE_READY_JOB] = "ready_job_id_key",
		[STORE_DEPENDENCY_PARENT] = "dependency_parent",
		[STORE_SUBSCRIPTION] = "subscription",
		[STORE_EVENT_SEQ] = "event_seq",
		[STORE_GROUP_SLOT] = "group_slot",
		[STORE_BUCKET] = "bucket",
		[STORE_UNIQUE_KEY] = "unique_key",
		[STORE_UNIQUE_WINDOW] = "unique_window",
		[STORE_UNIQUE_WINDOW_HASH] = "unique_window_key_hash",
		[STORE_KEY_EPOCH] = "key_epoch",
		[STORE_KEY_EPOCH_KEPT] = "key_epoch_kept",
		[STORE_DEADLINE] = "deadline",
		[STORE_WAITING_RUN_AT] = "waiting_run_at",
		[STORE_GROUP_SLOT_HASH] = "group_slot_key_hash",
		[STORE_WAITING_PARKED] = "waiting_parked",
		[STORE_JOB_SEQ] = "job_seq",
		[STORE_LEASE_SEQ] = "lease_seq",
	};
	static bool registered = false;
	Oid namespace = get_namespace_oid("astrid", false);

	if (!registered)
		CacheRegisterRelcacheCallback(oids_invalidate, (Datum) 0);
	registered = true;
	for (int i = 0; i < STORE_HISTORY; i++)
		oids[i] = lookup(namespace, names[i]);
	for (int i = 0; i < RING_SLOTS; i++)
	{
		oids[STORE_HISTORY + i] = lookup(namespace, psprintf("history_%d", i));
		oids[STORE_EVENT + i] = lookup(namespace, psprintf("event_%d", i));
	}
	oids_valid = true;
}

Oid
store_oid(StoreId id)
{
	if (!oids_valid)
		oids_load();
	return oids[id];
}

bool
store_is(StoreId id, Oid relid)
{
	/* Also when oids_valid is false already: the same message has come by here first. */
	return relid == InvalidOid || oids[id] == relid;
}

Oid
store_key(Relation rel)
{
	if (!rel->rd_indexvalid)
		list_free(RelationGetIndexList(rel));
	return rel->rd_pkindex;
}

int64
store_next(StoreId sequence)
{
	return nextval_internal(store_oid(sequence), false);
}

int64
store_last(StoreId sequence)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum last;

	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = ObjectIdGetDatum(store_oid(sequence));
	fcinfo->args[0].isnull = false;
	last = pg_sequence_last_value(fcinfo);
	return fcinfo->isnull ? 0 : DatumGetInt64(last);
}

StatsTable
store_stats_table(StoreId id)
{
	if (id >= STORE_HISTORY && id < STORE_EVENT)
		return STATS_HISTORY;
	if (id == STORE_READY)
		return STATS_READY;
	if (id == STORE_WAITING)
		return STATS_WAITING;
	return id == STORE_RUNNING ? STATS_RUNNING : STATS_NO_TABLE;
}

Store *
store_open(StoreId id, int rows_expected)
{
	Store *store = palloc0(sizeof(Store));

	PreventCommandIfReadOnly("writing jobs");
	store->id = id;
	store->rel = table_open(store_oid(id), RowExclusiveLock);
	store->table = store_stats_table(id);
	store->capacity = Min(Max(rows_expected, 1), STORE_ROWS_MAX);
	store->slots = palloc0(sizeof(TupleTableSlot *) * store->capacity);
	return store;
}

/* All but the first share a copy of the columns, which is not counted: the resource owner would
 * search for each of many slots. */
static TupleTableSlot *
make_slot(Store *store)
{
	TupleDesc columns = RelationGetDescr(store->rel);

	if (store->n > 0 && store->columns == NULL)
		store->columns = CreateTupleDescCopy(columns);
	return MakeSingleTupleTableSlot(store->n > 0 ? store->columns : columns,
									table_slot_callbacks(store->rel));
}

/* The next row, all columns null: fill it and call store_add(). */
TupleTableSlot *
store_row(Store *store)
{
	TupleTableSlot *slot = store->slots[store->n];

	if (slot == NULL)
		slot = store->slots[store->n] = make_slot(store);
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts);
	return slot;
}

static void
note_place(Store *store, TupleTableSlot *row)
{
	if (store->places != NULL)
		store->places[store->n_places++] = row->tts_tid;
	if (store->written != NULL)
		store->written(store->id, row);
}

static void
write_rows(Store *store)
{
	CommandId cid = GetCurrentCommandId(true);

	if (store->n == 1)
		table_tuple_insert(store->rel, store->slots[0], cid, 0, NULL);
	else
		table_multi_insert(store->rel, store->slots, store->n, cid, 0, NULL);
}

static void
clear(Store *store)
{
	for (int i = 0; i < store->n; i++)
		ExecClearTuple(store->slots[i]);
	store->n = 0;
}

static void
add_entries(Store *store, TupleTableSlot *row)
{
	if (store->refused == NULL)
		entries_add(store->entries, row);
	else if (!entries_try_add(store->entries, row))
		store->refused(store->rel, row);
}

/* Writes what was gathered. */
void
store_flush(Store *store)
{
	if (store->n == 0)
		return;
	if (store->entries == NULL)
		store->entries = entries_open(store->rel);
	write_rows(store);
	entries_expect(store->entries, store->n);
	for (int i = 0; i < store->n; i++)
	{
		add_entries(store, store->slots[i]);
		note_place(store, store->slots[i]);
	}
	clear(store);
}

/* Takes over the row from store_row(); its values are copied, so what they pointed to may go. */
static void
gather(Store *store)
{
	TupleTableSlot *slot = store->slots[store->n];

	ExecStoreVirtualTuple(slot);
	if (store->table != STATS_NO_TABLE)
		stats_note_row(store->table, slot, 1);
	ExecMaterializeSlot(slot);
	store->n++;
}

static bool
try_flush(Store *store)
{
	bool all_new = true;

	write_rows(store);
	for (int i = 0; i < store->n && all_new; i++)
		all_new = entries_try_add(store->entries, store->slots[i]);
	clear(store);
	return all_new;
}

static bool
try_rows(Store *store, int n, StoreFill fill, const void *from)
{
	for (int i = 0; i < n; i++)
	{
		fill(store_row(store), from, i);
		gather(store);
		if ((store->n == store->capacity || i == n - 1) && !try_flush(store))
			return false;
	}
	return true;
}

static void
end_subtransaction(bool commit, MemoryContext context, ResourceOwner owner)
{
	if (commit)
		ReleaseCurrentSubTransaction();
	else
		RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

bool
store_try(Store *store, int n, StoreFill fill, const void *from)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	bool written;

	/* What stays open after the subtransaction is opened before it. */
	if (store->entries == NULL)
		store->entries = entries_open(store->rel);
	(void) store_row(store);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		written = try_rows(store, n, fill, from);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		/* Who catches it ends a subtransaction of its own. */
		end_subtransaction(false, context, owner);
		ReThrowError(error);
	}
	PG_END_TRY();
	end_subtransaction(written, context, owner);
	return written;
}

static void
flush_if_full(Store *store)
{
	if (store->n == store->capacity)
		store_flush(store);
}

void
store_add(Store *store)
{
	gather(store);
	flush_if_full(store);
}

/* Copies the columns of a row that every state table has, and nothing behind them. */
static HeapTupleData
copy_bytes(TupleTableSlot *from, PGAlignedBlock *to)
{
	HeapTuple row = ExecFetchSlotHeapTuple(from, false, NULL);
	char *payload = DatumGetPointer(from->tts_values[JOB_PAYLOAD]);
	HeapTupleData copy = *row;

	copy.t_len = payload + VARSIZE_ANY(payload) - (char *) row->t_data;
	copy.t_data = (HeapTupleHeader) to->data;
	memcpy(copy.t_data, row->t_data, copy.t_len);
	HeapTupleHeaderSetNatts(copy.t_data, JOB_COLUMNS);
	return copy;
}

void
store_add_moved(Store *store, TupleTableSlot *from, int32 lane, int64 position)
{
	TupleTableSlot *slot = store_row(store);
	PGAlignedBlock bytes;
	HeapTupleData row = copy_bytes(from, &bytes);
	JobHead *head = (JobHead *) GETSTRUCT(&row);

	head->lane = lane;
	head->position = position;
	ExecForceStoreHeapTuple(&row, slot, false);
	/* The columns that it looks at are those of both. */
	stats_note_row(store->table, from, 1);
	store->n++;
	flush_if_full(store);
}

/* Writes what is left. The lock stays until the end of the transaction. */
void
store_close(Store *store)
{
	store_flush(store);
	for (int i = 0; i < store->capacity && store->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(store->slots[i]);
	if (store->entries != NULL)
		entries_close(store->entries);
	table_close(store->rel, NoLock);
	pfree(store);
}
