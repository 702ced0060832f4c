/*
 * astrid_claim: ready jobs become running ones, in the order (queue's priority, job's priority,
 * place).
 *
 * A claim walks the primary key of astrid.ready and deletes what it takes without waiting: a row
 * that another session is just taking answers TM_BeingModified and is passed over, which is what
 * SKIP LOCKED does, without the write of a row lock. The planner has no part in it, so statistics
 * cannot spoil it, and the claim floor (floor.h) says where to begin.
 *
 * The snapshot is the latest one and not the transaction's: a queue is the current truth in every
 * isolation level.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "args.h"
#include "claim.h"
#include "claim_internal.h"
#include "deadline.h"
#include "group.h"
#include "helpers.h"
#include "limit.h"
#include "queues.h"
#include "stats.h"
#include "store.h"
#include "wake.h"
#include "walk.h"

PG_FUNCTION_INFO_V1(astrid_claim);

#define LATE_MAX      100   /* jobs past their deadline that one claim buries */
#define PUT_ASIDE_MAX 10000 /* jobs that one claim puts aside because of their groups */
#define GROUPS_MAX                                                                                 \
	200 /* whose locks one claim asks for: each is an entry of the lock table, or two if it is     \
		   full */

/* Lease where the caller names none. */
static const Interval default_lease = {.time = 60 * USECS_PER_SEC};

/* One of the queues that a claim takes from. */
typedef struct Source
{
	const Queue *queue;
	FloorView view;
	QueueLimit limit;
	Walk walk;
	bool full;                     /* a limit allows no more */
	uint8 left[GROUP_STRIPES / 8]; /* groups of which a job was passed over: no later one may go */
	uint8 locked[GROUP_STRIPES / 8]; /* groups whose locks this claim has */
} Source;

/* Positions compare where both are numbers of job_seq; else what was to run first goes first. */
static bool
source_before(const Source *a, const Source *b)
{
	if (a->walk.lane != b->walk.lane)
		return a->walk.lane < b->walk.lane;
	if (a->queue->ageing || a->queue->fair || b->queue->ageing || b->queue->fair)
		return DatumGetTimestampTz(a->walk.row->tts_values[JOB_RUN_AT]) <
			   DatumGetTimestampTz(b->walk.row->tts_values[JOB_RUN_AT]);
	return walk_position(&a->walk) < walk_position(&b->walk);
}

static Source *
first_source(Source *sources, int n)
{
	Source *first = NULL;

	for (int i = 0; i < n; i++)
		if (sources[i].walk.valid && !sources[i].full &&
			(first == NULL || source_before(&sources[i], first)))
			first = &sources[i];
	return first;
}

/* Deletes the next job of the walk from astrid.ready; false where another session has it. */
static bool
take_away(Claim *claim, Source *source)
{
	TM_FailureData failure;
	TM_Result result = table_tuple_delete(claim->ready.rel, &source->walk.row->tts_tid, claim->cid,
										  claim->snapshot, InvalidSnapshot, false, &failure, false);

	walk_passed(&source->walk, result == TM_Ok || result == TM_Deleted);
	if (result == TM_Ok)
		stats_note_row(STATS_READY, source->walk.row, -1);
	return result == TM_Ok;
}

static bool
is_marked(const uint8 *stripes, uint32 stripe)
{
	return stripes[stripe / 8] & (1 << stripe % 8);
}

static void
mark(uint8 *stripes, uint32 stripe)
{
	stripes[stripe / 8] |= 1 << stripe % 8;
}

/* False where another transaction has the group, or where a job of it was passed over before: what
 * was in its way may be gone by now, but a later job must not overtake it. */
static bool
try_group(Claim *claim, Source *source, uint32 stripe)
{
	if (is_marked(source->left, stripe))
		return false;
	if (is_marked(source->locked, stripe))
		return true;
	if (claim->n_groups == GROUPS_MAX || !group_try_lock(source->queue, stripe))
		return false;
	claim->n_groups++;
	mark(source->locked, stripe);
	return true;
}

static bool
is_settled(Claim *claim, Source *source)
{
	if (claim->groups == NULL)
		claim->groups = groups_open(claim->wanted);
	return group_is_settled(claim->groups, source->queue, source->walk.row);
}

/* The same for a job of a group with limits; false too where they do not allow it now. */
static bool
take_of_group(Claim *claim, Source *source)
{
	uint32 stripe = group_stripe(source->walk.row->tts_values[JOB_GROUP_KEY]);
	bool locked = try_group(claim, source, stripe) && is_settled(claim, source);

	if (!locked)
		walk_passed(&source->walk, false);
	if (!locked || !take_away(claim, source))
	{
		mark(source->left, stripe);
		return false;
	}
	if (group_admit(claim->groups, source->queue, source->walk.row, claim->now))
		return true;
	if (++claim->n_put_aside == PUT_ASIDE_MAX)
	{
		/* Enough for one transaction; the next claim goes on. */
		source->full = true;
		wake_queue(source->queue->name);
	}
	return false;
}

/* A job whose deadline has passed is dead. One that has a place of its group is left to
 * maintenance, which takes the group's lock. */
static void
take_late(Claim *claim, Source *source)
{
	TupleTableSlot *job = source->walk.row;
	bool has_place = !job->tts_isnull[JOB_ADMISSION] &&
					 DatumGetInt32(job->tts_values[JOB_ADMISSION]) == ADMISSION_ALL;

	if (has_place || claim->n_late == LATE_MAX)
		walk_passed(&source->walk, false);
	else if (take_away(claim, source))
	{
		if (claim->late == NULL)
			claim->late = palloc(sizeof(Datum) * LATE_MAX);
		claim->late[claim->n_late++] = ExecFetchSlotHeapTupleDatum(job);
	}
}

/* Makes the next job of the walk a running one. False where another session has it, or its group
 * does not allow it. */
static bool
take(Claim *claim, Source *source)
{
	bool limited;

	if (deadline_passed(source->walk.row, claim->now))
	{
		take_late(claim, source);
		return false;
	}
	limited = group_limits(source->queue, source->walk.row);
	if (!(limited ? take_of_group(claim, source) : take_away(claim, source)))
		return false;
	claim_start(claim, source->queue, source->walk.row);
	return true;
}

/* Takes the next job, if the limits of its queue allow one more. */
static void
take_from(Claim *claim, Source *source)
{
	source->full = limit_room(&source->limit, claim->wanted, claim->snapshot) == 0;
	if (source->full)
		return;
	if (take(claim, source))
	{
		limit_use(&source->limit);
		claim->wanted--;
	}
	if (claim->wanted > 0)
		walk_next(&source->walk);
}

/* Takes from queues of the same priority. */
static void
claim_from(Claim *claim, Source *sources, int n)
{
	Source *first;
	bool only_looked;

	for (int i = 0; i < n; i++)
		walk_open(&sources[i].walk, &claim->ready, sources[i].queue->id, PG_INT32_MIN, PG_INT32_MAX,
				  &sources[i].view, claim->snapshot);
	while (claim->wanted > 0 && (first = first_source(sources, n)) != NULL)
		take_from(claim, first);
	for (int i = 0; i < n; i++)
	{
		walk_close(&sources[i].walk);
		limit_close(&sources[i].limit, claim->now);
	}
	only_looked = claim->running == NULL && claim->n_put_aside == 0 && claim->n_late == 0;
	/* Who passed a group over because of this transaction looks again when it is over. */
	for (int i = 0; claim->n_groups > 0 && i < n; i++)
		if (queue_limits_groups(sources[i].queue))
			wake_others(sources[i].queue->name, only_looked);
}

static int
compare_queues(const void *a, const void *b)
{
	const Queue *qa = *(const Queue *const *) a;
	const Queue *qb = *(const Queue *const *) b;

	if (qa->priority != qb->priority)
		return qa->priority < qb->priority ? -1 : 1;
	return (qa->id > qb->id) - (qa->id < qb->id);
}

/* The enabled ones of the named queues, by priority, each once. */
static int
claim_queues(const ArgArray *names, const Queue **queues)
{
	int n = 0;
	int unique = 0;

	for (int i = 0; i < names->n; i++)
	{
		const Queue *queue = queue_by_name(text_to_cstring(DatumGetTextPP(names->values[i])));

		if (queue->enabled)
			queues[n++] = queue;
	}
	qsort(queues, n, sizeof(Queue *), compare_queues);
	for (int i = 0; i < n; i++)
		if (i == 0 || queues[i] != queues[unique - 1])
			queues[unique++] = queues[i];
	return unique;
}

static void
claim_all(Claim *claim, const Queue **queues, int n)
{
	Source *sources = palloc(sizeof(Source) * n);
	int end;

	for (int i = 0; i < n; i++)
	{
		sources[i].queue = queues[i];
		sources[i].full = false;
		if (queue_limits_groups(queues[i]))
		{
			memset(sources[i].left, 0, sizeof(sources[i].left));
			memset(sources[i].locked, 0, sizeof(sources[i].locked));
		}
		wake_note_claim(queues[i]->name);
		floor_look(FLOOR_READY, queues[i]->name, &sources[i].view);
		floor_note_claim(&sources[i].view);
		limit_look(&sources[i].limit, queues[i]);
	}
	claim->snapshot = RegisterSnapshot(GetLatestSnapshot());
	claim->cid = GetCurrentCommandId(true);
	for (int begin = 0; begin < n && claim->wanted > 0; begin = end)
	{
		for (end = begin + 1; end < n && queues[end]->priority == queues[begin]->priority;)
			end++;
		claim_from(claim, sources + begin, end - begin);
	}
	if (claim->running != NULL)
		store_close(claim->running);
	if (claim->groups != NULL)
		groups_close(claim->groups);
	UnregisterSnapshot(claim->snapshot);
	CommandCounterIncrement();
	/* Last: it may bring the cache of the queues up to date. */
	for (int i = 0; i < claim->n_late; i++)
		helper_bury_late(claim->ready.rel, claim->late[i]);
	pfree(sources);
}

/* Before the settings of the queues are read: who changes a limit has astrid.running locked. */
static void
open_tables(Claim *claim)
{
	PreventCommandIfReadOnly("astrid_claim()");
	claim->ready = walk_table(STORE_READY, JOB_LANE, JOB_POSITION);
	LockRelationOid(store_oid(STORE_RUNNING), RowExclusiveLock);
}

void
claim_jobs(FunctionCallInfo fcinfo, int first)
{
	ArgArray names = arg_array_without_nulls(fcinfo, first, "queues", TEXTOID);
	const Queue **queues = palloc(sizeof(Queue *) * Max(names.n, 1));
	Interval lease = default_lease;
	Claim claim = {.wanted = 1};
	int n;

	arg_require(fcinfo, first + 1, "worker");
	if (!PG_ARGISNULL(first + 2))
		claim.wanted = PG_GETARG_INT32(first + 2);
	if (claim.wanted < 0)
		arg_refuse("max_jobs", "It must not be negative.");
	if (!PG_ARGISNULL(first + 3))
		lease = *PG_GETARG_INTERVAL_P(first + 3);
	arg_require_positive(&lease, "lease");
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	claim.result = (ReturnSetInfo *) fcinfo->resultinfo;
	claim.worker = PG_GETARG_DATUM(first + 1);
	claim.now = clock_now();
	claim.lease_until = DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(claim.now),
											IntervalPGetDatum(&lease));
	open_tables(&claim);
	queues_refresh();
	n = claim_queues(&names, queues);
	if (claim.wanted > 0 && n > 0)
		claim_all(&claim, queues, n);
	walk_table_close(&claim.ready);
}

/* astrid.claim(queues, worker, max_jobs, lease) -> setof (job_id, lease_id, ...) */
Datum
astrid_claim(PG_FUNCTION_ARGS)
{
	claim_jobs(fcinfo, 0);
	return (Datum) 0;
}
