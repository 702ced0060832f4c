/*
 * The maintenance worker of one database: calls astrid.maintain() and sends NOTIFY for committers.
 *
 * It runs as the bootstrap superuser with a pinned search_path, and evaluates no SQL of users. It
 * handles no error: one ends the process, its transaction is rolled back, and the launcher starts
 * the next one after a pause that doubles.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/async.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "astrid/channels.h"
#include "compat.h"
#include "database.h"
#include "guc.h"
#include "launcher.h"
#include "notify.h"
#include "stats.h"
#include "tidy.h"

/* What a pass does, each in a transaction of its own. After a crash others wait for the first. */
static const struct
{
	const char *statement;
	bool timed; /* may take maintenance_timeout at most */
} steps[] = {
	{"SELECT astrid._restore_keys()", false},
	{"SELECT astrid.maintain()", true},
};

/* Settings that a database or a role could have made unfit for this worker. */
static const struct
{
	const char *name;
	const char *value;
} pinned_settings[] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_read_only", "off"},
	/* Who holds a lock for longer is changing the tables: out of the way. */
	{"lock_timeout", "1s"},
	/* What a crash undoes, the next pass does again. */
	{"synchronous_commit", "off"},
};

static void
leave(int code, Datum arg)
{
	database_detach((SharedDatabase *) DatumGetPointer(arg), code != 0);
}

static void
pin_settings(void)
{
	for (int i = 0; i < lengthof(pinned_settings); i++)
		SetConfigOption(pinned_settings[i].name, pinned_settings[i].value, PGC_SUSET,
						PGC_S_OVERRIDE);
}

static void
execute(const char *statement)
{
	int result;

	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	result = SPI_execute(statement, false, 1);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "%s: %s", statement, SPI_result_code_string(result));
	SPI_finish();
	PopActiveSnapshot();
}

/* False when the extension is not there (any more). */
static bool
run_step(const char *statement, bool timed)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!OidIsValid(get_extension_oid("astrid", true)))
	{
		CommitTransactionCommand();
		return false;
	}
	pgstat_report_activity(STATE_RUNNING, statement);
	if (timed)
		enable_timeout_after(STATEMENT_TIMEOUT, guc_maintenance_timeout);
	execute(statement);
	if (timed)
		disable_timeout(STATEMENT_TIMEOUT, false);
	CommitTransactionCommand();
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return true;
}

static bool
run_pass(void)
{
	for (int i = 0; i < lengthof(steps); i++)
		if (!run_step(steps[i].statement, steps[i].timed))
			return false;
	return true;
}

/* One NOTIFY for all that was committed since the last one. */
static void
send_notify(SharedDatabase *database)
{
	char payload[NOTIFY_PAYLOAD_MAX];

	if (!notify_take(database, payload))
		return;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	Async_Notify(ASTRID_CHANNEL_WAKE, payload);
	CommitTransactionCommand();
}

static void
pause_until(TimestampTz until, uint32 wait_event)
{
	long ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

	if (ms > 0)
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, wait_event);
	ResetLatch(MyLatch);
}

static bool
may_stay(SharedDatabase *database)
{
	if (ShutdownRequestPending || database_must_leave(database))
		return false;
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	return guc_maintenance;
}

/* Returns when this worker has to go, or has nothing to do here. */
static void
maintain(SharedDatabase *database)
{
	uint32 wait_event = wait_event_new("AstridMaintenance");
	TimestampTz next_pass = 0;
	TimestampTz next_notify = 0;

	while (may_stay(database))
	{
		TimestampTz now = GetCurrentTimestamp();
		TimestampTz wake_at;

		wake_at = Min(next_pass, (TimestampTz) pg_atomic_read_u64(&database->due));
		if (now >= wake_at)
		{
			/* Before the pass: a due time that comes during it counts for the next one. */
			pg_atomic_write_u64(&database->due, (uint64) DT_NOEND);
			if (!run_pass())
			{
				database_report(database, DATABASE_ABSENT);
				return;
			}
			database_report(database, DATABASE_ATTACHED);
			stats_keep_counted();
			next_pass = wake_at = TimestampTzPlusMilliseconds(now, guc_maintenance_interval);
		}
		if (pg_atomic_read_u32(&database->notify_pending) != 0)
		{
			if (now >= next_notify)
			{
				send_notify(database);
				next_notify = TimestampTzPlusMilliseconds(now, guc_notify_interval);
			}
			else
				wake_at = Min(wake_at, next_notify);
		}
		tidy_hot_tables();
		pause_until(wake_at, wait_event);
	}
}

void
astrid_maintenance_main(Datum arg)
{
	SharedDatabase *database = &shared->databases[DatumGetInt32(arg)];

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, handle_shutdown);
	if (!database_attach(database))
		proc_exit(0);
	/*
	 * Registered before the connection is made, so that it is called after this process has left
	 * the list of the database's sessions.
	 */
	on_shmem_exit(leave, PointerGetDatum(database));
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database->oid, InvalidOid, 0);
	pin_settings();
	maintain(database);
	proc_exit(0);
}
