/*
 * Since when the longest waiting ready job of a queue has been due, without a look at all of them:
 * one probe of the index per lane (of which each priority has one).
 *
 * Jobs of a lane stand in the order in which they became ready (in fair queues, in that of their
 * groups' turns): the first has waited longest.
 * The probes begin at the claim floors, so that entries of jobs long gone cost nothing.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "fmgr.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "floor.h"
#include "queues.h"
#include "store.h"

PG_FUNCTION_INFO_V1(astrid_oldest_ready);

#define KEYS 3

/* Columns of the primary key of astrid.ready. */
enum
{
	KEY_QUEUE_ID = 1,
	KEY_LANE,
	KEY_POSITION
};

typedef struct Oldest
{
	FloorView view;
	int32 queue_id;
	IndexScanDesc scan;
	TupleTableSlot *row;
	TimestampTz at; /* DT_NOEND: none so far */
} Oldest;

/* The first row from (lane, position) on that has a lane up to the last. */
static bool
first_row(Oldest *oldest, FloorMark from, int32 last)
{
	ScanKeyData bound[2] = {0};
	ScanKeyData keys[KEYS] = {0};
	bool found;

	ScanKeyInit(&bound[0], KEY_LANE, BTGreaterEqualStrategyNumber, F_BTINT4CMP,
				Int32GetDatum(from.lane));
	ScanKeyInit(&bound[1], KEY_POSITION, BTGreaterEqualStrategyNumber, F_BTINT8CMP,
				Int64GetDatum(from.position));
	bound[0].sk_flags = SK_ROW_MEMBER;
	bound[1].sk_flags = SK_ROW_MEMBER | SK_ROW_END;
	ScanKeyInit(&keys[0], KEY_QUEUE_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(oldest->queue_id));
	keys[1].sk_flags = SK_ROW_HEADER;
	keys[1].sk_attno = KEY_LANE;
	keys[1].sk_strategy = BTGreaterEqualStrategyNumber;
	keys[1].sk_argument = PointerGetDatum(bound);
	ScanKeyInit(&keys[2], KEY_LANE, BTLessEqualStrategyNumber, F_INT4LE, Int32GetDatum(last));
	index_rescan(oldest->scan, keys, KEYS, NULL, 0);
	found = index_getnext_slot(oldest->scan, ForwardScanDirection, oldest->row);
	if (found)
		slot_getallattrs(oldest->row);
	return found;
}

/* A job that no commit has told of lies below the floor: claims have been missing it, too. */
static void
correct_floor(Oldest *oldest, int32 lane)
{
	FloorMark found = {lane, DatumGetInt64(oldest->row->tts_values[JOB_POSITION])};

	for (int i = 0; i < oldest->view.n; i++)
		if (oldest->view.marks[i].lane == lane && oldest->view.marks[i].position > found.position)
			floor_correct(&oldest->view, &found);
}

/* From the floor of one lane to below that of the next. */
static void
look_at_part(Oldest *oldest, FloorMark from, int32 last)
{
	while (from.lane <= last && first_row(oldest, from, last))
	{
		int32 lane = DatumGetInt32(oldest->row->tts_values[JOB_LANE]);

		oldest->at = Min(oldest->at, DatumGetTimestampTz(oldest->row->tts_values[JOB_RUN_AT]));
		if (oldest->view.probe)
			correct_floor(oldest, lane);
		if (lane == PG_INT32_MAX)
			return;
		from = (FloorMark){lane + 1, PG_INT64_MIN};
	}
}

/* Whoever looks at the floors when a probe is due makes it: without them, from the start. */
static void
look(Oldest *oldest)
{
	const FloorView *view = &oldest->view;
	FloorMark from = {PG_INT32_MIN, PG_INT64_MIN};

	for (int i = 0; i < view->n && !view->probe; i++)
	{
		if (view->marks[i].lane > PG_INT32_MIN)
			look_at_part(oldest, from, view->marks[i].lane - 1);
		from = view->marks[i];
	}
	look_at_part(oldest, from, PG_INT32_MAX);
	if (view->probe)
		floor_end_probe(view);
}

/* astrid._oldest_ready(queue_id int) -> timestamptz; null: none is ready. */
Datum
astrid_oldest_ready(PG_FUNCTION_ARGS)
{
	Oldest oldest = {.queue_id = PG_GETARG_INT32(0), .at = DT_NOEND};
	const Queue *queue;
	Relation ready;
	Relation key;
	Snapshot snapshot;

	queues_refresh();
	queue = queue_by_id(oldest.queue_id);
	if (queue != NULL)
		floor_look(FLOOR_READY, queue->name, &oldest.view);
	ready = table_open(store_oid(STORE_READY), AccessShareLock);
	key = index_open(store_key(ready), AccessShareLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	oldest.row = table_slot_create(ready, NULL);
	oldest.scan = ASTRID_INDEX_BEGINSCAN(ready, key, snapshot, KEYS);
	look(&oldest);
	index_endscan(oldest.scan);
	ExecDropSingleTupleTableSlot(oldest.row);
	UnregisterSnapshot(snapshot);
	index_close(key, AccessShareLock);
	table_close(ready, AccessShareLock);
	if (oldest.at == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(oldest.at);
}
