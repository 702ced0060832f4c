/*
 * What enqueue does where a live job has the unique key. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_REPLACE_H
#define ASTRID_REPLACE_H

#include "datatype/timestamp.h"
#include "executor/tuptable.h"
#include "fmgr.h"

typedef enum UniqueMode
{
	UNIQUE_IGNORE,            /* adds nothing: that job is the answer */
	UNIQUE_REPLACE,           /* gives that job its own options and place */
	UNIQUE_REPLACE_KEEP_TIME, /* the same, but for run_at and, where possible, the place */
	UNIQUE_DEBOUNCE           /* replaces, and puts it off to its run_at */
} UniqueMode;

typedef struct UniqueOptions
{
	UniqueMode mode;
	int64 window;   /* microseconds; 0: none */
	int64 max_wait; /* of debounce; 0: no limit */
} UniqueOptions;

/* A job that was taken from its table to be replaced. */
typedef struct Replaced
{
	bool ready; /* it was; else it was waiting */
	bool blocked;
	bool parked;
	int32 lane;
	int32 priority;
	int32 admission; /* 0: null */
	int64 position;
	TimestampTz run_at;
	TimestampTz enqueued_at;
	Datum group_key;    /* 0: null */
	int32 parents_left; /* 0: it waits for no job */
	Datum parents;      /* 0: null */
} Replaced;

/* The arguments unique_mode, unique_window and unique_max_wait, of which the first has this number.
 */
extern UniqueOptions unique_options(FunctionCallInfo fcinfo, int first, bool has_key);

/* A job that is enqueued with a unique key, and what comes of it. */
typedef struct KeyedJob
{
	Datum key;     /* 0: none */
	int64 number;  /* drawn for it from job_seq: the order of the jobs of one call */
	int64 job_id;  /* of the job that has the key, or will have it next: this one, or another */
	bool answered; /* there is nothing to add */
	bool blocked;  /* it waits until the holder of the key has ended */
	Replaced *old; /* was taken from its table, to be added anew; null: it is a new job */
} KeyedJob;

/* Takes the keys of jobs that all have one, or finds out who has them. */
extern void replace_settle(KeyedJob **jobs, int n, int32 queue_id, const UniqueOptions *options,
						   TimestampTz now);

/* A job that keeps its time keeps its place too, if that is the same for its new options. */
extern bool replace_keeps_place(const Replaced *old, const UniqueOptions *options, int32 priority,
								Datum group_key);
extern void replace_keep_place(TupleTableSlot *row, const Replaced *old);

/* When the job is to run; old: the one that it replaces, null: none. */
extern TimestampTz replace_run_at(const Replaced *old, const UniqueOptions *options,
								  TimestampTz run_at, TimestampTz now);

#endif
