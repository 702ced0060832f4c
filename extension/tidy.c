/*
 * Vacuum of astrid.ready and astrid.running (see tidy.h).
 *
 * Every job leaves a dead row in both. Autovacuum looks once a minute (autovacuum_naptime): by then
 * a fast queue has left a gigabyte, and a table that has grown does not shrink as long as a job
 * lies near its end. So the maintenance worker does it: after so many leases, in small portions.
 * Who takes the lease that makes them enough wakes it.
 *
 * Not while the horizon stands still, since then there is nothing to win; and at most a small part
 * of the time, since with a large backlog each portion has large indexes to read. The files are not
 * truncated: that takes a lock which claims would wait for.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "commands/vacuum.h"
#include "nodes/makefuncs.h"
#include "storage/latch.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "database.h"
#include "shmem.h"
#include "store.h"
#include "tidy.h"

#define LEASES_BETWEEN 2000 /* dead rows in each of the tables */
#define PAUSE_FACTOR   5    /* pause at least this many times as long as it took */

static const StoreId hot_tables[] = {STORE_READY, STORE_RUNNING};

static int64 leases_then = -1; /* at the last vacuum; -1: none yet */
static TransactionId horizon_then;
static TimestampTz not_before;

/* True, and its time is noted, when there is something to win. In a transaction. */
static bool
is_due(void)
{
	int64 leases = store_last(STORE_LEASE_SEQ);
	TransactionId horizon;
	Relation rel;

	if (leases_then < 0 || leases < leases_then)
		leases_then = leases;
	if (leases - leases_then < LEASES_BETWEEN)
		return false;
	rel = table_open(store_oid(STORE_READY), AccessShareLock);
	horizon = GetOldestNonRemovableTransactionId(rel);
	table_close(rel, AccessShareLock);
	if (horizon == horizon_then)
		return false;
	leases_then = leases;
	horizon_then = horizon;
	return true;
}

static void
vacuum_hot_tables(void)
{
	VacuumParams params = {.options = ASTRID_VACOPT | VACOPT_SKIP_LOCKED,
						   .freeze_min_age = -1,
						   .freeze_table_age = -1,
						   .multixact_freeze_min_age = -1,
						   .multixact_freeze_table_age = -1,
						   .log_min_duration = -1,
						   .index_cleanup = VACOPTVALUE_ENABLED,
						   .truncate = VACOPTVALUE_DISABLED,
						   .nworkers = -1};
	List *relations = NIL;

	for (int i = 0; i < lengthof(hot_tables); i++)
		relations = lappend(relations, makeVacuumRelation(NULL, store_oid(hot_tables[i]), NIL));
	ASTRID_VACUUM(relations, &params, CurrentMemoryContext);
}

void
tidy_hot_tables(void)
{
	TimestampTz begin = GetCurrentTimestamp();
	MemoryContext context;
	MemoryContext old;

	if (begin < not_before)
		return;
	/* vacuum() ends the transaction and begins others: what it is given must outlive them. */
	context = AllocSetContextCreate(TopMemoryContext, "astrid tidy", ALLOCSET_SMALL_SIZES);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	old = MemoryContextSwitchTo(context);
	if (is_due())
		vacuum_hot_tables();
	MemoryContextSwitchTo(old);
	CommitTransactionCommand();
	MemoryContextDelete(context);
	not_before = GetCurrentTimestamp() + (GetCurrentTimestamp() - begin) * PAUSE_FACTOR;
}

void
tidy_note_lease(int64 lease_id)
{
	SharedDatabase *database;
	Latch *latch;

	if (lease_id % LEASES_BETWEEN != 0 || (database = database_mine()) == NULL)
		return;
	latch = database->latch;
	if (latch != NULL)
		SetLatch(latch);
}
