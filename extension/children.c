/*
 * What the end of a job means for the jobs that wait for it (see children.h). Called by complete.c
 * and, as SQL, by all that ends a job otherwise.
 *
 * The lock on a child's row makes parents that end at the same time take turns: the second sees
 * what the first did. Children are taken in the order of their numbers, whatever parents they have.
 * A cancelled one is a parent in its turn, and its children's numbers are above its own: so the
 * order holds for all that one call takes, and two of them do not wait for each other in a circle.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/pairingheap.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "children.h"
#include "event.h"
#include "floor.h"
#include "place.h"
#include "queues.h"
#include "rows.h"
#include "unique.h"
#include "wake.h"

#define CHILDREN_AT_ONCE 500 /* rows gathered before they are written */

/* A dependency whose parent has ended. */
typedef struct Edge
{
	pairingheap_node node;
	struct Edge *next; /* of the same child */
	int64 child_id;
	int64 parent_id;
	ParentEnd end;
	bool any_of;
	bool fulfilled; /* else it failed */
} Edge;

/* What one call does. */
typedef struct Settling
{
	TimestampTz now;
	pairingheap *pending; /* edges, the smallest child first */
	Rows *edges;          /* by parent */
	Rows *edges_of;       /* by child */
	Rows *waiting;
	Store *ready; /* opened when first needed, as the next two */
	Store *scheduled;
	Store *history;
	Events *events;
	int32 queue_id; /* what became ready and was not told yet */
	int32 lane;
	int64 first;
	uint32 n_ready;
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

static int
compare_edges(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	int64 ca = pairingheap_const_container(Edge, node, a)->child_id;
	int64 cb = pairingheap_const_container(Edge, node, b)->child_id;

	/* The heap gives out the greatest. */
	return (ca < cb) - (ca > cb);
}

static bool
empty(StoreId table)
{
	Relation rel = table_open(store_oid(table), AccessShareLock);
	bool result = RelationGetNumberOfBlocks(rel) == 0;

	table_close(rel, AccessShareLock);
	return result;
}

/* The parent has ended: its edges are to be looked at, but for those that wait for its redrive. */
static void
gather(Settling *settling, int64 parent_id, ParentEnd end)
{
	Rows *edges = settling->edges;
	ScanKeyData key;

	rows_key_int8(&key, 1, parent_id);
	for (bool found = rows_find(edges, &key, 1); found; found = rows_next(edges))
	{
		char *failure = TextDatumGetCString(edges->row->tts_values[DEPENDENCY_FAILURE]);
		bool run = strcmp(failure, "run") == 0;
		Edge *edge;

		if (end == PARENT_DEAD && strcmp(failure, "wait") == 0)
			continue;
		edge = palloc(sizeof(Edge));
		edge->child_id = DatumGetInt64(edges->row->tts_values[DEPENDENCY_CHILD_ID]);
		edge->parent_id = parent_id;
		edge->end = end;
		edge->any_of = DatumGetBool(edges->row->tts_values[DEPENDENCY_ANY_OF]);
		edge->fulfilled = end == PARENT_COMPLETED || run;
		pairingheap_add(settling->pending, &edge->node);
	}
}

/* All edges of the smallest child, as a list. */
static Edge *
next_child(Settling *settling)
{
	Edge *list = NULL;

	while (!pairingheap_is_empty(settling->pending))
	{
		Edge *edge = pairingheap_container(Edge, node, pairingheap_first(settling->pending));

		if (list != NULL && edge->child_id != list->child_id)
			break;
		pairingheap_remove_first(settling->pending);
		edge->next = list;
		list = edge;
	}
	return list;
}

/* Locks the child's row; false where it waits no more. */
static bool
lock_child(Rows *waiting, int64 child_id)
{
	ScanKeyData key;

	rows_key_int8(&key, 1, child_id);
	while (rows_find(waiting, &key, 1) && DatumGetBool(waiting->row->tts_values[WAITING_BLOCKED]))
	{
		/* Lets those through who enqueue children of the child. */
		TM_Result result = rows_lock(waiting, LockTupleNoKeyExclusive);

		if (result == TM_Ok)
			return true;
		/* It was moved to another queue, or waits no more: look again. */
		CHECK_FOR_INTERRUPTS();
		rows_refresh(waiting);
	}
	return false;
}

static bool
is_listed(const Edge *list, int64 parent_id)
{
	for (; list != NULL; list = list->next)
		if (list->parent_id == parent_id)
			return true;
	return false;
}

/* Does the child wait for a parent that is not in the list? From the end: parents mostly end in the
 * order of their numbers, and what an old snapshot keeps of them lies at the front. */
static bool
waits_for_others(Rows *edges_of, const Edge *list)
{
	ScanKeyData key;

	/* With the lock on the child: sees what another session did before it let go. */
	rows_refresh(edges_of);
	rows_key_int8(&key, 1, list->child_id);
	for (bool found = rows_find_last(edges_of, &key, 1); found; found = rows_previous(edges_of))
		if (!is_listed(list, DatumGetInt64(edges_of->row->tts_values[DEPENDENCY_PARENT_ID])))
			return true;
	return false;
}

static void
delete_listed(Rows *edges, const Edge *list)
{
	ScanKeyData key[2];

	for (; list != NULL; list = list->next)
	{
		rows_key_int8(&key[0], 1, list->parent_id);
		rows_key_int8(&key[1], 2, list->child_id);
		if (rows_find(edges, key, 2))
			(void) rows_delete(edges, true);
	}
}

static void
delete_all_of(Rows *edges_of, int64 child_id)
{
	ScanKeyData key;

	rows_refresh(edges_of);
	rows_key_int8(&key, 1, child_id);
	for (bool found = rows_find(edges_of, &key, 1); found; found = rows_next(edges_of))
		(void) rows_delete(edges_of, true);
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
open_once(Store **store, StoreId table)
{
	if (*store == NULL)
		*store = store_open(table, CHILDREN_AT_ONCE);
	return *store;
}

static void
make_ready(Settling *settling, const Queue *queue, TupleTableSlot *child)
{
	int32 priority = DatumGetInt32(child->tts_values[JOB_PRIORITY]);
	Datum group = child->tts_isnull[JOB_GROUP_KEY] ? (Datum) 0 : child->tts_values[JOB_GROUP_KEY];
	int32 lane = place_lane(queue, priority);
	int64 position =
		place_position(queue, priority, group, store_next(STORE_JOB_SEQ), settling->now);
	Store *ready = open_once(&settling->ready, STORE_READY);
	TupleTableSlot *row = store_row(ready);

	store_copy_job(row, child);
	store_set(row, JOB_LANE, Int32GetDatum(lane));
	store_set(row, JOB_POSITION, Int64GetDatum(position));
	store_add(ready);
	note_ready(settling, queue->id, lane, position);
}

static void
make_scheduled(Settling *settling, TupleTableSlot *child)
{
	Store *scheduled = open_once(&settling->scheduled, STORE_WAITING);
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
	Store *history = open_once(&settling->history, STORE_HISTORY + ring_slot(settling->now));
	TupleTableSlot *row = store_row(history);

	store_copy_job(row, child);
	children_mark_cancelled(row, settling->now, children_reason(cause->parent_id, cause->end));
	events_add_row(&settling->events, queue, "cancelled", row, (Datum) 0,
				   row->tts_values[HISTORY_ERROR]);
	store_add(history);
	if (!child->tts_isnull[JOB_UNIQUE_KEY])
		unique_release_one(DatumGetInt32(child->tts_values[JOB_QUEUE_ID]),
						   child->tts_values[JOB_UNIQUE_KEY], cause->child_id, settling->now);
	/* Who enqueued a child of it has committed by now. */
	rows_refresh(settling->edges);
	gather(settling, cause->child_id, PARENT_CANCELLED);
	rows_refresh(settling->waiting);
}

static const Edge *
find_edge(const Edge *list, bool fulfilled)
{
	while (list != NULL && list->fulfilled != fulfilled)
		list = list->next;
	return list;
}

/* These edges of a child have come to an end. */
static void
settle_child(Settling *settling, const Edge *list)
{
	const Edge *failed = find_edge(list, false);
	bool decided = list->any_of ? find_edge(list, true) != NULL : failed != NULL;
	const Queue *queue;

	if (!lock_child(settling->waiting, list->child_id))
		return;
	/* Whoever dropped the queue takes its jobs away. */
	queue = queue_by_id(DatumGetInt32(settling->waiting->row->tts_values[JOB_QUEUE_ID]));
	if (queue == NULL)
		return;
	if (!decided && waits_for_others(settling->edges_of, list))
	{
		delete_listed(settling->edges, list);
		return;
	}
	if (rows_delete(settling->waiting, true) != TM_Ok)
		return;
	if (decided)
		delete_all_of(settling->edges_of, list->child_id);
	else
		delete_listed(settling->edges, list);
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
settle_pending(Settling *settling)
{
	Edge *list;

	/* After the edges were looked up: it sees the children of all of them. */
	settling->waiting = rows_open(STORE_WAITING);
	settling->edges_of = rows_open_by(STORE_DEPENDENCY, STORE_DEPENDENCY_CHILD);
	while ((list = next_child(settling)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		settle_child(settling, list);
	}
	rows_close(settling->edges_of);
	rows_close(settling->waiting);
	close_store(settling->ready);
	close_store(settling->scheduled);
	close_store(settling->history);
	tell_ready(settling);
	CommandCounterIncrement();
	events_close(settling->events);
}

void
children_settle(const int64 *parent_ids, int n, ParentEnd end)
{
	Settling settling = {0};

	if (n == 0 || empty(STORE_DEPENDENCY))
		return;
	settling.now = clock_now();
	settling.edges = rows_open(STORE_DEPENDENCY);
	settling.pending = pairingheap_allocate(compare_edges, NULL);
	for (int i = 0; i < n; i++)
		gather(&settling, parent_ids[i], end);
	if (!pairingheap_is_empty(settling.pending))
		settle_pending(&settling);
	rows_close(settling.edges);
	pairingheap_free(settling.pending);
}

/* The jobs wait for nothing any more. */
static void
forget(const int64 *job_ids, int n)
{
	Rows *edges_of;

	if (empty(STORE_DEPENDENCY))
		return;
	edges_of = rows_open_by(STORE_DEPENDENCY, STORE_DEPENDENCY_CHILD);
	for (int i = 0; i < n; i++)
		delete_all_of(edges_of, job_ids[i]);
	rows_close(edges_of);
	CommandCounterIncrement();
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
	forget(ids, jobs.n);
	queues_refresh();
	children_settle(ids, jobs.n, end_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1))));
	PG_RETURN_VOID();
}
