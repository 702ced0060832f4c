/*
 * Locks on names, until the end of the transaction. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_GATE_H
#define ASTRID_GATE_H

#include "storage/lock.h"

/* Each kind has the number of the lock tag's field 4, where pg_advisory_lock() uses 1 and 2: no
 * user lock can collide. */
typedef enum GateKind
{
	GATE_GROUP = 0xa5,
	GATE_PRODUCER = 0xa6,
	GATE_LEAVING = 0xa7 /* a group that jobs leave */
} GateKind;

static inline bool
gate_lock(GateKind kind, int32 queue_id, uint32 name_hash, LOCKMODE mode, bool wait)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) queue_id, name_hash, kind);
	return LockAcquire(&tag, mode, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/* False without waiting where another transaction has it, or a share of it. */
static inline bool
gate_enter(GateKind kind, int32 queue_id, uint32 name_hash, bool wait)
{
	return gate_lock(kind, queue_id, name_hash, ExclusiveLock, wait);
}

/* Waits only for who has it alone. */
static inline void
gate_share(GateKind kind, int32 queue_id, uint32 name_hash)
{
	(void) gate_lock(kind, queue_id, name_hash, ShareLock, true);
}

#endif
