/*
 * How many jobs each queue has in each state, and has had: counted as they move, not by reading
 * tables. See README.md, "Statistics".
 *
 * Whatever adds a row to a table of jobs, or takes one away, notes it here; what a transaction
 * noted counts when it commits. These calls never wait and, but for running out of memory, never
 * fail.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_STATS_H
#define ASTRID_STATS_H

#include "datatype/timestamp.h"
#include "executor/tuptable.h"

/* Tables whose rows count. */
typedef enum StatsTable
{
	STATS_READY,
	STATS_WAITING,
	STATS_RUNNING,
	STATS_DEAD,
	STATS_HISTORY,
	STATS_ATTEMPT,
	STATS_NO_TABLE
} StatsTable;

/* The row, deformed, is added to the table (+1) or taken from it (-1). */
extern void stats_note_row(StatsTable table, TupleTableSlot *row, int sign);

/* A job that was not there before is among the rows added; a ready one is claimed. */
extern void stats_note_enqueue(int32 queue_id);
extern void stats_note_claim(int32 queue_id);

/* From the transaction callbacks of wake.c. */
extern void stats_before_commit(void);
extern void stats_at_commit(void);
extern void stats_at_prepare(void);
extern void stats_at_abort(void);
extern void stats_at_subcommit(int32 subid, int32 parent_subid);
extern void stats_at_subabort(int32 subid);

/* From shmem.c: size and layout of the counters. */
extern Size stats_shmem_size(void);
extern void stats_shmem_startup(void);

/* From maintenance.c: starts counting in the background where it is needed. In no transaction. */
extern void stats_keep_counted(void);

/* Entry point of the process that counts. */
extern PGDLLEXPORT void astrid_stats_main(Datum arg);

#endif
