/*
 * Finding and locking the running row of a lease. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_LEASE_H
#define ASTRID_LEASE_H

#include "rows.h"

/* For taking leases. */
typedef struct Leases
{
	Rows *rows;
	int64 at;      /* the last job */
	bool at_a_row; /* whose row was found: the scan stands at it */
} Leases;

extern void leases_open(Leases *leases);
extern void leases_close(Leases *leases);

/*
 * Deletes the running row of the job if the lease is its current one and returns it, good until the
 * next call; null where the lease is lost. Waits for a session that is just changing the row.
 *
 * The jobs from this one to last, whose numbers follow one another, are to be taken next: one
 * search of the index finds them all. Without such jobs last is job_id.
 */
extern TupleTableSlot *leases_take(Leases *leases, int64 job_id, int64 lease_id, int64 last);

/* Locks the row until the end of the transaction; heartbeats still get through. False: the lease is
 * lost. */
extern bool lease_lock(int64 job_id, int64 lease_id);

#endif
