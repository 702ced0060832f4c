/*
 * What enqueue does where a live job has the unique key (see replace.h). Called by enqueue.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "gate.h"
#include "group.h"
#include "replace.h"
#include "rows.h"
#include "unique.h"
#include "unique_new.h"

static const struct
{
	const char *name;
	UniqueMode mode;
} modes[] = {
	{"ignore", UNIQUE_IGNORE},
	{"replace", UNIQUE_REPLACE},
	{"replace_keep_time", UNIQUE_REPLACE_KEEP_TIME},
	{"debounce", UNIQUE_DEBOUNCE},
};

static UniqueMode
mode_by_name(const char *name)
{
	for (int i = 0; i < lengthof(modes); i++)
		if (strcmp(modes[i].name, name) == 0)
			return modes[i].mode;
	arg_refuse("unique_mode", "It must be ignore, replace, replace_keep_time or debounce.");
}

static int64
interval_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		return 0;
	arg_require_positive(PG_GETARG_INTERVAL_P(number), name);
	return interval_length(PG_GETARG_INTERVAL_P(number));
}

UniqueOptions
unique_options(FunctionCallInfo fcinfo, int first, bool has_key)
{
	UniqueOptions options = {UNIQUE_IGNORE, 0, 0};

	if (PG_ARGISNULL(first) && PG_ARGISNULL(first + 1) && PG_ARGISNULL(first + 2))
		return options;
	if (!PG_ARGISNULL(first))
		options.mode = mode_by_name(text_to_cstring(PG_GETARG_TEXT_PP(first)));
	options.window = interval_argument(fcinfo, first + 1, "unique_window");
	options.max_wait = interval_argument(fcinfo, first + 2, "unique_max_wait");
	if (!has_key)
		arg_refuse("unique_key", "It must not be null where unique_mode, unique_window or "
								 "unique_max_wait is given.");
	if (options.max_wait > 0 && options.mode != UNIQUE_DEBOUNCE)
		arg_refuse("unique_max_wait", "Only unique_mode => 'debounce' has a longest wait.");
	return options;
}

static Datum
copy(TupleTableSlot *row, int column)
{
	if (row->tts_isnull[column])
		return (Datum) 0;
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(row->tts_values[column]));
}

static void
copy_replaced(TupleTableSlot *row, bool ready, Replaced *old)
{
	old->ready = ready;
	old->blocked = !ready && DatumGetBool(row->tts_values[WAITING_BLOCKED]);
	old->parked = !ready && DatumGetBool(row->tts_values[WAITING_PARKED]);
	old->lane = DatumGetInt32(row->tts_values[JOB_LANE]);
	old->priority = DatumGetInt32(row->tts_values[JOB_PRIORITY]);
	old->admission =
		row->tts_isnull[JOB_ADMISSION] ? 0 : DatumGetInt32(row->tts_values[JOB_ADMISSION]);
	old->position = DatumGetInt64(row->tts_values[JOB_POSITION]);
	old->run_at = DatumGetTimestampTz(row->tts_values[JOB_RUN_AT]);
	old->enqueued_at = DatumGetTimestampTz(row->tts_values[JOB_ENQUEUED_AT]);
	old->group_key = copy(row, JOB_GROUP_KEY);
	old->parents_left = 0;
	old->parents = (Datum) 0;
	if (ready || row->tts_isnull[WAITING_PARENTS_LEFT])
		return;
	old->parents_left = DatumGetInt32(row->tts_values[WAITING_PARENTS_LEFT]);
	old->parents = copy(row, WAITING_PARENTS);
}

/* Is it parked, or has it a place of its group? Who takes it then takes the group's lock before:
 * whoever frees a place has that, and waits for the job. */
static bool
is_of_group(TupleTableSlot *row, bool ready)
{
	return (!ready && DatumGetBool(row->tts_values[WAITING_PARKED])) ||
		   (!row->tts_isnull[JOB_ADMISSION] &&
			DatumGetInt32(row->tts_values[JOB_ADMISSION]) == ADMISSION_ALL);
}

static void
enter_group(TupleTableSlot *row)
{
	(void) gate_enter(GATE_GROUP, DatumGetInt32(row->tts_values[JOB_QUEUE_ID]),
					  group_stripe(row->tts_values[JOB_GROUP_KEY]), true);
}

static bool
take_from(Rows *rows, int64 job_id, bool ready, Replaced *old)
{
	ScanKeyData key;
	bool taken = false;

	rows_key_int8(&key, 1, job_id);
	while (!taken && rows_find(rows, &key, 1))
	{
		if (is_of_group(rows->row, ready))
			enter_group(rows->row);
		taken = rows_delete(rows, true) == TM_Ok;
		if (taken)
			copy_replaced(rows->row, ready, old);
		else
			rows_refresh(rows);
		CHECK_FOR_INTERRUPTS();
	}
	rows_close(rows);
	return taken;
}

/* Takes the job from astrid.waiting or astrid.ready; false where it is in neither. Waits for a
 * session that is just taking it. */
static bool
take(int64 job_id, Replaced *old)
{
	/* Along the way that a job takes. */
	return take_from(rows_open(STORE_WAITING), job_id, false, old) ||
		   take_from(rows_open_by(STORE_READY, STORE_READY_JOB), job_id, true, old);
}

/* The job that has the key, or the one that will have it next, becomes this one. False where it was
 * just moving: look again. */
static bool
replace(Keys *keys, KeyedJob *job, const KeyHolder *holder, int32 queue_id,
		const UniqueOptions *options, TimestampTz now)
{
	Replaced *old = palloc(sizeof(Replaced));

	job->job_id = holder->next_id ? holder->next_id : holder->job_id;
	if (take(job->job_id, old))
	{
		job->old = old;
		return true;
	}
	/* It is running. */
	pfree(old);
	job->job_id = job->number;
	job->blocked = true;
	return unique_follow(keys, queue_id, job->key, holder, job->number, options->window, now);
}

static void
settle(Keys *keys, KeyedJob *job, int32 queue_id, const UniqueOptions *options, TimestampTz now)
{
	for (;;)
	{
		KeyHolder holder = unique_hold(keys, queue_id, job->key, job->number, options->window, now);

		job->job_id = holder.job_id;
		job->blocked = false;
		if (holder.job_id == job->number)
			return;
		job->answered = holder.finished || options->mode == UNIQUE_IGNORE;
		if (job->answered || replace(keys, job, &holder, queue_id, options, now))
			return;
		CHECK_FOR_INTERRUPTS();
	}
}

/* The same key again in one call. */
static void
settle_again(KeyedJob *first, KeyedJob *again, UniqueMode mode)
{
	again->job_id = first->job_id;
	again->answered = first->answered || mode == UNIQUE_IGNORE;
	if (again->answered)
		return;
	again->blocked = first->blocked;
	again->old = first->old;
	first->answered = true;
}

static int
compare_jobs(const void *a, const void *b)
{
	const KeyedJob *ja = *(KeyedJob *const *) a;
	const KeyedJob *jb = *(KeyedJob *const *) b;
	int order = unique_compare(ja->key, jb->key);

	return order != 0 ? order : (ja->number > jb->number) - (ja->number < jb->number);
}

static bool
find_of_group(Rows *rows, int64 job_id, bool ready)
{
	ScanKeyData key;

	rows_key_int8(&key, 1, job_id);
	return rows_find(rows, &key, 1) && is_of_group(rows->row, ready);
}

static int
compare_stripes(const void *a, const void *b)
{
	uint32 sa = *(const uint32 *) a;
	uint32 sb = *(const uint32 *) b;

	return (sa > sb) - (sa < sb);
}

/* Takes the locks of the groups of the jobs that will be replaced, in the order in which all take
 * them: the jobs are taken in the order of their keys. */
static void
enter_groups(Keys *keys, KeyedJob **jobs, int n, int32 queue_id)
{
	Rows *waiting = rows_open(STORE_WAITING);
	Rows *ready = rows_open_by(STORE_READY, STORE_READY_JOB);
	uint32 *stripes = palloc(sizeof(uint32) * n);
	int n_stripes = 0;

	for (int i = 0; i < n; i++)
	{
		int64 job_id = unique_holder(keys, queue_id, jobs[i]->key);

		if (job_id == 0)
			continue;
		if (find_of_group(waiting, job_id, false))
			stripes[n_stripes++] = group_stripe(waiting->row->tts_values[JOB_GROUP_KEY]);
		else if (find_of_group(ready, job_id, true))
			stripes[n_stripes++] = group_stripe(ready->row->tts_values[JOB_GROUP_KEY]);
	}
	rows_close(ready);
	rows_close(waiting);
	qsort(stripes, n_stripes, sizeof(uint32), compare_stripes);
	for (int i = 0; i < n_stripes; i++)
		if (i == 0 || stripes[i] != stripes[i - 1])
			(void) gate_enter(GATE_GROUP, queue_id, stripes[i], true);
	pfree(stripes);
}

static bool
has_places(int32 queue_id)
{
	const Queue *queue = queue_by_id(queue_id);

	return queue != NULL && queue->group_concurrency > 0;
}

/* Jobs with a key each of their own, in the order of the keys. */
static void
settle_each(KeyedJob **jobs, int n, int32 queue_id, const UniqueOptions *options, TimestampTz now)
{
	Keys *keys = unique_open();

	/* The locks of groups come before all keys. */
	if (n > 1 && options->mode != UNIQUE_IGNORE && has_places(queue_id))
		enter_groups(keys, jobs, n, queue_id);
	for (int i = 0; i < n; i++)
		settle(keys, jobs[i], queue_id, options, now);
	unique_close(keys);
}

/* Has the job before it, in the order of the keys, the same key? */
static bool
is_repeated(KeyedJob **jobs, int i)
{
	return i > 0 && unique_compare(jobs[i]->key, jobs[i - 1]->key) == 0;
}

static void
settle_all(KeyedJob **jobs, int n, int32 queue_id, const UniqueOptions *options, TimestampTz now)
{
	KeyedJob **first = palloc(sizeof(KeyedJob *) * n);
	int n_first = 0;

	if (n > 1)
		qsort(jobs, n, sizeof(KeyedJob *), compare_jobs);
	for (int i = 0; i < n; i++)
		if (!is_repeated(jobs, i))
			first[n_first++] = jobs[i];
	settle_each(first, n_first, queue_id, options, now);
	for (int i = 0; i < n; i++)
		if (is_repeated(jobs, i))
			settle_again(jobs[i - 1], jobs[i], options->mode);
	pfree(first);
}

void
replace_settle(KeyedJob **jobs, int n, int32 queue_id, const UniqueOptions *options,
			   TimestampTz now)
{
	if (!unique_hold_new(jobs, n, queue_id, options->window, now))
		settle_all(jobs, n, queue_id, options, now);
}

bool
replace_keeps_place(const Replaced *old, const UniqueOptions *options, int32 priority,
					Datum group_key)
{
	if (options->mode != UNIQUE_REPLACE_KEEP_TIME || old->priority != priority ||
		(old->group_key == (Datum) 0) != (group_key == (Datum) 0))
		return false;
	return group_key == (Datum) 0 || unique_compare(old->group_key, group_key) == 0;
}

void
replace_keep_place(TupleTableSlot *row, const Replaced *old)
{
	store_set(row, JOB_LANE, Int32GetDatum(old->lane));
	store_set(row, JOB_POSITION, Int64GetDatum(old->position));
	if (old->admission != 0)
		store_set(row, JOB_ADMISSION, Int32GetDatum(old->admission));
}

TimestampTz
replace_run_at(const Replaced *old, const UniqueOptions *options, TimestampTz run_at,
			   TimestampTz now)
{
	if (old != NULL && options->mode == UNIQUE_REPLACE_KEEP_TIME)
		return old->run_at;
	if (options->max_wait > 0)
		return Min(run_at, (old ? old->enqueued_at : now) + options->max_wait);
	return run_at;
}
