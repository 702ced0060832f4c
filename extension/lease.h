/*
 * Finding and locking the running row of a lease. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_LEASE_H
#define ASTRID_LEASE_H

#include "rows.h"

/* For taking leases; close it by rows_close(). */
extern Rows *leases_open(void);

/*
 * Deletes the running row of the job if the lease is its current one and returns it, good until the
 * next call; null where the lease is lost. Waits for a session that is just changing the row.
 */
extern TupleTableSlot *leases_take(Rows *leases, int64 job_id, int64 lease_id);

/* Locks the row until the end of the transaction; heartbeats still get through. False: the lease is
 * lost. */
extern bool lease_lock(int64 job_id, int64 lease_id);

#endif
