/*
 * Rows of astrid.unique_window (see unique_window.h). Called by unique.c, unique_new.c,
 * unique_release.c.
 *
 * A window is written when the key is taken, so that it is known after a crash too, which empties
 * astrid.unique_key, and once more when only it holds the key. Maintenance deletes it when it is
 * over, and with it a key that nothing else holds.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/timestamp.h"

#include "keyhash.h"
#include "rows.h"
#include "unique.h"
#include "unique_window.h"

void
window_add(Store *windows, int32 queue_id, Datum key, int64 job_id, TimestampTz free_at)
{
	TupleTableSlot *row = store_row(windows);

	store_set(row, UNIQUE_WINDOW_FREE_AT, TimestampTzGetDatum(free_at));
	store_set(row, UNIQUE_WINDOW_JOB_ID, Int64GetDatum(job_id));
	store_set(row, UNIQUE_WINDOW_QUEUE_ID, Int32GetDatum(queue_id));
	store_set(row, UNIQUE_WINDOW_KEY, key);
	store_set(row, UNIQUE_WINDOW_KEY_HASH, Int64GetDatum(key_hash(queue_id, key)));
	store_add(windows);
}

void
window_note(int32 queue_id, Datum key, int64 job_id, TimestampTz free_at)
{
	Store *windows = store_open(STORE_UNIQUE_WINDOW, 1);

	window_add(windows, queue_id, key, job_id, free_at);
	store_close(windows);
}

static bool
is_of(TupleTableSlot *row, int32 queue_id, Datum key)
{
	return DatumGetInt32(row->tts_values[UNIQUE_WINDOW_QUEUE_ID]) == queue_id &&
		   unique_compare(row->tts_values[UNIQUE_WINDOW_KEY], key) == 0;
}

void
window_forget(int32 queue_id, Datum key)
{
	Rows *rows;
	ScanKeyData by_hash;
	bool found;

	/* This command may have written one. */
	CommandCounterIncrement();
	rows = rows_open_by(STORE_UNIQUE_WINDOW, STORE_UNIQUE_WINDOW_HASH);
	rows_key_hash(&by_hash, key_hash(queue_id, key));
	for (found = rows_find(rows, &by_hash, 1); found; found = rows_next(rows))
		if (is_of(rows->row, queue_id, key))
			(void) rows_delete(rows, false); /* else maintenance is just deleting it */
	rows_close(rows);
}
