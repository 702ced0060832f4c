/* See runner.h: the request, the sandbox, the program or the steps, the answer.
 * SPDX-License-Identifier: PostgreSQL */
#include "daemon/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/err.h"
#include "core/files.h"
#include "core/proc.h"
#include "daemon/plugin.h"
#include "daemon/sandbox.h"

#define MAX_ROOTS 64

static int answer_fd = STDOUT_FILENO;

static int
write_whole(const char *text, size_t len)
{
	while (len > 0)
	{
		ssize_t n = write(answer_fd, text, len);

		if (n < 0 && errno != EINTR)
			return -1;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t) n : 0;
	}
	return 0;
}

void
runner_say(json_t *line)
{
	char *text = line != NULL ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;

	/* without the slot at the other end, or without memory for an answer, there is nobody to work
	 * for */
	if (text == NULL || write_whole(text, strlen(text)) < 0 || write_whole("\n", 1) < 0)
		_exit(EXIT_FAILURE);
	free(text);
	json_decref(line);
}

/* ---- setting up ----------------------------------------------------------------------------- */

static int
load_plugins(const json_t *paths)
{
	const json_t *path;
	size_t i;

	json_array_foreach (paths, i, path)
	{
		if (plugin_load(json_string_value(path)) < 0)
			return -1;
	}
	return 0;
}

/* For this program's own opens (core/files.h) and, in the kernel, for those of libraries and
 * plug-ins. */
static int
set_roots(const json_t *request)
{
	const char *roots[MAX_ROOTS];
	const char *data_dir = json_string_value(json_object_get(request, "data_dir"));
	const json_t *list = json_object_get(request, "roots"), *root;
	size_t i, n = 0;

	json_array_foreach (list, i, root)
	{
		if (n == MAX_ROOTS)
			return err_raise(ASTRID_E_USAGE, "more than %d roots", MAX_ROOTS);
		roots[n++] = json_string_value(root);
	}
	if (data_dir == NULL || data_dir[0] == '\0')
		return err_raise(ASTRID_E_USAGE, "stages need the setting data_dir");
	return files_set_roots(roots, n, data_dir) == 0 ? sandbox_files(roots, n, data_dir) : -1;
}

/* What libraries print must not get between the answers. */
static int
move_answers(void)
{
	answer_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (answer_fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return err_raise(ASTRID_E_INTERNAL, "cannot set up the answers: %s", strerror(errno));
	return 0;
}

/* ---- a program ------------------------------------------------------------------------------ */

static char **
arguments_of(const json_t *exec)
{
	const json_t *list = json_object_get(exec, "arguments"), *word;
	char **argv = calloc(json_array_size(list) + 2, sizeof *argv);
	size_t i;

	if (argv == NULL)
		return NULL;
	argv[0] = (char *) json_string_value(json_object_get(exec, "program"));
	json_array_foreach (list, i, word)
	{
		argv[i + 1] = (char *) json_string_value(word);
	}
	return argv;
}

/* Become the program, with the payload on stdin; returns only when that fails. */
static int
run_program(const json_t *request, const json_t *exec)
{
	const char *data_dir = json_string_value(json_object_get(request, "data_dir"));
	const json_t *payload = json_object_get(request, "payload");
	char **argv = arguments_of(exec), *const empty[] = {NULL};
	int fd;

	if (argv == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for arguments");
	fd = proc_memory_file(json_string_value(payload), json_string_length(payload));
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		return -1;
	close(fd);
	if (chdir(data_dir != NULL && data_dir[0] != '\0' ? data_dir : "/") < 0)
		return err_raise(ASTRID_E_IO, "cannot enter %s: %s", data_dir, strerror(errno));
	execve(argv[0], argv, empty);
	return err_raise(ASTRID_E_USAGE, "cannot start %s: %s", argv[0], strerror(errno));
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int
run_stages(const json_t *request)
{
	json_t *results;

	if (move_answers() < 0 || sandbox_calls(false) < 0 ||
		load_plugins(json_object_get(request, "plugins")) < 0 || set_roots(request) < 0 ||
		runner_steps(request, &results) < 0)
		return -1;
	runner_say(json_pack("{s:s, s:o}", "type", "result", "results", results));
	return 0;
}

/* A program may read what the account may read: it brings interpreters and libraries from anywhere.
 */
static int
run_exec(const json_t *request, const json_t *exec)
{
	const char *data_dir = json_string_value(json_object_get(request, "data_dir"));

	if (sandbox_calls(json_is_true(json_object_get(exec, "network"))) < 0 ||
		sandbox_files(NULL, 0, data_dir != NULL && data_dir[0] != '\0' ? data_dir : NULL) < 0)
		return -1;
	return run_program(request, exec);
}

int
runner_main(void)
{
	json_t *request = json_loadf(stdin, JSON_ALLOW_NUL, NULL);
	const json_t *exec = json_object_get(request, "exec");
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* again: exec forgets it where it changes credentials */
	if (request == NULL)
		status = err_raise(ASTRID_E_USAGE, "the request is no JSON document");
	else
		status = exec != NULL ? run_exec(request, exec) : run_stages(request);
	if (status < 0)
		runner_say(json_pack("{s:s, s:o, s:b}", "type", "error", "error", err_json(), "retryable",
							 err_retryable(err_code())));
	/* no clean-up: libraries' exit handlers have nothing to add, and could hang */
	_exit(status < 0 ? err_exit_status(err_code()) : EXIT_SUCCESS);
}
