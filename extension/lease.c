/*
 * Finding and locking the running row of a lease. Called by complete.c.
 *
 * The newest committed version of the row counts, whatever the isolation level: a lease is the
 * truth of this moment. A heartbeat may replace the row while we look at it; then we look again.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "lease.h"
#include "store.h"

struct Leases
{
	Relation rel;
	Relation key;
	Snapshot snapshot;
	IndexScanDesc scan;
	TupleTableSlot *row;
};

static void
scan_begin(Leases *leases)
{
	leases->snapshot = RegisterSnapshot(GetLatestSnapshot());
	leases->scan = ASTRID_INDEX_BEGINSCAN(leases->rel, leases->key, leases->snapshot, 1);
}

static void
scan_end(Leases *leases)
{
	index_endscan(leases->scan);
	UnregisterSnapshot(leases->snapshot);
}

Leases *
leases_open(void)
{
	Leases *leases = palloc(sizeof(Leases));

	PreventCommandIfReadOnly("taking a lease");
	leases->rel = table_open(store_oid(STORE_RUNNING), RowExclusiveLock);
	leases->key = index_open(store_key(leases->rel), RowExclusiveLock);
	leases->row = table_slot_create(leases->rel, NULL);
	scan_begin(leases);
	return leases;
}

void
leases_close(Leases *leases)
{
	scan_end(leases);
	ExecDropSingleTupleTableSlot(leases->row);
	index_close(leases->key, NoLock);
	table_close(leases->rel, NoLock);
	pfree(leases);
}

/* Puts the running row of the lease into leases->row. */
static bool
find(Leases *leases, int64 job_id, int64 lease_id)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(job_id));
	index_rescan(leases->scan, &key, 1, NULL, 0);
	if (!index_getnext_slot(leases->scan, ForwardScanDirection, leases->row))
		return false;
	slot_getallattrs(leases->row);
	return DatumGetInt64(leases->row->tts_values[RUNNING_LEASE_ID]) == lease_id;
}

TupleTableSlot *
leases_take(Leases *leases, int64 job_id, int64 lease_id)
{
	while (find(leases, job_id, lease_id))
	{
		TM_FailureData failure;
		TM_Result result =
			table_tuple_delete(leases->rel, &leases->row->tts_tid, GetCurrentCommandId(true),
							   leases->snapshot, InvalidSnapshot, true, &failure, false);

		if (result == TM_Ok)
			return leases->row;
		if (result != TM_Updated)
			return NULL;
		CHECK_FOR_INTERRUPTS();
		scan_end(leases);
		scan_begin(leases);
	}
	return NULL;
}

bool
lease_lock(int64 job_id, int64 lease_id)
{
	Leases *leases = leases_open();
	TM_Result result = TM_Deleted;

	while (find(leases, job_id, lease_id))
	{
		TM_FailureData failure;

		/* The weakest lock that keeps the row: it lets heartbeats through, which a worker sends
		 * from elsewhere. */
		result = table_tuple_lock(leases->rel, &leases->row->tts_tid, leases->snapshot, leases->row,
								  GetCurrentCommandId(false), LockTupleKeyShare, LockWaitBlock, 0,
								  &failure);
		if (result != TM_Updated)
			break;
		CHECK_FOR_INTERRUPTS();
		scan_end(leases);
		scan_begin(leases);
		result = TM_Deleted;
	}
	leases_close(leases);
	return result == TM_Ok;
}

bool
lease_has_children(int64 job_id)
{
	Relation rel = table_open(store_oid(STORE_DEPENDENCY), AccessShareLock);
	bool found = false;

	if (RelationGetNumberOfBlocks(rel) > 0)
	{
		Relation index = index_open(store_key(rel), AccessShareLock);
		Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
		IndexScanDesc scan = ASTRID_INDEX_BEGINSCAN(rel, index, snapshot, 1);
		TupleTableSlot *slot = table_slot_create(rel, NULL);
		ScanKeyData key;

		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(job_id));
		index_rescan(scan, &key, 1, NULL, 0);
		found = index_getnext_slot(scan, ForwardScanDirection, slot);
		ExecDropSingleTupleTableSlot(slot);
		index_endscan(scan);
		UnregisterSnapshot(snapshot);
		index_close(index, AccessShareLock);
	}
	table_close(rel, AccessShareLock);
	return found;
}
