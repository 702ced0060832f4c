/*
 * Vacuum of the tables that jobs pass through. Called by maintenance.c, claim_start.c,
 * rows.c and unique_row.c.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_TIDY_H
#define ASTRID_TIDY_H

#include "store.h"

/* Vacuums them where enough jobs have passed; to be called outside a transaction, by a worker that
 * has nothing else open. */
extern void tidy_hot_tables(void);

/* Each lease leaves dead rows: wakes the maintenance worker when there are enough of them. */
extern void tidy_note_lease(int64 lease_id);

/* The same for rows that were deleted from another of these tables; of any other they do not count.
 */
extern void tidy_note_deleted(StoreId table, int n);

#endif
