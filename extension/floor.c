/*
 * The claim floor (see floor.h): one slot of shared memory per queue, with a position for each of
 * its lanes.
 *
 * Why no job is lost behind it:
 * - It rises only when the claim that saw the way to be free has committed, and never past a job
 *   that this claim saw and did not take, say because another transaction, prepared ones included,
 *   was just taking it. So an abort has nothing to undo.
 * - A commit that makes jobs ready lowers it in the commit callback, and leaves its position among
 *   the slot's news. A claim remembers how many news there were before it took its snapshot: those
 *   that came since are what it may have been blind to, and the floor does not rise past them. Are
 *   more of them gone by than the slot keeps, it does not rise at all.
 * - What no callback tells of (COMMIT PREPARED, rows written by hand) is found by a claim that now
 *   and then ignores the floor and walks everything: a probe.
 *
 * tests/models/floor.pml is the model of it.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/timestamp.h"

#include "channel.h"
#include "floor.h"
#include "guc.h"
#include "store.h"

#define NOTES_MAX 32 /* per transaction, of each kind */
#define WINDOW    4  /* slots in which a queue may be */
#define PROBE_PAUSE_MS                                                                             \
	3000 /* between two probes of a queue, or this many times what the last took: */
#define PROBE_SHARE 30

/* At commit the floor of a queue rises. */
typedef struct RiseNote
{
	SharedFloor *floor;
	uint64 key;
	uint64 n_news;
	int32 lane;
	int64 position;
} RiseNote;

/* At commit the floor of a queue sinks. */
typedef struct JobsNote
{
	uint64 key;
	FloorNews news;
} JobsNote;

static RiseNote rises[NOTES_MAX];
static int n_rises;
static JobsNote jobs[NOTES_MAX];
static int n_jobs;
static int64 jobs_surplus = PG_INT64_MAX; /* lowest position for which there was no note left */

/* Another extension's tables of the same database, made after ours were dropped, start afresh. */
static uint64
floor_key(FloorDomain domain, const char *queue_name)
{
	uint64 key = hash_combine64(channel_key(queue_name), store_oid(STORE_READY) + domain);

	return key ? key : 1;
}

static SharedFloor *
slot_in_window(uint64 key, int i)
{
	return &shared->floors[(key + i) % FLOOR_SLOTS];
}

/* The caller holds the mutex, or is alone. News of the old owner must not pass for ours: the count
 * jumps by more than the ring holds. */
static void
take_slot(SharedFloor *floor, uint64 key)
{
	pg_atomic_write_u64(&floor->key, key);
	floor->n_news += FLOOR_NEWS + 1;
	floor->n_marks = 0;
	floor->probe_due = 0;
	pg_atomic_write_u64(&floor->claimed, 0);
}

/* The slot of the queue; the one of its window that was longest unused where it has none. Two
 * sessions may give it two slots at once: both are told of every commit. */
static SharedFloor *
find_slot(uint64 key)
{
	SharedFloor *oldest = slot_in_window(key, 0);

	for (int i = 0; i < WINDOW; i++)
	{
		SharedFloor *floor = slot_in_window(key, i);

		if (pg_atomic_read_u64(&floor->key) == key)
			return floor;
		if (floor->used < oldest->used)
			oldest = floor;
	}
	SpinLockAcquire(&oldest->mutex);
	take_slot(oldest, key);
	SpinLockRelease(&oldest->mutex);
	return oldest;
}

static bool
concerns(const FloorNews *news, int32 lane)
{
	return news->any_lane || news->lane == lane;
}

static void
sink_marks(FloorMark *marks, int n, FloorNews news)
{
	for (int i = 0; i < n; i++)
		if (concerns(&news, marks[i].lane))
			marks[i].position = Min(marks[i].position, news.position);
}

/* To this transaction its own jobs are there already. */
static void
see_own_jobs(FloorView *view)
{
	FloorNews surplus = {.position = jobs_surplus, .any_lane = true};

	for (int i = 0; i < n_jobs; i++)
		if (jobs[i].key == view->key)
			sink_marks(view->marks, view->n, jobs[i].news);
	sink_marks(view->marks, view->n, surplus);
}

void
floor_look(FloorDomain domain, const char *queue_name, FloorView *view)
{
	TimestampTz now;

	memset(view, 0, offsetof(FloorView, marks));
	if (shared == NULL || !guc_claim_floor)
		return;
	now = GetCurrentTimestamp();
	view->key = floor_key(domain, queue_name);
	view->looked_at = now;
	view->floor = find_slot(view->key);
	SpinLockAcquire(&view->floor->mutex);
	if (pg_atomic_read_u64(&view->floor->key) == view->key)
	{
		view->n_news = view->floor->n_news;
		view->n = view->floor->n_marks;
		memcpy(view->marks, view->floor->marks, sizeof(FloorMark) * view->n);
		view->probe = view->n > 0 && now >= view->floor->probe_due;
		if (view->probe)
			view->floor->probe_due = TimestampTzPlusMilliseconds(now, PROBE_PAUSE_MS);
		view->floor->used = now;
	}
	else
		view->floor = NULL;
	SpinLockRelease(&view->floor->mutex);
	see_own_jobs(view);
	/* The snapshot must not be older than the count of news, nor than the slot's key. */
	pg_memory_barrier();
}

void
floor_note_claim(const FloorView *view)
{
	if (view->floor != NULL)
		pg_atomic_write_u64(&view->floor->claimed, (uint64) view->looked_at);
}

TimestampTz
floor_last_claim(const char *queue_name)
{
	uint64 key;
	TimestampTz last = 0;

	if (shared == NULL)
		return 0;
	key = floor_key(FLOOR_READY, queue_name);
	for (int i = 0; i < WINDOW; i++)
	{
		SharedFloor *floor = slot_in_window(key, i);

		if (pg_atomic_read_u64(&floor->key) == key)
			last = Max(last, (TimestampTz) pg_atomic_read_u64(&floor->claimed));
	}
	return last;
}

/* PG_INT64_MIN: nothing is known. */
static int64
floor_of(const FloorView *view, int32 lane)
{
	for (int i = 0; i < view->n; i++)
		if (view->marks[i].lane == lane)
			return view->marks[i].position;
	return PG_INT64_MIN;
}

void
floor_end_probe(const FloorView *view)
{
	TimestampTz now = GetCurrentTimestamp();
	int64 pause = (now - view->looked_at) * PROBE_SHARE;

	SpinLockAcquire(&view->floor->mutex);
	if (pg_atomic_read_u64(&view->floor->key) == view->key)
		view->floor->probe_due = now + Max(pause, PROBE_PAUSE_MS * INT64CONST(1000));
	SpinLockRelease(&view->floor->mutex);
}

void
floor_note_rise(const FloorView *view, int32 lane, int64 position)
{
	int i;

	if (view->floor == NULL || position <= floor_of(view, lane))
		return;
	for (i = 0; i < n_rises; i++)
		if (rises[i].key == view->key && rises[i].lane == lane)
			break;
	if (i == NOTES_MAX)
		return;
	n_rises = Max(n_rises, i + 1);
	rises[i] = (RiseNote){view->floor, view->key, view->n_news, lane, position};
}

static void
note_rows(FloorDomain domain, const char *queue_name, FloorNews news)
{
	uint64 key;
	int i;

	if (shared == NULL)
		return;
	key = floor_key(domain, queue_name);
	for (i = 0; i < n_jobs; i++)
		if (jobs[i].key == key && jobs[i].news.lane == news.lane &&
			jobs[i].news.any_lane == news.any_lane)
			break;
	if (i == NOTES_MAX)
	{
		jobs_surplus = Min(jobs_surplus, news.position);
		return;
	}
	if (i < n_jobs)
		news.position = Min(news.position, jobs[i].news.position);
	n_jobs = Max(n_jobs, i + 1);
	jobs[i] = (JobsNote){key, news};
}

void
floor_note_rows(FloorDomain domain, const char *queue_name, int32 lane, int64 position)
{
	note_rows(domain, queue_name, (FloorNews){.position = position, .lane = lane});
}

void
floor_note_any(FloorDomain domain, const char *queue_name, int64 position)
{
	note_rows(domain, queue_name, (FloorNews){.position = position, .any_lane = true});
}

/* The slot's floors sink to the news. */
static void
sink(SharedFloor *floor, uint64 key, FloorNews news)
{
	SpinLockAcquire(&floor->mutex);
	if (pg_atomic_read_u64(&floor->key) == key)
	{
		floor->news[floor->n_news++ % FLOOR_NEWS] = news;
		sink_marks(floor->marks, floor->n_marks, news);
	}
	SpinLockRelease(&floor->mutex);
}

static void
sink_queue(uint64 key, FloorNews news)
{
	for (int i = 0; i < WINDOW; i++)
	{
		SharedFloor *floor = slot_in_window(key, i);

		if (pg_atomic_read_u64(&floor->key) == key)
			sink(floor, key, news);
	}
}

static void
sink_all(int64 position)
{
	FloorNews news = {.position = position, .any_lane = true};

	for (int i = 0; i < FLOOR_SLOTS; i++)
		sink(&shared->floors[i], pg_atomic_read_u64(&shared->floors[i].key), news);
}

void
floor_correct(const FloorView *view, const FloorMark *mark)
{
	FloorNews news = {.position = mark->position, .lane = mark->lane};

	sink_queue(view->key, news);
}

/* How far the floor may rise, in view of what was committed since the claim looked. */
static int64
highest_rise(const SharedFloor *floor, const RiseNote *note)
{
	int64 position = note->position;

	if (floor->n_news - note->n_news > FLOOR_NEWS)
		return PG_INT64_MIN;
	for (uint64 i = note->n_news; i < floor->n_news; i++)
	{
		const FloorNews *news = &floor->news[i % FLOOR_NEWS];

		if (concerns(news, note->lane))
			position = Min(position, news->position);
	}
	return position;
}

/* The place of this lane among the marks, by lane; NULL where there is no room for it. */
static FloorMark *
find_mark(SharedFloor *floor, int32 lane)
{
	int i = 0;

	while (i < floor->n_marks && floor->marks[i].lane < lane)
		i++;
	if (i < floor->n_marks && floor->marks[i].lane == lane)
		return &floor->marks[i];
	if (floor->n_marks == FLOOR_LANES)
		return NULL;
	memmove(&floor->marks[i + 1], &floor->marks[i], sizeof(FloorMark) * (floor->n_marks - i));
	floor->n_marks++;
	floor->marks[i] = (FloorMark){lane, PG_INT64_MIN};
	return &floor->marks[i];
}

static void
rise(const RiseNote *note)
{
	SharedFloor *floor = note->floor;

	SpinLockAcquire(&floor->mutex);
	if (pg_atomic_read_u64(&floor->key) == note->key)
	{
		int64 position = highest_rise(floor, note);
		FloorMark *mark = position > PG_INT64_MIN ? find_mark(floor, note->lane) : NULL;

		if (mark != NULL)
			mark->position = Max(mark->position, position);
	}
	SpinLockRelease(&floor->mutex);
}

/* In the commit callback: atomics and spinlocks only. */
void
floor_at_commit(void)
{
	/* What was committed is visible now; then whose slots these are is read. */
	pg_memory_barrier();
	for (int i = 0; i < n_jobs; i++)
		sink_queue(jobs[i].key, jobs[i].news);
	if (jobs_surplus < PG_INT64_MAX)
		sink_all(jobs_surplus);
	for (int i = 0; i < n_rises; i++)
		rise(&rises[i]);
	floor_at_end();
}

void
floor_at_end(void)
{
	n_rises = 0;
	n_jobs = 0;
	jobs_surplus = PG_INT64_MAX;
}

/* Any claim may be among what is rolled back. Jobs are: to sink for them does no harm. */
void
floor_at_subabort(void)
{
	n_rises = 0;
}
