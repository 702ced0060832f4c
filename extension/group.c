/*
 * Limits of groups (see group.h). Called by claim.c, complete.c and, as SQL, by all that ends a
 * job.
 *
 * A queue has any number of groups, most of them idle, so nothing is laid out for them. All ready
 * jobs lie in astrid.ready; the claim that comes upon one takes the lock of its group, or passes it
 * over where another has it, and looks how many places are taken (astrid.group_slot). A job for
 * which there is no place is parked in astrid.waiting; whoever frees a place hands it on to the
 * first that is parked. So a job is looked at once before it is parked, and once after, however
 * many wait; and as long as one is parked, all places of its group are taken, so that none
 * overtakes it.
 *
 * A group has two locks. One is for who gives a place of it away, GATE_GROUP. Of the other,
 * GATE_LEAVING, all who leave a place have a share, so that they do not wait for each other; who
 * parks a job has it alone: so nobody leaves the group unseen meanwhile. A claim that finds the
 * group full while somebody leaves it passes it over.
 *
 * Enqueueing takes no lock. The locks are hashed into stripes: two groups that share one only pass
 * each other over a little more often.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "bucket.h"
#include "floor.h"
#include "gate.h"
#include "group.h"
#include "place.h"
#include "rows.h"
#include "slot.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(astrid_stripe);
PG_FUNCTION_INFO_V1(astrid_enter_group);
PG_FUNCTION_INFO_V1(astrid_leave_group);
PG_FUNCTION_INFO_V1(astrid_try_group);

static int
admission(TupleTableSlot *job)
{
	return job->tts_isnull[JOB_ADMISSION] ? 0 : DatumGetInt32(job->tts_values[JOB_ADMISSION]);
}

bool
group_limits(const Queue *queue, TupleTableSlot *job)
{
	return queue_limits_groups(queue) && !job->tts_isnull[JOB_GROUP_KEY] &&
		   admission(job) < ADMISSION_ALL;
}

uint32
group_stripe(Datum group)
{
	text *value = DatumGetTextPP(group);

	return hash_bytes((unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)) %
		   GROUP_STRIPES;
}

bool
group_try_lock(const Queue *queue, uint32 stripe)
{
	return gate_enter(GATE_GROUP, queue->id, stripe, false);
}

/* A group whose lock this call has: nobody else takes a place. */
typedef struct KnownGroup
{
	int32 queue_id;
	uint32 stripe;
	Datum key;
	int taken;  /* places, counted up to the limit; one that is just being left counts */
	bool alone; /* nobody leaves one either */
} KnownGroup;

/* A group in which a place has become free; no job of it is parked meanwhile. */
typedef struct LeftGroup
{
	int32 queue_id;
	Datum key;
} LeftGroup;

struct Groups
{
	int jobs_expected;
	Slots *slots;
	int n_left;
	LeftGroup *left; /* as many as jobs_expected */
	Rows *parked;
	Store *waiting;
	int32 told; /* queue whose workers look again when this is over; 0: none */
	int n_known;
	int known_size;
	KnownGroup *known;
};

Groups *
groups_open(int jobs_expected)
{
	Groups *groups = palloc0(sizeof(Groups));

	groups->jobs_expected = Max(jobs_expected, 1);
	groups->slots = slots_open(groups->jobs_expected);
	return groups;
}

static void
grow_known(Groups *groups)
{
	groups->known_size = Max(groups->known_size * 2, 16);
	if (groups->known == NULL)
		groups->known = palloc(sizeof(KnownGroup) * groups->known_size);
	else
		groups->known = repalloc(groups->known, sizeof(KnownGroup) * groups->known_size);
}

static KnownGroup *
known_group(Groups *groups, const Queue *queue, Datum key)
{
	uint32 stripe = group_stripe(key);
	KnownGroup *group;

	for (int i = 0; i < groups->n_known; i++)
	{
		group = &groups->known[i];
		if (group->queue_id == queue->id && group->stripe == stripe &&
			DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID, group->key, key)))
			return group;
	}
	if (groups->n_known == groups->known_size)
		grow_known(groups);
	group = &groups->known[groups->n_known++];
	group->queue_id = queue->id;
	group->stripe = stripe;
	group->key = PointerGetDatum(PG_DETOAST_DATUM_COPY(key));
	group->taken = slots_count(groups->slots, queue->id, key, queue->group_concurrency);
	group->alone = false;
	return group;
}

bool
group_is_settled(Groups *groups, const Queue *queue, TupleTableSlot *job)
{
	KnownGroup *group;

	if (queue->group_concurrency == 0)
		return true;
	group = known_group(groups, queue, job->tts_values[JOB_GROUP_KEY]);
	if (group->alone || group->taken < queue->group_concurrency)
		return true;
	group->alone = gate_enter(GATE_LEAVING, queue->id, group->stripe, false);
	if (!group->alone)
		return false;
	/* Who has left it since it was counted? */
	slots_flush(groups->slots);
	group->taken = slots_count(groups->slots, queue->id, group->key, queue->group_concurrency);
	return true;
}

static void
put_aside(Groups *groups, TupleTableSlot *job, bool parked)
{
	TupleTableSlot *row;

	if (groups->waiting == NULL)
		groups->waiting = store_open(STORE_WAITING, groups->jobs_expected);
	row = store_row(groups->waiting);
	store_copy_job(row, job);
	store_set(row, WAITING_BLOCKED, BoolGetDatum(parked));
	store_set(row, WAITING_PARKED, BoolGetDatum(parked));
	store_add(groups->waiting);
}

/* False: put aside until the bucket of the group has a token, which it has taken in advance. */
static bool
pass_rate(Groups *groups, const Queue *queue, TupleTableSlot *job, TimestampTz now)
{
	BucketRate rate = {queue->group_rate_limit, queue->group_rate_interval};
	TimestampTz there_at;
	char *name;

	if (rate.limit == 0 || admission(job) >= ADMISSION_RATE)
		return true;
	name = psprintf("group:%s", TextDatumGetCString(job->tts_values[JOB_GROUP_KEY]));
	there_at = bucket_take(queue->id, name, rate, 1, true, now);
	store_set(job, JOB_ADMISSION, Int32GetDatum(ADMISSION_RATE));
	if (there_at <= now)
		return true;
	store_set(job, JOB_RUN_AT, TimestampTzGetDatum(there_at));
	put_aside(groups, job, false);
	wake_maintenance_at(there_at);
	return false;
}

bool
group_admit(Groups *groups, const Queue *queue, TupleTableSlot *job, TimestampTz now)
{
	Datum key = job->tts_values[JOB_GROUP_KEY];
	KnownGroup *group;

	if (!pass_rate(groups, queue, job, now))
		return false;
	if (queue->group_concurrency == 0)
		return true;
	group = known_group(groups, queue, key);
	if (group->taken == queue->group_concurrency)
	{
		put_aside(groups, job, true);
		return false;
	}
	group->taken++;
	slots_add(groups->slots, queue->id, key, job->tts_values[JOB_ID]);
	store_set(job, JOB_ADMISSION, Int32GetDatum(ADMISSION_ALL));
	return true;
}

/* A parked job becomes ready, with a place of its group, ahead of those of its priority that were
 * never looked at. */
static void
hand_on(Groups *groups, const Queue *queue, TupleTableSlot *parked)
{
	Store *ready = store_open(STORE_READY, 1);
	TupleTableSlot *row = store_row(ready);
	int64 position = store_next(STORE_JOB_SEQ);
	int32 lane;

	store_copy_job(row, parked);
	lane = PLACE_LANE_RETURNED(place_lane(queue, DatumGetInt32(parked->tts_values[JOB_PRIORITY])));
	store_set(row, JOB_LANE, Int32GetDatum(lane));
	store_set(row, JOB_POSITION, Int64GetDatum(position));
	store_set(row, JOB_ADMISSION, Int32GetDatum(ADMISSION_ALL));
	slots_add(groups->slots, queue->id, parked->tts_values[JOB_GROUP_KEY],
			  parked->tts_values[JOB_ID]);
	store_add(ready);
	store_close(ready);
	floor_note_rows(FLOOR_READY, queue->name, lane, position);
	wake_queue(queue->name);
}

/* Finds the first of the group that is parked. */
static bool
find_parked(Groups *groups, const LeftGroup *group)
{
	ScanKeyData key[2];

	rows_key_int4(&key[0], 1, group->queue_id);
	rows_key_text(&key[1], 2, group->key);
	return rows_find(groups->parked, key, 2);
}

/* Gives free places of the group to those that are parked. Others who do that, or take them away,
 * are waited for. */
static void
fill_places(Groups *groups, const Queue *queue, const LeftGroup *group)
{
	int taken;

	(void) gate_enter(GATE_GROUP, queue->id, group_stripe(group->key), true);
	rows_refresh(groups->parked);
	slots_flush(groups->slots);
	taken = slots_count(groups->slots, queue->id, group->key, queue->group_concurrency);
	while (taken < queue->group_concurrency && find_parked(groups, group))
	{
		CHECK_FOR_INTERRUPTS();
		/* Else it was cancelled or replaced just now. */
		if (rows_delete(groups->parked, true) == TM_Ok)
		{
			hand_on(groups, queue, groups->parked->row);
			taken++;
		}
		CommandCounterIncrement();
		rows_refresh(groups->parked);
	}
}

/* A claim may pass the group over because of this call. Once for each queue of it. */
static void
tell_others(Groups *groups, const Queue *queue)
{
	if (queue == NULL || queue->id == groups->told)
		return;
	wake_others(queue->name, false);
	groups->told = queue->id;
}

/* Where several groups were left, one look at the queue mostly answers for all of them. It is given
 * up where rows that are gone make it longer than a look for each. */
static bool
may_be_parked(Groups *groups, int32 queue_id)
{
	ScanKeyData key;

	rows_key_int4(&key, 1, queue_id);
	return groups->n_left == 1 || rows_may_find(groups->parked, &key, 1, groups->n_left);
}

/*
 * Nobody parks a job of a group that this call has left: so a snapshot that is taken now shows all
 * jobs that are parked there, and none follows until this transaction has ended.
 */
static void
hand_on_places(Groups *groups)
{
	const Queue *queue = NULL;
	bool parked = false;

	groups->parked = rows_open_by(STORE_WAITING, STORE_WAITING_PARKED);
	for (int i = 0; i < groups->n_left; i++)
	{
		const LeftGroup *group = &groups->left[i];

		if (i == 0 || group->queue_id != groups->left[i - 1].queue_id)
		{
			queue = queue_by_id(group->queue_id);
			parked = queue != NULL && queue->group_concurrency > 0 &&
					 may_be_parked(groups, group->queue_id);
		}
		if (parked && find_parked(groups, group))
			fill_places(groups, queue, group);
	}
	rows_close(groups->parked);
}

void
group_leave(Groups *groups, int32 queue_id, Datum group, int64 job_id)
{
	gate_share(GATE_LEAVING, queue_id, group_stripe(group));
	tell_others(groups, queue_by_id(queue_id));
	if (!slots_free(groups->slots, queue_id, group, job_id))
		return;
	if (groups->left == NULL)
		groups->left = palloc(sizeof(LeftGroup) * groups->jobs_expected);
	groups->left[groups->n_left++] = (LeftGroup){queue_id, group};
}

void
groups_close(Groups *groups)
{
	if (groups->n_left > 0)
		hand_on_places(groups);
	if (groups->waiting != NULL)
		store_close(groups->waiting);
	slots_close(groups->slots);
	CommandCounterIncrement();
	pfree(groups);
}

/* astrid._stripe(group_key) -> int */
Datum
astrid_stripe(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) group_stripe(PG_GETARG_DATUM(0)));
}

/* astrid._enter_group(queue, group_key) */
Datum
astrid_enter_group(PG_FUNCTION_ARGS)
{
	(void) gate_enter(GATE_GROUP, PG_GETARG_INT32(0), group_stripe(PG_GETARG_DATUM(1)), true);
	PG_RETURN_VOID();
}

/* astrid._try_group(queue, group_key) -> boolean */
Datum
astrid_try_group(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(
		gate_enter(GATE_GROUP, PG_GETARG_INT32(0), group_stripe(PG_GETARG_DATUM(1)), false));
}

/* astrid._leave_group(queue, group_key, job) */
Datum
astrid_leave_group(PG_FUNCTION_ARGS)
{
	Groups *groups;

	/* Who changes the limits of groups has their table locked: the settings are read after that. */
	groups = groups_open(1);
	queues_refresh();
	group_leave(groups, PG_GETARG_INT32(0), PG_GETARG_DATUM(1), PG_GETARG_INT64(2));
	groups_close(groups);
	PG_RETURN_VOID();
}
