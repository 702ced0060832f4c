/*
 * Many numbers of a sequence at once (see numbers.h). Called by batch.c and children.c.
 *
 * nextval() gives out one, or as many as the sequence's CACHE says; what a session has left of
 * those, a later call of it would give out late, and numbers would not grow with time. Here the
 * sequence goes on by so many in one step, and is written as nextval() writes it: 32 more are
 * logged than were given out, so that small steps mostly write no WAL; the first one after a
 * checkpoint does.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "compat.h"
#include "numbers.h"

#define LOGGED_AHEAD 32
#define FEW          2 /* below it nextval() does as well */

/* The one row of the sequence, locked. */
static HeapTupleData
read_row(Relation rel, Buffer *buffer)
{
	HeapTupleData row = {.t_tableOid = RelationGetRelid(rel)};
	ItemId item;
	Page page;

	*buffer = ReadBuffer(rel, 0);
	LockBuffer(*buffer, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(*buffer);
	item = PageGetItemId(page, FirstOffsetNumber);
	row.t_data = (HeapTupleHeader) PageGetItem(page, item);
	row.t_len = ItemIdGetLength(item);
	return row;
}

static void
set_state(Form_pg_sequence_data state, int64 last, int64 logged)
{
	state->last_value = last;
	state->log_cnt = logged;
	state->is_called = true;
}

/* The page as it is to be after a crash: beyond all that may have been given out by then. */
static void
log_state(Relation rel, Buffer buffer, const HeapTupleData *row)
{
	xl_seq_rec record;
	XLogRecPtr end;

	ASTRID_SET_SEQUENCE_FILE(record, rel);
	XLogBeginInsert();
	XLogRegisterBuffer(0, buffer, REGBUF_WILL_INIT);
	XLogRegisterData((char *) &record, sizeof(record));
	XLogRegisterData((char *) row->t_data, row->t_len);
	end = XLogInsert(RM_SEQ_ID, XLOG_SEQ_LOG);
	PageSetLSN(BufferGetPage(buffer), end);
}

/* Moves the sequence on by n and returns the last number. */
static int64
advance(Relation rel, int n)
{
	Buffer buffer;
	HeapTupleData row = read_row(rel, &buffer);
	Form_pg_sequence_data state = (Form_pg_sequence_data) GETSTRUCT(&row);
	int64 last = state->last_value + n - (state->is_called ? 0 : 1);
	int64 logged = state->log_cnt - n;
	bool log =
		logged < 0 || !state->is_called || PageGetLSN(BufferGetPage(buffer)) <= GetRedoRecPtr();

	if (log)
		logged = LOGGED_AHEAD;
	log = log && RelationNeedsWAL(rel);
	/* Else a transaction that does nothing else would not wait for this WAL. */
	if (log)
		(void) GetTopTransactionId();
	START_CRIT_SECTION();
	MarkBufferDirty(buffer);
	if (log)
	{
		set_state(state, last + logged, 0);
		log_state(rel, buffer, &row);
	}
	set_state(state, last, logged);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
	return last;
}

int64
numbers_draw(StoreId sequence, int n)
{
	Relation rel;
	int64 last;

	if (n < FEW)
		return store_next(sequence);
	PreventCommandIfReadOnly("nextval()");
	rel = relation_open(store_oid(sequence), RowExclusiveLock);
	last = advance(rel, n);
	relation_close(rel, NoLock);
	return last - n + 1;
}
