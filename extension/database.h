/*
 * The databases that astrid knows of, in shared memory: which have a maintenance worker, and which must not.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_DATABASE_H
#define ASTRID_DATABASE_H

#include "shmem.h"

/* The slot of this session's database, NULL while it has none. Cheap: remembers it. */
extern SharedDatabase *database_mine(void);

/* Wake the launcher, so that it looks at the databases again. */
extern void database_poke_launcher(void);

#endif
