/*
 * The counters' place in shared memory: databases, and their queues in a hash table with open
 * addressing.
 *
 * Places are given and taken under the lock, never in a callback; they are looked up without it. A
 * place that was taken away leaves a tombstone, so that what lies behind it is still found.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "access/twophase.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "stats_internal.h"
#include "store.h"

#define KEY_FREE          UINT64CONST(0)
#define NO_PLACE_PAUSE_MS 10000 /* before a session asks again for a place for its database */

#define KEY_TOMBSTONE UINT64CONST(1)

SharedStats *stats_shared;

/* Transactions that a snapshot can list. */
static int
xip_max(void)
{
	return MaxBackends + max_prepared_xacts + NUM_AUXILIARY_PROCS;
}

static Size
databases_offset(void)
{
	return MAXALIGN(sizeof(SharedStats));
}

static Size
queues_offset(void)
{
	return databases_offset() + MAXALIGN(mul_size(sizeof(StatsDatabase), guc_max_databases));
}

static Size
xip_offset(void)
{
	return queues_offset() + MAXALIGN(mul_size(sizeof(SharedCounts), guc_max_stat_queues));
}

Size
stats_shmem_size(void)
{
	Size xip = mul_size(sizeof(TransactionId), mul_size(PARTS, xip_max()));

	return add_size(xip_offset(), mul_size(xip, guc_max_databases));
}

static void
init_database(StatsDatabase *database, TransactionId *xip)
{
	pg_atomic_init_u64(&database->losses, 0);
	pg_atomic_init_u64(&database->unplaced, 0);
	pg_atomic_init_u64(&database->prepares, 0);
	for (int part = 0; part < PARTS; part++)
		database->bases[part].xip = xip + (Size) part * xip_max();
}

static void
init_stats(void)
{
	char *base = (char *) stats_shared;
	TransactionId *xip = (TransactionId *) (base + xip_offset());

	memset(base, 0, stats_shmem_size());
	LWLockInitialize(&stats_shared->lock, LWLockNewTrancheId());
	stats_shared->n_databases = guc_max_databases;
	stats_shared->n_queues = guc_max_stat_queues;
	stats_shared->xip_max = xip_max();
	stats_shared->databases = (StatsDatabase *) (base + databases_offset());
	stats_shared->queues = (SharedCounts *) (base + queues_offset());
	for (int i = 0; i < stats_shared->n_databases; i++)
		init_database(&stats_shared->databases[i], xip + (Size) i * PARTS * xip_max());
	for (int i = 0; i < stats_shared->n_queues; i++)
	{
		pg_atomic_init_u64(&stats_shared->queues[i].key, KEY_FREE);
		SpinLockInit(&stats_shared->queues[i].mutex);
	}
}

void
stats_shmem_startup(void)
{
	bool found;

	stats_shared = ShmemInitStruct("astrid stats", stats_shmem_size(), &found);
	if (!found)
		init_stats();
	LWLockRegisterTranche(stats_shared->lock.tranche, "astrid stats");
}

uint64
stats_key(const StatsDatabase *database, int32 queue_id)
{
	uint64 number = database - stats_shared->databases + 1;

	return number << 32 | (uint32) queue_id;
}

bool
stats_key_is_of(const StatsDatabase *database, uint64 key)
{
	return key >> 32 == database - stats_shared->databases + 1;
}

static SharedCounts *
probe(uint64 key, int i)
{
	uint64 hash = hash_combine(murmurhash32(key >> 32), murmurhash32((uint32) key));

	return &stats_shared->queues[(hash + i) % stats_shared->n_queues];
}

SharedCounts *
stats_find(uint64 key)
{
	for (int i = 0; i < stats_shared->n_queues; i++)
	{
		SharedCounts *queue = probe(key, i);
		uint64 found = pg_atomic_read_u64(&queue->key);

		if (found == key)
			return queue;
		if (found == KEY_FREE)
			return NULL;
	}
	return NULL;
}

/* The caller has the lock. A new queue in a database that is counted has nothing so far: else the
 * count had given it a place, or told that there was none. */
static void
give(SharedCounts *queue, StatsDatabase *database, uint64 key)
{
	SpinLockAcquire(&queue->mutex);
	pg_atomic_write_u64(&queue->key, key);
	queue->reports = 0;
	memset(&queue->counts, 0, sizeof(queue->counts));
	memset(queue->minutes, 0, sizeof(queue->minutes));
	for (int part = 0; part < PARTS; part++)
	{
		queue->live[part] = database->bases[part].live;
		queue->in_doubt[part] = database->bases[part].full;
	}
	SpinLockRelease(&queue->mutex);
}

/* The caller has the lock. */
static SharedCounts *
add(StatsDatabase *database, uint64 key)
{
	SharedCounts *queue = stats_find(key);

	if (queue != NULL)
		return queue;
	for (int i = 0; i < stats_shared->n_queues; i++)
	{
		uint64 found;

		queue = probe(key, i);
		found = pg_atomic_read_u64(&queue->key);
		if (found == KEY_FREE || found == KEY_TOMBSTONE)
		{
			give(queue, database, key);
			return queue;
		}
	}
	for (int part = 0; part < PARTS; part++)
		database->bases[part].full = true;
	return NULL;
}

SharedCounts *
stats_find_or_add(StatsDatabase *database, uint64 key)
{
	SharedCounts *queue = stats_find(key);

	if (queue != NULL || (database->bases[PART_GAUGES].full && database->bases[PART_TOTALS].full))
		return queue;
	LWLockAcquire(&stats_shared->lock, LW_EXCLUSIVE);
	queue = add(database, key);
	LWLockRelease(&stats_shared->lock);
	return queue;
}

/* The caller has the queue's mutex, and the lock. Who still has changes of it will find its place
 * lost. */
void
stats_release_queue(SharedCounts *queue)
{
	pg_atomic_write_u64(&queue->key, KEY_TOMBSTONE);
}

bool
stats_has_room(void)
{
	for (int i = 0; i < stats_shared->n_queues; i++)
		if (pg_atomic_read_u64(&stats_shared->queues[i].key) <= KEY_TOMBSTONE)
			return true;
	return false;
}

/* The caller has the lock. */
static void
release_queues(const StatsDatabase *database)
{
	for (int i = 0; i < stats_shared->n_queues; i++)
	{
		SharedCounts *queue = &stats_shared->queues[i];

		SpinLockAcquire(&queue->mutex);
		if (stats_key_is_of(database, pg_atomic_read_u64(&queue->key)))
			stats_release_queue(queue);
		SpinLockRelease(&queue->mutex);
	}
}

/* The caller has the lock. */
static void
settle_database(StatsDatabase *database, Oid oid, Oid ready)
{
	release_queues(database);
	database->oid = oid;
	database->ready = ready;
	database->identity++;
	for (int part = 0; part < PARTS; part++)
	{
		database->bases[part].live = false;
		database->bases[part].counted = false;
		database->bases[part].full = false;
	}
}

/* The caller has the lock. */
static StatsDatabase *
enter_database(Oid ready)
{
	StatsDatabase *free = NULL;

	for (int i = 0; i < stats_shared->n_databases; i++)
	{
		StatsDatabase *database = &stats_shared->databases[i];

		if (database->oid == MyDatabaseId)
		{
			if (database->ready != ready)
				settle_database(database, MyDatabaseId, ready);
			return database;
		}
		if (free == NULL && database->oid == InvalidOid)
			free = database;
	}
	if (free != NULL)
		settle_database(free, MyDatabaseId, ready);
	return free;
}

StatsDatabase *
stats_database(void)
{
	static StatsDatabase *mine = NULL;
	static TimestampTz not_before = 0;
	Oid ready = store_oid(STORE_READY);

	if (mine != NULL && mine->oid == MyDatabaseId && mine->ready == ready)
		return mine;
	if (mine == NULL && GetCurrentTimestamp() < not_before)
		return NULL;
	not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), NO_PLACE_PAUSE_MS);
	LWLockAcquire(&stats_shared->lock, LW_EXCLUSIVE);
	mine = enter_database(ready);
	LWLockRelease(&stats_shared->lock);
	return mine;
}

/* Changes could not be counted: the database is to be counted anew. NULL: this session knew of no
 * place for it; by now there may be one. Safe in a callback. */
void
stats_note_loss(StatsDatabase *database)
{
	for (int i = 0; database == NULL && i < stats_shared->n_databases; i++)
		if (stats_shared->databases[i].oid == MyDatabaseId)
			database = &stats_shared->databases[i];
	if (database != NULL)
		pg_atomic_fetch_add_u64(&database->losses, 1);
}

/* Places of databases that are no more. Looks into the catalog: not under the lock. */
void
stats_release_gone(void)
{
	for (int i = 0; i < stats_shared->n_databases; i++)
	{
		StatsDatabase *database = &stats_shared->databases[i];
		Oid oid = database->oid;

		if (oid == InvalidOid || SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(oid)))
			continue;
		LWLockAcquire(&stats_shared->lock, LW_EXCLUSIVE);
		if (database->oid == oid)
			settle_database(database, InvalidOid, InvalidOid);
		LWLockRelease(&stats_shared->lock);
	}
}
