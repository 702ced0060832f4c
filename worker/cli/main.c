/* astrid: the command line. Subcommands come from commands.def. SPDX-License-Identifier: PostgreSQL
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static const struct
{
	const char *name, *arguments, *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND(name, arguments, summary) {#name, arguments, summary, command_##name},
#include "cli/commands.def"
#undef COMMAND
};

static void
usage(FILE *out)
{
	fputs("astrid " ASTRID_VERSION " - an astronomical transient pipeline run by PostgreSQL\n\n"
		  "Usage: astrid COMMAND [ARGUMENTS]      astrid COMMAND --help\n\n",
		  out);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		fprintf(out, "  %-10s %s\n             astrid %s %s\n", commands[i].name,
				commands[i].summary, commands[i].name, commands[i].arguments);
}

int
main(int argc, char **argv)
{
	if (argc < 2)
	{
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return puts("astrid " ASTRID_VERSION) < 0;
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0)
	{
		usage(stdout);
		return 0;
	}
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "astrid: no command %s; astrid --help lists them\n", argv[1]);
	return EXIT_USAGE;
}
