/*
 * The concurrency limit of a queue. Called by claim.c.
 *
 * A queue without a limit costs nothing here. With one, claims from it take turns by an advisory
 * lock that lasts until the transaction ends, then count the running jobs: the count includes what
 * every earlier claim committed, so the limit is never exceeded.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "storage/lock.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "limit.h"
#include "store.h"

/* Field 4 of the lock tag, where pg_advisory_lock() uses 1 and 2: no user lock can collide. */
#define LIMIT_LOCK_CLASS 0xa5

static int
count_running(int32 queue_id)
{
	Relation rel = table_open(store_oid(STORE_RUNNING), AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	int n = 0;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool is_null;

		if (DatumGetInt32(slot_getattr(slot, JOB_QUEUE_ID + 1, &is_null)) == queue_id)
			n++;
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return n;
}

int
limit_room(const Queue *queue)
{
	LOCKTAG tag;

	if (queue->concurrency == 0)
		return INT_MAX;
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, (uint32) queue->id, LIMIT_LOCK_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	return Max(queue->concurrency - count_running(queue->id), 0);
}
