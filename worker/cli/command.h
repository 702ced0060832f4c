/* One subcommand of `astrid`: argv[0] is its name; the return value is the exit status.
 * SPDX-License-Identifier: PostgreSQL */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#define COMMAND(name, arguments, summary) int command_##name(int argc, char **argv);
#include "cli/commands.def"
#undef COMMAND

#define EXIT_USAGE 2

/* Print the current error as `astrid COMMAND: FILE: message` on stderr; returns its exit status. */
int command_fail(const char *command);

#endif
