/*
 * Unique keys (see unique.h). Called by replace.c and, as SQL, by all that revives a job.
 *
 * A key is a row of a table of its own, held from enqueue to the job's final state: so no move of a
 * job can meet a conflict. Rows are read and written in unique_row.c, given back in
 * unique_release.c; many keys that are all new are written together in unique_new.c. The table is
 * unlogged: after a crash unique_restore.c writes it again.
 *
 * A running job cannot be replaced. What should replace it waits in astrid.waiting, blocked, as
 * next_id of the key, which is handed on to it when the running job ends.
 *
 * Who needs both locks a job's row before its key's.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "unique_row.h"
#include "unique_window.h"

PG_FUNCTION_INFO_V1(astrid_hold_key);

/* While all keys of a call are free the insertion itself is the look. It leaves a dead row where it
 * meets a conflict: so only once. */
static bool
insert_unseen(Keys *keys, const KeyRow *row)
{
	if (keys->found != KEYS_FREE)
		return false;
	if (unique_insert(keys, row))
		return true;
	keys->found = KEYS_TAKEN;
	return false;
}

static KeyHolder
held_newly(const KeyRow *row)
{
	if (row->held_until != 0)
		window_note(row->queue_id, row->key, row->holder.job_id, row->held_until);
	return row->holder;
}

KeyHolder
unique_hold(Keys *keys, int32 queue_id, Datum key, int64 job_id, int64 window, TimestampTz now)
{
	KeyRow row = {.queue_id = queue_id,
				  .key = key,
				  .holder.job_id = job_id,
				  .held_until = window_end(window, now)};

	if (insert_unseen(keys, &row))
		return held_newly(&row);
	for (;;)
	{
		bool found = unique_look(keys, &row);
		bool is_own = found && row.holder.job_id == job_id;

		if (keys->found != KEYS_TAKEN)
			keys->found = found ? KEYS_TAKEN : KEYS_FREE;
		if (found && !row.holder.finished)
			return row.holder;
		if (found && !is_own && row.held_until > now)
			return row.holder;
		/* Free, or left over from a window, or from the life that this job had before. */
		if (found && !unique_remove(keys, &row))
			continue;
		row.holder = (KeyHolder){.job_id = job_id};
		if (!is_own)
			row.held_until = window_end(window, now);
		if (unique_insert(keys, &row))
			return is_own ? row.holder : held_newly(&row);
	}
}

int64
unique_holder(Keys *keys, int32 queue_id, Datum key)
{
	KeyRow row = {.queue_id = queue_id, .key = key};

	if (!unique_look(keys, &row) || row.holder.finished)
		return 0;
	return row.holder.next_id != 0 ? row.holder.next_id : row.holder.job_id;
}

bool
unique_follow(Keys *keys, int32 queue_id, Datum key, const KeyHolder *holder, int64 job_id,
			  int64 window, TimestampTz now)
{
	KeyRow row = {.queue_id = queue_id, .key = key};

	if (!unique_look(keys, &row) || row.holder.finished || row.holder.job_id != holder->job_id ||
		row.holder.next_id != holder->next_id || !unique_remove(keys, &row))
		return false;
	row.holder.next_id = job_id;
	row.held_until = Max(row.held_until, window_end(window, now));
	(void) unique_insert(keys, &row);
	if (window > 0)
		window_note(queue_id, key, job_id, window_end(window, now));
	return true;
}

void
unique_keep(Keys *keys, int32 queue_id, Datum key, int64 job_id, TimestampTz until)
{
	KeyRow row = {.queue_id = queue_id, .key = key, .holder = {.job_id = job_id, .finished = true}};

	if (unique_look(keys, &row) &&
		((row.held_until >= until && row.holder.job_id >= job_id) || !unique_remove(keys, &row)))
		return;
	row.held_until = Max(row.held_until, until);
	if (row.holder.finished)
		row.holder.job_id = Max(row.holder.job_id, job_id);
	(void) unique_insert(keys, &row);
}

/* astrid._hold_key(queue, key, job) -> bigint */
Datum
astrid_hold_key(PG_FUNCTION_ARGS)
{
	Keys *keys = unique_open();
	KeyHolder holder = unique_hold(keys, PG_GETARG_INT32(0), PG_GETARG_DATUM(1), PG_GETARG_INT64(2),
								   0, clock_now());

	unique_close(keys);
	CommandCounterIncrement();
	PG_RETURN_INT64(holder.job_id);
}
