/*
 * astrid_validate, and the check of a schema before it is stored with a queue.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "args.h"
#include "schema.h"

PG_FUNCTION_INFO_V1(astrid_validate);
PG_FUNCTION_INFO_V1(astrid_check_schema);

/* The schema of the last call by the same expression: mostly it is a constant. */
typedef struct LastSchema
{
	Jsonb *source;
	Schema *schema;
} LastSchema;

static const Schema *
get_schema(FunctionCallInfo fcinfo, Jsonb *source)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	LastSchema *last = fcinfo->flinfo->fn_extra;
	Schema *schema;

	if (last != NULL && VARSIZE(last->source) == VARSIZE(source) &&
		memcmp(last->source, source, VARSIZE(source)) == 0)
		return last->schema;
	schema = schema_compile(source, "schema", context);
	if (last == NULL)
		last = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(context, sizeof(LastSchema));
	else
	{
		schema_free(last->schema);
		pfree(last->source);
	}
	last->schema = schema;
	last->source = MemoryContextAlloc(context, VARSIZE(source));
	memcpy(last->source, source, VARSIZE(source));
	return schema;
}

/* astrid.validate(schema, value) -> setof (path, keyword, message): what is wrong with the value */
Datum
astrid_validate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SchemaErrors errors = {0};
	const Schema *schema;
	Jsonb *value;

	arg_require(fcinfo, 0, "schema");
	arg_require(fcinfo, 1, "value");
	InitMaterializedSRF(fcinfo, 0);
	value = PG_GETARG_JSONB_P(1);
	schema = get_schema(fcinfo, PG_GETARG_JSONB_P(0));
	if (!schema_accepts(schema, value))
		schema_explain(schema, value, &errors);
	for (int i = 0; i < errors.n; i++)
	{
		Datum values[] = {CStringGetTextDatum(errors.items[i].path),
						  CStringGetTextDatum(errors.items[i].keyword),
						  CStringGetTextDatum(errors.items[i].message)};
		bool nulls[lengthof(values)] = {false};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* astrid._check_schema(schema, argument): raises QJ006, naming the argument, where it is none */
Datum
astrid_check_schema(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0))
		schema_free(schema_compile(PG_GETARG_JSONB_P(0), text_to_cstring(PG_GETARG_TEXT_PP(1)),
								   CurrentMemoryContext));
	PG_RETURN_VOID();
}
