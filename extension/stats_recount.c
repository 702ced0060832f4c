/*
 * Counts a part of the counters anew: after a start of the server, and where they are in doubt.
 *
 * No lock is held against writers. A snapshot is taken, and in the same moment the queues' counters
 * are set to zero; the rows are counted under the snapshot, and added. Each transaction is counted
 * once, whatever it does meanwhile:
 * - It becomes visible, and then reports. A report before the zeroing is lost with it, so it must
 *   belong to a transaction that the snapshot saw. It does: had a report come between snapshot and
 *   zeroing, the queue's number of reports had changed, and another snapshot would be taken.
 * - A report after the zeroing is dropped if the snapshot saw its transaction (StatsBase lists what
 *   it did not see), else it counts.
 * - A transaction that is prepared reports nothing when it is committed. While one has changes, no
 *   count begins; one that comes later makes its queues doubtful, until the count after its end.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "stats_internal.h"
#include "store.h"

#define TRIES 1000
#define FULL_PAUSE_MS                                                                              \
	(10 * 60 * 1000) /* before queues without a place are given another chance                     \
					  */
#define PREPARED_WRITES                                                                            \
	"SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation "          \
	"JOIN pg_catalog.pg_database d ON d.oid = l.database "                                         \
	"WHERE d.datname = pg_catalog.current_database() AND l.pid IS NULL "                           \
	"AND l.mode = 'RowExclusiveLock' AND c.relnamespace = 'astrid'::pg_catalog.regnamespace"

/* A queue when the count began. */
typedef struct Seen
{
	uint64 key;
	uint64 reports;
} Seen;

typedef struct Recount
{
	StatsDatabase *database;
	StatsPart part;
	StatsBase *base;
	Seen *seen;
	uint64 losses;
	uint64 unplaced;
	uint64 prepares;
	Snapshot snapshot;
} Recount;

bool
stats_are_readable(void)
{
	return stats_shared != NULL && !RecoveryInProgress() && !IsolationUsesXactSnapshot();
}

bool
stats_are_exact(StatsDatabase *database, StatsPart part)
{
	const StatsBase *base = &database->bases[part];

	return base->counted && base->losses == pg_atomic_read_u64(&database->losses);
}

bool
stats_need_recount(StatsDatabase *database, StatsPart part)
{
	const StatsBase *base = &database->bases[part];

	if (!stats_are_exact(database, part))
		return true;
	if (base->full && TimestampDifferenceExceeds(base->ended, GetCurrentTimestamp(), FULL_PAUSE_MS))
		return true;
	for (int i = 0; i < stats_shared->n_queues; i++)
	{
		const SharedCounts *queue = &stats_shared->queues[i];

		if (queue->in_doubt[part] &&
			stats_key_is_of(database, pg_atomic_read_u64(&stats_shared->queues[i].key)))
			return true;
	}
	return false;
}

static bool
is_prepared_write_pending(void)
{
	bool pending;

	SPI_connect();
	if (SPI_execute(PREPARED_WRITES, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "cannot read pg_locks");
	pending = SPI_processed > 0;
	SPI_finish();
	return pending;
}

/* The caller has the lock. */
static void
stop_queues(Recount *recount)
{
	recount->base->live = false;
	recount->base->counted = false;
	for (int i = 0; i < stats_shared->n_queues; i++)
	{
		SharedCounts *queue = &stats_shared->queues[i];

		SpinLockAcquire(&queue->mutex);
		recount->seen[i].key = pg_atomic_read_u64(&queue->key);
		recount->seen[i].reports = queue->reports;
		if (stats_key_is_of(recount->database, recount->seen[i].key))
			queue->live[recount->part] = false;
		SpinLockRelease(&queue->mutex);
	}
}

static void
note_base(StatsBase *base, Snapshot snapshot)
{
	uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());

	base->xmax = next - (uint32) ((uint32) next - snapshot->xmax);
	base->n_xip = snapshot->xcnt;
	memcpy(base->xip, snapshot->xip, sizeof(TransactionId) * snapshot->xcnt);
	qsort(base->xip, base->n_xip, sizeof(TransactionId), xidComparator);
	base->began = GetCurrentTimestamp();
}

/* False where a report came since stop_queues(). */
static bool
start_queue(SharedCounts *queue, StatsPart part, uint64 reports)
{
	if (queue->reports != reports)
		return false;
	queue->live[part] = true;
	queue->in_doubt[part] = false;
	if (part == PART_GAUGES)
		memset(queue->counts.gauges, 0, sizeof(queue->counts.gauges));
	else
	{
		memset(queue->counts.totals, 0, sizeof(queue->counts.totals));
		memset(&queue->counts.times, 0, sizeof(queue->counts.times));
	}
	return true;
}

/* The caller has the lock. */
static bool
start_queues(Recount *recount)
{
	StatsDatabase *database = recount->database;
	bool started = true;

	for (int i = 0; started && i < stats_shared->n_queues; i++)
	{
		SharedCounts *queue = &stats_shared->queues[i];

		if (!stats_key_is_of(database, recount->seen[i].key))
			continue;
		SpinLockAcquire(&queue->mutex);
		started = start_queue(queue, recount->part, recount->seen[i].reports);
		SpinLockRelease(&queue->mutex);
	}
	recount->base->full = !stats_has_room();
	pg_memory_barrier();
	return started && pg_atomic_read_u64(&database->unplaced) == recount->unplaced &&
		   pg_atomic_read_u64(&database->prepares) == recount->prepares;
}

/* The moment from which on reports count. */
static bool
try_to_start(Recount *recount)
{
	Snapshot snapshot;
	bool started;

	recount->unplaced = pg_atomic_read_u64(&recount->database->unplaced);
	LWLockAcquire(&stats_shared->lock, LW_EXCLUSIVE);
	stop_queues(recount);
	snapshot = GetLatestSnapshot();
	started = snapshot->xcnt <= stats_shared->xip_max;
	if (started)
	{
		note_base(recount->base, snapshot);
		started = start_queues(recount);
	}
	if (!started)
		stop_queues(recount);
	recount->base->live = started;
	LWLockRelease(&stats_shared->lock);
	if (started)
		recount->snapshot = RegisterSnapshot(snapshot);
	return started;
}

static bool
start(Recount *recount)
{
	recount->losses = pg_atomic_read_u64(&recount->database->losses);
	for (int i = 0; i < TRIES; i++)
	{
		uint64 prepares = pg_atomic_read_u64(&recount->database->prepares);

		if (i == 0 || prepares != recount->prepares)
		{
			recount->prepares = prepares;
			pg_memory_barrier();
			if (is_prepared_write_pending())
				return false;
		}
		if (try_to_start(recount))
			return true;
		CHECK_FOR_INTERRUPTS();
	}
	return false;
}

/* The queues that there are, as keys of a hash table. */
HTAB *
stats_read_queues(Snapshot snapshot)
{
	Relation rel = table_open(store_oid(STORE_QUEUE), AccessShareLock);
	TupleTableSlot *row = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	HTAB *queues = stats_new_counts();

	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		bool is_null;
		int32 queue_id = DatumGetInt32(slot_getattr(row, 1, &is_null));

		hash_search(queues, &queue_id, HASH_ENTER, NULL);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(row);
	table_close(rel, AccessShareLock);
	return queues;
}

static void
add_counted(Recount *recount, HTAB *counted, HTAB *queues)
{
	HASH_SEQ_STATUS each;
	QueueCounts *from;

	hash_seq_init(&each, counted);
	while ((from = hash_seq_search(&each)) != NULL)
	{
		uint64 key = stats_key(recount->database, from->queue_id);
		SharedCounts *queue;

		if (hash_search(queues, &from->queue_id, HASH_FIND, NULL) == NULL)
			continue;
		queue = stats_find_or_add(recount->database, key);
		if (queue == NULL)
			continue;
		SpinLockAcquire(&queue->mutex);
		stats_add_counts(&queue->counts, &from->counts, recount->part);
		SpinLockRelease(&queue->mutex);
	}
}

/* Places of queues that are no more: the snapshot saw none, and nobody has told of one since. The
 * caller has the lock. */
static void
release_dropped(Recount *recount, HTAB *queues)
{
	for (int i = 0; i < stats_shared->n_queues; i++)
	{
		SharedCounts *queue = &stats_shared->queues[i];
		uint64 key = recount->seen[i].key;
		int32 queue_id = (int32) key;

		if (!stats_key_is_of(recount->database, key) ||
			hash_search(queues, &queue_id, HASH_FIND, NULL) != NULL)
			continue;
		SpinLockAcquire(&queue->mutex);
		if (pg_atomic_read_u64(&queue->key) == key && queue->reports == recount->seen[i].reports)
			stats_release_queue(queue);
		SpinLockRelease(&queue->mutex);
	}
}

static bool
recount_all(Recount *recount)
{
	HTAB *counted;
	HTAB *queues;

	if (!start(recount))
		return false;
	counted = stats_count_tables(recount->part, recount->snapshot);
	queues = stats_read_queues(recount->snapshot);
	add_counted(recount, counted, queues);
	LWLockAcquire(&stats_shared->lock, LW_EXCLUSIVE);
	release_dropped(recount, queues);
	recount->base->losses = recount->losses;
	recount->base->ended = GetCurrentTimestamp();
	recount->base->counted = recount->base->live;
	LWLockRelease(&stats_shared->lock);
	UnregisterSnapshot(recount->snapshot);
	return true;
}

/* One at a time in a database. */
static bool
enter(StatsDatabase *database)
{
	bool entered;

	LWLockAcquire(&stats_shared->lock, LW_EXCLUSIVE);
	entered = database->counter == 0;
	if (entered)
		database->counter = MyProcPid;
	LWLockRelease(&stats_shared->lock);
	return entered;
}

static void
leave(int code, Datum arg)
{
	StatsDatabase *database = (StatsDatabase *) DatumGetPointer(arg);

	LWLockAcquire(&stats_shared->lock, LW_EXCLUSIVE);
	database->counter = 0;
	LWLockRelease(&stats_shared->lock);
}

bool
stats_recount(StatsPart part)
{
	Recount recount = {.part = part};
	bool done;

	/* What this transaction itself has written would be both counted and reported. */
	if (stats_shared == NULL || RecoveryInProgress() ||
		TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return false;
	stats_release_gone();
	stats_lock_tables();
	recount.database = stats_database();
	if (recount.database == NULL || !enter(recount.database))
		return false;
	recount.base = &recount.database->bases[part];
	recount.seen = palloc(sizeof(Seen) * stats_shared->n_queues);
	PG_ENSURE_ERROR_CLEANUP(leave, PointerGetDatum(recount.database));
	{
		done = recount_all(&recount);
	}
	PG_END_ENSURE_ERROR_CLEANUP(leave, PointerGetDatum(recount.database));
	leave(0, PointerGetDatum(recount.database));
	return done;
}
