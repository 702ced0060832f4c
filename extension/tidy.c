/*
 * Vacuum of the tables that rows of jobs pass through (see tidy.h).
 *
 * Every job leaves a dead row in astrid.ready and astrid.running, and in others if it uses what
 * they are for. Autovacuum looks once a minute (autovacuum_naptime): by then a fast queue has left
 * a gigabyte, and a table that has grown does not shrink as long as a job lies near its end. So the
 * maintenance worker does it: after so many leases or deleted rows, in small portions. Who takes
 * the lease or deletes the row that makes them enough wakes it.
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

#define ROWS_BETWEEN 2000 /* dead rows in each of the tables */
#define PAUSE_FACTOR 5    /* pause at least this many times as long as it took */
#define TABLES_MAX   2

/* Tables that are vacuumed together. Each portion has its own pace: what waits may be much. */
typedef struct Portion
{
	int n;
	StoreId tables[TABLES_MAX];
	int counter; /* in SharedDatabase.deleted; -1: the sequence of leases */
	bool begun;
	int64 rows_then; /* at the last vacuum */
	TransactionId horizon_then;
	TimestampTz not_before;
} Portion;

static Portion portions[] = {
	{.n = 2, .tables = {STORE_READY, STORE_RUNNING}, .counter = -1},
	{.n = 1, .tables = {STORE_WAITING}, .counter = TIDY_WAITING},
	{.n = 1, .tables = {STORE_DEPENDENCY}, .counter = TIDY_DEPENDENCY},
	{.n = 1, .tables = {STORE_GROUP_SLOT}, .counter = TIDY_GROUP_SLOT},
	{.n = 1, .tables = {STORE_UNIQUE_KEY}, .counter = TIDY_UNIQUE_KEY},
};

static int64
count_rows(const Portion *portion)
{
	SharedDatabase *database;

	if (portion->counter < 0)
		return store_last(STORE_LEASE_SEQ);
	database = database_mine();
	return database ? (int64) pg_atomic_read_u64(&database->deleted[portion->counter]) : 0;
}

/* True, and its time is noted, when there is something to win. In a transaction. */
static bool
is_due(Portion *portion)
{
	int64 rows = count_rows(portion);
	TransactionId horizon;
	Relation rel;

	if (!portion->begun || rows < portion->rows_then)
		portion->rows_then = rows;
	portion->begun = true;
	if (rows - portion->rows_then < ROWS_BETWEEN)
		return false;
	rel = table_open(store_oid(portion->tables[0]), AccessShareLock);
	horizon = GetOldestNonRemovableTransactionId(rel);
	table_close(rel, AccessShareLock);
	if (horizon == portion->horizon_then)
		return false;
	portion->rows_then = rows;
	portion->horizon_then = horizon;
	return true;
}

static void
vacuum_tables(const Portion *portion)
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

	for (int i = 0; i < portion->n; i++)
		relations =
			lappend(relations, makeVacuumRelation(NULL, store_oid(portion->tables[i]), NIL));
	ASTRID_VACUUM(relations, &params, CurrentMemoryContext);
}

static void
tidy(Portion *portion)
{
	TimestampTz begin = GetCurrentTimestamp();
	MemoryContext context;
	MemoryContext old;

	if (begin < portion->not_before)
		return;
	/* vacuum() ends the transaction and begins others: what it is given must outlive them. */
	context = AllocSetContextCreate(TopMemoryContext, "astrid tidy", ALLOCSET_SMALL_SIZES);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	old = MemoryContextSwitchTo(context);
	if (is_due(portion))
		vacuum_tables(portion);
	MemoryContextSwitchTo(old);
	CommitTransactionCommand();
	MemoryContextDelete(context);
	portion->not_before = GetCurrentTimestamp() + (GetCurrentTimestamp() - begin) * PAUSE_FACTOR;
}

void
tidy_hot_tables(void)
{
	for (int i = 0; i < lengthof(portions); i++)
		tidy(&portions[i]);
}

static void
wake_worker(const SharedDatabase *database)
{
	Latch *latch = database->latch;

	if (latch != NULL)
		SetLatch(latch);
}

void
tidy_note_lease(int64 lease_id)
{
	SharedDatabase *database;

	if (lease_id % ROWS_BETWEEN == 0 && (database = database_mine()) != NULL)
		wake_worker(database);
}

static int
counter_of(StoreId table)
{
	for (int i = 0; i < lengthof(portions); i++)
		if (portions[i].counter >= 0 && portions[i].tables[0] == table)
			return portions[i].counter;
	return -1;
}

void
tidy_note_deleted(StoreId table, int n)
{
	int counter = counter_of(table);
	SharedDatabase *database;
	uint64 before;

	if (counter < 0 || n == 0 || (database = database_mine()) == NULL)
		return;
	before = pg_atomic_fetch_add_u64(&database->deleted[counter], n);
	if (before / ROWS_BETWEEN != (before + n) / ROWS_BETWEEN)
		wake_worker(database);
}
