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

#include "lease.h"
#include "rows.h"

Rows *
leases_open(void)
{
	PreventCommandIfReadOnly("taking a lease");
	return rows_open(STORE_RUNNING);
}

/* Finds the running row of the lease. */
static bool
find(Rows *leases, int64 job_id, int64 lease_id)
{
	ScanKeyData key;

	rows_key_int8(&key, 1, job_id);
	return rows_find(leases, &key, 1) &&
		   DatumGetInt64(leases->row->tts_values[RUNNING_LEASE_ID]) == lease_id;
}

TupleTableSlot *
leases_take(Rows *leases, int64 job_id, int64 lease_id)
{
	while (find(leases, job_id, lease_id))
	{
		TM_Result result = rows_delete(leases, true);

		if (result == TM_Ok)
			return leases->row;
		if (result != TM_Updated)
			return NULL;
		CHECK_FOR_INTERRUPTS();
		rows_refresh(leases);
	}
	return NULL;
}

bool
lease_lock(int64 job_id, int64 lease_id)
{
	Rows *leases = leases_open();
	TM_Result result = TM_Deleted;

	while (find(leases, job_id, lease_id))
	{
		/* The weakest lock that keeps the row: it lets heartbeats through, which a worker sends
		 * from elsewhere. */
		result = rows_lock(leases, LockTupleKeyShare);
		if (result != TM_Updated)
			break;
		CHECK_FOR_INTERRUPTS();
		rows_refresh(leases);
		result = TM_Deleted;
	}
	rows_close(leases);
	return result == TM_Ok;
}
