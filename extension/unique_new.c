/*
 * Unique keys of a batch that are all new (see unique_new.h). Called by replace.c.
 *
 * unique.c inserts a key speculatively, so that nobody waits for one that turns out to be taken:
 * three records of WAL for each key. Here the rows are written together, as those of the jobs are,
 * within a subtransaction. Where the index has one of the keys already, whoever may have it, the
 * subtransaction is rolled back, which frees at once who waits for its keys, and unique.c does the
 * work. Nothing is waited for meanwhile: so no deadlock comes of it.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "storage/proc.h"

#include "keyhash.h"
#include "store.h"
#include "unique_new.h"

/* Fewer are not worth a subtransaction. */
#define KEYS_MIN 10

/* More subtransactions than a session tells the others of make their snapshots expensive. */
#define SUBTRANSACTIONS_MAX (PGPROC_MAX_CACHED_SUBXIDS / 2)

/* What is rolled back are dead rows: a session that meets keys that are taken waits for so many
 * calls at most before it tries again. */
#define CALLS_MAX 63

static int calls_to_wait = 0;
static int next_wait = 0;

static void
learn(bool all_were_new)
{
	next_wait = all_were_new ? 0 : Min(next_wait * 2 + 1, CALLS_MAX);
	calls_to_wait = next_wait;
}

static bool
is_worth_while(int n)
{
	if (n < KEYS_MIN || MyProc->subxidStatus.count >= SUBTRANSACTIONS_MAX)
		return false;
	if (calls_to_wait == 0)
		return true;
	calls_to_wait--;
	return false;
}

static void
gather(Store *store, const KeyedJob *job, int32 queue_id, int64 window, TimestampTz now)
{
	TupleTableSlot *row = store_row(store);

	store_set(row, UNIQUE_KEY_QUEUE_ID, Int32GetDatum(queue_id));
	store_set(row, UNIQUE_KEY_KEY, job->key);
	store_set(row, UNIQUE_KEY_JOB_ID, Int64GetDatum(job->number));
	store_set(row, UNIQUE_KEY_FINISHED, BoolGetDatum(false));
	store_set(row, UNIQUE_KEY_KEY_HASH, Int64GetDatum(key_hash(queue_id, job->key)));
	if (window > 0)
		store_set(row, UNIQUE_KEY_HELD_UNTIL, TimestampTzGetDatum(now + window));
	store_gather(store);
}

int
unique_hold_new(KeyedJob **jobs, int n, int32 queue_id, int64 window, TimestampTz now)
{
	Store *store;
	int held = 0;

	if (!is_worth_while(n))
		return 0;
	store = store_open(STORE_UNIQUE_KEY, n);
	while (held < n)
	{
		int end = Min(held + STORE_ROWS_MAX, n);

		for (int i = held; i < end; i++)
			gather(store, jobs[i], queue_id, window, now);
		if (!store_try_flush(store))
			break;
		held = end;
	}
	store_close(store);
	learn(held == n);
	return held;
}
