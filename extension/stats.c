/*
 * What this transaction changes in the counts of queues, and the report of it when it commits.
 *
 * The callback touches static memory, atomics and spinlocks only: memory is allocated and places
 * are given when a change is noted. A transaction is counted exactly once: see stats_recount.c.
 * Totals must survive what deletes the rows they are counted from: stats_before_commit writes down
 * what rows that go had counted for.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "stats_internal.h"
#include "stats_keep.h"
#include "store.h"

/* Changes of one queue by one subtransaction. Times are valid where the flag before them says so:
 * they are large and rarely needed. */
typedef struct Changes
{
	int32 queue_id;
	SubTransactionId subid;
	StatsDatabase *database; /* NULL: not preloaded, or no place */
	uint32 identity;         /* of the database */
	uint64 key;
	SharedCounts *queue; /* NULL: no place */
	TimestampTz at;
	int64 new_jobs;
	int64 claims;
	int64 finished; /* rows of history */
	int64 gauges[GAUGES];
	int64 totals[TOTALS];
	int64 kept[TOTALS]; /* what rows that go had counted for */
	bool has_times;
	bool has_kept_times;
	StatsTimes times;
	StatsTimes kept_times;
} Changes;

static Changes *changes;
static int n_changes;
static int max_changes;

static Changes *
find(int32 queue_id, SubTransactionId subid)
{
	/* The last one first: a batch is of one queue. */
	for (int i = n_changes - 1; i >= 0; i--)
		if (changes[i].queue_id == queue_id && changes[i].subid == subid)
			return &changes[i];
	return NULL;
}

static void
make_room(void)
{
	int wanted = max_changes ? max_changes * 2 : 4;

	if (changes == NULL)
		changes = MemoryContextAlloc(TopMemoryContext, sizeof(Changes) * wanted);
	else
		changes = repalloc_huge(changes, sizeof(Changes) * wanted);
	max_changes = wanted;
}

static Changes *
changes_of(int32 queue_id)
{
	SubTransactionId subid = GetCurrentSubTransactionId();
	Changes *found = find(queue_id, subid);
	StatsDatabase *database;

	if (found != NULL)
		return found;
	database = stats_shared ? stats_database() : NULL;
	if (n_changes == max_changes)
		make_room();
	found = &changes[n_changes];
	memset(found, 0, offsetof(Changes, times));
	found->queue_id = queue_id;
	found->subid = subid;
	found->at = clock_now();
	if (database != NULL)
	{
		found->database = database;
		found->identity = database->identity;
		found->key = stats_key(database, queue_id);
		found->queue = stats_find_or_add(database, found->key);
	}
	n_changes++;
	return found;
}

/* The times of the changes, which begin with the first. */
static StatsTimes *
times_of(bool *has, StatsTimes *times)
{
	if (!*has)
		memset(times, 0, sizeof(StatsTimes));
	*has = true;
	return times;
}

/* A row that moves to the partition of what outlives the ring: it has been counted. */
static bool
is_moved(StatsTable table, TupleTableSlot *row)
{
	return table == STATS_HISTORY && DatumGetInt16(row->tts_values[HISTORY_SLOT]) >= RING_SLOTS;
}

/* The totals and times that the row alone tells of. What is moved takes back what its deletion
 * kept. */
static void
note_totals(Changes *to, StatsTable table, TupleTableSlot *row, int sign)
{
	bool kept = sign < 0 || is_moved(table, row);
	StatsTimes *times = NULL;

	if (stats_has_times(table, row))
		times = kept ? times_of(&to->has_kept_times, &to->kept_times)
					 : times_of(&to->has_times, &to->times);
	stats_count_row(kept ? to->kept : to->totals, times, table, row, kept ? -sign : 1);
}

void
stats_note_row(StatsTable table, TupleTableSlot *row, int sign)
{
	Changes *to = changes_of(stats_queue_of(table, row));
	int gauge = stats_gauge_of(table, row);

	if (gauge >= 0)
		to->gauges[gauge] += sign;
	if (table == STATS_HISTORY)
		to->finished += sign;
	if (table == STATS_HISTORY || table == STATS_ATTEMPT || table == STATS_DEAD)
		note_totals(to, table, row, sign);
}

void
stats_note_enqueue(int32 queue_id)
{
	changes_of(queue_id)->new_jobs++;
}

void
stats_note_claim(int32 queue_id)
{
	changes_of(queue_id)->claims++;
}

void
stats_add_own(int32 queue_id, StatsCounts *to)
{
	for (int i = 0; i < n_changes; i++)
		for (int gauge = 0; gauge < GAUGES && changes[i].queue_id == queue_id; gauge++)
			to->gauges[gauge] += changes[i].gauges[gauge];
}

/*
 * Jobs and claims that the rows do not show. A move adds as many rows as it takes away; where more
 * jobs were enqueued than rows came, some were deleted, and what was counted for them is kept. In
 * the same way a lease that was given back has been a claim.
 */
static void
balance(int64 told, int64 rows, int64 *total, int64 *kept)
{
	*total = Max(told, rows);
	*kept += *total - rows;
}

/* More rows were moved to where they are kept than were taken away: the others are new, as in a
 * dump that is restored. */
static void
take_surplus(int64 *totals, int64 *kept, int n)
{
	for (int i = 0; i < n; i++)
	{
		totals[i] += Max(-kept[i], 0);
		kept[i] = Max(kept[i], 0);
	}
}

static void
take_surplus_times(Changes *of)
{
	if (!of->has_kept_times)
		return;
	/* A histogram is nothing but numbers. */
	take_surplus((int64 *) times_of(&of->has_times, &of->times), (int64 *) &of->kept_times,
				 sizeof(StatsTimes) / sizeof(int64));
}

static void
balance_totals(Changes *of)
{
	int64 jobs = of->finished;

	take_surplus(of->totals, of->kept, TOTALS);
	take_surplus_times(of);

	for (int i = 0; i < GAUGES; i++)
		jobs += of->gauges[i];
	balance(of->new_jobs, jobs, &of->totals[TOTAL_ENQUEUED], &of->kept[TOTAL_ENQUEUED]);
	balance(of->claims, of->totals[TOTAL_STARTED] + of->gauges[GAUGE_RUNNING],
			&of->totals[TOTAL_STARTED], &of->kept[TOTAL_STARTED]);
}

/* Before the transaction ends all subtransactions have been folded into it. */
void
stats_before_commit(void)
{
	int n = n_changes;

	for (int i = 0; i < n; i++)
	{
		Changes *of = &changes[i];
		int64 any = 0;

		balance_totals(of);
		for (int total = 0; total < TOTALS; total++)
			any |= of->kept[total];
		if (any != 0)
			stats_keep(of->queue_id, of->kept, of->has_kept_times ? &of->kept_times : NULL);
	}
}

/* Did the count that began with this snapshot see the transaction? */
bool
stats_is_seen(const StatsBase *base, uint64 xid)
{
	TransactionId wanted = (TransactionId) xid;

	if (xid >= base->xmax)
		return false;
	return bsearch(&wanted, base->xip, base->n_xip, sizeof(TransactionId), xidComparator) == NULL;
}

static void
add_minute(SharedCounts *queue, const Changes *from)
{
	int64 now = from->at / USECS_PER_MINUTE;
	StatsMinute *minute = &queue->minutes[now % STATS_MINUTES];

	if (minute->minute > now)
		return;
	if (minute->minute < now)
		memset(minute, 0, sizeof(StatsMinute));
	minute->minute = now;
	minute->n[RATE_ENQUEUED] += from->totals[TOTAL_ENQUEUED];
	minute->n[RATE_COMPLETED] += from->totals[TOTAL_COMPLETED];
	minute->n[RATE_FAILED] += from->totals[TOTAL_FAILED];
}

/* The caller has the mutex. */
static void
add_changes(SharedCounts *queue, const Changes *from, uint64 xid)
{
	const StatsBase *bases = from->database->bases;
	StatsCounts *to = &queue->counts;

	if (queue->live[PART_GAUGES] && !stats_is_seen(&bases[PART_GAUGES], xid))
		for (int i = 0; i < GAUGES; i++)
			to->gauges[i] += from->gauges[i];
	if (queue->live[PART_TOTALS] && !stats_is_seen(&bases[PART_TOTALS], xid))
	{
		for (int i = 0; i < TOTALS; i++)
			to->totals[i] += from->totals[i];
		if (from->has_times)
			stats_add_times(&to->times, &from->times);
	}
	add_minute(queue, from);
}

/* The place of the queue, its mutex taken; NULL without one. By now it may have another one. */
static SharedCounts *
lock_queue(const Changes *of)
{
	SharedCounts *queue = of->queue ? of->queue : stats_find(of->key);

	if (queue == NULL)
		return NULL;
	SpinLockAcquire(&queue->mutex);
	if (pg_atomic_read_u64(&queue->key) == of->key && of->database->identity == of->identity)
		return queue;
	SpinLockRelease(&queue->mutex);
	return NULL;
}

/* Where the table is full it is known that the queue is not counted. The number first: a count that
 * begins meanwhile reads it last. */
static bool
is_lost(const Changes *of)
{
	const StatsBase *bases = of->database->bases;

	pg_atomic_fetch_add_u64(&of->database->unplaced, 1);
	return of->queue != NULL || of->database->identity != of->identity ||
		   !bases[PART_GAUGES].full || !bases[PART_TOTALS].full;
}

static void
report(const Changes *of, uint64 xid)
{
	SharedCounts *queue = of->database ? lock_queue(of) : NULL;

	if (queue != NULL)
	{
		queue->reports++;
		add_changes(queue, of, xid);
		SpinLockRelease(&queue->mutex);
	}
	else if (of->database == NULL || is_lost(of))
		stats_note_loss(of->database);
}

/* In the commit callback: atomics and spinlocks only. */
void
stats_at_commit(void)
{
	uint64 xid = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());

	for (int i = 0; stats_shared != NULL && i < n_changes; i++)
		report(&changes[i], xid ? xid : PG_UINT64_MAX);
	n_changes = 0;
}

/* No callback will tell of its end. First the number, then the queues: stats_recount.c reads them
 * the other way round. */
void
stats_at_prepare(void)
{
	for (int i = 0; stats_shared != NULL && i < n_changes; i++)
	{
		Changes *of = &changes[i];
		SharedCounts *queue;

		if (of->database != NULL)
			pg_atomic_fetch_add_u64(&of->database->prepares, 1);
		queue = of->database ? lock_queue(of) : NULL;
		if (queue != NULL)
		{
			for (int part = 0; part < PARTS; part++)
				queue->in_doubt[part] = true;
			SpinLockRelease(&queue->mutex);
		}
		else
			stats_note_loss(of->database);
	}
	n_changes = 0;
}

void
stats_at_abort(void)
{
	n_changes = 0;
}

static void
fold(Changes *to, const Changes *from)
{
	to->new_jobs += from->new_jobs;
	to->claims += from->claims;
	to->finished += from->finished;
	for (int i = 0; i < GAUGES; i++)
		to->gauges[i] += from->gauges[i];
	for (int i = 0; i < TOTALS; i++)
	{
		to->totals[i] += from->totals[i];
		to->kept[i] += from->kept[i];
	}
	if (from->has_times)
		stats_add_times(times_of(&to->has_times, &to->times), &from->times);
	if (from->has_kept_times)
		stats_add_times(times_of(&to->has_kept_times, &to->kept_times), &from->kept_times);
}

void
stats_at_subcommit(int32 subid, int32 parent_subid)
{
	int n = 0;

	for (int i = 0; i < n_changes; i++)
	{
		Changes *same;

		if (changes[i].subid == subid)
		{
			same = find(changes[i].queue_id, parent_subid);
			if (same != NULL)
			{
				fold(same, &changes[i]);
				continue;
			}
			changes[i].subid = parent_subid;
		}
		if (n != i)
			changes[n] = changes[i];
		n++;
	}
	n_changes = n;
}

/* Those of its children have ended with it, or have become its own. */
void
stats_at_subabort(int32 subid)
{
	int n = 0;

	for (int i = 0; i < n_changes; i++)
	{
		if (changes[i].subid == subid)
			continue;
		if (n != i)
			changes[n] = changes[i];
		n++;
	}
	n_changes = n;
}
