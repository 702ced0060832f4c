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

void
leases_open(Leases *leases)
{
	PreventCommandIfReadOnly("taking a lease");
	leases->rows = rows_open(STORE_RUNNING);
	leases->at_a_row = false;
}

void
leases_close(Leases *leases)
{
	rows_close(leases->rows);
}

/* Sees what was committed since. */
static void
refresh(Leases *leases)
{
	CHECK_FOR_INTERRUPTS();
	rows_refresh(leases->rows);
	leases->at_a_row = false;
}

static int64
column(Leases *leases, int number)
{
	return DatumGetInt64(leases->rows->row->tts_values[number]);
}

/* The row after the last one, if it is the job's. */
static bool
follows(Leases *leases, int64 job_id)
{
	return leases->at_a_row && job_id == leases->at + 1 && rows_next(leases->rows) &&
		   column(leases, JOB_ID) == job_id;
}

/* A row that is not there makes the scan stand at a later one. */
static bool
search(Leases *leases, int64 job_id, int64 last)
{
	ScanKeyData keys[2];

	rows_key_int8_range(keys, 1, job_id, last);
	return rows_find(leases->rows, keys, 2) && column(leases, JOB_ID) == job_id;
}

/* Finds the running row of the lease. */
static bool
find(Leases *leases, int64 job_id, int64 lease_id, int64 last)
{
	leases->at_a_row = follows(leases, job_id) || search(leases, job_id, last);
	leases->at = job_id;
	return leases->at_a_row && column(leases, RUNNING_LEASE_ID) == lease_id;
}

TupleTableSlot *
leases_take(Leases *leases, int64 job_id, int64 lease_id, int64 last)
{
	while (find(leases, job_id, lease_id, last))
	{
		TM_Result result = rows_delete(leases->rows, true);

		if (result == TM_Ok)
			return leases->rows->row;
		if (result != TM_Updated)
			return NULL;
		refresh(leases);
	}
	return NULL;
}

bool
lease_lock(int64 job_id, int64 lease_id)
{
	Leases leases;
	TM_Result result = TM_Deleted;

	leases_open(&leases);
	while (find(&leases, job_id, lease_id, job_id))
	{
		/* The weakest lock that keeps the row: it lets heartbeats through, which a worker sends
		 * from elsewhere. */
		result = rows_lock(leases.rows, LockTupleKeyShare);
		if (result != TM_Updated)
			break;
		refresh(&leases);
		result = TM_Deleted;
	}
	leases_close(&leases);
	return result == TM_Ok;
}
