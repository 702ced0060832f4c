/*
 * SQL functions that C calls for what is rarely used. Called by enqueue.c, claim.c, depend.c and
 * unique.c.
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

bool
helper_go_on(int64 job_id)
{
	static const Oid types[] = {INT8OID};

	return DatumGetBool(OidFunctionCall1(helper_oid("_go_on", 1, types), Int64GetDatum(job_id)));
}

void
helper_check_retry(Datum policy)
{
	static const Oid types[] = {JSONBOID};

	OidFunctionCall1Coll(helper_oid("_check_retry", 1, types), DEFAULT_COLLATION_OID, policy);
}

void
helper_bury_late(Relation ready, Datum row)
{
	Oid types[] = {RelationGetForm(ready)->reltype};

	OidFunctionCall1(helper_oid("_bury_late", 1, types), row);
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
