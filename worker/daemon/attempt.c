/* See attempt.h: starting, following, stopping. The verdict is in verdict.c.
 * SPDX-License-Identifier: PostgreSQL */
#include "daemon/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/err.h"
#include "core/log.h"
#include "core/utf8.h"

#define MAX_LOG_LINES                                                                              \
	1000 /* waiting for the database; a chattier runner loses lines, which is said */

/* ---- what it prints ------------------------------------------------------------------------- */

static void
keep_text(char *place, size_t size, const json_t *value)
{
	size_t len = json_string_length(value);

	if (!json_is_string(value))
		return;
	len = len < size ? len : size - 1;
	memcpy(place, json_string_value(value), len);
	/* a character cut in two would be no UTF-8 */
	while (len > 0 && (json_string_value(value)[len] & 0xc0) == 0x80)
		len--;
	place[len] = '\0';
}

static void
add_log(struct attempt *a, const char *level, json_t *message)
{
	static const char known[] = "debug info warning error";

	if (json_array_size(a->log) >= MAX_LOG_LINES)
	{
		a->log_dropped++;
		return;
	}
	json_array_append_new(
		a->log,
		json_pack("{s:s, s:O}", "level",
				  level != NULL && level[0] != '\0' && strstr(known, level) != NULL ? level
																					: "info",
				  "message", message));
}

static void
take_progress(struct attempt *a, const json_t *doc, const json_t *fraction)
{
	double value = json_number_value(fraction);

	if (!(value >= 0 && value <= 1))
		return;
	a->fraction = value;
	a->progressed = true;
	keep_text(a->step, sizeof a->step, json_object_get(doc, "step"));
	keep_text(a->message, sizeof a->message, json_object_get(doc, "message"));
}

static void
take_error(struct attempt *a, const json_t *doc, json_t *error)
{
	const json_t *retryable = json_object_get(doc, "retryable");
	enum astrid_error_code code;

	json_decref(a->error);
	a->error = json_is_object(error) ? json_incref(error) : json_pack("{s:O}", "message", error);
	code = err_code_named(json_string_value(json_object_get(a->error, "code")));
	if (json_is_boolean(retryable))
		a->class = json_is_true(retryable) ? CLASS_RETRYABLE : CLASS_PERMANENT;
	else if (code != ASTRID_E_NONE)
		a->class = err_retryable(code) ? CLASS_RETRYABLE : CLASS_PERMANENT;
	else
		a->class = CLASS_UNKNOWN;
}

/*
 * A runner's line has a type; that of an exec program is told by its member. A line that is no JSON
 * object is a log line: programs print.
 */
static void
on_line(void *arg, char *line, size_t len)
{
	struct attempt *a = arg;
	json_t *doc = json_loadb(line, len, JSON_ALLOW_NUL, NULL), *value;
	const char *type = json_string_value(json_object_get(doc, "type"));

	if (doc == NULL || !json_is_object(doc))
	{
		value = json_stringn(line, len); /* NULL where it is no UTF-8 */
		if (value != NULL && len > 0)
			add_log(a, "info", value);
		json_decref(value);
	}
	else if ((value = json_object_get(doc, "error")) != NULL)
		take_error(a, doc, value);
	else if ((value = json_object_get(doc, "results")) != NULL ||
			 (value = json_object_get(doc, "result")) != NULL)
	{
		json_decref(a->result);
		a->result = json_incref(value);
	}
	else if ((value = json_object_get(doc, "fraction")) != NULL ||
			 (value = json_object_get(doc, "progress")) != NULL)
		take_progress(a, doc, value);
	else if ((value = json_object_get(doc, type != NULL ? "message" : "log")) != NULL)
		add_log(a, json_string_value(json_object_get(doc, "level")), value);
	json_decref(doc);
}

static void
close_pipe(struct attempt *a, int *fd)
{
	if (*fd < 0)
		return;
	loop_unwatch(a->loop, *fd);
	close(*fd);
	*fd = -1;
}

static void
on_out(void *arg, short revents)
{
	struct attempt *a = arg;
	int status = lines_read(&a->lines, a->out);

	(void) revents;
	if (status < 0)
		attempt_stop(a, STOP_OUTPUT);
	if (status <= 0)
		close_pipe(a, &a->out);
}

/* Keep the end: that is where the reason stands. */
static void
on_err(void *arg, short revents)
{
	struct attempt *a = arg;
	char chunk[1024];
	ssize_t n;

	(void) revents;
	while ((n = read(a->err, chunk, sizeof chunk)) > 0)
	{
		size_t len = (size_t) n, room = sizeof a->tail - 1, keep = a->tail_len;

		if (keep + len > room)
		{
			keep = room - len;
			memmove(a->tail, a->tail + a->tail_len - keep, keep);
		}
		memcpy(a->tail + keep, chunk, len);
		a->tail_len = keep + len;
	}
	if (n == 0)
		close_pipe(a, &a->err);
}

/* ---- stopping ------------------------------------------------------------------------------- */

static void
on_timeout(void *arg)
{
	attempt_stop(arg, STOP_TIMEOUT);
}

static void
on_grace_over(void *arg)
{
	proc_kill_group(((struct attempt *) arg)->pid, SIGKILL);
}

void
attempt_stop(struct attempt *a, enum attempt_stop why)
{
	if (a->ended || a->pid <= 0 || a->stop != STOP_NONE)
		return;
	a->stop = why;
	loop_disarm(a->loop, &a->timeout);
	proc_kill_group(a->pid, SIGTERM);
	proc_kill_group(a->pid, SIGCONT); /* a stopped process would not see it */
	loop_arm(a->loop, &a->grace, a->spec.grace);
}

void
attempt_reap(struct attempt *a)
{
	if (a->ended || a->pid <= 0 || wait4(a->pid, &a->status, WNOHANG, &a->usage) != a->pid)
		return;
	a->ended = true;
	a->seconds = loop_now() - a->started;
	loop_disarm(a->loop, &a->timeout);
	loop_disarm(a->loop, &a->grace);
	/* what it started goes with it; then the pipes have all there will ever be */
	proc_kill_group(a->pid, SIGKILL);
	if (a->cgroup[0] != '\0')
	{
		a->oom = cgroup_oom_kills(a->cgroup) > 0;
		cgroup_remove(a->cgroup);
	}
	if (a->out >= 0)
		on_out(a, 0);
	if (a->err >= 0)
		on_err(a, 0);
	close_pipe(a, &a->out);
	close_pipe(a, &a->err);
	lines_finish(&a->lines);
	a->tail[a->tail_len] = '\0';
	utf8_scrub(a->tail);
}

/* ---- starting ------------------------------------------------------------------------------- */

static int
open_pipes(int out[2], int err[2])
{
	out[0] = out[1] = err[0] = err[1] = -1;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 ||
		fcntl(out[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(err[0], F_SETFL, O_NONBLOCK) < 0)
		return err_raise(ASTRID_E_INTERNAL, "cannot make a pipe: %s", strerror(errno));
	return 0;
}

static void
close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int
request_file(const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT | JSON_REAL_PRECISION(17));
	int fd = text != NULL ? proc_memory_file(text, strlen(text))
						  : err_raise(ASTRID_E_NO_MEMORY, "no memory for a request");

	free(text);
	return fd;
}

/* Its limits: by a cgroup of its own where that works, else by what each process has. */
static struct proc_limits
limits_of(struct attempt *a)
{
	const struct cgroups *cgroups = a->spec.cgroups;
	struct proc_limits limits = a->spec.limits;

	if (cgroups == NULL)
		return limits;
	if (cgroup_make(cgroups, a->spec.slot, limits.memory_mib, limits.cpu_percent, a->cgroup) < 0)
		log_event(LOG_AT_WARNING, "no cgroup for a runner: %s", err_message());
	else if (cgroups->cpu)
	{
		limits.cpu_percent = 0;
		limits.cpu_s = 0;
	}
	return limits;
}

static int
spawn(struct attempt *a)
{
	char program[] = "/proc/self/exe", flag[] = "--runner";
	char *const argv[] = {program, flag, NULL};
	int out[2], err[2], in = request_file(a->spec.request), status = -1;

	if (in >= 0 && open_pipes(out, err) == 0)
	{
		struct proc_spec spec = {.argv = argv,
								 .in = in,
								 .out = out[1],
								 .err = err[1],
								 .limits = limits_of(a),
								 .first_cpu = a->spec.slot,
								 .cgroup = a->cgroup[0] != '\0' ? a->cgroup : NULL,
								 .isolate = a->spec.isolate};

		a->pid = proc_spawn(&spec);
		status = a->pid > 0 ? 0 : -1;
		if (status < 0 && a->cgroup[0] != '\0')
			cgroup_remove(a->cgroup);
	}
	if (in >= 0)
	{
		close(in);
		close_if_open(out[1]);
		close_if_open(err[1]);
		a->out = out[0];
		a->err = err[0];
	}
	return status;
}

int
attempt_start(struct attempt *a, struct loop *loop, const struct attempt_spec *spec)
{
	memset(a, 0, sizeof *a);
	a->loop = loop;
	a->spec = *spec;
	a->out = a->err = -1;
	a->log = json_array();
	a->timeout = (struct loop_timer){on_timeout, a, 0};
	a->grace = (struct loop_timer){on_grace_over, a, 0};
	a->started = loop_now();
	lines_init(&a->lines, (size_t) (spec->max_result_mib * 1024 * 1024), on_line, a);
	if (spawn(a) < 0)
		return -1;
	loop_watch(loop, a->out, POLLIN, on_out, a);
	loop_watch(loop, a->err, POLLIN, on_err, a);
	if (spec->timeout > 0)
		loop_arm(loop, &a->timeout, spec->timeout);
	return 0;
}

void
attempt_clear(struct attempt *a)
{
	loop_disarm(a->loop, &a->timeout);
	loop_disarm(a->loop, &a->grace);
	close_pipe(a, &a->out);
	close_pipe(a, &a->err);
	free(a->lines.buf);
	json_decref(a->log);
	json_decref(a->result);
	json_decref(a->error);
	memset(a, 0, sizeof *a);
}
