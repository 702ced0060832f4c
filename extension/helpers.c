/*
 * SQL functions that C calls for what is rarely used: unique keys and dependencies. Called by
 * enqueue.c, complete.c.
 *
 * They are SECURITY DEFINER with a pinned search_path and nobody else may execute them; a call from
 * C asks for no privilege, so that the hot functions themselves need not be SECURITY DEFINER.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"

#include "helpers.h"

static Oid
helper_oid(char *name, int nargs, const Oid *types)
{
	return LookupFuncName(list_make2(makeString("astrid"), makeString(name)), nargs, types, false);
}

int64
helper_hold_key(int32 queue_id, Datum key, int64 job_id)
{
	static const Oid types[] = {INT4OID, TEXTOID, INT8OID};

	return DatumGetInt64(OidFunctionCall3Coll(helper_oid("_hold_key", 3, types),
											  DEFAULT_COLLATION_OID, Int32GetDatum(queue_id), key,
											  Int64GetDatum(job_id)));
}

void
helper_release_key(int32 queue_id, Datum key, int64 job_id)
{
	static const Oid types[] = {INT4OID, TEXTOID, INT8OID};

	OidFunctionCall3Coll(helper_oid("_release_key", 3, types), DEFAULT_COLLATION_OID,
						 Int32GetDatum(queue_id), key, Int64GetDatum(job_id));
}

bool
helper_depend(int64 job_id, Datum parents)
{
	static const Oid types[] = {INT8OID, INT8ARRAYOID};

	return DatumGetBool(
		OidFunctionCall2(helper_oid("_depend", 2, types), Int64GetDatum(job_id), parents));
}

void
helper_unblock(int64 job_id)
{
	static const Oid types[] = {INT8OID};

	OidFunctionCall1(helper_oid("_unblock", 1, types), Int64GetDatum(job_id));
}
