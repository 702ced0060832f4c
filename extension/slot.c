/*
 * Places of groups (see slot.h). Called by group.c.
 *
 * They are found by a hash index over a number that stands for queue and group: with a group for
 * each job that is half the work of a tree. Other groups may have the same number, so the key is
 * compared too.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "keyhash.h"
#include "rows.h"
#include "slot.h"
#include "store.h"
#include "unique.h"

#define PLACES_REMEMBERED 1024

struct Slots
{
	int jobs_expected;
	Rows *rows;
	Store *fresh; /* opened with the first one */
};

/* The worker that has taken a job mostly ends it too: so a session remembers where it put the rows.
 * What is found there is not believed unseen. */
static struct
{
	int64 job_id;
	ItemPointerData place;
} places[PLACES_REMEMBERED];

Slots *
slots_open(int jobs_expected)
{
	Slots *slots = palloc(sizeof(Slots));

	slots->jobs_expected = jobs_expected;
	slots->rows = rows_open_now_by(STORE_GROUP_SLOT, STORE_GROUP_SLOT_HASH);
	slots->fresh = NULL;
	return slots;
}

void
slots_close(Slots *slots)
{
	if (slots->fresh != NULL)
		store_close(slots->fresh);
	rows_close(slots->rows);
	pfree(slots);
}

void
slots_flush(Slots *slots)
{
	if (slots->fresh != NULL)
		store_flush(slots->fresh);
}

static int64
job_of(TupleTableSlot *row)
{
	bool is_null;

	return DatumGetInt64(slot_getattr(row, GROUP_SLOT_JOB_ID + 1, &is_null));
}

static bool
is_of(TupleTableSlot *row, int32 queue_id, Datum group)
{
	return DatumGetInt32(row->tts_values[GROUP_SLOT_QUEUE_ID]) == queue_id &&
		   unique_compare(row->tts_values[GROUP_SLOT_GROUP_KEY], group) == 0;
}

/* Only the holder of the group's lock adds rows of it: so there is no need for a snapshot. */
static bool
find_first(Slots *slots, int32 queue_id, Datum group)
{
	ScanKeyData key;

	rows_key_hash(&key, key_hash(queue_id, group));
	return rows_find(slots->rows, &key, 1);
}

int
slots_count(Slots *slots, int32 queue_id, Datum group, int limit)
{
	int n = 0;

	for (bool found = find_first(slots, queue_id, group); found && n < limit;
		 found = rows_next(slots->rows))
		n += is_of(slots->rows->row, queue_id, group);
	return n;
}

static void
remember(StoreId table, TupleTableSlot *row)
{
	int64 job_id = job_of(row);

	places[job_id % PLACES_REMEMBERED].job_id = job_id;
	places[job_id % PLACES_REMEMBERED].place = row->tts_tid;
}

void
slots_add(Slots *slots, int32 queue_id, Datum group, Datum job_id)
{
	TupleTableSlot *row;

	if (slots->fresh == NULL)
	{
		slots->fresh = store_open(STORE_GROUP_SLOT, slots->jobs_expected);
		slots->fresh->written = remember;
	}
	row = store_row(slots->fresh);
	store_set(row, GROUP_SLOT_QUEUE_ID, Int32GetDatum(queue_id));
	store_set(row, GROUP_SLOT_GROUP_KEY, group);
	store_set(row, GROUP_SLOT_JOB_ID, job_id);
	store_set(row, GROUP_SLOT_KEY_HASH, Int64GetDatum(key_hash(queue_id, group)));
	store_add(slots->fresh);
}

static bool
find_remembered(Slots *slots, int64 job_id)
{
	return places[job_id % PLACES_REMEMBERED].job_id == job_id &&
		   rows_at(slots->rows, &places[job_id % PLACES_REMEMBERED].place) &&
		   job_of(slots->rows->row) == job_id;
}

static bool
find_by_group(Slots *slots, int32 queue_id, Datum group, int64 job_id)
{
	bool found = find_first(slots, queue_id, group);

	while (found && job_of(slots->rows->row) != job_id)
		found = rows_next(slots->rows);
	return found;
}

bool
slots_free(Slots *slots, int32 queue_id, Datum group, int64 job_id)
{
	bool found = find_remembered(slots, job_id) || find_by_group(slots, queue_id, group, job_id);

	return found && rows_delete(slots->rows, true) == TM_Ok;
}
