/*
 * astrid stage NAME: one stage on files, without a database. One JSON document on stdout, all else
 * on stderr. SPDX-License-Identifier: PostgreSQL
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "core/err.h"
#include "stages/run.h"

static const struct option options[] = {{"input", required_argument, NULL, 'i'},
										{"output", required_argument, NULL, 'o'},
										{"param", required_argument, NULL, 'p'},
										{"describe", no_argument, NULL, 'd'},
										{"verbose", no_argument, NULL, 'v'},
										{"help", no_argument, NULL, 'h'},
										{NULL, 0, NULL, 0}};

static void
print_progress(void *arg, double fraction, const char *stage, const char *message)
{
	(void) arg;
	fprintf(stderr, "%s: %3.0f %% %s\n", stage, 100 * fraction, message != NULL ? message : "");
}

static void
print_log(void *arg, const char *level, const char *message)
{
	if (*(const bool *) arg || strcmp(level, "debug") != 0)
		fprintf(stderr, "%s: %s\n", level, message);
}

/* KEY=VALUE into object[KEY]: repeated keys gather in an array where `repeat`. */
static int
add_pair(json_t *object, const char *text, bool repeat)
{
	const char *eq = strchr(text, '=');
	json_t *value, *key, *list;

	if (eq == NULL || eq == text)
		return err_raise(ASTRID_E_USAGE, "'%s' is not KEY=VALUE", text);
	key = json_stringn(text, (size_t) (eq - text));
	value = json_string(eq + 1);
	if (key == NULL || value == NULL)
	{
		json_decref(key);
		json_decref(value);
		return err_raise(ASTRID_E_USAGE, "'%s' is not UTF-8", text);
	}
	list = json_object_get(object, json_string_value(key));
	if (!repeat)
		json_object_set_new(object, json_string_value(key), value);
	else if (list != NULL)
		json_array_append_new(list, value);
	else
		json_object_set_new(object, json_string_value(key), json_pack("[o]", value));
	json_decref(key);
	return 0;
}

static void
print_table(const char *title, const struct astrid_port *ports)
{
	printf("\n%s:\n", title);
	for (; ports != NULL && ports->role != NULL; ports++)
		printf("  %-12s %s%s%s\n", ports->role, ports->doc,
			   ports->flags & ASTRID_PORT_OPTIONAL ? " (optional)" : "",
			   ports->flags & ASTRID_PORT_REPEATED ? " (repeatable)" : "");
}

static void
print_stage_help(const struct astrid_stage *stage)
{
	printf("astrid stage %s: %s\n", stage->name, stage->summary);
	print_table("Inputs", stage->inputs);
	print_table("Outputs", stage->outputs);
	printf("\nParameters:\n");
	for (const struct astrid_param *p = stage->params; p != NULL && p->name != NULL; p++)
		printf("  %-18s %s%s%s (default %s%s%s)\n", p->name, p->doc, p->unit[0] ? ", " : "",
			   p->unit, p->def != NULL ? p->def : "none", p->choices != NULL ? "; one of: " : "",
			   p->choices != NULL ? p->choices : "");
}

static int
print_stages(FILE *out)
{
	const struct astrid_stage *stage;

	fputs("Usage: astrid stage NAME --input ROLE=PATH ... --output ROLE=PATH ... [--param "
		  "KEY=VALUE ...]\n"
		  "       astrid stage NAME --help | --describe\n\nStages:\n",
		  out);
	for (size_t i = 0; (stage = stage_at(i)) != NULL; i++)
		fprintf(out, "  %-12s %s\n", stage->name, stage->summary);
	return out == stderr ? EXIT_USAGE : 0;
}

static int
print_error(void)
{
	json_t *doc = json_pack("{s:o}", "error", err_json());

	json_dumpf(doc, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(doc);
	return err_exit_status(err_code());
}

static int
run_and_print(const struct astrid_stage *stage, json_t *request, bool verbose)
{
	const struct stage_hooks hooks = {verbose ? print_progress : NULL, print_log, &verbose};
	json_t *report;

	if (stage_run(stage, request, &hooks, &report) < 0)
		return print_error();
	json_dumpf(json_object_get(report, "result"), stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
	putchar('\n');
	json_decref(report);
	return fflush(stdout) == 0 ? 0 : EXIT_FAILURE;
}

int
command_stage(int argc, char **argv)
{
	json_t *inputs = json_object(), *outputs = json_object(), *params = json_object();
	json_t *request =
		json_pack("{s:o, s:o, s:o}", "inputs", inputs, "outputs", outputs, "params", params);
	const struct astrid_stage *stage = argc > 1 && argv[1][0] != '-' ? stage_find(argv[1]) : NULL;
	bool verbose = false;
	int opt, bad = 0, status;

	while ((opt = getopt_long(argc, argv, "i:o:p:vh", options, NULL)) != -1 && bad == 0)
	{
		if (opt == 'i')
			bad = add_pair(inputs, optarg, true);
		else if (opt == 'o')
			bad = add_pair(outputs, optarg, true);
		else if (opt == 'p')
			bad = add_pair(params, optarg, false);
		else if (opt == 'v')
			verbose = true;
		else if (opt == 'h' && stage == NULL)
			return print_stages(stdout);
		else if (opt == 'h')
			return print_stage_help(stage), 0;
		else if (opt == 'd' && stage != NULL)
		{
			json_t *doc = stage_describe(stage);

			json_dumpf(doc, stdout, JSON_INDENT(2));
			putchar('\n');
			json_decref(doc);
			return 0;
		}
		else
			bad = err_raise(ASTRID_E_USAGE, "unknown option; astrid stage --help");
	}
	if (bad == 0 && stage == NULL)
		return print_stages(stderr);
	status = bad < 0 ? print_error() : run_and_print(stage, request, verbose);
	json_decref(request);
	return status;
}
