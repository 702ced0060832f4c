/*
 * Totals of rows that are gone. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_STATS_KEEP_H
#define ASTRID_STATS_KEEP_H

#include "stats_internal.h"

/* Writes to astrid.queue_total what rows that this transaction has deleted had counted for (times:
 * null for none). */
extern void stats_keep(int32 queue_id, const int64 *totals, const StatsTimes *times);

/* Arrays for SQL. */
extern Datum stats_int64_array(const int64 *values, int n);

#endif
