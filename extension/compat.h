/*
 * Differences between the PostgreSQL versions that astrid builds on (15 to 18), each with its
 * reason.
 *
 * Included by whoever needs one of these names; version guards stand nowhere else.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_COMPAT_H
#define ASTRID_COMPAT_H

#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 150000
#error "astrid needs PostgreSQL 15 or later"
#endif

/* 18 tells a loaded module's name and version in pg_get_loaded_modules() */
#if PG_VERSION_NUM >= 180000
#define ASTRID_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "astrid", .version = ASTRID_VERSION)
#else
#define ASTRID_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* 17 names the wait events of extensions in pg_stat_activity */
#if PG_VERSION_NUM >= 170000
#define wait_event_new(name) WaitEventExtensionNew(name)
#else
#define wait_event_new(name) PG_WAIT_EXTENSION
#endif

/* 16 folds the ownership checks of all catalogs into one function */
#if PG_VERSION_NUM >= 160000
#define database_is_owned(oid, role) object_ownercheck(DatabaseRelationId, oid, role)
#else
#define database_is_owned(oid, role) pg_database_ownercheck(oid, role)
#endif

/* came with the minor releases of August 2023: a DROP DATABASE that was interrupted */
#ifndef DATCONNLIMIT_INVALID_DB
#define DATCONNLIMIT_INVALID_DB -2
#endif

/* 16 tells index insertion whether only summarizing indexes (BRIN) need an entry */
#if PG_VERSION_NUM >= 160000
#define ASTRID_INSERT_INDEX_TUPLES(indexes, slot, estate)                                          \
	ExecInsertIndexTuples(indexes, slot, estate, false, false, NULL, NIL, false)
#define ASTRID_INSERT_INDEX_TUPLES_SPECULATIVE(indexes, slot, estate, conflict)                    \
	ExecInsertIndexTuples(indexes, slot, estate, false, true, conflict, NIL, false)
#define ASTRID_UPDATED_INDEXES TU_UpdateIndexes
#else
#define ASTRID_INSERT_INDEX_TUPLES(indexes, slot, estate)                                          \
	ExecInsertIndexTuples(indexes, slot, estate, false, false, NULL, NIL)
#define ASTRID_INSERT_INDEX_TUPLES_SPECULATIVE(indexes, slot, estate, conflict)                    \
	ExecInsertIndexTuples(indexes, slot, estate, false, true, conflict, NIL)
#define ASTRID_UPDATED_INDEXES bool
#endif

/* 16 renames where the file of a relation is */
#if PG_VERSION_NUM >= 160000
#define ASTRID_SET_SEQUENCE_FILE(record, rel) ((record).locator = (rel)->rd_locator)
#else
#define ASTRID_SET_SEQUENCE_FILE(record, rel) ((record).node = (rel)->rd_node)
#endif

/* 17 looks for it without a snapshot */
#if PG_VERSION_NUM >= 170000
#define ASTRID_RIGHTMOST_LEAF(index) _bt_get_endpoint(index, 0, true)
#else
#define ASTRID_RIGHTMOST_LEAF(index) _bt_get_endpoint(index, 0, true, NULL)
#endif

/* 18 counts index searches for EXPLAIN */
#if PG_VERSION_NUM >= 180000
#define ASTRID_INDEX_BEGINSCAN(table, index, snapshot, n_keys)                                     \
	index_beginscan(table, index, snapshot, NULL, n_keys, 0)
#else
#define ASTRID_INDEX_BEGINSCAN(table, index, snapshot, n_keys)                                     \
	index_beginscan(table, index, snapshot, n_keys, 0)
#endif

/* 16 wants to be told where to allocate, and to do the table itself */
#if PG_VERSION_NUM >= 160000
#define ASTRID_VACOPT                             (VACOPT_VACUUM | VACOPT_PROCESS_MAIN | VACOPT_PROCESS_TOAST)
#define ASTRID_VACUUM(relations, params, context) vacuum(relations, params, NULL, context, true)
#else
#define ASTRID_VACOPT                             (VACOPT_VACUUM | VACOPT_PROCESS_TOAST)
#define ASTRID_VACUUM(relations, params, context) vacuum(relations, params, NULL, true)
#endif

#endif
