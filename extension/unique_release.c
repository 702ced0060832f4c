/*
 * Unique keys of jobs that have ended (see unique.h). Called by complete.c, and, as SQL, by all
 * that ends a job otherwise.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "helpers.h"
#include "unique_row.h"
#include "unique_window.h"

PG_FUNCTION_INFO_V1(astrid_release_key);
PG_FUNCTION_INFO_V1(astrid_forget_key);

/* What becomes of the key when this job, its holder or the next one, ends; false: it is free. */
static bool
succeed(KeyRow *row, int64 job_id, int64 successor, TimestampTz now)
{
	if (row->holder.next_id == job_id)
		row->holder.next_id = 0;
	else if (successor != 0)
		row->holder = (KeyHolder){.job_id = successor};
	else if (row->held_until > now)
	{
		row->holder.next_id = 0;
		row->holder.finished = true;
	}
	else
		return false;
	return true;
}

/* A key that is to be released, and its row where it is known. */
typedef struct Release
{
	int64 job_id;
	KeyRow row;
	bool known;
} Release;

static bool
is_held(const Release *release, bool finished_too)
{
	const KeyHolder *holder = &release->row.holder;

	return (finished_too || !holder->finished) &&
		   (holder->job_id == release->job_id || holder->next_id == release->job_id);
}

/* What only a window holds has a window of its own: maintenance may be just deleting that of the
 * time when the key was taken, and it is another job's where the key was handed on. */
static void
hold_on(Keys *keys, const KeyRow *row)
{
	(void) unique_insert(keys, row);
	if (row->holder.finished)
		window_note(row->queue_id, row->key, row->holder.job_id, row->held_until);
}

static void
release_one(Keys *keys, Release *release, TimestampTz now, bool finished_too)
{
	KeyRow *row = &release->row;
	int64 job_id = release->job_id;
	int64 successor = 0;

	while ((release->known || unique_look(keys, row)) && is_held(release, finished_too))
	{
		int64 next_id = row->holder.job_id == job_id ? row->holder.next_id : 0;

		release->known = false;
		/* Its row before the key's: as who cancels or replaces it. */
		if (successor == 0 && next_id != 0 && helper_go_on(next_id))
			successor = next_id;
		if (!unique_remove(keys, row))
			continue;
		if (succeed(row, job_id, successor, now))
			hold_on(keys, row);
		else if (row->held_until != 0)
			window_forget(row->queue_id, row->key);
		return;
	}
}

/* The keys of a batch were mostly written together: where the row of one is, that of the next job
 * is behind it. Nothing is waited for: that must be done in the order of the keys. */
static void
find_rows(Keys *keys, Release **releases, int n)
{
	ItemPointerData next;

	ItemPointerSetInvalid(&next);
	for (int i = 0; i < n; i++)
	{
		KeyRow *row = &releases[i]->row;

		releases[i]->known = unique_peek_at(keys, row, &next) || unique_peek(keys, row);
		if (releases[i]->known)
			ItemPointerSet(&next, ItemPointerGetBlockNumber(&row->tid),
						   OffsetNumberNext(ItemPointerGetOffsetNumber(&row->tid)));
	}
}

static int
compare_jobs(const void *a, const void *b)
{
	int64 ia = (*(Release *const *) a)->job_id;
	int64 ib = (*(Release *const *) b)->job_id;

	return (ia > ib) - (ia < ib);
}

/* As keys are taken. */
static int
compare_keys(const void *a, const void *b)
{
	const KeyRow *ra = &(*(Release *const *) a)->row;
	const KeyRow *rb = &(*(Release *const *) b)->row;

	if (ra->queue_id != rb->queue_id)
		return ra->queue_id < rb->queue_id ? -1 : 1;
	return unique_compare(ra->key, rb->key);
}

static void
release(Release *releases, int n, TimestampTz now, bool finished_too)
{
	Keys *keys = unique_open();
	Release **sorted = palloc(sizeof(Release *) * n);

	for (int i = 0; i < n; i++)
		sorted[i] = &releases[i];
	if (n > 1)
	{
		qsort(sorted, n, sizeof(Release *), compare_jobs);
		find_rows(keys, sorted, n);
		qsort(sorted, n, sizeof(Release *), compare_keys);
	}
	for (int i = 0; i < n; i++)
		release_one(keys, sorted[i], now, finished_too);
	pfree(sorted);
	unique_close(keys);
	CommandCounterIncrement();
}

void
unique_release(const HeldKey *held, int n, TimestampTz now)
{
	Release *releases;

	if (n == 0)
		return;
	releases = palloc0(sizeof(Release) * n);
	for (int i = 0; i < n; i++)
	{
		releases[i].job_id = held[i].job_id;
		releases[i].row.queue_id = held[i].queue_id;
		releases[i].row.key = held[i].key;
	}
	release(releases, n, now, false);
}

void
unique_release_one(int32 queue_id, Datum key, int64 job_id, TimestampTz now)
{
	HeldKey held = {queue_id, key, job_id};

	/* This command may have taken the key itself. */
	CommandCounterIncrement();
	unique_release(&held, 1, now);
}

/* astrid._forget_key(queue, key, job) */
Datum
astrid_forget_key(PG_FUNCTION_ARGS)
{
	Release forgotten = {.job_id = PG_GETARG_INT64(2),
						 .row.queue_id = PG_GETARG_INT32(0),
						 .row.key = PG_GETARG_DATUM(1)};

	release(&forgotten, 1, DT_NOEND, true);
	PG_RETURN_VOID();
}

/* astrid._release_key(queue, key, job) */
Datum
astrid_release_key(PG_FUNCTION_ARGS)
{
	unique_release_one(PG_GETARG_INT32(0), PG_GETARG_DATUM(1), PG_GETARG_INT64(2), clock_now());
	PG_RETURN_VOID();
}
