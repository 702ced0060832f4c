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
	GATE_PRODUCER = 0xa6
} GateKind;

/* False without waiting where another transaction has it. */
static inline bool
gate_enter(GateKind kind, int32 queue_id, uint32 name_hash, bool wait)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) queue_id, name_hash, kind);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

#endif
