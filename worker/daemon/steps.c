/* The steps of a request, one stage after the other (see runner.h). SPDX-License-Identifier:
 * PostgreSQL */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "core/files.h"
#include "core/loop.h"
#include "daemon/runner.h"
#include "stages/run.h"

struct steps
{
	const json_t *request;
	json_t *results;
	size_t n, current;
};

/* ---- names ---------------------------------------------------------------------------------- */

/* Where the ending begins: the last dot of the file's name, or the one before a compression's. */
static size_t
ending(const char *name)
{
	static const char *const compressions[] = {".gz", ".fz", ".bz2", ".Z"};
	const char *slash = strrchr(name, '/'), *base = slash != NULL ? slash + 1 : name;
	const char *dot = strrchr(base, '.');

	if (dot == NULL || dot == base)
		return strlen(name);
	for (size_t i = 0; i < sizeof compressions / sizeof compressions[0]; i++)
		if (strcmp(dot, compressions[i]) == 0)
			for (const char *p = dot - 1; p > base; p--)
				if (*p == '.')
					return (size_t) (p - name);
	return (size_t) (dot - name);
}

char *
runner_output_path(const char *data_dir, const char *name, long long job_id, long long lease_id)
{
	size_t stem = ending(name);
	char *path = NULL;

	if (name[0] == '/' || strstr(name, "://") != NULL)
		astrid_raise(ASTRID_E_FORBIDDEN_PATH, name, -1, NULL,
					 "an output's name is relative to the data folder");
	else if (data_dir[0] == '\0')
		err_raise(ASTRID_E_USAGE, "outputs need the setting data_dir");
	else if (asprintf(&path, "%s/%.*s-j%lld-l%lld%s", data_dir, (int) stem, name, job_id, lease_id,
					  name + stem) < 0)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for a file name");
	return path;
}

/* "@0.image" -> the URI that step 0 wrote for role image. NULL with the error set. */
static const char *
earlier_output(const struct steps *steps, const char *reference)
{
	char *role;
	unsigned long step = strtoul(reference + 1, &role, 10);
	const char *uri = NULL;

	if (*role == '.' && step < steps->current)
		uri = json_string_value(json_object_get(
			json_object_get(json_object_get(json_array_get(steps->results, step), "outputs"),
							role + 1),
			"uri"));
	if (uri == NULL)
		err_raise(ASTRID_E_USAGE, "'%s' names no output of an earlier step", reference);
	return uri;
}

/* Here too, for plug-ins that open what they are given by themselves: the error says what is wrong.
 */
static int
check_input(const char *uri)
{
	int fd = files_open(uri);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int
resolve_list(const struct steps *steps, const json_t *given, json_t *list)
{
	const json_t *path;
	size_t i;

	json_array_foreach (given, i, path)
	{
		const char *text = json_string_value(path);

		if (text != NULL && text[0] == '@')
			text = earlier_output(steps, text);
		else if (text == NULL)
			err_raise(ASTRID_E_USAGE, "an input is no text");
		if (text == NULL || check_input(text) < 0)
			return -1;
		json_array_append_new(list, json_string(text));
	}
	return 0;
}

static int
resolve_inputs(const struct steps *steps, const json_t *given, json_t *inputs)
{
	const char *role;
	json_t *paths;

	json_object_foreach ((json_t *) given, role, paths)
	{
		json_t *list = json_array(),
			   *many = json_is_array(paths) ? json_incref(paths) : json_pack("[O]", paths);
		int status = resolve_list(steps, many, list);

		json_object_set_new(inputs, role, list);
		json_decref(many);
		if (status < 0)
			return err_context("input %s", role);
	}
	return 0;
}

static int
name_outputs(const struct steps *steps, const json_t *given, json_t *outputs)
{
	const char *data_dir = json_string_value(json_object_get(steps->request, "data_dir"));
	long long job_id = json_integer_value(json_object_get(steps->request, "job_id"));
	long long lease_id = json_integer_value(json_object_get(steps->request, "lease_id"));
	const char *role;
	json_t *name;

	json_object_foreach ((json_t *) given, role, name)
	{
		char *path;

		if (!json_is_string(name))
			return err_raise(ASTRID_E_USAGE, "output %s is no text", role);
		path = runner_output_path(data_dir != NULL ? data_dir : "", json_string_value(name), job_id,
								  lease_id);
		if (path == NULL)
			return -1;
		json_object_set_new(outputs, role, json_string(path));
		free(path);
	}
	return 0;
}

/* ---- what it made --------------------------------------------------------------------------- */

/* Role by role; an optional output that the stage had nothing to write to is left out. */
static int
describe_outputs(const json_t *paths, json_t *outputs)
{
	const char *role;
	json_t *path;

	json_object_foreach ((json_t *) paths, role, path)
	{
		char sha256[65];
		long long size;

		err_clear();
		if (files_digest(json_string_value(path), sha256, &size) == 0)
			json_object_set_new(
				outputs, role,
				json_pack("{s:O, s:s, s:I}", "uri", path, "sha256", sha256, "bytes", size));
		else if (err_code() != ASTRID_E_NOT_FOUND)
			return err_context("output %s", role);
	}
	return 0;
}

static int
keep_result(struct steps *steps, const struct astrid_stage *stage, const json_t *request,
			const json_t *report, double seconds)
{
	json_t *outputs = json_object();

	if (describe_outputs(json_object_get(request, "outputs"), outputs) < 0)
	{
		json_decref(outputs);
		return -1;
	}
	return json_array_append_new(
		steps->results,
		json_pack("{s:s, s:i, s:I, s:O, s:O, s:o}", "stage", stage->name, "version", stage->version,
				  "ms", (json_int_t) (seconds * 1e3), "result", json_object_get(report, "result"),
				  "records", json_object_get(report, "records"), "outputs", outputs));
}

/* ---- running -------------------------------------------------------------------------------- */

/* The whole job's progress: steps count alike. */
static void
on_progress(void *arg, double fraction, const char *stage, const char *message)
{
	const struct steps *steps = arg;
	double whole = ((double) steps->current + fraction) / (double) steps->n;

	if (whole >= 0 && whole <= 1)
		runner_say(json_pack("{s:s, s:f, s:s, s:s}", "type", "progress", "fraction", whole, "step",
							 stage, "message", message != NULL ? message : ""));
}

static void
on_log(void *arg, const char *level, const char *message)
{
	(void) arg;
	runner_say(json_pack("{s:s, s:s, s:s}", "type", "log", "level", level, "message", message));
}

static int
run_step(struct steps *steps, const json_t *step)
{
	const struct stage_hooks hooks = {on_progress, on_log, steps};
	const char *name = json_string_value(json_object_get(step, "stage"));
	const struct astrid_stage *stage = name != NULL ? stage_find(name) : NULL;
	json_t *inputs = json_object(), *outputs = json_object(), *report = NULL;
	json_t *request = json_pack("{s:o, s:o, s:O?}", "inputs", inputs, "outputs", outputs, "params",
								json_object_get(step, "params"));
	double begin = loop_now();
	int status = -1;

	if (stage == NULL)
		err_raise(ASTRID_E_USAGE, "there is no stage %s", name != NULL ? name : "without a name");
	else if (resolve_inputs(steps, json_object_get(step, "inputs"), inputs) == 0 &&
			 name_outputs(steps, json_object_get(step, "outputs"), outputs) == 0)
	{
		on_progress(steps, 0, name, NULL);
		if (stage_run(stage, request, &hooks, &report) == 0)
			status = keep_result(steps, stage, request, report, loop_now() - begin);
	}
	json_decref(request);
	json_decref(report);
	return status;
}

int
runner_steps(const json_t *request, json_t **results)
{
	const json_t *list = json_object_get(request, "steps"), *step;
	struct steps steps = {request, json_array(), json_array_size(list), 0};

	json_array_foreach (list, steps.current, step)
	{
		if (run_step(&steps, step) < 0)
		{
			json_decref(steps.results);
			return -1;
		}
	}
	*results = steps.results;
	return 0;
}
