/*
 * Totals that no row shows any more: kept in astrid.queue_total, by the transaction that deletes
 * the rows.
 *
 * The totals of a queue are what astrid.queue_total says and what its jobs, its history and its
 * attempts count for. So deleting a row must add as much as it counted for; rotation does so for a
 * whole partition before it is emptied. Rows are only added, so that nobody waits for anybody;
 * maintenance folds them into one per queue.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "stats_keep.h"

PG_FUNCTION_INFO_V1(astrid_keep_partition);

Datum
stats_int64_array(const int64 *values, int n)
{
	Datum *datums = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
		datums[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(
		construct_array(datums, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* InvalidOid: this very transaction has dropped the extension. */
static Oid
keep_function(void)
{
	static const Oid types[] = {INT4OID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID};
	Oid namespace = get_namespace_oid("astrid", true);

	if (!OidIsValid(namespace))
		return InvalidOid;
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("_keep_totals"),
						   PointerGetDatum(buildoidvector(types, lengthof(types))),
						   ObjectIdGetDatum(namespace));
}

void
stats_keep(int32 queue_id, const int64 *totals, const StatsTimes *times)
{
	static const StatsTimes none;
	int64 sums[TOTALS + 2];
	Oid function = keep_function();

	if (!OidIsValid(function))
		return;
	times = times ? times : &none;
	memcpy(sums, totals, sizeof(int64) * TOTALS);
	sums[TOTALS] = times->wait.sum;
	sums[TOTALS + 1] = times->run.sum;
	PushActiveSnapshot(GetTransactionSnapshot());
	OidFunctionCall4(function, Int32GetDatum(queue_id), stats_int64_array(sums, TOTALS + 2),
					 stats_int64_array(times->wait.n, STATS_BUCKETS),
					 stats_int64_array(times->run.n, STATS_BUCKETS));
	PopActiveSnapshot();
}

/* astrid._keep_partition(partition regclass, is_history boolean): it is about to be emptied. */
Datum
astrid_keep_partition(PG_FUNCTION_ARGS)
{
	Relation rel = table_open(PG_GETARG_OID(0), AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	HTAB *queues = stats_new_counts();
	HASH_SEQ_STATUS each;
	QueueCounts *queue;

	stats_count_table(queues, rel, PG_GETARG_BOOL(1) ? STATS_HISTORY : STATS_ATTEMPT, PART_TOTALS,
					  snapshot);
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
	hash_seq_init(&each, queues);
	while ((queue = hash_seq_search(&each)) != NULL)
		stats_keep(queue->queue_id, queue->counts.totals, &queue->counts.times);
	PG_RETURN_VOID();
}
