/* How subcommands other than `stage` end on an error: one line on stderr. SPDX-License-Identifier:
 * PostgreSQL */
#include <stdio.h>

#include "cli/command.h"
#include "core/err.h"

int
command_fail(const char *command)
{
	json_t *error = err_json();
	const char *file = json_string_value(json_object_get(error, "file"));

	fprintf(stderr, "astrid %s: %s%s%s\n", command, file != NULL ? file : "",
			file != NULL ? ": " : "", err_message());
	json_decref(error);
	return err_exit_status(err_code());
}
