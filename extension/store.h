/*
 * The tables of jobs as C sees them: columns, and how rows are added and taken away.
 *
 * Every state table starts with the same columns (sql/astrid/10_tables), so that a move copies them
 * in one go; the numbers here are positions in tts_values. regress/sql/tables.sql compares them
 * with the catalog.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_STORE_H
#define ASTRID_STORE_H

#include "access/genam.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "clock.h"
#include "stats.h"

/* Columns that every state table starts with. */
enum
{
	JOB_ID,
	JOB_POSITION,
	JOB_RUN_AT,
	JOB_ENQUEUED_AT,
	JOB_QUEUE_ID,
	JOB_PRIORITY,
	JOB_LANE,
	JOB_ATTEMPT,
	JOB_MAX_ATTEMPTS,
	JOB_CRASHES,
	JOB_TIMEOUT,
	JOB_DEADLINE,
	JOB_ADMISSION,
	JOB_UNIQUE_KEY,
	JOB_GROUP_KEY,
	JOB_TAGS,
	JOB_RETRY,
	JOB_PAYLOAD,
	JOB_COLUMNS
};

/* The first of them as they lie in a row: none is ever null. */
typedef struct JobHead
{
	int64 job_id;
	int64 position;
	TimestampTz run_at;
	TimestampTz enqueued_at;
	int32 queue_id;
	int32 priority;
	int32 lane;
	int32 attempt;
	int32 max_attempts;
	int32 crashes;
} JobHead;

enum
{
	WAITING_BLOCKED = JOB_COLUMNS,
	WAITING_PARKED,
	WAITING_PARENTS_LEFT,
	WAITING_PARENTS,
	WAITING_COLUMNS
};

enum
{
	RUNNING_LEASE_ID = JOB_COLUMNS,
	RUNNING_LEASE_UNTIL,
	RUNNING_STARTED_AT,
	RUNNING_PROGRESS,
	RUNNING_WORKER,
	RUNNING_STEP,
	RUNNING_MESSAGE,
	RUNNING_COMMAND,
	RUNNING_COLUMNS
};

enum
{
	HISTORY_LEASE_ID = JOB_COLUMNS,
	HISTORY_STARTED_AT,
	HISTORY_FINISHED_AT,
	HISTORY_SLOT,
	HISTORY_WORKER,
	HISTORY_STATE,
	HISTORY_RESULT,
	HISTORY_ERROR,
	HISTORY_COLUMNS
};

enum
{
	DEPENDENCY_PARENT_ID,
	DEPENDENCY_CHILD_IDS,
	DEPENDENCY_CHILD_PLACES,
	DEPENDENCY_ANY_OF,
	DEPENDENCY_FAILURE,
	DEPENDENCY_COLUMNS
};

enum
{
	EVENT_ID,
	EVENT_XID,
	EVENT_PUBLISHED_AT,
	EVENT_JOB_ID,
	EVENT_ATTEMPT,
	EVENT_SLOT,
	EVENT_TOPIC,
	EVENT_KEY,
	EVENT_PAYLOAD,
	EVENT_STATE,
	EVENT_GROUP_KEY,
	EVENT_WORKER,
	EVENT_ERROR,
	EVENT_COLUMNS
};

enum
{
	SUBSCRIPTION_NAME,
	SUBSCRIPTION_PATTERN,
	SUBSCRIPTION_QUEUE_ID,
	SUBSCRIPTION_COLUMNS
};

enum
{
	TOKEN_QUEUE_ID,
	TOKEN_LANE,
	TOKEN_POSITION,
	TOKEN_UNITS,
	TOKEN_FREE_AT,
	TOKEN_COLUMNS
};

enum
{
	GROUP_SLOT_QUEUE_ID,
	GROUP_SLOT_GROUP_KEY,
	GROUP_SLOT_JOB_ID,
	GROUP_SLOT_KEY_HASH,
	GROUP_SLOT_COLUMNS
};

enum
{
	BUCKET_QUEUE_ID,
	BUCKET_NAME,
	BUCKET_FULL_AT,
	BUCKET_COLUMNS
};

enum
{
	UNIQUE_KEY_QUEUE_ID,
	UNIQUE_KEY_KEY,
	UNIQUE_KEY_JOB_ID,
	UNIQUE_KEY_NEXT_ID,
	UNIQUE_KEY_HELD_UNTIL,
	UNIQUE_KEY_FINISHED,
	UNIQUE_KEY_KEY_HASH,
	UNIQUE_KEY_COLUMNS
};

enum
{
	UNIQUE_WINDOW_FREE_AT,
	UNIQUE_WINDOW_JOB_ID,
	UNIQUE_WINDOW_QUEUE_ID,
	UNIQUE_WINDOW_KEY,
	UNIQUE_WINDOW_KEY_HASH,
	UNIQUE_WINDOW_COLUMNS
};

/* Of both tables. */
enum
{
	KEY_EPOCH_EPOCH,
	KEY_EPOCH_COLUMNS
};

enum
{
	DEADLINE_AT,
	DEADLINE_JOB_ID,
	DEADLINE_COLUMNS
};

/* Relations and sequences used by oid. The partitions of history follow STORE_HISTORY, those of
 * event STORE_EVENT. */
typedef enum StoreId
{
	STORE_QUEUE,
	STORE_READY,
	STORE_WAITING,
	STORE_RUNNING,
	STORE_DEAD,
	STORE_DEPENDENCY,
	STORE_TOKEN,
	STORE_GROUP_SLOT,
	STORE_BUCKET,
	STORE_UNIQUE_KEY,
	STORE_UNIQUE_WINDOW,
	STORE_KEY_EPOCH,
	STORE_KEY_EPOCH_KEPT,
	STORE_DEADLINE,
	STORE_SUBSCRIPTION,
	STORE_WAITING_RUN_AT, /* indexes */
	STORE_WAITING_PARKED,
	STORE_GROUP_SLOT_HASH,
	STORE_UNIQUE_WINDOW_HASH,
	STORE_READY_JOB,
	STORE_DEPENDENCY_PARENT,
	STORE_JOB_SEQ,
	STORE_LEASE_SEQ,
	STORE_EVENT_SEQ,
	STORE_HISTORY,
	STORE_EVENT = STORE_HISTORY + RING_SLOTS,
	STORE_COUNT = STORE_EVENT + RING_SLOTS
} StoreId;

/* Rows written at a time: bounds memory for large batches. */
#define STORE_ROWS_MAX 128

/* A table open for adding rows. Rows are gathered and written together by store_flush(). */
typedef struct Store
{
	StoreId id;
	Relation rel;
	StatsTable table;        /* that its rows count for */
	TupleDesc columns;       /* of the second slot and those after it */
	struct Entries *entries; /* opened when first needed */
	int n;                   /* rows gathered */
	int capacity;
	ItemPointerData *places; /* of the rows that were written, for whoever gave room for them */
	int n_places;
	/* Null, or told of each row when it has its place. */
	void (*written)(StoreId table, TupleTableSlot *row);
	/* Null: a row that a unique index has already is an error. Else told of it; it is to be
	 * deleted. */
	void (*refused)(Relation rel, TupleTableSlot *row);
	TupleTableSlot **slots; /* made when first needed */
} Store;

/* Sets a column of a row. */
static inline void
store_set(TupleTableSlot *row, int column, Datum value)
{
	row->tts_values[column] = value;
	row->tts_isnull[column] = false;
}

/* Copies the columns that every state table starts with. */
static inline void
store_copy_job(TupleTableSlot *to, TupleTableSlot *from)
{
	memcpy(to->tts_values, from->tts_values, sizeof(Datum) * JOB_COLUMNS);
	memcpy(to->tts_isnull, from->tts_isnull, sizeof(bool) * JOB_COLUMNS);
}

extern Oid store_oid(StoreId id);

/* What a row of the table counts for in the statistics. */
extern StatsTable store_stats_table(StoreId id);
extern int64 store_next(StoreId sequence);

/* The last number that any session drew from it; 0 when none has. */
extern int64 store_last(StoreId sequence);

/* The index of the table's primary key. */
extern Oid store_key(Relation rel);

extern Store *store_open(StoreId id, int rows_expected);
extern TupleTableSlot *store_row(Store *store);
extern void store_add(Store *store);

/* For astrid.ready: adds the row of another state table as it lies there, without the columns that
 * only that one has, at this place. */
extern void store_add_moved(Store *store, TupleTableSlot *from, int32 lane, int64 position);
extern void store_flush(Store *store);

/* Adds n rows, all columns null until the function sets them, in a subtransaction. False, with
 * nothing left of them, where a unique index has one of them or gets it from another session just
 * now, which is not waited for. */
typedef void (*StoreFill)(TupleTableSlot *row, const void *from, int i);
extern bool store_try(Store *store, int n, StoreFill fill, const void *from);
extern void store_close(Store *store);

/* Is this the relation, for invalidation callbacks (InvalidOid: all are)? */
extern bool store_is(StoreId id, Oid relid);

#endif
