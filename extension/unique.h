/*
 * Unique keys: held by a live job, and for a window after it was enqueued. SPDX-License-Identifier:
 * PostgreSQL
 */
#ifndef ASTRID_UNIQUE_H
#define ASTRID_UNIQUE_H

#include "datatype/timestamp.h"
#include "executor/tuptable.h"
#include "fmgr.h"

/* astrid.unique_key, open. */
typedef struct Keys Keys;

/* Who has a key. */
typedef struct KeyHolder
{
	int64 job_id;
	int64 next_id; /* the job that waits for it to end, and then has the key; 0: none */
	bool finished; /* the job has ended, the window has not */
} KeyHolder;

extern Keys *unique_open(void);
extern void unique_close(Keys *keys);

/*
 * Takes the key for the job if it is free, for so many microseconds at least. Waits for a
 * transaction that is just taking it, but not for one that is just releasing it: until that commits
 * its job is alive.
 */
extern KeyHolder unique_hold(Keys *keys, int32 queue_id, Datum key, int64 job_id, int64 window,
							 TimestampTz now);

/* The job that has the key, or the one that will have it next, without taking it; 0: none. */
extern int64 unique_holder(Keys *keys, int32 queue_id, Datum key);

/* The job becomes the one that has the key next, where the holder is still this one. */
extern bool unique_follow(Keys *keys, int32 queue_id, Datum key, const KeyHolder *holder,
						  int64 job_id, int64 window, TimestampTz now);

/* The key stays taken until then: by the job that has it, else by this one, which has ended; of
 * several that have, by the last. */
extern void unique_keep(Keys *keys, int32 queue_id, Datum key, int64 job_id, TimestampTz until);

/* A key and the job that has it. */
typedef struct HeldKey
{
	int32 queue_id;
	Datum key;
	int64 job_id;
} HeldKey;

/* The jobs have reached a final state: each key is free, stays taken until its window is over, or
 * goes on to the job that waits for it. */
extern void unique_release(const HeldKey *held, int n, TimestampTz now);

/* The same for one job only. */
extern void unique_release_one(int32 queue_id, Datum key, int64 job_id, TimestampTz now);

/* The order in which keys are taken and released, always: no deadlock. */
extern int unique_compare(Datum a, Datum b);

#endif
