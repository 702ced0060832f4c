/*
 * Layout of astrid's shared memory. Everything in it is a hint: losing it costs time, never a job.
 *
 * Lock order: SharedState.lock (LWLock), then a spinlock; no two spinlocks at once. README.md has
 * the whole picture.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SHMEM_H
#define ASTRID_SHMEM_H

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/spin.h"

#define WAKE_CHANNELS   256  /* queues are hashed into these */
#define WAKE_QUEUES_MAX 32   /* queues that one session may wait for by name */
#define FLOOR_SLOTS     512  /* queues whose claim floor is known */
#define FLOOR_LANES     32   /* lanes of a queue, of which one is */
#define ROUND_SLOTS     4096 /* groups of fair queues whose last round is known */
#define FLOOR_NEWS      128  /* commits that a claim may take to end and still raise a floor */
#define NOTIFY_NAMES    16   /* queue names that one NOTIFY lists; with more it lists none */

/*
 * All queues with the same hash modulo WAKE_CHANNELS, and the sessions that sleep for one of them.
 *
 * A sleeper counts itself in n_links before it reads the generation, a committer raises the
 * generation before it reads n_links: so one of the two always sees the other.
 */
typedef struct WakeChannel
{
	pg_atomic_uint64 generation;   /* commits that made jobs ready */
	pg_atomic_uint64 looked_again; /* generation of the last one that only looked */
	pg_atomic_uint32 n_links;      /* length of links, and of nothing else */
	slock_t mutex;                 /* protects links */
	dlist_head links;              /* WakeLink, longest waiting first */
} WakeChannel;

typedef struct WakeLink
{
	dlist_node node;
	bool linked; /* protected by the channel's mutex */
	uint64 key;
	struct WakeWaiter *waiter;
} WakeLink;

/* A session inside astrid_wait. Its owner writes it while it is in no list. */
typedef struct WakeWaiter
{
	pg_atomic_uint32 taken; /* 1: some session owns this slot */
	pg_atomic_uint32 woken; /* 1: a committer has chosen it; set once per wait */
	pg_atomic_uint64 woken_by;
	Oid database;
	Latch *latch;
	int n_links;
	WakeLink links[WAKE_QUEUES_MAX];
} WakeWaiter;

/* A queue that NOTIFY will name. A key of 0 marks a free entry. */
typedef struct NotifyName
{
	pg_atomic_uint64 key;
	char name[NAMEDATALEN];
} NotifyName;

/* No row of the lane is below the position. */
typedef struct FloorMark
{
	int32 lane;
	int64 position;
} FloorMark;

/* A commit added rows to the lane, none below the position. */
typedef struct FloorNews
{
	int64 position;
	int32 lane;
	bool any_lane;
} FloorNews;

/* The claim floor of one queue (floor.c). All but the atomics is protected by the mutex. */
typedef struct SharedFloor
{
	pg_atomic_uint64 key; /* the queue's; 0: free. Written under the mutex */
	slock_t mutex;
	TimestampTz used;         /* when somebody last looked; read without the mutex */
	pg_atomic_uint64 claimed; /* TimestampTz: when a claim did; 0: not known */
	TimestampTz probe_due;
	int n_marks;
	FloorMark marks[FLOOR_LANES]; /* by lane */
	uint64 n_news;                /* so far; never goes back, whoever owns the slot */
	FloorNews news[FLOOR_NEWS];   /* the last of them */
} SharedFloor;

/* The last round of a group of a fair queue, or the present one of the queue (place.c). */
typedef struct SharedRound
{
	slock_t mutex;
	uint64 key; /* 0: free; the next group with the same slot takes it over */
	int64 round;
} SharedRound;

typedef enum DatabaseState
{
	DATABASE_UNSEEN,   /* nobody has looked, or a worker failed; next: ATTACHED */
	DATABASE_ATTACHED, /* a maintenance worker is there; next: UNSEEN, ABSENT */
	DATABASE_ABSENT    /* without the extension; next: UNSEEN, once look_again is set */
} DatabaseState;

/* Tables whose deleted rows are counted (tidy.c). */
typedef enum TidyTable
{
	TIDY_WAITING,
	TIDY_DEPENDENCY,
	TIDY_GROUP_SLOT,
	TIDY_UNIQUE_KEY,
	TIDY_TABLES
} TidyTable;

typedef struct SharedDatabase
{
	/* protected by SharedState.lock */
	Oid oid;             /* InvalidOid: free slot */
	DatabaseState state; /* also read without the lock by committers */
	bool wanted;         /* the launcher wants a worker there: no template, allows connections */
	int bars;            /* commands under way that need the database to themselves */
	pid_t pid;           /* the worker's, 0 without */
	int failures;        /* of workers in a row */
	Latch *latch;        /* the worker's, NULL without; read without the lock by committers */

	pg_atomic_uint32 look_again; /* an extension was created since */
	pg_atomic_uint64 due; /* TimestampTz: when a job falls due that the worker does not know of */
	pg_atomic_uint64 passed_at; /* TimestampTz: end of the last maintenance pass; 0: not known */
	pg_atomic_uint64 deleted[TIDY_TABLES]; /* only grows, whoever owns the slot */

	slock_t notify_mutex; /* protects notify and notify_overflow; keys are read without */
	bool notify_overflow;
	pg_atomic_uint32 notify_pending;
	NotifyName notify[NOTIFY_NAMES];
} SharedDatabase;

typedef struct SharedState
{
	LWLock *lock;
	Latch *launcher_latch;      /* NULL without; written under lock, read without by committers */
	ConditionVariable departed; /* broadcast when a maintenance worker has left its database */
	int n_waiters;
	int n_databases;
	WakeWaiter *waiters;
	SharedDatabase *databases;
	WakeChannel channels[WAKE_CHANNELS];
	SharedFloor floors[FLOOR_SLOTS];
	SharedRound rounds[ROUND_SLOTS];
} SharedState;

/* NULL where astrid is not preloaded. */
extern SharedState *shared;

/* Called once, from _PG_init, while shared_preload_libraries are loaded. */
extern void shmem_init(void);

#endif
