/*
 * What the end of a job means for the jobs that wait for it (see children.h). Called by complete.c
 * and, as SQL, by all that ends a job otherwise.
 *
 * How many parents a child still waits for is counted down in its row of astrid.waiting. The
 * lock on that row makes parents that end at the same time take turns: the second sees what the
 * first did. Children are taken in the order of their numbers, whatever parents they have. A
 * cancelled one is a parent in its turn, and its children's numbers are above its own: so the order
 * holds for all that one call takes, and two of them do not wait for each other in a circle.
 *
 * A child that went otherwise (cancelled by hand, late, set free by the first of any) leaves its
 * number with its other parents. It is passed over when they end: no job comes to wait for jobs
 * again.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "children.h"
#include "edges.h"
#include "event.h"
#include "floor.h"
#include "numbers.h"
#include "place.h"
#include "queues.h"
#include "rows.h"
#include "unique.h"
#include "unique_restore.h"
#include "wake.h"

/* What one call does. */
typedef struct Settling
{
	TimestampTz now;
	Edges *edges;
	Rows *waiting;
	Store *ready; /* opened when first needed, as the next two */
	Store *scheduled;
	Store *history;
	Events *events;
	int32 queue_id; /* what became ready and was not told yet */
	int32 lane;
	int64 first;
	uint32 n_ready;
	int n_children; /* looked at so far */
	int n_numbers;  /* drawn and not used yet */
	int64 number;   /* the first of these */
} Settling;

PG_FUNCTION_INFO_V1(astrid_jobs_ended);

static const char *const end_names[PARENT_ENDS] = {
	[PARENT_COMPLETED] = "completed",
	[PARENT_DEAD] = "dead",
	[PARENT_CANCELLED] = "cancelled",
	[PARENT_DELETED] = "deleted",
};

const char *
children_reason(int64 parent_id, ParentEnd end)
{
	return psprintf("job " INT64_FORMAT ", which it depends on, %s %s", parent_id,
					end == PARENT_DEAD ? "is" : "was", end_names[end]);
}

void
children_mark_cancelled(TupleTableSlot *row, TimestampTz now, const char *reason)
{
	store_set(row, HISTORY_FINISHED_AT, TimestampTzGetDatum(now));
	store_set(row, HISTORY_SLOT, Int16GetDatum(ring_slot(now)));
	store_set(row, HISTORY_STATE, CStringGetTextDatum("cancelled"));
	store_set(row, HISTORY_ERROR, CStringGetTextDatum(reason));
}

/* Does the row of astrid.waiting that was found belong to this child, and does it wait for jobs? */
static bool
is_child(TupleTableSlot *row, int64 child_id)
{
	return DatumGetInt64(row->tts_values[JOB_ID]) == child_id &&
		   !row->tts_isnull[WAITING_PARENTS_LEFT];
}

/* The child's row; false where it waits for jobs no more, and never will again. */
static bool
find_child(Rows *waiting, const Edge *edge)
{
	int64 child_id = edge_child(edge);
	ScanKeyData key;

	if (edge->places != NULL && rows_at(waiting, &edge->places[edge->at]) &&
		is_child(waiting->row, child_id))
		return true;
	rows_key_int8(&key, 1, child_id);
	return rows_find(waiting, &key, 1) && is_child(waiting->row, child_id);
}

/* Tells of the jobs that became ready in one lane. */
static void
tell_ready(Settling *settling)
{
	const Queue *queue = queue_by_id(settling->queue_id);

	if (settling->n_ready > 0 && queue != NULL)
	{
		floor_note_rows(FLOOR_READY, queue->name, settling->lane, settling->first);
		wake_queue_jobs(queue->name, settling->n_ready);
	}
	settling->n_ready = 0;
}

static void
note_ready(Settling *settling, int32 queue_id, int32 lane, int64 position)
{
	if (settling->queue_id != queue_id || settling->lane != lane)
		tell_ready(settling);
	if (settling->n_ready == 0)
		settling->first = position;
	settling->queue_id = queue_id;
	settling->lane = lane;
	settling->first = Min(settling->first, position);
	settling->n_ready++;
}

static Store *
open_once(Settling *settling, Store **store, StoreId table)
{
	if (*store == NULL)
		*store = store_open(table, edges_children(settling->edges));
	return *store;
}

/* Drawn for all children that may be left at once; what is not used is left out. */
static int64
next_number(Settling *settling)
{
	if (settling->n_numbers == 0)
	{
		int left = edges_children(settling->edges) - settling->n_children + 1;

		settling->n_numbers = Max(Min(left, STORE_ROWS_MAX), 1);
		settling->number = numbers_draw(STORE_JOB_SEQ, settling->n_numbers);
	}
	settling->n_numbers--;
	return settling->number++;
}

static void
make_ready(Settling *settling, const Queue *queue, TupleTableSlot *child)
{
	int32 priority = DatumGetInt32(child->tts_values[JOB_PRIORITY]);
	Datum group = child->tts_isnull[JOB_GROUP_KEY] ? (Datum) 0 : child->tts_values[JOB_GROUP_KEY];
	int32 lane = place_lane(queue, priority);
	int64 position = place_position(queue, priority, group, next_number(settling), settling->now);

	store_add_moved(open_once(settling, &settling->ready, STORE_READY), child, lane, position);
	note_ready(settling, queue->id, lane, position);
}

static void
make_scheduled(Settling *settling, TupleTableSlot *child)
{
	Store *scheduled = open_once(settling, &settling->scheduled, STORE_WAITING);
	TupleTableSlot *row = store_row(scheduled);

	store_copy_job(row, child);
	store_set(row, WAITING_BLOCKED, BoolGetDatum(false));
	store_set(row, WAITING_PARKED, BoolGetDatum(false));
	store_add(scheduled);
	wake_maintenance_at(DatumGetTimestampTz(child->tts_values[JOB_RUN_AT]));
}

static void
release(Settling *settling, const Queue *queue)
{
	TupleTableSlot *child = settling->waiting->row;

	if (DatumGetTimestampTz(child->tts_values[JOB_RUN_AT]) > settling->now)
		make_scheduled(settling, child);
	else
		make_ready(settling, queue, child);
}

/* It is a parent too. */
static void
cancel(Settling *settling, const Queue *queue, const Edge *cause)
{
	TupleTableSlot *child = settling->waiting->row;
	Store *history =
		open_once(settling, &settling->history, STORE_HISTORY + ring_slot(settling->now));
	TupleTableSlot *row = store_row(history);
	int64 child_id = edge_child(cause);

	store_copy_job(row, child);
	children_mark_cancelled(row, settling->now, children_reason(cause->parent_id, cause->end));
	events_add_row(&settling->events, queue, "cancelled", row, (Datum) 0,
				   row->tts_values[HISTORY_ERROR]);
	store_add(history);
	if (!child->tts_isnull[JOB_UNIQUE_KEY])
		unique_release_one(DatumGetInt32(child->tts_values[JOB_QUEUE_ID]),
						   child->tts_values[JOB_UNIQUE_KEY], child_id, settling->now);
	edges_take(settling->edges, &child_id, 1, PARENT_CANCELLED);
	rows_refresh(settling->waiting);
}

static const Edge *
find_edge(const Edge *list, bool fulfilled)
{
	while (list != NULL && list->fulfilled != fulfilled)
		list = list->next;
	return list;
}

static int
length(const Edge *list)
{
	int n = 0;

	for (; list != NULL; list = list->next)
		n++;
	return n;
}

/*
 * Writes what the end of these parents makes of the child: its row goes, or has so many parents
 * less to wait for. Either locks it, so that parents that end at the same time take turns; neither
 * stands in the way of who enqueues children of it, unless it goes. False where nothing is to be
 * done for it any more.
 */
static bool
write_child(Settling *settling, const Edge *list, bool decided)
{
	Rows *waiting = settling->waiting;
	int ended = length(list);

	while (find_child(waiting, list))
	{
		int left = DatumGetInt32(waiting->row->tts_values[WAITING_PARENTS_LEFT]) - ended;
		bool goes = decided || left <= 0;
		TM_Result result;

		/* Whoever dropped the queue takes its jobs away. */
		if (queue_by_id(DatumGetInt32(waiting->row->tts_values[JOB_QUEUE_ID])) == NULL)
			return false;
		/* Afterwards its row, or that of a child before it, may be still to be written. */
		if (goes && !waiting->row->tts_isnull[JOB_UNIQUE_KEY])
			unique_restore();
		result = goes ? rows_delete(waiting, true)
					  : rows_update(waiting, WAITING_PARENTS_LEFT, Int32GetDatum(left));
		if (result == TM_Ok)
			return goes;
		/* Another parent ended, or it was moved to another queue, or waits no more: look again. */
		CHECK_FOR_INTERRUPTS();
		rows_refresh(waiting);
	}
	return false;
}

/* The parents of a child at these edges have ended. */
static void
settle_child(Settling *settling, const Edge *list)
{
	const Edge *failed = find_edge(list, false);
	bool decided = list->any_of ? find_edge(list, true) != NULL : failed != NULL;
	const Queue *queue;

	if (!write_child(settling, list, decided))
		return;
	queue = queue_by_id(DatumGetInt32(settling->waiting->row->tts_values[JOB_QUEUE_ID]));
	if (list->any_of ? decided : !decided)
		release(settling, queue);
	else
		cancel(settling, queue, failed);
}

static void
close_store(Store *store)
{
	if (store != NULL)
		store_close(store);
}

static void
settle_from(Settling *settling, const Edge *list)
{
	/* After the edges were looked up: it sees the children of all of them. */
	settling->waiting = rows_open(STORE_WAITING);
	for (; list != NULL; list = edges_next(settling->edges))
	{
		CHECK_FOR_INTERRUPTS();
		settling->n_children += length(list);
		settle_child(settling, list);
	}
	rows_close(settling->waiting);
	close_store(settling->ready);
	close_store(settling->scheduled);
	close_store(settling->history);
	tell_ready(settling);
	CommandCounterIncrement();
	events_close(settling->events);
}

int
children_compare_ids(const void *a, const void *b)
{
	int64 ia = *(const int64 *) a;
	int64 ib = *(const int64 *) b;

	return (ia > ib) - (ia < ib);
}

void
children_settle(int64 *parent_ids, int n, ParentEnd end)
{
	Settling settling = {0};
	const Edge *first;

	if (n == 0 || (settling.edges = edges_open()) == NULL)
		return;
	settling.now = clock_now();
	qsort(parent_ids, n, sizeof(int64), children_compare_ids);
	edges_take(settling.edges, parent_ids, n, end);
	first = edges_next(settling.edges);
	if (first != NULL)
		settle_from(&settling, first);
	edges_close(settling.edges);
}

static ParentEnd
end_by_name(const char *name)
{
	for (int i = 0; i < PARENT_ENDS; i++)
		if (strcmp(name, end_names[i]) == 0)
			return i;
	arg_refuse("how", "It must be completed, dead, cancelled or deleted.");
}

/* astrid._jobs_ended(jobs, how) */
Datum
astrid_jobs_ended(PG_FUNCTION_ARGS)
{
	ArgArray jobs = arg_array_without_nulls(fcinfo, 0, "jobs", INT8OID);
	int64 *ids = palloc(sizeof(int64) * Max(jobs.n, 1));

	for (int i = 0; i < jobs.n; i++)
		ids[i] = DatumGetInt64(jobs.values[i]);
	queues_refresh();
	children_settle(ids, jobs.n, end_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1))));
	PG_RETURN_VOID();
}
