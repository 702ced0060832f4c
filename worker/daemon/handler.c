/* See handler.h. SPDX-License-Identifier: PostgreSQL */
#include "daemon/handler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

const struct handler *
handler_of(const struct config *config, const char *queue)
{
	static const struct handler sky = {.type = HANDLER_SKY};
	const struct handler *handler = config_handler(config, queue);

	if (handler != NULL)
		return handler;
	if (config->default_handler == 0) /* sky */
		return &sky;
	err_raise(ASTRID_E_USAGE, "queue %s has no [handler.%s] section", queue, queue);
	return NULL;
}

static json_t *
words(const char *list)
{
	char **word = config_words(list);
	json_t *array = json_array();

	for (size_t i = 0; word != NULL && word[i] != NULL; i++)
		json_array_append_new(array, json_string(word[i]));
	free(word);
	return array;
}

/* A step as the runner knows it: these four members and no others. */
static json_t *
step(const json_t *stage, const json_t *from)
{
	return json_pack("{s:O?, s:O?, s:O?, s:O?}", "stage", stage, "inputs",
					 json_object_get(from, "inputs"), "outputs", json_object_get(from, "outputs"),
					 "params", json_object_get(from, "params"));
}

static json_t *
steps_of_plan(const json_t *plan)
{
	json_t *steps = json_array(), *given;
	size_t i;

	json_array_foreach (json_object_get(plan, "steps"), i, given)
	{
		json_array_append_new(steps, step(json_object_get(given, "stage"), given));
	}
	return steps;
}

static json_t *
steps_of_payload(const struct handler *handler, const struct job *job)
{
	json_t *payload = json_loads(job->payload, JSON_REJECT_DUPLICATES, NULL), *stage, *steps;

	if (!json_is_object(payload))
	{
		json_decref(payload);
		err_raise(ASTRID_E_USAGE,
				  "the payload of a stage is {\"inputs\", \"outputs\", \"params\"}");
		return NULL;
	}
	stage = json_string(handler->stage);
	steps = json_pack("[o]", step(stage, payload));
	json_decref(stage);
	json_decref(payload);
	return steps;
}

static json_t *
stages_request(const struct config *config, const struct handler *handler, const struct job *job,
			   json_t *steps)
{
	json_t *plugins = words(config->plugins);

	if (handler->plugin != NULL && handler->plugin[0] != '\0')
		json_array_append_new(plugins, json_string(handler->plugin));
	return json_pack("{s:I, s:I, s:o, s:s, s:o, s:o}", "job_id", (json_int_t) job->job_id,
					 "lease_id", (json_int_t) job->lease_id, "roots", words(config->read_roots),
					 "data_dir", config->data_dir, "plugins", plugins, "steps", steps);
}

static json_t *
exec_request(const struct config *config, const struct handler *handler, const struct job *job)
{
	return json_pack("{s:{s:s, s:o, s:b}, s:s, s:s}", "exec", "program", handler->program,
					 "arguments", words(handler->arguments), "network", handler->network,
					 "data_dir", config->data_dir, "payload", job->payload);
}

json_t *
handler_request(const struct config *config, const struct handler *handler, const struct job *job,
				const json_t *plan)
{
	json_t *request = NULL, *steps;

	if (handler->type == HANDLER_EXEC)
		request = exec_request(config, handler, job);
	else
	{
		steps = handler->type == HANDLER_SKY ? steps_of_plan(plan) : steps_of_payload(handler, job);
		if (steps == NULL)
			return NULL;
		request = stages_request(config, handler, job, steps);
	}
	if (request == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for a request");
	return request;
}

void
handler_limits(const struct config *config, const struct handler *handler, const struct job *job,
			   struct attempt_spec *spec)
{
	spec->limits = (struct proc_limits){
		.memory_mib = handler->max_memory > 0 ? handler->max_memory : config->max_memory,
		.cpu_percent = handler->max_cpu > 0 ? handler->max_cpu : config->max_cpu,
		.file_mib = config->max_file_size,
		.open_files = config->max_open_files};
	spec->timeout = handler->timeout > 0 ? handler->timeout
					: job->timeout > 0   ? job->timeout
										 : config->timeout;
	/* no rate, but what the rate comes to in the longest run */
	spec->limits.cpu_s = ceil(spec->timeout * spec->limits.cpu_percent / 100);
	spec->grace = config->grace;
	spec->max_result_mib = config->max_result;
	/* a network namespace has no way out */
	spec->isolate = config->isolate && !(handler->type == HANDLER_EXEC && handler->network);
	spec->needs_result = handler->type != HANDLER_EXEC;
}
