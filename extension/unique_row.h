/*
 * Rows of astrid.unique_key. They are changed by deleting and inserting them, so whoever waited for
 * a change looks again. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_UNIQUE_ROW_H
#define ASTRID_UNIQUE_ROW_H

#include "access/genam.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "entries.h"
#include "unique.h"

struct Keys
{
	Relation rel;
	Relation index;
	SnapshotData dirty; /* shows what is being written, and by whom */
	IndexScanDesc scan;
	TupleTableSlot *row;   /* found */
	TupleTableSlot *fresh; /* to be inserted */
	Entries *entries;      /* null until the first row is inserted */
	BlockNumber blocks;    /* of the table when a place was first looked at */
	int removed;           /* rows, so far */
	enum
	{
		KEYS_UNKNOWN,
		KEYS_FREE, /* all that were asked for */
		KEYS_TAKEN /* one of them, at least */
	} found;
};

typedef struct KeyRow
{
	int32 queue_id;
	Datum key;
	KeyHolder holder;
	TimestampTz held_until; /* 0: no window */
	ItemPointerData tid;
} KeyRow;

/* Sets the columns of a row that are not null. */
extern void unique_fill(TupleTableSlot *slot, const KeyRow *row);

/* The row of the key, if there is one; it may be that its deletion is not committed yet. Waits for
 * who is just writing it. */
extern bool unique_look(Keys *keys, KeyRow *row);

/* The same without waiting: false too where the row is just being written. */
extern bool unique_peek(Keys *keys, KeyRow *row);

/* The same without the index: false too where the row is not at this place. */
extern bool unique_peek_at(Keys *keys, KeyRow *row, const ItemPointerData *place);

/* False where another transaction was first. */
extern bool unique_remove(Keys *keys, KeyRow *row);

/* False where another session has just inserted the key; nothing is left of the attempt. */
extern bool unique_insert(Keys *keys, const KeyRow *row);

#endif
