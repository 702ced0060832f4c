/*
 * The new jobs of one call, on their way into the tables. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_BATCH_H
#define ASTRID_BATCH_H

#include "fmgr.h"

#include "depend.h"
#include "event.h"
#include "queues.h"
#include "replace.h"
#include "store.h"

/* Arguments of astrid_enqueue and astrid_enqueue_batch: the same places in both. */
enum
{
	ARG_QUEUE,
	ARG_PAYLOAD,
	ARG_PRIORITY,
	ARG_RUN_AT,
	ARG_MAX_ATTEMPTS,
	ARG_TIMEOUT,
	ARG_UNIQUE_KEY,
	ARG_GROUP_KEY,
	ARG_DEPENDS_ON,
	ARG_TAGS,
	ARG_UNIQUE_MODE,
	ARG_UNIQUE_WINDOW,
	ARG_UNIQUE_MAX_WAIT,
	ARG_DEADLINE,
	ARG_RETRY,
	ARG_DEPENDS_MODE,
	ARG_DEPENDS_FAILURE,
	ARGS,
	ARG_UNIQUE_KEYS = ARGS, /* of the batch only */
	ARG_GROUP_KEYS
};

/* What the jobs of one call have in common, and where they go. */
typedef struct Batch
{
	FunctionCallInfo fcinfo;
	const Queue *queue;
	TimestampTz now;
	TimestampTz run_at;
	UniqueOptions unique;
	int32 max_attempts;
	int n;
	int32 lane;
	int64 first;     /* lowest position of those in ready */
	TimestampTz due; /* lowest run_at of those that are scheduled */
	Store *ready;    /* opened when first needed */
	Store *waiting;
	Store *cancelled;
	Events *events;
	Depend depend;
	Store *deadlines;
} Batch;

/* What distinguishes a job of it; 0: null. */
typedef struct NewJob
{
	Datum payload;
	bool payload_is_null;
	Datum group_key;
	KeyedJob keyed;
	TimestampTz run_at;
	bool keeps_place; /* of the job that it replaces */
} NewJob;

static inline int32
batch_priority(const Batch *batch)
{
	FunctionCallInfo fcinfo = batch->fcinfo;

	return PG_ARGISNULL(ARG_PRIORITY) ? 0 : PG_GETARG_INT32(ARG_PRIORITY);
}

/* Adds the jobs, which have been checked. Afterwards keyed.job_id is the job that each of them has
 * become. */
extern void batch_add(Batch *batch, NewJob *items);

/* Writes what is left, and wakes who waits for it. */
extern void batch_end(Batch *batch);

/* A job for a subscription: ready at once, whatever limits and schema the queue has for producers.
 */
extern void batch_deliver(const Queue *queue, Datum payload);

/* The SQL function, and its arguments, all null. */
extern Datum astrid_enqueue(PG_FUNCTION_ARGS);

static inline void
batch_no_arguments(FunctionCallInfo fcinfo)
{
	InitFunctionCallInfoData(*fcinfo, NULL, ARGS, InvalidOid, NULL, NULL);
	for (int i = 0; i < ARGS; i++)
	{
		fcinfo->args[i].value = (Datum) 0;
		fcinfo->args[i].isnull = true;
	}
}

#endif
