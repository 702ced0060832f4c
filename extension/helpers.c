/*
 * SQL functions that C calls for what is rarely used. Called by enqueue.c, complete.c, depend.c,
 * children.c.
 *
 * They are SECURITY DEFINER with a pinned search_path and nobody else may execute them; a call from
 * C asks for no privilege, so that the hot functions themselves need not be SECURITY DEFINER.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "helpers.h"

static Oid
helper_oid(const char *name, int nargs, const Oid *types)
{
	oidvector *arguments = buildoidvector(types, nargs);
	Oid oid = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
							  PointerGetDatum(arguments),
							  ObjectIdGetDatum(get_namespace_oid("astrid", false)));

	/* Not LookupFuncName(): that asks whether the caller may use the schema, which is no matter
	 * here. */
	if (!OidIsValid(oid))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("function astrid.%s does not exist", name),
						errhint("Run CREATE EXTENSION astrid in this database.")));
	return oid;
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

const char *
helper_finished_state(int64 job_id)
{
	static const Oid types[] = {INT8OID};
	LOCAL_FCINFO(fcinfo, 1);
	FmgrInfo function;
	Datum state;

	fmgr_info(helper_oid("_finished_state", 1, types), &function);
	InitFunctionCallInfoData(*fcinfo, &function, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = Int64GetDatum(job_id);
	fcinfo->args[0].isnull = false;
	state = FunctionCallInvoke(fcinfo);
	return fcinfo->isnull ? NULL : TextDatumGetCString(state);
}
