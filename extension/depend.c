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
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "children.h"
#include "depend.h"
#include "helpers.h"
#include "recent.h"
#include "rows.h"
#include "sqlstate.h"

#define ROUNDS 3

/* Children in one row of astrid.dependency: so many that it stays below the size at which values
 * are moved out of a row. */
#define CHILDREN_IN_ROW 100

/* The tables in which parents are looked for, opened when first needed. */
typedef struct Search
{
	Rows *in[STORE_DEAD + 1];
} Search;

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

static Rows *
rows_in(Search *search, StoreId table)
{
	if (search->in[table] == NULL)
		search->in[table] =
			table == STORE_READY ? rows_open_by(table, STORE_READY_JOB) : rows_open(table);
	return search->in[table];
}

/* Locks the row of the job where this session has put it; false where it is there no more. */
static bool
lock_recent(Search *search, int64 job_id)
{
	const Recent *recent = recent_find(job_id);
	Rows *rows;

	if (recent == NULL)
		return false;
	rows = rows_in(search, recent->table);
	return rows_at(rows, &recent->place) &&
		   DatumGetInt64(rows->row->tts_values[JOB_ID]) == job_id && lock_row(rows) == TM_Ok;
}

/* Locks the row of the job in this table; false where it is not there. */
static bool
lock_in(Search *search, StoreId table, int64 job_id)
{
	Rows *rows = rows_in(search, table);
	ScanKeyData key;

	rows_key_int8(&key, 1, job_id);
	while (rows_find(rows, &key, 1))
	{
		if (lock_row(rows) == TM_Ok)
			return true;
		CHECK_FOR_INTERRUPTS();
		rows_refresh(rows);
	}
	return false;
}

/*
 * Locks the job where it is; STORE_COUNT where it has no such state. It may move from table to
 * table meanwhile, each time along this way; the next round catches one that went back for a retry.
 * In the first round snapshots may be as old as the first parent: what is locked is there now, and
 * the others are looked for again.
 */
static StoreId
lock_unfinished(Search *search, int64 job_id)
{
	static const StoreId way[] = {STORE_WAITING, STORE_READY, STORE_RUNNING, STORE_DEAD};

	if (lock_recent(search, job_id))
		return recent_find(job_id)->table;
	for (int i = 0; i < (1 + ROUNDS) * lengthof(way); i++)
	{
		StoreId table = way[i % lengthof(way)];

		if (i >= lengthof(way))
			rows_refresh(rows_in(search, table));
		if (lock_in(search, table, job_id))
			return table;
	}
	return STORE_COUNT;
}

static void
end_search(Search *search)
{
	for (int i = 0; i < lengthof(search->in); i++)
		if (search->in[i] != NULL)
			rows_close(search->in[i]);
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
look_up(const Depend *depend, Search *search, int64 parent_id)
{
	StoreId place = lock_unfinished(search, parent_id);
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
	qsort(ids, wanted->n, sizeof(int64), children_compare_ids);
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
	Search search = {0};
	int done = 0;
	int64 failed = 0;
	ParentEnd failed_how = PARENT_ENDS;

	depend->parents = ids;
	for (int i = 0; i < n; i++)
	{
		ParentEnd end = look_up(depend, &search, ids[i]);

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
	end_search(&search);
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
		depend->children = palloc(sizeof(int64) * children_expected);
	depend->resolved = true;
	return depend->verdict;
}

/* A value of an array type, without nulls. */
static Datum
array(Oid type, const void *elements, int n, Size size)
{
	Size length = ARR_OVERHEAD_NONULLS(1) + n * size;
	ArrayType *result = palloc0(length);

	SET_VARSIZE(result, length);
	result->ndim = 1;
	result->elemtype = type;
	ARR_DIMS(result)[0] = n;
	ARR_LBOUND(result)[0] = 1;
	memcpy(ARR_DATA_PTR(result), elements, n * size);
	return PointerGetDatum(result);
}

void
depend_note(Depend *depend, int64 child_id, TupleTableSlot *waiting)
{
	if (depend->parents_array == (Datum) 0)
		depend->parents_array = array(INT8OID, depend->parents, depend->n, sizeof(int64));
	depend->children[depend->n_children++] = child_id;
	store_set(waiting, WAITING_PARENTS_LEFT, Int32GetDatum(depend->n));
	store_set(waiting, WAITING_PARENTS, depend->parents_array);
}

/* The rows for these children, one for each parent. */
static void
add_rows(Depend *depend, Store *edges, int first, int n, const ItemPointerData *places)
{
	Datum ids = array(INT8OID, &depend->children[first], n, sizeof(int64));
	Datum at = array(TIDOID, &places[first], n, sizeof(ItemPointerData));
	Datum failure = CStringGetTextDatum(depend->failure);

	for (int i = 0; i < depend->n; i++)
	{
		TupleTableSlot *row = store_row(edges);

		store_set(row, DEPENDENCY_PARENT_ID, Int64GetDatum(depend->parents[i]));
		store_set(row, DEPENDENCY_CHILD_IDS, ids);
		store_set(row, DEPENDENCY_CHILD_PLACES, at);
		store_set(row, DEPENDENCY_ANY_OF, BoolGetDatum(depend->any_of));
		store_set(row, DEPENDENCY_FAILURE, failure);
		store_add(edges);
	}
}

void
depend_end(Depend *depend, const ItemPointerData *places)
{
	int rows = (depend->n_children + CHILDREN_IN_ROW - 1) / CHILDREN_IN_ROW;
	Store *edges;

	if (rows == 0)
		return;
	edges = store_open(STORE_DEPENDENCY, Min((int64) rows * depend->n, INT_MAX));
	for (int first = 0; first < depend->n_children; first += CHILDREN_IN_ROW)
		add_rows(depend, edges, first, Min(depend->n_children - first, CHILDREN_IN_ROW), places);
	store_close(edges);
}
