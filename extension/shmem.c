/*
 * Requests and lays out astrid's shared memory (see shmem.h) when the server starts, and again
 * after a crash.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "guc.h"
#include "shmem.h"
#include "stats.h"

#define TRANCHE "astrid"

SharedState *shared;

static shmem_request_hook_type next_request_hook;
static shmem_startup_hook_type next_startup_hook;

static int
waiter_slots(void)
{
	return guc_max_waiters > 0 ? guc_max_waiters : MaxBackends;
}

static Size
waiters_offset(void)
{
	return MAXALIGN(sizeof(SharedState));
}

static Size
databases_offset(void)
{
	return MAXALIGN(add_size(waiters_offset(), mul_size(waiter_slots(), sizeof(WakeWaiter))));
}

static Size
shmem_size(void)
{
	return add_size(databases_offset(), mul_size(guc_max_databases, sizeof(SharedDatabase)));
}

static void
request_shmem(void)
{
	if (next_request_hook)
		next_request_hook();
	RequestAddinShmemSpace(add_size(shmem_size(), stats_shmem_size()));
	RequestNamedLWLockTranche(TRANCHE, 1);
}

static void
init_channel(WakeChannel *channel)
{
	pg_atomic_init_u64(&channel->generation, 1);
	pg_atomic_init_u64(&channel->looked_again, 0);
	pg_atomic_init_u32(&channel->n_links, 0);
	SpinLockInit(&channel->mutex);
	dlist_init(&channel->links);
}

static void
init_waiter(WakeWaiter *waiter)
{
	pg_atomic_init_u32(&waiter->taken, 0);
	pg_atomic_init_u32(&waiter->woken, 0);
	pg_atomic_init_u64(&waiter->woken_by, 0);
}

static void
init_database(SharedDatabase *database)
{
	pg_atomic_init_u32(&database->look_again, 0);
	pg_atomic_init_u64(&database->due, (uint64) DT_NOEND);
	pg_atomic_init_u64(&database->passed_at, 0);
	for (int i = 0; i < TIDY_TABLES; i++)
		pg_atomic_init_u64(&database->deleted[i], 0);
	SpinLockInit(&database->notify_mutex);
	pg_atomic_init_u32(&database->notify_pending, 0);
	for (int i = 0; i < NOTIFY_NAMES; i++)
		pg_atomic_init_u64(&database->notify[i].key, 0);
}

static void
init_floor(SharedFloor *floor)
{
	pg_atomic_init_u64(&floor->key, 0);
	pg_atomic_init_u64(&floor->claimed, 0);
	SpinLockInit(&floor->mutex);
}

static void
init_shared(void)
{
	memset(shared, 0, shmem_size());
	shared->lock = &(GetNamedLWLockTranche(TRANCHE))->lock;
	ConditionVariableInit(&shared->departed);
	shared->n_waiters = waiter_slots();
	shared->n_databases = guc_max_databases;
	shared->waiters = (WakeWaiter *) ((char *) shared + waiters_offset());
	shared->databases = (SharedDatabase *) ((char *) shared + databases_offset());
	for (int i = 0; i < WAKE_CHANNELS; i++)
		init_channel(&shared->channels[i]);
	for (int i = 0; i < FLOOR_SLOTS; i++)
		init_floor(&shared->floors[i]);
	for (int i = 0; i < ROUND_SLOTS; i++)
		SpinLockInit(&shared->rounds[i].mutex);
	for (int i = 0; i < shared->n_waiters; i++)
		init_waiter(&shared->waiters[i]);
	for (int i = 0; i < shared->n_databases; i++)
		init_database(&shared->databases[i]);
}

static void
startup_shmem(void)
{
	bool found;

	if (next_startup_hook)
		next_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("astrid", shmem_size(), &found);
	if (!found)
		init_shared();
	stats_shmem_startup();
	LWLockRelease(AddinShmemInitLock);
}

void
shmem_init(void)
{
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}
