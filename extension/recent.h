/*
 * Where this session has just put its new jobs. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_RECENT_H
#define ASTRID_RECENT_H

#include "storage/itemptr.h"

#include "store.h"

typedef struct Recent
{
	int64 job_id;
	StoreId table;
	ItemPointerData place;
} Recent;

/* For Store.written: the rows are new jobs. */
extern void recent_note(StoreId table, TupleTableSlot *row);

/* Null: not known. The place may be out of date: see whether the job is still there. */
extern const Recent *recent_find(int64 job_id);

#endif
