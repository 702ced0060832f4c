/*
 * The schemas of queues: payloads and results that do not match are refused. Called by queues.c,
 * enqueue.c, complete.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "schema_queue.h"
#include "sqlstate.h"

QueueSchema *
queue_schema_make(Jsonb *source, const char *column)
{
	QueueSchema *schema = palloc0(sizeof(QueueSchema));

	schema->source = source;
	schema->column = column;
	return schema;
}

static void
add_lines(Refusal *refusal, const SchemaErrors *errors, const char *what, int64 number)
{
	for (int i = 0; i < errors->n && refusal->n < SCHEMA_MAX_ERRORS; i++)
	{
		const SchemaError *error = &errors->items[i];

		if (refusal->n++ > 0)
			appendStringInfoChar(&refusal->lines, '\n');
		if (what != NULL)
			appendStringInfo(&refusal->lines, "%s " INT64_FORMAT ": ", what, number);
		appendStringInfo(&refusal->lines, "%s: %s: %s", error->path, error->keyword,
						 error->message);
	}
	refusal->full = errors->full || refusal->n >= SCHEMA_MAX_ERRORS ||
					refusal->lines.len > SCHEMA_MAX_ERROR_BYTES;
	if (refusal->full)
		appendStringInfoString(&refusal->lines, "\nThere may be more.");
}

void
queue_schema_check(QueueSchema *schema, const char *queue, Datum value, bool is_null,
				   const char *what, int64 number, Refusal *refusal)
{
	Jsonb *document = is_null
						  ? DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("null")))
						  : DatumGetJsonbP(value);

	if (schema->compiled == NULL)
		schema->compiled =
			schema_compile(schema->source, schema->column, GetMemoryChunkContext(schema));
	if (!schema_accepts(schema->compiled, document))
	{
		SchemaErrors *errors = palloc0(sizeof(SchemaErrors));

		if (refusal->lines.data == NULL)
			initStringInfo(&refusal->lines);
		strlcpy(refusal->queue, queue, sizeof(refusal->queue));
		schema_explain(schema->compiled, document, errors);
		add_lines(refusal, errors, what, number);
	}
	if (PointerGetDatum(document) != value)
		pfree(document);
}

void
queue_schema_refuse(const Refusal *refusal, const char *what)
{
	if (refusal->lines.data == NULL)
		return;
	ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_SCHEMA_VIOLATION)),
					errmsg("%s does not match the schema of queue \"%s\"", what, refusal->queue),
					errdetail_internal("%s", refusal->lines.data),
					errhint("The view astrid.queue_status shows the schemas; astrid_validate tries "
							"values.")));
}
