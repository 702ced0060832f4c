/*
 * Differences between the PostgreSQL versions that astrid builds on (15 to 18), each with its reason.
 *
 * Included by whoever needs one of these names; version guards stand nowhere else.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_COMPAT_H
#define ASTRID_COMPAT_H

#include "miscadmin.h"

#if PG_VERSION_NUM < 150000
#error "astrid needs PostgreSQL 15 or later"
#endif

/* 18 tells a loaded module's name and version in pg_get_loaded_modules() */
#if PG_VERSION_NUM >= 180000
#define ASTRID_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "astrid", .version = ASTRID_VERSION)
#else
#define ASTRID_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif
