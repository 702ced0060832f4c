/*
 * The new jobs of one call, on their way into the tables (see batch.h). Called by enqueue.c,
 * event.c.
 *
 * First the unique keys of all of them are taken, in the order of the keys, then the rows are
 * added, in the order of the jobs.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/timestamp.h"

#include "batch.h"
#include "children.h"
#include "floor.h"
#include "group.h"
#include "numbers.h"
#include "place.h"
#include "recent.h"
#include "stats.h"
#include "unique.h"
#include "wake.h"

static void
set_argument(TupleTableSlot *row, int column, FunctionCallInfo fcinfo, int number)
{
	if (!PG_ARGISNULL(number))
		store_set(row, column, PG_GETARG_DATUM(number));
}

static void
set_text(TupleTableSlot *row, int column, Datum value)
{
	if (value != (Datum) 0)
		store_set(row, column, value);
}

static void
fill_row(TupleTableSlot *row, const Batch *batch, const NewJob *item)
{
	FunctionCallInfo fcinfo = batch->fcinfo;
	const Replaced *old = item->keyed.old;

	store_set(row, JOB_ID, Int64GetDatum(item->keyed.job_id));
	store_set(row, JOB_POSITION, Int64GetDatum(item->keyed.number));
	store_set(row, JOB_RUN_AT, TimestampTzGetDatum(item->run_at));
	store_set(row, JOB_ENQUEUED_AT, TimestampTzGetDatum(old ? old->enqueued_at : batch->now));
	store_set(row, JOB_QUEUE_ID, Int32GetDatum(batch->queue->id));
	store_set(row, JOB_PRIORITY, Int32GetDatum(batch_priority(batch)));
	store_set(row, JOB_LANE, Int32GetDatum(batch->lane));
	store_set(row, JOB_ATTEMPT, Int32GetDatum(0));
	store_set(row, JOB_MAX_ATTEMPTS, Int32GetDatum(batch->max_attempts));
	store_set(row, JOB_CRASHES, Int32GetDatum(0));
	if (batch->queue->has_timeout)
		store_set(row, JOB_TIMEOUT, IntervalPGetDatum(&batch->queue->timeout));
	set_argument(row, JOB_TIMEOUT, fcinfo, ARG_TIMEOUT);
	set_argument(row, JOB_DEADLINE, fcinfo, ARG_DEADLINE);
	set_text(row, JOB_UNIQUE_KEY, item->keyed.key);
	set_text(row, JOB_GROUP_KEY, item->group_key);
	set_argument(row, JOB_TAGS, fcinfo, ARG_TAGS);
	set_argument(row, JOB_RETRY, fcinfo, ARG_RETRY);
	store_set(row, JOB_PAYLOAD, item->payload);
}

static void
note_ready(Batch *batch, const NewJob *item, int64 position)
{
	if (item->keeps_place)
		floor_note_rows(FLOOR_READY, batch->queue->name, item->keyed.old->lane, position);
	else
		batch->first = Min(batch->first, position);
}

static Store *
open_store(StoreId table, int n)
{
	Store *store = store_open(table, n);

	store->written = recent_note;
	return store;
}

static void
add_ready(Batch *batch, const NewJob *item)
{
	int64 position = item->keeps_place
						 ? item->keyed.old->position
						 : place_position(batch->queue, batch_priority(batch), item->group_key,
										  item->keyed.number, batch->now);
	TupleTableSlot *row;

	if (batch->ready == NULL)
		batch->ready = open_store(STORE_READY, batch->n);
	row = store_row(batch->ready);
	fill_row(row, batch, item);
	store_set(row, JOB_POSITION, Int64GetDatum(position));
	if (item->keeps_place)
		replace_keep_place(row, item->keyed.old);
	store_add(batch->ready);
	note_ready(batch, item, position);
}

static void
open_waiting(Batch *batch)
{
	batch->waiting = open_store(STORE_WAITING, batch->n);
	batch->waiting->places = palloc(sizeof(ItemPointerData) * batch->n);
}

/* It replaces a job that waits for others. */
static void
keep_parents(TupleTableSlot *row, const Replaced *old)
{
	store_set(row, WAITING_PARENTS_LEFT, Int32GetDatum(old->parents_left));
	if (old->parents != (Datum) 0)
		store_set(row, WAITING_PARENTS, old->parents);
}

static void
add_waiting(Batch *batch, const NewJob *item, bool blocked)
{
	const Replaced *old = item->keyed.old;
	bool parked = item->keeps_place && item->keyed.old->parked;
	TupleTableSlot *row;

	if (batch->waiting == NULL)
		open_waiting(batch);
	row = store_row(batch->waiting);
	fill_row(row, batch, item);
	if (item->keeps_place)
		replace_keep_place(row, item->keyed.old);
	store_set(row, WAITING_BLOCKED, BoolGetDatum(blocked || parked));
	store_set(row, WAITING_PARKED, BoolGetDatum(parked));
	if (batch->depend.verdict == DEPEND_BLOCKED)
		depend_note(&batch->depend, item->keyed.job_id, row);
	else if (old != NULL && old->parents_left > 0)
		keep_parents(row, old);
	store_add(batch->waiting);
	/* What waits for others is not for maintenance to move. */
	if (!blocked && !parked)
		batch->due = Min(batch->due, item->run_at);
}

/* A parent has failed already. */
static void
add_cancelled(Batch *batch, const NewJob *item)
{
	TupleTableSlot *row;

	if (batch->cancelled == NULL)
		batch->cancelled = store_open(STORE_HISTORY + ring_slot(batch->now), batch->n);
	row = store_row(batch->cancelled);
	fill_row(row, batch, item);
	children_mark_cancelled(row, batch->now, batch->depend.reason);
	events_add_row(&batch->events, batch->queue, "cancelled", row, (Datum) 0,
				   row->tts_values[HISTORY_ERROR]);
	store_add(batch->cancelled);
	if (item->keyed.key != (Datum) 0)
		unique_release_one(batch->queue->id, item->keyed.key, item->keyed.job_id, batch->now);
}

static void
add_deadline(Batch *batch, const NewJob *item)
{
	FunctionCallInfo fcinfo = batch->fcinfo;
	TupleTableSlot *row;

	if (PG_ARGISNULL(ARG_DEADLINE))
		return;
	if (batch->deadlines == NULL)
		batch->deadlines = store_open(STORE_DEADLINE, batch->n);
	row = store_row(batch->deadlines);
	store_set(row, DEADLINE_AT, PG_GETARG_DATUM(ARG_DEADLINE));
	store_set(row, DEADLINE_JOB_ID, Int64GetDatum(item->keyed.job_id));
	store_add(batch->deadlines);
}

/* Takes the unique keys of all jobs that have one. */
static void
settle_keys(Batch *batch, NewJob *items)
{
	KeyedJob **keyed = palloc(sizeof(KeyedJob *) * Max(batch->n, 1));
	int n = 0;

	for (int i = 0; i < batch->n; i++)
		if (items[i].keyed.key != (Datum) 0)
			keyed[n++] = &items[i].keyed;
	if (n > 0)
		replace_settle(keyed, n, batch->queue->id, &batch->unique, batch->now);
	pfree(keyed);
}

/* The job that it replaces leaves its group, unless it keeps its place. */
static void
replace(Batch *batch, NewJob *item)
{
	const Replaced *old = item->keyed.old;

	item->keeps_place =
		replace_keeps_place(old, &batch->unique, batch_priority(batch), item->group_key);
	if (!item->keeps_place && old->admission == ADMISSION_ALL)
	{
		Groups *groups = groups_open(1);

		group_leave(groups, batch->queue->id, old->group_key, item->keyed.job_id);
		groups_close(groups);
	}
}

static void
add_where_it_belongs(Batch *batch, const NewJob *item, bool blocked)
{
	const Replaced *old = item->keyed.old;
	DependVerdict verdict = depend_verdict(&batch->depend, batch->n);

	blocked = blocked || verdict == DEPEND_BLOCKED;
	if (verdict == DEPEND_CANCELLED)
		add_cancelled(batch, item);
	else if (blocked || item->run_at > batch->now || (item->keeps_place && !old->ready))
		add_waiting(batch, item, blocked);
	else
		add_ready(batch, item);
}

static void
add_job(Batch *batch, NewJob *item)
{
	const Replaced *old = item->keyed.old;
	bool blocked = item->keyed.blocked || (old != NULL && old->blocked && !old->parked);

	if (old != NULL)
		replace(batch, item);
	else
		stats_note_enqueue(batch->queue->id);
	item->run_at = replace_run_at(old, &batch->unique, batch->run_at, batch->now);
	add_where_it_belongs(batch, item, blocked);
	add_deadline(batch, item);
}

void
batch_add(Batch *batch, NewJob *items)
{
	int64 first = batch->n > 0 ? numbers_draw(STORE_JOB_SEQ, batch->n) : 0;

	for (int i = 0; i < batch->n; i++)
		items[i].keyed.number = items[i].keyed.job_id = first + i;
	settle_keys(batch, items);
	for (int i = 0; i < batch->n; i++)
		if (!items[i].keyed.answered)
			add_job(batch, &items[i]);
}

void
batch_end(Batch *batch)
{
	FunctionCallInfo fcinfo = batch->fcinfo;

	if (batch->cancelled != NULL)
		store_close(batch->cancelled);
	if (batch->waiting != NULL)
	{
		store_flush(batch->waiting);
		depend_end(&batch->depend, batch->waiting->places);
		store_close(batch->waiting);
		wake_maintenance_at(batch->due);
	}
	if (batch->deadlines != NULL)
	{
		store_close(batch->deadlines);
		wake_maintenance_at(PG_GETARG_TIMESTAMPTZ(ARG_DEADLINE));
	}
	if (batch->ready != NULL)
	{
		store_close(batch->ready);
		wake_queue_jobs(batch->queue->name, batch->n);
		if (batch->first != PG_INT64_MAX)
			floor_note_rows(FLOOR_READY, batch->queue->name, batch->lane, batch->first);
	}
	CommandCounterIncrement();
	events_close(batch->events);
}

void
batch_deliver(const Queue *queue, Datum payload)
{
	LOCAL_FCINFO(fcinfo, ARGS);
	Batch batch = {.fcinfo = fcinfo,
				   .queue = queue,
				   .n = 1,
				   .max_attempts = queue->max_attempts,
				   .first = PG_INT64_MAX,
				   .due = DT_NOEND};
	NewJob item = {.payload = payload};

	batch_no_arguments(fcinfo);
	batch.now = batch.run_at = clock_now();
	batch.lane = place_lane(queue, batch_priority(&batch));
	batch_add(&batch, &item);
	batch_end(&batch);
}
