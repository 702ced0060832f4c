/*
 * astrid_enqueue_trigger and astrid_publish_trigger: changes of rows become jobs and events.
 *
 * They run as the user who changes the table, like any trigger: the row is turned to JSON by the
 * casts of its columns' types, which belong to whoever made the types. Enqueueing from C asks for
 * no privilege, so that user need not be a producer.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "args.h"
#include "batch.h"
#include "event.h"
#include "object.h"
#include "sqlstate.h"
#include "topic.h"

PG_FUNCTION_INFO_V1(astrid_enqueue_trigger);
PG_FUNCTION_INFO_V1(astrid_publish_trigger);

/* The second argument; names are of columns, null where not given. */
typedef struct Options
{
	int32 priority;
	char *unique_key;
	char *group_key;
	char *key;
} Options;

static void
refuse(const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(astrid_sqlstate(ASTRID_INVALID_ARGUMENT)), errmsg("invalid use of a trigger"),
			 errdetail("%s", detail), errhint("%s", hint)));
}

static TriggerData *
check_trigger(FunctionCallInfo fcinfo, const char *what)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		refuse("The function was not called by a trigger.", "CREATE TRIGGER ... EXECUTE FUNCTION.");
	if (!TRIGGER_FIRED_AFTER(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		refuse("It must be fired AFTER, FOR EACH ROW.",
			   "For statements and TRUNCATE, write a function that calls astrid_enqueue_batch.");
	if (data->tg_trigger->tgnargs < 1 || data->tg_trigger->tgnargs > 2)
		refuse(psprintf("Its arguments are the %s and, where wanted, options.", what),
			   "EXECUTE FUNCTION astrid_enqueue_trigger('queue', '{\"priority\": 1}').");
	return data;
}

static char *
string_option(const char *name, const JsonbValue *value)
{
	if (value->type != jbvString)
		refuse(psprintf("The option %s must be the name of a column.", name),
			   "Write it in quotes.");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static int32
int_option(const char *name, const JsonbValue *value)
{
	if (value->type != jbvNumeric)
		refuse(psprintf("The option %s must be a number.", name), "Write it without quotes.");
	return DatumGetInt32(DirectFunctionCall1(numeric_int4, NumericGetDatum(value->val.numeric)));
}

static void
set_option(Options *options, bool publishes, const char *name, const JsonbValue *value)
{
	if (!publishes && strcmp(name, "priority") == 0)
		options->priority = int_option(name, value);
	else if (!publishes && strcmp(name, "unique_key") == 0)
		options->unique_key = string_option(name, value);
	else if (!publishes && strcmp(name, "group_key") == 0)
		options->group_key = string_option(name, value);
	else if (publishes && strcmp(name, "key") == 0)
		options->key = string_option(name, value);
	else
		refuse(psprintf("There is no option \"%s\".", name),
			   publishes ? "There is key." : "There are priority, unique_key and group_key.");
}

static Options
get_options(const TriggerData *data, bool publishes)
{
	Options options = {0};
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *name = NULL;
	Jsonb *given;

	if (data->tg_trigger->tgnargs < 2)
		return options;
	given =
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(data->tg_trigger->tgargs[1])));
	if (!JB_ROOT_IS_OBJECT(given))
		refuse("The options must be a JSON object.", "'{\"priority\": 1}'");
	iterator = JsonbIteratorInit(&given->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			set_option(&options, publishes, name, &value);
	}
	return options;
}

/* The row as to_jsonb() shows it; 0 where there is none. */
static Datum
row_json(TupleDesc columns, HeapTuple row)
{
	LOCAL_FCINFO(fcinfo, 1);
	FmgrInfo function;
	Const *type;

	if (row == NULL)
		return (Datum) 0;
	type = makeNullConst(columns->tdtypeid, columns->tdtypmod, InvalidOid);
	fmgr_info(F_TO_JSONB, &function);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(type), InvalidOid,
											 InvalidOid, COERCE_EXPLICIT_CALL),
					   &function);
	InitFunctionCallInfoData(*fcinfo, &function, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = heap_copy_tuple_as_datum(row, columns);
	fcinfo->args[0].isnull = false;
	return FunctionCallInvoke(fcinfo);
}

static HeapTuple
new_row(const TriggerData *data)
{
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		return data->tg_newtuple;
	return TRIGGER_FIRED_BY_INSERT(data->tg_event) ? data->tg_trigtuple : NULL;
}

static HeapTuple
old_row(const TriggerData *data)
{
	return TRIGGER_FIRED_BY_INSERT(data->tg_event) ? NULL : data->tg_trigtuple;
}

static Datum
change_json(const TriggerData *data)
{
	Relation rel = data->tg_relation;
	Object object;

	object_begin(&object);
	object_string(&object, "op",
				  TRIGGER_FIRED_BY_INSERT(data->tg_event)   ? "INSERT"
				  : TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? "UPDATE"
															: "DELETE");
	object_string(&object, "schema", get_namespace_name(RelationGetNamespace(rel)));
	object_string(&object, "table", RelationGetRelationName(rel));
	object_json(&object, "new", row_json(RelationGetDescr(rel), new_row(data)));
	object_json(&object, "old", row_json(RelationGetDescr(rel), old_row(data)));
	return object_end(&object);
}

/* The column of the new row, of a deleted one the old row, as a text; 0 for null. */
static Datum
column_text(const TriggerData *data, const char *name)
{
	TupleDesc columns = RelationGetDescr(data->tg_relation);
	HeapTuple row = new_row(data) ? new_row(data) : old_row(data);
	int number;
	char *value;

	if (name == NULL)
		return (Datum) 0;
	number = SPI_fnumber(columns, name);
	if (number == SPI_ERROR_NOATTRIBUTE)
		refuse(psprintf("The table has no column \"%s\".", name), "The options name columns.");
	value = SPI_getvalue(row, columns, number);
	return value ? CStringGetTextDatum(value) : (Datum) 0;
}

static void
set_argument(FunctionCallInfo fcinfo, int number, Datum value)
{
	fcinfo->args[number].value = value;
	fcinfo->args[number].isnull = value == (Datum) 0;
}

/* EXECUTE FUNCTION astrid_enqueue_trigger(queue, options) */
Datum
astrid_enqueue_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = check_trigger(fcinfo, "queue");
	Options options = get_options(data, false);
	LOCAL_FCINFO(call, ARGS);

	batch_no_arguments(call);
	set_argument(call, ARG_QUEUE, CStringGetTextDatum(data->tg_trigger->tgargs[0]));
	set_argument(call, ARG_PAYLOAD, change_json(data));
	set_argument(call, ARG_UNIQUE_KEY, column_text(data, options.unique_key));
	set_argument(call, ARG_GROUP_KEY, column_text(data, options.group_key));
	call->args[ARG_PRIORITY].value = Int32GetDatum(options.priority);
	call->args[ARG_PRIORITY].isnull = false;
	(void) astrid_enqueue(call);
	return PointerGetDatum(NULL);
}

/* EXECUTE FUNCTION astrid_publish_trigger(topic, options) */
Datum
astrid_publish_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = check_trigger(fcinfo, "topic");
	Options options = get_options(data, true);

	(void) event_publish(data->tg_trigger->tgargs[0], column_text(data, options.key),
						 change_json(data));
	return PointerGetDatum(NULL);
}
