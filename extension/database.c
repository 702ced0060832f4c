/*
 * The databases that astrid knows of, in shared memory.
 *
 * A worker connected to a database makes DROP DATABASE, CREATE DATABASE ... TEMPLATE and RENAME
 * fail after five seconds. So such a command (ddl.c) first puts up a bar: the worker leaves, no
 * other one enters, and the command goes on when nobody is left. README.md has the state machine.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "database.h"

#define POLITE_MS    100  /* a worker between two passes leaves within this */
#define DEPARTURE_MS 5000 /* after which the command itself tells that the database is in use */

/* The caller holds shared->lock. */
static SharedDatabase *
find_slot(Oid oid)
{
	for (int i = 0; i < shared->n_databases; i++)
	{
		if (shared->databases[i].oid == oid)
			return &shared->databases[i];
	}
	return NULL;
}

/* The caller holds shared->lock exclusively. */
static SharedDatabase *
find_or_make_slot(Oid oid)
{
	SharedDatabase *database = find_slot(oid);

	if (database != NULL)
		return database;
	database = find_slot(InvalidOid);
	if (database == NULL)
		return NULL;
	database->oid = oid;
	database->state = DATABASE_UNSEEN;
	database->failures = 0;
	pg_atomic_write_u32(&database->look_again, 0);
	pg_atomic_write_u64(&database->due, (uint64) DT_NOEND);
	pg_atomic_write_u64(&database->passed_at, 0);
	return database;
}

SharedDatabase *
database_mine(void)
{
	static SharedDatabase *mine;

	if (shared == NULL)
		return NULL;
	/* A slot goes to another database only after this one was dropped or closed. */
	if (mine == NULL || mine->oid != MyDatabaseId)
	{
		LWLockAcquire(shared->lock, LW_SHARED);
		mine = find_slot(MyDatabaseId);
		LWLockRelease(shared->lock);
	}
	return mine;
}

static bool
is_listed(Oid oid, const Oid *oids, int n_oids)
{
	for (int i = 0; i < n_oids; i++)
	{
		if (oids[i] == oid)
			return true;
	}
	return false;
}

int
database_want(const Oid *oids, int n_oids)
{
	int n_homeless = 0;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->n_databases; i++)
	{
		SharedDatabase *database = &shared->databases[i];

		if (!OidIsValid(database->oid))
			continue;
		database->wanted = is_listed(database->oid, oids, n_oids);
		if (!database->wanted && database->latch != NULL)
			SetLatch(database->latch);
		if (!database->wanted && database->pid == 0 && database->bars == 0)
			database->oid = InvalidOid;
	}
	for (int i = 0; i < n_oids; i++)
	{
		SharedDatabase *database = find_or_make_slot(oids[i]);

		if (database != NULL)
			database->wanted = true;
		else
			n_homeless++;
	}
	LWLockRelease(shared->lock);
	return n_homeless;
}

bool
database_is_startable(SharedDatabase *database)
{
	bool startable;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	startable =
		OidIsValid(database->oid) && database->wanted && database->bars == 0 && database->pid == 0;
	if (startable && database->state == DATABASE_ABSENT)
		startable = pg_atomic_read_u32(&database->look_again) != 0;
	LWLockRelease(shared->lock);
	return startable;
}

void
database_count_start(SharedDatabase *database)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	database->failures++;
	/* Before the worker looks: what is created from now on makes it look once more. */
	pg_atomic_write_u32(&database->look_again, 0);
	LWLockRelease(shared->lock);
}

bool
database_attach(SharedDatabase *database)
{
	bool free_to_enter;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	free_to_enter =
		OidIsValid(database->oid) && database->wanted && database->bars == 0 && database->pid == 0;
	if (free_to_enter)
	{
		database->pid = MyProcPid;
		database->latch = MyLatch;
		database->state = DATABASE_ATTACHED;
	}
	else
		database->failures = 0;
	LWLockRelease(shared->lock);
	return free_to_enter;
}

bool
database_must_leave(SharedDatabase *database)
{
	bool leave;

	LWLockAcquire(shared->lock, LW_SHARED);
	leave = database->bars > 0 || !database->wanted;
	LWLockRelease(shared->lock);
	return leave;
}

void
database_report(SharedDatabase *database, DatabaseState state)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	database->state = state;
	database->failures = 0;
	LWLockRelease(shared->lock);
}

void
database_detach(SharedDatabase *database, bool failed)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	database->pid = 0;
	database->latch = NULL;
	if (database->state == DATABASE_ATTACHED)
		database->state = DATABASE_UNSEEN;
	/* A pass that a bar or the launcher cut short has not failed. */
	if (database->bars > 0 || !database->wanted)
		database->failures = 0;
	else if (failed)
		database->failures = Max(database->failures, 1);
	LWLockRelease(shared->lock);
	ConditionVariableBroadcast(&shared->departed);
}

SharedDatabase *
database_bar(Oid oid)
{
	SharedDatabase *database;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	database = find_or_make_slot(oid);
	if (database != NULL)
	{
		database->bars++;
		if (database->latch != NULL)
			SetLatch(database->latch);
	}
	LWLockRelease(shared->lock);
	return database;
}

static pid_t
worker_pid(SharedDatabase *database)
{
	pid_t pid;

	LWLockAcquire(shared->lock, LW_SHARED);
	pid = database->pid;
	LWLockRelease(shared->lock);
	return pid;
}

/* Wait up to that long for the worker to leave. */
static void
await_departure(SharedDatabase *database, int timeout_ms)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);

	ConditionVariablePrepareToSleep(&shared->departed);
	while (worker_pid(database) != 0)
	{
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

		if (left <= 0)
			break;
		(void) ConditionVariableTimedSleep(&shared->departed, left, wait_event_new("AstridBar"));
	}
	ConditionVariableCancelSleep();
}

void
database_await_departure(SharedDatabase *database)
{
	pid_t pid;

	await_departure(database, POLITE_MS);
	/* In the middle of a pass: its transaction is rolled back and done again later. */
	pid = worker_pid(database);
	if (pid == 0)
		return;
	if (kill(pid, SIGTERM) != 0 && errno != ESRCH)
		ereport(WARNING, (errmsg("could not signal the maintenance worker %d: %m", (int) pid)));
	await_departure(database, DEPARTURE_MS);
}

void
database_lift_bar(SharedDatabase *database)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	database->bars--;
	LWLockRelease(shared->lock);
}

void
database_look_again(void)
{
	SharedDatabase *database = database_mine();

	if (database != NULL)
		pg_atomic_write_u32(&database->look_again, 1);
	database_poke_launcher();
}

/* CREATE EXTENSION inside a prepared transaction is committed by a session that did not see it. */
void
database_is_used(SharedDatabase *database)
{
	Latch *latch = shared->launcher_latch;

	if (database->state != DATABASE_ABSENT)
		return;
	pg_atomic_write_u32(&database->look_again, 1);
	if (latch != NULL)
		SetLatch(latch);
}

void
database_set_launcher(Latch *latch)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->launcher_latch = latch;
	LWLockRelease(shared->lock);
}

void
database_poke_launcher(void)
{
	Latch *latch;

	LWLockAcquire(shared->lock, LW_SHARED);
	latch = shared->launcher_latch;
	LWLockRelease(shared->lock);
	if (latch != NULL)
		SetLatch(latch);
}
