/*
 * The process that counts (stats_recount.c) beside the maintenance worker, which must not stand
 * still for so long.
 *
 * The maintenance worker starts it, and ends it before it leaves the database itself: so whatever
 * must have the database alone waits for one process only.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "stats_internal.h"

#define PAUSE_MS     (5 * 1000) /* between two counts, or this many times what the last took: */
#define PAUSE_FACTOR 20

static BackgroundWorkerHandle *counting;
static TimestampTz started_at;
static TimestampTz not_before;

static void
stop_counting(int code, Datum arg)
{
	if (counting == NULL)
		return;
	TerminateBackgroundWorker(counting);
	(void) WaitForBackgroundWorkerShutdown(counting);
	counting = NULL;
}

static bool
is_counting(void)
{
	TimestampTz now = GetCurrentTimestamp();
	pid_t pid;

	if (counting == NULL)
		return false;
	if (GetBackgroundWorkerPid(counting, &pid) != BGWH_STOPPED)
		return true;
	pfree(counting);
	counting = NULL;
	not_before = now + Max((now - started_at) * PAUSE_FACTOR, PAUSE_MS * INT64CONST(1000));
	return false;
}

/* Without a catalog: a database that nobody has entered yet is to be counted. */
static bool
is_count_due(void)
{
	for (int i = 0; i < stats_shared->n_databases; i++)
	{
		StatsDatabase *database = &stats_shared->databases[i];

		if (database->oid == MyDatabaseId)
			return stats_need_recount(database, PART_GAUGES) ||
				   stats_need_recount(database, PART_TOTALS);
	}
	return true;
}

void
stats_keep_counted(void)
{
	static bool registered = false;
	BackgroundWorker worker = {0};
	MemoryContext old;

	if (!registered)
		before_shmem_exit(stop_counting, (Datum) 0);
	registered = true;
	if (is_counting() || GetCurrentTimestamp() < not_before || !is_count_due())
		return;
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "astrid", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "astrid_stats_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "astrid count", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "astrid count", sizeof(worker.bgw_type));
	started_at = GetCurrentTimestamp();
	not_before = started_at + PAUSE_MS * INT64CONST(1000);
	old = MemoryContextSwitchTo(TopMemoryContext);
	/* Where no process is to be had the views go on without. */
	(void) RegisterDynamicBackgroundWorker(&worker, &counting);
	MemoryContextSwitchTo(old);
}

static void
count_part(StatsPart part)
{
	StatsDatabase *database;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	/* The tables may still be those of an older version. */
	if (OidIsValid(get_extension_oid("astrid", true)) &&
		OidIsValid(get_relname_relid("queue_total", get_namespace_oid("astrid", false))))
	{
		database = stats_database();
		if (database != NULL && stats_need_recount(database, part))
			stats_recount(part);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
}

void
astrid_stats_main(Datum arg)
{
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	pgstat_report_activity(STATE_RUNNING, "counting jobs");
	for (StatsPart part = 0; part < PARTS; part++)
		count_part(part);
	proc_exit(0);
}
