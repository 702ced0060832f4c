/*
 * The module's entry: settings, shared memory, callbacks, background workers. Nothing else happens
 * here.
 *
 * Loaded by shared_preload_libraries all of astrid works; loaded on first use, only wake-up by
 * NOTIFY does, and maintenance is up to whoever calls astrid_maintain(). In binary upgrade
 * pg_upgrade owns the server: then neither shared memory nor workers exist.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "compat.h"
#include "ddl.h"
#include "guc.h"
#include "launcher.h"
#include "shmem.h"
#include "wake.h"

ASTRID_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	guc_init();
	wake_init();
	if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade)
	{
		shmem_init();
		ddl_init();
		launcher_init();
	}
}
