/* See run.h: look-up, validation against the descriptor's tables, the run itself.
 * SPDX-License-Identifier: PostgreSQL */
#include "stages/run.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define MAX_PLUGINS 64

struct astrid_ctx
{
	const struct astrid_stage *stage;
	json_t *inputs;  /* {role: [path, ...]} */
	json_t *outputs; /* {role: path} */
	json_t *params;  /* {name: value}, typed, defaults filled in */
	json_t *result;
	json_t *records;
	const struct stage_hooks *hooks;
};

#define STAGE(name) extern const struct astrid_stage stage_##name;
#include "stages/stages.def"
#undef STAGE

static const struct astrid_stage *const builtin[] = {
#define STAGE(name) &stage_##name,
#include "stages/stages.def"
#undef STAGE
	NULL};

static const struct astrid_stage *plugins[MAX_PLUGINS];
static size_t n_plugins;

const struct astrid_stage *
stage_at(size_t i)
{
	size_t n_builtin = sizeof builtin / sizeof builtin[0] - 1;

	if (i < n_builtin)
		return builtin[i];
	return i - n_builtin < n_plugins ? plugins[i - n_builtin] : NULL;
}

const struct astrid_stage *
stage_find(const char *name)
{
	const struct astrid_stage *stage;

	for (size_t i = 0; (stage = stage_at(i)) != NULL; i++)
		if (strcmp(stage->name, name) == 0)
			return stage;
	return NULL;
}

int
stage_add(const struct astrid_stage *stage)
{
	if (stage->abi != ASTRID_STAGE_ABI)
		return err_raise(ASTRID_E_USAGE, "stage %s has ABI %d, this program %d", stage->name,
						 stage->abi, ASTRID_STAGE_ABI);
	if (stage_find(stage->name) != NULL)
		return err_raise(ASTRID_E_USAGE, "a stage named %s exists", stage->name);
	if (n_plugins == MAX_PLUGINS)
		return err_raise(ASTRID_E_USAGE, "more than %d plug-in stages", MAX_PLUGINS);
	plugins[n_plugins++] = stage;
	return 0;
}

/* ---- parameters
 * --------------------------------------------------------------------------------------------------
 */

static bool
word_in(const char *word, const char *words)
{
	size_t len = strlen(word);

	for (const char *p = words; (p = strstr(p, word)) != NULL; p++)
		if ((p == words || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
			return len > 0;
	return false;
}

static int
bad_param(const struct astrid_param *p, const char *what)
{
	return err_raise(ASTRID_E_BAD_PARAMETER, "parameter %s %s", p->name, what);
}

static int
number_from_text(const struct astrid_param *p, const char *text, json_t **value)
{
	char *end;

	errno = 0;
	if (p->type == ASTRID_PARAM_INT)
		*value = json_integer(strtoll(text, &end, 10));
	else
	{
		double d = strtod(text, &end);

		if (!isfinite(d))
			return bad_param(p, "is not a finite number");
		*value = json_real(d);
	}
	if (end == text || *end != '\0' || errno != 0)
	{
		json_decref(*value);
		return bad_param(p, "is not a number");
	}
	return 0;
}

static int
value_from_text(const struct astrid_param *p, const char *text, json_t **value)
{
	json_error_t error;

	switch (p->type)
	{
		case ASTRID_PARAM_BOOL:
			if (!word_in(text, "true false on off 1 0"))
				return bad_param(p, "is not true or false");
			*value = json_boolean(word_in(text, "true on 1"));
			return 0;
		case ASTRID_PARAM_INT:
		case ASTRID_PARAM_FLOAT:
			return number_from_text(p, text, value);
		case ASTRID_PARAM_STRING:
			*value = json_string(text);
			return *value != NULL ? 0 : bad_param(p, "is not UTF-8");
		case ASTRID_PARAM_JSON:
			*value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
			return *value != NULL ? 0 : bad_param(p, "is not valid JSON");
	}
	return bad_param(p, "has an unknown type");
}

static bool
type_matches(const struct astrid_param *p, const json_t *v)
{
	switch (p->type)
	{
		case ASTRID_PARAM_BOOL:
			return json_is_boolean(v);
		case ASTRID_PARAM_INT:
			return json_is_integer(v);
		case ASTRID_PARAM_FLOAT:
			return json_is_number(v);
		case ASTRID_PARAM_STRING:
			return json_is_string(v);
		case ASTRID_PARAM_JSON:
			return true;
	}
	return false;
}

/* A typed value from JSON or text, checked against range and choices. */
static int
param_value(const struct astrid_param *p, json_t *given, json_t **value)
{
	bool text = json_is_string(given) && p->type != ASTRID_PARAM_STRING;

	if (text)
	{
		if (value_from_text(p, json_string_value(given), value) < 0)
			return -1;
	}
	else
		*value = json_incref(given);
	if (!type_matches(p, *value))
	{
		json_decref(*value);
		return bad_param(p, "has the wrong type");
	}
	if (json_is_number(*value) && (p->min != 0 || p->max != 0) &&
		(json_number_value(*value) < p->min || json_number_value(*value) > p->max))
	{
		json_decref(*value);
		return err_raise(ASTRID_E_BAD_PARAMETER, "parameter %s is outside %g to %g %s", p->name,
						 p->min, p->max, p->unit);
	}
	if (p->choices != NULL && !word_in(json_string_value(*value), p->choices))
	{
		json_decref(*value);
		return err_raise(ASTRID_E_BAD_PARAMETER, "parameter %s is none of: %s", p->name,
						 p->choices);
	}
	return 0;
}

static int
check_params(const struct astrid_stage *stage, json_t *given, json_t *params)
{
	const char *name;
	json_t *value;
	size_t known = 0;

	for (const struct astrid_param *p = stage->params; p != NULL && p->name != NULL; p++)
	{
		json_t *v = json_object_get(given, p->name);

		known += v != NULL;
		if (v == NULL || json_is_null(v))
		{
			if (p->def == NULL)
				continue;
			if (value_from_text(p, p->def, &value) < 0)
				return -1;
		}
		else if (param_value(p, v, &value) < 0)
			return -1;
		json_object_set_new(params, p->name, value);
	}
	if (known == json_object_size(given))
		return 0;
	json_object_foreach (given, name, value)
	{
		const struct astrid_param *p = stage->params;

		while (p != NULL && p->name != NULL && strcmp(p->name, name) != 0)
			p++;
		if (p == NULL || p->name == NULL)
			return err_raise(ASTRID_E_BAD_PARAMETER, "stage %s has no parameter %s", stage->name,
							 name);
	}
	return 0;
}

static const struct astrid_param *
param_of(struct astrid_ctx *ctx, const char *name)
{
	for (const struct astrid_param *p = ctx->stage->params; p != NULL && p->name != NULL; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	fprintf(stderr, "stage %s asks for parameter %s, which its table lacks\n", ctx->stage->name,
			name);
	abort();
}

/* The value, checked to be declared. NULL: not given and no default. */
static json_t *
param_get(struct astrid_ctx *ctx, const char *name)
{
	return json_object_get(ctx->params, param_of(ctx, name)->name);
}

bool
astrid_param_given(struct astrid_ctx *ctx, const char *name)
{
	return param_get(ctx, name) != NULL;
}

bool
astrid_param_bool(struct astrid_ctx *ctx, const char *name)
{
	return json_is_true(param_get(ctx, name));
}

long
astrid_param_int(struct astrid_ctx *ctx, const char *name)
{
	return (long) json_integer_value(param_get(ctx, name));
}

double
astrid_param_float(struct astrid_ctx *ctx, const char *name)
{
	json_t *v = param_get(ctx, name);

	return v != NULL ? json_number_value(v) : NAN;
}

const char *
astrid_param_string(struct astrid_ctx *ctx, const char *name)
{
	return json_string_value(param_get(ctx, name));
}

const json_t *
astrid_param_json(struct astrid_ctx *ctx, const char *name)
{
	return param_get(ctx, name);
}

/* ---- files by role
 * -----------------------------------------------------------------------------------------------
 */

static const struct astrid_port *
port_find(const struct astrid_port *ports, const char *role)
{
	for (; ports != NULL && ports->role != NULL; ports++)
		if (strcmp(ports->role, role) == 0)
			return ports;
	return NULL;
}

/* {role: path | [path, ...]} checked against the table, every value made an array. */
static int
check_ports(const struct astrid_port *ports, json_t *given, const char *what, json_t *out)
{
	const char *role;
	json_t *value;

	json_object_foreach (given, role, value)
	{
		const struct astrid_port *port = port_find(ports, role);
		json_t *list;

		if (port == NULL)
			return err_raise(ASTRID_E_USAGE, "no %s is called %s", what, role);
		list = json_is_array(value) ? json_incref(value) : json_pack("[O]", value);
		json_object_set_new(out, role, list);
		if (json_array_size(list) > 1 && !(port->flags & ASTRID_PORT_REPEATED))
			return err_raise(ASTRID_E_USAGE, "%s %s takes one file", what, role);
		for (size_t i = 0; i < json_array_size(list); i++)
			if (!json_is_string(json_array_get(list, i)))
				return err_raise(ASTRID_E_USAGE, "%s %s is not a path", what, role);
	}
	for (; ports != NULL && ports->role != NULL; ports++)
		if (!(ports->flags & ASTRID_PORT_OPTIONAL) &&
			json_array_size(json_object_get(out, ports->role)) == 0)
			return err_raise(ASTRID_E_USAGE, "%s %s is missing", what, ports->role);
	return 0;
}

static const char *
path_at(json_t *ports, const char *role, size_t i)
{
	return json_string_value(json_array_get(json_object_get(ports, role), i));
}

const char *
astrid_input(struct astrid_ctx *ctx, const char *role, size_t i)
{
	return path_at(ctx->inputs, role, i);
}

size_t
astrid_input_count(struct astrid_ctx *ctx, const char *role)
{
	return json_array_size(json_object_get(ctx->inputs, role));
}

const char *
astrid_output(struct astrid_ctx *ctx, const char *role)
{
	return path_at(ctx->outputs, role, 0);
}

/* ---- what the stage tells
 * ---------------------------------------------------------------------------------------- */

json_t *
astrid_result(struct astrid_ctx *ctx)
{
	return ctx->result;
}

int
astrid_record(struct astrid_ctx *ctx, const char *list, json_t *row)
{
	json_t *rows = json_object_get(ctx->records, list);

	if (row == NULL)
		return err_raise(ASTRID_E_INTERNAL, "a row of %s could not be made", list);
	if (rows == NULL)
	{
		rows = json_array();
		json_object_set_new(ctx->records, list, rows);
	}
	return json_array_append_new(rows, row);
}

void
astrid_stage_progress(struct astrid_ctx *ctx, double fraction, const char *message)
{
	if (ctx->hooks != NULL && ctx->hooks->progress != NULL)
		ctx->hooks->progress(ctx->hooks->arg, fraction, ctx->stage->name, message);
}

void
astrid_stage_log(struct astrid_ctx *ctx, const char *level, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	if (ctx->hooks == NULL || ctx->hooks->log == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	ctx->hooks->log(ctx->hooks->arg, level, text);
}

/* ---- the run
 * -----------------------------------------------------------------------------------------------------
 */

static void
ctx_free(struct astrid_ctx *ctx)
{
	json_decref(ctx->inputs);
	json_decref(ctx->outputs);
	json_decref(ctx->params);
	json_decref(ctx->result);
	json_decref(ctx->records);
}

int
stage_run(const struct astrid_stage *stage, const json_t *request, const struct stage_hooks *hooks,
		  json_t **report)
{
	struct astrid_ctx ctx = {.stage = stage,
							 .inputs = json_object(),
							 .outputs = json_object(),
							 .params = json_object(),
							 .result = json_object(),
							 .records = json_object(),
							 .hooks = hooks};
	int status = -1;

	err_clear();
	if (check_ports(stage->inputs, json_object_get(request, "inputs"), "input", ctx.inputs) == 0 &&
		check_ports(stage->outputs, json_object_get(request, "outputs"), "output", ctx.outputs) ==
			0 &&
		check_params(stage, json_object_get(request, "params"), ctx.params) == 0)
		status = stage->run(&ctx);
	if (status < 0 && !err_is_set())
		err_raise(ASTRID_E_INTERNAL, "stage %s failed without saying why", stage->name);
	if (status == 0)
		*report = json_pack("{s:O, s:O}", "result", ctx.result, "records", ctx.records);
	ctx_free(&ctx);
	return status;
}
