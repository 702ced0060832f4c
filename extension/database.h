/*
 * The databases that astrid knows of, in shared memory: which have a maintenance worker, and which
 * must not have one for now. Called by launcher, maintenance worker, DDL hooks and committers.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_DATABASE_H
#define ASTRID_DATABASE_H

#include "shmem.h"

/* The slot of this session's database, NULL while it has none. Cheap: remembers it. */
extern SharedDatabase *database_mine(void);

/* Launcher: these databases, and no others, shall have a worker. Returns how many found no slot. */
extern int database_want(const Oid *oids, int n_oids);

/* Launcher: may a worker be started for this slot now? Counts the start as failed until proved. */
extern bool database_is_startable(SharedDatabase *database);
extern void database_count_start(SharedDatabase *database);

/* Worker: enter the database of this slot, unless it is barred or has a worker already. */
extern bool database_attach(SharedDatabase *database);

/* Worker: true when it has to leave the database. */
extern bool database_must_leave(SharedDatabase *database);

/* Worker: what it has found out; the last report stands when it leaves. */
extern void database_report(SharedDatabase *database, DatabaseState state);
extern void database_detach(SharedDatabase *database, bool failed);

/*
 * Keep workers out of a database until database_lift_bar, and wait until the one inside has left.
 * NULL when no slot is free: then no worker is there either.
 */
extern SharedDatabase *database_bar(Oid oid);
extern void database_await_departure(SharedDatabase *database);
extern void database_lift_bar(SharedDatabase *database);

/* An extension was created in this session's database. */
extern void database_look_again(void);

/* This database uses astrid, though a worker found it absent. Safe in a commit callback. */
extern void database_is_used(SharedDatabase *database);

/* The launcher tells where it can be woken; NULL when it ends. */
extern void database_set_launcher(Latch *latch);
extern void database_poke_launcher(void);

#endif
