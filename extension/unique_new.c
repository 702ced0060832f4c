/*
 * Unique keys of a batch that are all new (see unique_new.h). Called by replace.c.
 *
 * unique.c inserts a key speculatively, so that nobody waits for one that turns out to be taken:
 * for each key a lock and three changes of its page. Here the rows are written together, as those
 * of the jobs are, within a subtransaction. Where the index has one of the keys already, whoever
 * may have it, also twice in the call, the subtransaction is rolled back, which frees at once who
 * waits for its keys, and unique.c does the work. Nothing is waited for meanwhile: so no deadlock
 * comes of it, and no order is needed. That of the jobs is the best: who ends them finds the keys
 * side by side (unique_release.c).
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "storage/proc.h"

#include "store.h"
#include "unique_new.h"
#include "unique_restore.h"
#include "unique_row.h"
#include "unique_window.h"

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

/* What the rows of a call have in common. */
typedef struct NewKeys
{
	KeyedJob **jobs;
	int32 queue_id;
	TimestampTz held_until; /* 0: no window */
} NewKeys;

static void
fill(TupleTableSlot *slot, const void *from, int i)
{
	const NewKeys *new = from;
	KeyRow row = {.queue_id = new->queue_id,
				  .key = new->jobs[i]->key,
				  .holder.job_id = new->jobs[i]->number,
				  .held_until = new->held_until};

	unique_fill(slot, &row);
}

static void
add_windows(const NewKeys *new, int n)
{
	Store *windows = store_open(STORE_UNIQUE_WINDOW, n);

	for (int i = 0; i < n; i++)
		window_add(windows, new->queue_id, new->jobs[i]->key, new->jobs[i]->number,
				   new->held_until);
	store_close(windows);
}

bool
unique_hold_new(KeyedJob **jobs, int n, int32 queue_id, int64 window, TimestampTz now)
{
	NewKeys new = {.jobs = jobs, .queue_id = queue_id, .held_until = window_end(window, now)};
	Store *store;
	bool held;

	if (!is_worth_while(n))
		return false;
	unique_restore();
	store = store_open(STORE_UNIQUE_KEY, n);
	held = store_try(store, n, fill, &new);
	store_close(store);
	learn(held);
	if (held && window > 0)
		add_windows(&new, n);
	return held;
}
