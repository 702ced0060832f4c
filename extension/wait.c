/*
 * astrid_wait: sleep until jobs are ready in one of the named queues, without holding a snapshot.
 *
 * Idle workers call it in a statement of its own. It has to be a procedure without output
 * arguments: any other form keeps a snapshot for as long as it runs, and with it every dead row of
 * the database. For the same reason it reads no table. The two ways to miss a wake-up are closed by
 * the generation that the session noted at its last claim, and by linking in before looking at it.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "channel.h"
#include "compat.h"
#include "guc.h"
#include "sqlstate.h"
#include "wake_internal.h"

#define DEFAULT_TIMEOUT_MS 15000
#define UNSLOTTED_NAP_MS   100 /* between two looks of a session that found no free slot */

typedef struct Sleep
{
	int n_keys;
	uint64 keys[WAKE_QUEUES_MAX];
	uint64 seen[WAKE_QUEUES_MAX]; /* generations that the client knows of */
	WakeWaiter *waiter;           /* NULL: all slots are taken, look every UNSLOTTED_NAP_MS */
	int64 timeout_ms;
} Sleep;

PG_FUNCTION_INFO_V1(astrid_wait);

/* Raises unless this CALL is a statement of its own. */
static void
check_context(FunctionCallInfo fcinfo)
{
	CallContext *call = (CallContext *) fcinfo->context;

	if (call == NULL || !IsA(call, CallContext) || call->atomic || SPI_inside_nonatomic_context())
		ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_WAIT_IN_TRANSACTION)),
						errmsg("astrid_wait cannot run inside a transaction block or a function"),
						errdetail("Its snapshot would keep dead rows from being removed."),
						errhint("Send CALL astrid_wait(...) as a statement of its own.")));
	PreventCommandDuringRecovery("astrid_wait()");
	if (shared == NULL)
		ereport(
			ERROR,
			(errcode(astrid_sqlstate(ASTRID_NOT_PRELOADED)),
			 errmsg("astrid_wait needs astrid in shared_preload_libraries"),
			 errhint("Set shared_preload_libraries = 'astrid' and restart the server, or LISTEN "
					 "astrid and claim again after a pause.")));
}

static void
read_queues(Sleep *sleep, ArrayType *queues)
{
	Datum *names;
	bool *nulls;
	int n_names = 0;

	if (queues != NULL)
		deconstruct_array(queues, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n_names);
	if (n_names > WAKE_QUEUES_MAX)
		ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_INVALID_ARGUMENT)),
						errmsg("astrid_wait takes at most %d queues", WAKE_QUEUES_MAX),
						errhint("Pass NULL to wait for any queue.")));
	for (int i = 0; i < n_names; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_INVALID_ARGUMENT)),
							errmsg("a queue name must not be null")));
		sleep->keys[i] = channel_key(TextDatumGetCString(names[i]));
	}
	sleep->n_keys = n_names;
	if (n_names == 0)
		sleep->keys[sleep->n_keys++] = channel_key(NULL);
}

static int64
read_timeout(Interval *timeout)
{
	double ms = DEFAULT_TIMEOUT_MS;

	if (timeout != NULL)
		ms = timeout->time / 1000.0 +
			 (timeout->day + (double) timeout->month * DAYS_PER_MONTH) * SECS_PER_DAY * 1000.0;
	if (ms < 0)
		ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_INVALID_ARGUMENT)),
						errmsg("the timeout must not be negative")));
	return (int64) Min(ms, guc_wait_max);
}

/* The statement's own snapshot is all that PortalRunUtility lets go of; any other one would stay.
 */
static void
drop_snapshots(void)
{
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	InvalidateCatalogSnapshot();
	if (HaveRegisteredOrActiveSnapshot())
		ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_WAIT_IN_TRANSACTION)),
						errmsg("astrid_wait cannot run while a snapshot is held"),
						errhint("Send CALL astrid_wait(...) as a statement of its own.")));
}

static WakeWaiter *
take_slot(void)
{
	for (int i = 0; i < shared->n_waiters; i++)
	{
		WakeWaiter *waiter = &shared->waiters[(MyProcPid + i) % shared->n_waiters];
		uint32 expected = 0;

		if (!pg_atomic_compare_exchange_u32(&waiter->taken, &expected, 1))
			continue;
		pg_atomic_write_u32(&waiter->woken, 0);
		waiter->database = MyDatabaseId;
		waiter->latch = MyLatch;
		waiter->n_links = 0;
		return waiter;
	}
	return NULL;
}

static bool
is_woken(WakeWaiter *waiter)
{
	return waiter != NULL && pg_atomic_read_u32(&waiter->woken) != 0;
}

static void
free_slot(WakeWaiter *waiter)
{
	channel_unlink(waiter);
	pg_atomic_write_u32(&waiter->taken, 0);
}

/* The wait was cancelled, or the session dies: the job it was woken for is for somebody else. */
static void
give_up(int code, Datum arg)
{
	WakeWaiter *waiter = ((Sleep *) DatumGetPointer(arg))->waiter;
	bool woken;
	uint64 key;

	if (waiter == NULL)
		return;
	channel_unlink(waiter);
	woken = is_woken(waiter);
	key = pg_atomic_read_u64(&waiter->woken_by);
	free_slot(waiter);
	if (woken)
		channel_wake(key, 1);
}

static bool
generation_moved(const Sleep *sleep)
{
	for (int i = 0; i < sleep->n_keys; i++)
	{
		if (channel_generation(sleep->keys[i]) != sleep->seen[i])
			return true;
	}
	return false;
}

static void
sleep_until_woken(Sleep *sleep, uint32 wait_event)
{
	instr_time start;

	INSTR_TIME_SET_CURRENT(start);
	/* Linked in, a later commit cannot be missed; an earlier one shows here. */
	while (!is_woken(sleep->waiter))
	{
		instr_time elapsed;
		int64 left;

		INSTR_TIME_SET_CURRENT(elapsed);
		INSTR_TIME_SUBTRACT(elapsed, start);
		left = sleep->timeout_ms - (int64) INSTR_TIME_GET_MILLISEC(elapsed);
		if (left <= 0)
			break;
		if (sleep->waiter == NULL)
			left = Min(left, UNSLOTTED_NAP_MS);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, (long) left,
						 wait_event);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (sleep->waiter == NULL && generation_moved(sleep))
			break;
	}
}

/* CALL astrid_wait(queues text[], timeout interval) */
Datum
astrid_wait(PG_FUNCTION_ARGS)
{
	static uint32 wait_event = 0;
	Sleep sleep = {0};

	check_context(fcinfo);
	read_queues(&sleep, PG_ARGISNULL(0) ? NULL : PG_GETARG_ARRAYTYPE_P(0));
	sleep.timeout_ms = read_timeout(PG_ARGISNULL(1) ? NULL : PG_GETARG_INTERVAL_P(1));
	if (wait_event == 0)
		wait_event = wait_event_new("AstridWait");
	drop_snapshots();

	for (int i = 0; i < sleep.n_keys; i++)
		sleep.seen[i] = wake_generation_seen(sleep.keys[i]);
	sleep.waiter = take_slot();
	PG_ENSURE_ERROR_CLEANUP(give_up, PointerGetDatum(&sleep));
	{
		if (sleep.waiter != NULL)
			channel_link(sleep.waiter, sleep.keys, sleep.n_keys);
		if (!generation_moved(&sleep))
			sleep_until_woken(&sleep, wait_event);
	}
	PG_END_ENSURE_ERROR_CLEANUP(give_up, PointerGetDatum(&sleep));
	if (sleep.waiter != NULL)
		free_slot(sleep.waiter);

	for (int i = 0; i < sleep.n_keys; i++)
		wake_generation_told(sleep.keys[i], channel_generation(sleep.keys[i]));
	PG_RETURN_VOID();
}
