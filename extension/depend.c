/*
 * What a new job depends on (see depend.h). Called by enqueue.c.
 *
 * An unfinished parent is locked (KEY SHARE on its row, wherever it is) until the transaction ends:
 * it can end only when its children are there to see. A claim passes over a parent that is locked.
 * Parents are locked in the order of their numbers, and a child's number is above its parents', as
 * those must exist: no cycle, no job that waits for itself.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "children.h"
#include "depend.h"
#include "helpers.h"
#include "rows.h"
#include "sqlstate.h"

#define ROUNDS 3

void
depend_begin(Depend *depend, ArgArray depends_on, const char *mode, const char *failure)
{
	depend->wanted = depends_on;
	depend->failure = failure ? failure : "wait";
	depend->any_of = mode != NULL && strcmp(mode, "any") == 0;
	if (mode != NULL && !depend->any_of && strcmp(mode, "all") != 0)
		arg_refuse("depends_mode", "It must be all or any.");
	if (strcmp(depend->failure, "wait") != 0 && strcmp(depend->failure, "cancel") != 0 &&
		strcmp(depend->failure, "run") != 0)
		arg_refuse("depends_failure", "It must be wait, cancel or run.");
}

/* Nobody else sees a row of this transaction: it needs no lock, and a claim could not take it. */
static bool
is_mine(TupleTableSlot *row)
{
	bool is_null;
	Datum xmin = slot_getsysattr(row, MinTransactionIdAttributeNumber, &is_null);

	return TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin));
}

static TM_Result
lock_row(Rows *rows)
{
	return is_mine(rows->row) ? TM_Ok : rows_lock(rows, LockTupleKeyShare);
}

/* Locks the row of the job in this table; false where it is not there. */
static bool
lock_in(StoreId table, int64 job_id)
{
	Rows *rows = table == STORE_READY ? rows_open_by(table, STORE_READY_JOB) : rows_open(table);
	TM_Result result = TM_Deleted;
	ScanKeyData key;

	rows_key_int8(&key, 1, job_id);
	while (rows_find(rows, &key, 1) && (result = lock_row(rows)) != TM_Ok)
	{
		CHECK_FOR_INTERRUPTS();
		rows_refresh(rows);
	}
	rows_close(rows);
	return result == TM_Ok;
}

/*
 * Locks the job where it is; STORE_COUNT where it has no such state. It may move from table to
 * table meanwhile, each time along this way; the next round catches one that went back for a retry.
 */
static StoreId
lock_unfinished(int64 job_id)
{
	static const StoreId way[] = {STORE_WAITING, STORE_READY, STORE_RUNNING, STORE_DEAD};

	for (int i = 0; i < ROUNDS * lengthof(way); i++)
		if (lock_in(way[i % lengthof(way)], job_id))
			return way[i % lengthof(way)];
	return STORE_COUNT;
}

static void
raise_missing(const char *job_id)
{
	ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_JOB_NOT_FOUND)),
					errmsg("job %s does not exist", job_id),
					errdetail("depends_on must name jobs that exist.")));
}

/* How a parent stands: PARENT_ENDS where it has not ended, or is waited for though it has. */
static ParentEnd
look_up(const Depend *depend, int64 parent_id)
{
	StoreId place = lock_unfinished(parent_id);
	const char *state;

	if (place == STORE_DEAD && strcmp(depend->failure, "wait") != 0)
		return PARENT_DEAD;
	if (place != STORE_COUNT)
		return PARENT_ENDS;
	state = helper_finished_state(parent_id);
	if (state == NULL)
		raise_missing(psprintf(INT64_FORMAT, parent_id));
	return strcmp(state, "completed") == 0 ? PARENT_COMPLETED : PARENT_CANCELLED;
}

static int
compare_ids(const void *a, const void *b)
{
	int64 ia = *(const int64 *) a;
	int64 ib = *(const int64 *) b;

	return (ia > ib) - (ia < ib);
}

/* The numbers in depends_on in order, each once; returns how many. */
static int
sort_wanted(const ArgArray *wanted, int64 *ids)
{
	int n = 0;

	for (int i = 0; i < wanted->n; i++)
	{
		if (wanted->nulls[i])
			raise_missing("null");
		ids[i] = DatumGetInt64(wanted->values[i]);
	}
	qsort(ids, wanted->n, sizeof(int64), compare_ids);
	for (int i = 0; i < wanted->n; i++)
		if (i == 0 || ids[i] != ids[n - 1])
			ids[n++] = ids[i];
	return n;
}

/* A job that would wait for a cancelled one under wait is a mistake: better said at once. */
static void
refuse_cancelled(const Depend *depend, int64 parent_id)
{
	if (strcmp(depend->failure, "wait") == 0)
		ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_WRONG_STATE)),
						errmsg("job " INT64_FORMAT " was cancelled", parent_id),
						errdetail("A job that depends on it would never run."),
						errhint("With depends_failure run it would, with cancel it would be "
								"cancelled too.")));
}

static DependVerdict
judge(const Depend *depend, int done, bool failed)
{
	if (depend->any_of && done > 0)
		return DEPEND_FREE;
	if (failed && !(depend->any_of && depend->n > 0))
		return DEPEND_CANCELLED;
	return depend->n > 0 ? DEPEND_BLOCKED : DEPEND_FREE;
}

static void
resolve(Depend *depend)
{
	int64 *ids = palloc(sizeof(int64) * Max(depend->wanted.n, 1));
	int n = sort_wanted(&depend->wanted, ids);
	int done = 0;
	int64 failed = 0;
	ParentEnd failed_how = PARENT_ENDS;

	depend->parents = ids;
	for (int i = 0; i < n; i++)
	{
		ParentEnd end = look_up(depend, ids[i]);

		if (end == PARENT_ENDS)
			depend->parents[depend->n++] = ids[i];
		else if (end == PARENT_COMPLETED || strcmp(depend->failure, "run") == 0)
			done++;
		else
		{
			failed_how = end;
			failed = ids[i];
		}
	}
	depend->verdict = judge(depend, done, failed_how != PARENT_ENDS);
	if (depend->verdict == DEPEND_CANCELLED)
	{
		refuse_cancelled(depend, failed);
		depend->reason = children_reason(failed, failed_how);
	}
}

DependVerdict
depend_verdict(Depend *depend, int children_expected)
{
	if (depend->resolved)
		return depend->verdict;
	depend->verdict = DEPEND_FREE;
	if (!depend->wanted.is_null)
		resolve(depend);
	if (depend->verdict == DEPEND_BLOCKED)
		depend->edges = store_open(STORE_DEPENDENCY, children_expected * depend->n);
	depend->resolved = true;
	return depend->verdict;
}

void
depend_note(Depend *depend, int64 child_id)
{
	for (int i = 0; i < depend->n; i++)
	{
		TupleTableSlot *row = store_row(depend->edges);

		store_set(row, DEPENDENCY_PARENT_ID, Int64GetDatum(depend->parents[i]));
		store_set(row, DEPENDENCY_CHILD_ID, Int64GetDatum(child_id));
		store_set(row, DEPENDENCY_ANY_OF, BoolGetDatum(depend->any_of));
		store_set(row, DEPENDENCY_FAILURE, CStringGetTextDatum(depend->failure));
		store_add(depend->edges);
	}
}

void
depend_end(Depend *depend)
{
	if (depend->edges != NULL)
		store_close(depend->edges);
}
