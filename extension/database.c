/*
 * The databases that astrid knows of, in shared memory: which have a maintenance worker, and which must not.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "miscadmin.h"

#include "database.h"

/* The caller holds shared->lock. */
static SharedDatabase *
find_slot(Oid oid)
{
	for (int i = 0; i < shared->n_databases; i++)
	{
		if (shared->databases[i].oid == oid)
			return &shared->databases[i];
	}
	return NULL;
}

SharedDatabase *
database_mine(void)
{
	static SharedDatabase *mine;

	if (shared == NULL)
		return NULL;
	/* A slot goes to another database only after this one was dropped or made a template. */
	if (mine == NULL || mine->oid != MyDatabaseId)
	{
		LWLockAcquire(shared->lock, LW_SHARED);
		mine = find_slot(MyDatabaseId);
		LWLockRelease(shared->lock);
	}
	return mine;
}

void
database_poke_launcher(void)
{
	Latch *latch;

	LWLockAcquire(shared->lock, LW_SHARED);
	latch = shared->launcher_latch;
	LWLockRelease(shared->lock);
	if (latch != NULL)
		SetLatch(latch);
}
