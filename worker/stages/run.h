/*
 * Run a stage by name on files: what `astrid stage`, the runner and the tests call.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef STAGES_RUN_H
#define STAGES_RUN_H

#include <jansson.h>
#include "astrid/stage.h"

struct stage_hooks /* where progress and log lines go; either may be NULL */
{
	void (*progress)(void *arg, double fraction, const char *stage, const char *message);
	void (*log)(void *arg, const char *level, const char *message);
	void *arg;
};

/* Look-up: built-in stages (stages.def), then plug-ins added by stage_add. NULL where there is
 * none. */
const struct astrid_stage *stage_find(const char *name);
const struct astrid_stage *stage_at(size_t i); /* NULL past the last */
int stage_add(const struct astrid_stage *stage);

/*
 * request: {"inputs": {role: [path, ...]}, "outputs": {role: path}, "params": {name: value}};
 * values may be text. On 0 *report is {"result": {...}, "records": {list: [...]}}, a new reference.
 * -1: the error is set.
 */
int stage_run(const struct astrid_stage *stage, const json_t *request,
			  const struct stage_hooks *hooks, json_t **report);

/* The parameter and port tables as a JSON document (with JSON Schema draft 7 of the parameters
 * under "schema"). */
json_t *stage_describe(const struct astrid_stage *stage);

#endif
