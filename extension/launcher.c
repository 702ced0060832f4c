/*
 * The launcher: finds the databases and keeps one maintenance worker in each that has astrid.
 *
 * It is connected to no database, only to the shared catalogs, as autovacuum's launcher is; so it
 * is in nobody's way. It looks at pg_database when poked (CREATE/ALTER/DROP DATABASE, CREATE
 * EXTENSION), when a worker ends, and now and then. Whether a database has astrid only a worker can
 * see: it says so in shared memory and leaves when not. The state machine is in README.md.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "database.h"
#include "guc.h"
#include "launcher.h"

#define LOOK_INTERVAL_MS 10000 /* between two looks at pg_database that nobody asked for */
#define BACKOFF_MS       1000  /* after a first failure; doubled by each further one */
#define BACKOFF_MAX_MS   60000

/* What the launcher itself knows of a database slot; lost with it, and then rebuilt from shared
 * memory. */
typedef struct Launched
{
	BackgroundWorkerHandle *handle; /* NULL: none started, or it has ended */
	TimestampTz retry_at;
} Launched;

static MemoryContext launcher_context;
static Launched *launched; /* one per slot of shared->databases */

void
handle_shutdown(SIGNAL_ARGS)
{
	int save_errno = errno;

	ShutdownRequestPending = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
	errno = save_errno;
}

static bool
is_eligible(Form_pg_database row)
{
	return row->datallowconn && !row->datistemplate && row->datconnlimit != DATCONNLIMIT_INVALID_DB;
}

/* Tell shared memory which databases there are. */
static void
look_at_databases(void)
{
	static bool complained = false;
	Relation relation;
	TableScanDesc scan;
	HeapTuple tuple;
	Oid *oids = NULL;
	int n_oids = 0;
	int n_homeless;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database row = (Form_pg_database) GETSTRUCT(tuple);

		if (!is_eligible(row))
			continue;
		oids = oids ? repalloc(oids, (n_oids + 1) * sizeof(Oid)) : palloc(sizeof(Oid));
		oids[n_oids++] = row->oid;
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	n_homeless = database_want(oids, n_oids);
	CommitTransactionCommand();
	MemoryContextSwitchTo(launcher_context);

	if (n_homeless > 0 && !complained)
		ereport(LOG, (errmsg("astrid maintains only %d databases, %d more are left out",
							 shared->n_databases, n_homeless),
					  errhint("Raise astrid.max_databases.")));
	complained = n_homeless > 0;
}

static int
backoff_ms(int failures)
{
	int doublings = Min(failures - 1, 6);

	return Min(BACKOFF_MS << doublings, BACKOFF_MAX_MS);
}

/* Forget the workers that have ended; those that failed are tried again later. */
static void
reap_workers(void)
{
	for (int i = 0; i < shared->n_databases; i++)
	{
		pid_t pid;
		int failures = shared->databases[i].failures;

		if (launched[i].handle == NULL ||
			GetBackgroundWorkerPid(launched[i].handle, &pid) != BGWH_STOPPED)
			continue;
		pfree(launched[i].handle);
		launched[i].handle = NULL;
		launched[i].retry_at = 0;
		if (failures > 0)
			launched[i].retry_at =
				TimestampTzPlusMilliseconds(GetCurrentTimestamp(), backoff_ms(failures));
	}
}

static bool
start_worker(int slot)
{
	static bool complained = false;
	BackgroundWorker worker;
	bool started;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = Int32GetDatum(slot);
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "astrid", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "astrid_maintenance_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "astrid maintenance", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "astrid maintenance", sizeof(worker.bgw_type));
	started = RegisterDynamicBackgroundWorker(&worker, &launched[slot].handle);
	if (!started && !complained)
		ereport(LOG, (errmsg("could not start an astrid maintenance worker: all slots are taken"),
					  errhint("Raise max_worker_processes: astrid needs one for itself and one for "
							  "each database with the extension.")));
	complained = !started;
	return started;
}

/* Start the workers that are due; returns the milliseconds until the next one is. */
static long
start_workers(void)
{
	long pause = LOOK_INTERVAL_MS;

	for (int i = 0; i < shared->n_databases; i++)
	{
		long wait;

		if (launched[i].handle != NULL || !database_is_startable(&shared->databases[i]))
			continue;
		/* No failures: perhaps another database has the slot by now. */
		wait = shared->databases[i].failures == 0
				   ? 0
				   : TimestampDifferenceMilliseconds(GetCurrentTimestamp(), launched[i].retry_at);
		if (wait <= 0)
		{
			database_count_start(&shared->databases[i]);
			if (start_worker(i))
				continue;
			wait = BACKOFF_MS;
		}
		pause = Min(pause, wait);
	}
	return pause;
}

static void
leave(int code, Datum arg)
{
	database_set_launcher(NULL);
}

static void
launcher_loop(void)
{
	uint32 wait_event = wait_event_new("AstridLauncher");

	while (!ShutdownRequestPending)
	{
		long pause = LOOK_INTERVAL_MS;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		reap_workers();
		if (guc_maintenance)
			look_at_databases();
		else
			database_want(NULL, 0);
		pause = start_workers();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause,
						 wait_event);
		ResetLatch(MyLatch);
	}
}

void
astrid_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, handle_shutdown);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);

	launcher_context =
		AllocSetContextCreate(TopMemoryContext, "astrid launcher", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(launcher_context);
	launched = palloc0(shared->n_databases * sizeof(Launched));
	before_shmem_exit(leave, 0);
	database_set_launcher(MyLatch);
	launcher_loop();
	/* After pg_terminate_backend the postmaster is to start it again, which it does not after 0. */
	proc_exit(1);
}

void
launcher_init(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 5;
	strlcpy(worker.bgw_library_name, "astrid", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "astrid_launcher_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "astrid launcher", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "astrid launcher", sizeof(worker.bgw_type));
	RegisterBackgroundWorker(&worker);
}
