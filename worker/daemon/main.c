/* astrid-worker: takes jobs from queues and runs them. SPDX-License-Identifier: PostgreSQL */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/config.h"
#include "core/err.h"
#include "core/log.h"
#include "daemon/plugin.h"
#include "daemon/runner.h"
#include "daemon/supervisor.h"
#include "stages/run.h"

#define EXIT_USAGE 2

enum action
{
	RUN,
	CHECK_CONFIG,
	PRINT_CONFIG,
	LIST_STAGES,
	VERSION,
	HELP
};

static const struct
{
	const char *flag;
	enum action action;
	const char *text;
} actions[] = {{"--check-config", CHECK_CONFIG, "say whether the configuration is sound, and end"},
			   {"--print-config", PRINT_CONFIG, "print the configuration as a file, and end"},
			   {"--list-stages", LIST_STAGES, "print the stages, those of plug-ins too, and end"},
			   {"--version", VERSION, "print the version, and end"},
			   {"--help", HELP, "print this, and end"}};

static int saved_argc;
static char **saved_argv;

static void
usage(FILE *out)
{
	fputs("astrid-worker " ASTRID_VERSION " - runs the jobs of astrid's queues\n\n"
		  "Usage: astrid-worker [--config FILE] [--SETTING=VALUE ...]\n\n"
		  "  --config FILE        read settings from FILE (or the file that ASTRID_CONFIG names)\n",
		  out);
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
		fprintf(out, "  %-20s %s\n", actions[i].flag, actions[i].text);
	fputs("\nSettings, each also as ASTRID_SETTING in the environment and in the file:\n", out);
	for (const struct setting *s = config_settings; s->name != NULL; s++)
		fprintf(out, "  %-20s %s%s%s%s%s\n", s->name, s->text,
				s->choices != NULL ? "; one of: " : "", s->choices != NULL ? s->choices : "",
				s->def[0] != '\0' ? " = " : "", s->def);
}

/* Settings from all sources; what is no setting must be --config FILE or one of the actions. */
static int
load(struct config *config, enum action *action)
{
	char **argv = calloc((size_t) saved_argc + 1, sizeof *argv);
	const char *file = getenv("ASTRID_CONFIG");
	int n_rest, status = 0, kept = 1;

	if (argv == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory");
	for (int i = 1; i < saved_argc && status == 0; i++)
	{
		if (strcmp(saved_argv[i], "--config") == 0 && i + 1 == saved_argc)
			status = err_raise(ASTRID_E_USAGE, "--config needs a value");
		else if (strcmp(saved_argv[i], "--config") == 0)
			file = saved_argv[++i];
		else if (strncmp(saved_argv[i], "--config=", 9) == 0)
			file = saved_argv[i] + 9;
		else
			argv[kept++] = saved_argv[i];
	}
	if (status == 0)
		status = config_load(config, file, kept, argv, &n_rest);
	for (int i = 1; status == 0 && i <= n_rest; i++)
	{
		size_t k = 0;

		while (k < sizeof actions / sizeof actions[0] && strcmp(actions[k].flag, argv[i]) != 0)
			k++;
		if (k == sizeof actions / sizeof actions[0])
		{
			config_free(config);
			status = err_raise(ASTRID_E_USAGE, "%s is no flag; astrid-worker --help lists them",
							   argv[i]);
		}
		else
			*action = actions[k].action;
	}
	free(argv);
	return status;
}

static int
reload(struct config *config)
{
	enum action action;

	if (load(config, &action) < 0)
		return -1;
	if (config_check(config) == 0)
		return 0;
	config_free(config);
	return -1;
}

static int
load_plugins(const struct config *config)
{
	char **words = config_words(config->plugins);
	int status = 0;

	if (words == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory");
	for (size_t i = 0; status == 0 && words[i] != NULL; i++)
		status = plugin_load(words[i]);
	free(words);
	for (const struct handler *h = config->handlers; status == 0 && h != NULL; h = h->next)
		if (h->plugin[0] != '\0')
			status = plugin_load(h->plugin);
	return status;
}

/* In this process, which ends after it: the supervisor itself never loads a plug-in. */
static int
list_stages(const struct config *config)
{
	const struct astrid_stage *stage;

	if (load_plugins(config) < 0)
		return -1;
	for (size_t i = 0; (stage = stage_at(i)) != NULL; i++)
		printf("%-16s version %d  %s\n", stage->name, stage->version, stage->summary);
	return 0;
}

static int
start(struct config *config)
{
	log_setup((enum log_level) config->log_level, config->log_format == 1);
	if (geteuid() == 0 && !config->allow_root)
		return err_raise(ASTRID_E_USAGE,
						 "refusing to run as root; use an account of its own, or --allow-root");
	return supervisor_main(config, reload);
}

static int
act(struct config *config, enum action action)
{
	switch (action)
	{
		case HELP:
			usage(stdout);
			return 0;
		case VERSION:
			return puts("astrid-worker " ASTRID_VERSION) < 0;
		case PRINT_CONFIG:
			config_print(config, stdout);
			return 0;
		case LIST_STAGES:
			return list_stages(config);
		case CHECK_CONFIG:
			return config_check(config) == 0 ? puts("the configuration is sound") < 0 : -1;
		case RUN:
			return config_check(config) == 0 ? start(config) : -1;
	}
	return -1;
}

int
main(int argc, char **argv)
{
	struct config config = {0};
	enum action action = RUN;
	int status;

	if (argc == 2 && strcmp(argv[1], "--runner") == 0)
		return runner_main();
	saved_argc = argc;
	saved_argv = argv;
	status = load(&config, &action);
	if (status == 0)
	{
		status = act(&config, action);
		config_free(&config);
	}
	if (status < 0)
	{
		fprintf(stderr, "astrid-worker: %s\n", err_message());
		return EXIT_USAGE;
	}
	return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}
