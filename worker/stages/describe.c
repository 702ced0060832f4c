/* A stage's tables as JSON: --help, the REST API and the docs check read it.
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "stages/run.h"

static const char *const type_names[] = {[ASTRID_PARAM_BOOL] = "boolean",
										 [ASTRID_PARAM_INT] = "integer",
										 [ASTRID_PARAM_FLOAT] = "number",
										 [ASTRID_PARAM_STRING] = "string",
										 [ASTRID_PARAM_JSON] = NULL};

static json_t *
choices_array(const char *choices)
{
	json_t *list = json_array();

	while (*choices != '\0')
	{
		size_t len = strcspn(choices, " ");

		json_array_append_new(list, json_stringn(choices, len));
		choices += len + (choices[len] == ' ');
	}
	return list;
}

static json_t *
default_value(const struct astrid_param *p)
{
	return p->type == ASTRID_PARAM_STRING ? json_string(p->def)
										  : json_loads(p->def, JSON_DECODE_ANY, NULL);
}

static json_t *
param_schema(const struct astrid_param *p)
{
	json_t *s = json_pack("{s:s}", "description", p->doc);

	if (type_names[p->type] != NULL)
		json_object_set_new(s, "type", json_string(type_names[p->type]));
	if (p->unit != NULL && p->unit[0] != '\0')
		json_object_set_new(s, "unit", json_string(p->unit));
	if (p->def != NULL)
		json_object_set_new(s, "default", default_value(p));
	if (p->choices != NULL)
		json_object_set_new(s, "enum", choices_array(p->choices));
	if (p->min != 0 || p->max != 0)
	{
		json_object_set_new(s, "minimum", json_real(p->min));
		json_object_set_new(s, "maximum", json_real(p->max));
	}
	return s;
}

static json_t *
ports_array(const struct astrid_port *ports)
{
	json_t *list = json_array();

	for (; ports != NULL && ports->role != NULL; ports++)
		json_array_append_new(
			list, json_pack("{s:s, s:b, s:b, s:s}", "role", ports->role, "optional",
							(ports->flags & ASTRID_PORT_OPTIONAL) != 0, "repeated",
							(ports->flags & ASTRID_PORT_REPEATED) != 0, "description", ports->doc));
	return list;
}

json_t *
stage_describe(const struct astrid_stage *stage)
{
	json_t *properties = json_object();

	for (const struct astrid_param *p = stage->params; p != NULL && p->name != NULL; p++)
		json_object_set_new(properties, p->name, param_schema(p));
	return json_pack("{s:s, s:s, s:i, s:o, s:o, s:{s:s, s:s, s:b, s:o}}", "name", stage->name,
					 "summary", stage->summary, "version", stage->version, "inputs",
					 ports_array(stage->inputs), "outputs", ports_array(stage->outputs), "schema",
					 "$schema", "http://json-schema.org/draft-07/schema#", "type", "object",
					 "additionalProperties", false, "properties", properties);
}
