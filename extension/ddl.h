/*
 * Commands on databases and extensions that the background workers must know of.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_DDL_H
#define ASTRID_DDL_H

/* Called once, from _PG_init, while shared_preload_libraries are loaded. */
extern void ddl_init(void);

#endif
