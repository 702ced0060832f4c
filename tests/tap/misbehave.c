/*
 * A plug-in that tries to break out of the runner's sandbox, in the way that its parameter names;
 * its result says what it got. Built and used by 140_worker_sandbox.pl. SPDX-License-Identifier:
 * PostgreSQL
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <astrid/stage.h>

extern char **environ;

static const char *
outcome(int rc)
{
	return rc >= 0 ? "done" : strerror(errno);
}

static const char *
try_open(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd >= 0)
		close(fd);
	return outcome(fd);
}

static const char *
parent_file(const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", (int) getppid(), name);
	return try_open(path, O_RDONLY);
}

/* Beyond 0, 1, 2: the answers' descriptor, those of the roots, and the one that lists them. Sockets
 * and FIFOs count. */
static int
foreign_descriptors(void)
{
	char path[300], target[256];
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
	{
		ssize_t len;

		snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
		len = readlink(path, target, sizeof target - 1);
		target[len > 0 ? len : 0] = '\0';
		n += strncmp(target, "socket:", 7) == 0 || strstr(target, "signalfd") != NULL ||
			 strstr(target, "timerfd") != NULL;
	}
	if (dir != NULL)
		closedir(dir);
	return dir != NULL ? n : -1;
}

static long
core_limit(void)
{
	struct rlimit rl;

	return getrlimit(RLIMIT_CORE, &rl) == 0 ? (long) rl.rlim_cur : -1;
}

static int
environment_size(void)
{
	int n = 0;

	while (environ[n] != NULL)
		n++;
	return n;
}

static int
use_up_memory(void)
{
	for (;;)
	{
		char *p = malloc(1 << 20);

		if (p == NULL)
			return astrid_raise(ASTRID_E_NO_MEMORY, NULL, -1, NULL, "no more memory");
		memset(p, 1, 1 << 20);
	}
}

static int
run(struct astrid_ctx *ctx)
{
	const char *path = astrid_param_string(ctx, "path");
	json_t *r = astrid_result(ctx);

	if (astrid_param_bool(ctx, "hog"))
		return use_up_memory();
	json_object_set_new(r, "read", json_string(try_open(path, O_RDONLY)));
	json_object_set_new(r, "write", json_string(try_open(path, O_WRONLY)));
	json_object_set_new(r, "create",
						json_string(try_open(astrid_param_string(ctx, "new"), O_WRONLY | O_CREAT)));
	json_object_set_new(r, "inet", json_string(outcome(socket(AF_INET, SOCK_STREAM, 0))));
	json_object_set_new(r, "unix", json_string(outcome(socket(AF_UNIX, SOCK_STREAM, 0))));
	json_object_set_new(r, "ptrace",
						json_string(outcome((int) ptrace(PTRACE_ATTACH, getppid(), NULL, NULL))));
	json_object_set_new(r, "parent_environ", json_string(parent_file("environ")));
	json_object_set_new(r, "parent_memory", json_string(parent_file("mem")));
	json_object_set_new(r, "descriptors", json_integer(foreign_descriptors()));
	json_object_set_new(r, "environment", json_integer(environment_size()));
	json_object_set_new(r, "no_new_privs", json_integer(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)));
	json_object_set_new(r, "core", json_integer(core_limit()));
	return 0;
}

static const struct astrid_param params[] = {
	{"path", ASTRID_PARAM_STRING, "", "/etc/shadow", 0, 0, NULL, "file to open"},
	{"new", ASTRID_PARAM_STRING, "", "/tmp/astrid-new", 0, 0, NULL, "file to create"},
	{"hog", ASTRID_PARAM_BOOL, "", "false", 0, 0, NULL, "use up the memory instead"},
	{NULL, ASTRID_PARAM_BOOL, NULL, NULL, 0, 0, NULL, NULL}};
static const struct astrid_port inputs[] = {{"file", ASTRID_PORT_OPTIONAL, "opened by the runner"},
											{NULL, 0, NULL}};
static const struct astrid_port outputs[] = {{"file", ASTRID_PORT_OPTIONAL, "never written"},
											 {NULL, 0, NULL}};

static const struct astrid_stage stage = {.abi = ASTRID_STAGE_ABI,
										  .name = "misbehave",
										  .summary = "tries to break out",
										  .version = 1,
										  .params = params,
										  .inputs = inputs,
										  .outputs = outputs,
										  .run = run};

const struct astrid_stage *astrid_stage_export(void);

const struct astrid_stage *
astrid_stage_export(void)
{
	return &stage;
}
