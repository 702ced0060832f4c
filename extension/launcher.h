/*
 * The background workers: one launcher per server, one maintenance worker per database.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_LAUNCHER_H
#define ASTRID_LAUNCHER_H

#include "postgres.h"

/* Registers the launcher. Called once, from _PG_init, while shared_preload_libraries are loaded. */
extern void launcher_init(void);

/* SIGTERM of both kinds of workers: end soon, and cancel what is under way. */
extern void handle_shutdown(SIGNAL_ARGS);

/* Entry points that the postmaster looks up by name. */
extern PGDLLEXPORT void astrid_launcher_main(Datum arg);
extern PGDLLEXPORT void astrid_maintenance_main(Datum arg);

#endif
