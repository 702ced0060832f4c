/*
 * Counters of the queues in shared memory, and how they are kept exact: what stats*.c share.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_STATS_INTERNAL_H
#define ASTRID_STATS_INTERNAL_H

#include "access/transam.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "utils/hsearch.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "stats.h"

#define STATS_BUCKETS 32 /* bucket 0: under 1 ms; n: from 2^(n-1) to 2^n ms */
#define STATS_MINUTES 64 /* of which the last 60 are shown */

/* Rows that are there now. */
enum
{
	GAUGE_READY,
	GAUGE_SCHEDULED,
	GAUGE_BLOCKED,
	GAUGE_RUNNING,
	GAUGE_DEAD,
	GAUGES
};

/* What has happened so far. The order is that of the columns of astrid.queue_total. */
enum
{
	TOTAL_ENQUEUED,
	TOTAL_STARTED,
	TOTAL_COMPLETED,
	TOTAL_CANCELLED,
	TOTAL_FAILED,
	TOTAL_CRASHED,
	TOTAL_DIED,
	TOTALS
};

/* What is counted per minute. */
enum
{
	RATE_ENQUEUED,
	RATE_COMPLETED,
	RATE_FAILED,
	RATES
};

typedef struct StatsHistogram
{
	int64 sum; /* microseconds */
	int64 n[STATS_BUCKETS];
} StatsHistogram;

/* Of completed jobs: how long they were due before their last claim, and ran after it. */
typedef struct StatsTimes
{
	StatsHistogram wait;
	StatsHistogram run;
} StatsTimes;

typedef struct StatsCounts
{
	int64 gauges[GAUGES];
	int64 totals[TOTALS];
	StatsTimes times;
} StatsCounts;

/* Gauges are counted anew in a moment, totals need a look at all of history: each by itself. */
typedef enum StatsPart
{
	PART_GAUGES,
	PART_TOTALS,
	PARTS
} StatsPart;

typedef struct StatsMinute
{
	int64 minute; /* since the epoch */
	uint32 n[RATES];
} StatsMinute;

/* The counters of one queue. All but the key is protected by the mutex. */
typedef struct SharedCounts
{
	pg_atomic_uint64 key; /* database's number and queue_id; 0: free */
	slock_t mutex;
	uint64 reports;       /* commits that told of it */
	bool live[PARTS];     /* false: what is reported is dropped */
	bool in_doubt[PARTS]; /* a prepared transaction has changes of it, or it had no place before */
	StatsCounts counts;
	StatsMinute minutes[STATS_MINUTES];
} SharedCounts;

/*
 * The snapshot under which a part was counted: what it saw is in the count, and is dropped when it
 * is reported late. Written while no queue of the database is live.
 */
typedef struct StatsBase
{
	bool live;     /* its queues count what is reported, from the moment of the snapshot on */
	bool counted;  /* and what was there before has been added */
	bool full;     /* some queue found no place since */
	uint64 losses; /* of the database before the count began */
	uint64 xmax;   /* full transaction id: this one and later ones were not seen */
	uint32 n_xip;
	TransactionId *xip; /* of the earlier ones these were not seen; sorted */
	TimestampTz began;
	TimestampTz ended;
} StatsBase;

typedef struct StatsDatabase
{
	/* protected by SharedStats.lock; the first three also read without it */
	Oid oid;         /* InvalidOid: free */
	Oid ready;       /* its astrid.ready: another one after the extension is made anew */
	uint32 identity; /* changes with either */
	pid_t counter;   /* who counts at the moment; 0: nobody */
	StatsBase bases[PARTS];
	pg_atomic_uint64 losses;   /* commits whose changes could not be counted */
	pg_atomic_uint64 unplaced; /* commits with changes of a queue without a place */
	pg_atomic_uint64 prepares; /* PREPARE TRANSACTION with changes */
} StatsDatabase;

typedef struct SharedStats
{
	LWLock lock;
	int n_databases;
	int n_queues;
	int xip_max;
	StatsDatabase *databases;
	SharedCounts *queues;
} SharedStats;

/* NULL where astrid is not preloaded. */
extern SharedStats *stats_shared;

/* stats_shared.c: the database of this session (NULL: no place), its queues, by number. */
extern StatsDatabase *stats_database(void);
extern uint64 stats_key(const StatsDatabase *database, int32 queue_id);
extern bool stats_key_is_of(const StatsDatabase *database, uint64 key);
extern SharedCounts *stats_find(uint64 key);
extern SharedCounts *stats_find_or_add(StatsDatabase *database, uint64 key);
extern void stats_release_queue(SharedCounts *queue);
extern bool stats_has_room(void);
extern void stats_release_gone(void);
extern void stats_note_loss(StatsDatabase *database);

/* stats_add.c */
extern int stats_bucket(int64 microseconds);
extern void stats_add_counts(StatsCounts *to, const StatsCounts *from, StatsPart part);
extern void stats_add_times(StatsTimes *to, const StatsTimes *from);
/* Times are touched only where stats_has_times() says so. */
extern void stats_count_row(int64 *totals, StatsTimes *times, StatsTable table, TupleTableSlot *row,
							int sign);
extern bool stats_has_times(StatsTable table, TupleTableSlot *row);
extern int32 stats_queue_of(StatsTable table, TupleTableSlot *row);
extern int stats_gauge_of(StatsTable table, TupleTableSlot *row);

/* stats.c: adds what this transaction has noted for the queue so far. */
extern void stats_add_own(int32 queue_id, StatsCounts *to);
extern bool stats_is_seen(const StatsBase *base, uint64 xid);

/* stats_count.c: reads the tables under a snapshot; a hash table of QueueCounts. */
typedef struct QueueCounts
{
	int32 queue_id; /* hash key */
	StatsCounts counts;
} QueueCounts;

extern void stats_lock_tables(void);
extern HTAB *stats_new_counts(void);
extern void stats_count_table(HTAB *queues, Relation rel, StatsTable table, StatsPart part,
							  Snapshot snapshot);
extern HTAB *stats_count_tables(StatsPart part, Snapshot snapshot);

/* stats_recount.c: the queues that there are, as keys. */
extern HTAB *stats_read_queues(Snapshot snapshot);

/* False where it cannot be done now. In a transaction that has written nothing. */
extern bool stats_recount(StatsPart part);

/* Of no use on a standby, nor to a transaction that sees the past. */
extern bool stats_are_readable(void);
extern bool stats_are_exact(StatsDatabase *database, StatsPart part);
extern bool stats_need_recount(StatsDatabase *database, StatsPart part);

#endif
