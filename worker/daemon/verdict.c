/*
 * How an attempt ended, from what is known: why the slot stopped it, the wait status, the resources
 * used, and what it said itself. SPDX-License-Identifier: PostgreSQL
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "core/err.h"
#include "core/utf8.h"
#include "daemon/attempt.h"

/* From this part of the limit on, a death without a word is put down to memory: the last allocation
 * failed. */
#define MEMORY_SUSPECT 0.9

static double
maxrss_mib(const struct attempt *a)
{
	return (double) a->usage.ru_maxrss / 1024;
}

static bool
hit_memory_limit(const struct attempt *a)
{
	return a->spec.limits.memory_mib > 0 &&
		   maxrss_mib(a) >= MEMORY_SUSPECT * a->spec.limits.memory_mib;
}

/* Signals that a program brings upon itself. */
static bool
is_crash(int signo)
{
	return signo == SIGSEGV || signo == SIGABRT || signo == SIGBUS || signo == SIGFPE ||
		   signo == SIGILL || signo == SIGSYS || signo == SIGTRAP;
}

/* Of sysexits(3): the call's own words, or the input, are wrong, and will be so the next time. */
static bool
is_permanent(int exit_status)
{
	return exit_status == EX_USAGE || exit_status == EX_DATAERR;
}

static const char *
last_line(const char *text)
{
	const char *line = text;

	for (const char *p = text; *p != '\0'; p++)
		if (*p == '\n' && p[1] != '\0')
			line = p + 1;
	return line;
}

static void
set(struct verdict *v, const char *cause, bool retryable, const char *error)
{
	v->cause = cause;
	v->retryable = retryable;
	snprintf(v->error, sizeof v->error, "%s", error);
	utf8_scrub(v->error);
}

static void
judge_signal(const struct attempt *a, struct verdict *v)
{
	int signo = WTERMSIG(a->status);
	char text[256];

	snprintf(text, sizeof text, "runner ended by signal %d (%s)", signo, strsignal(signo));
	if (signo == SIGXCPU)
		set(v, "timeout", true, "runner used up its processor time");
	else if (a->oom || hit_memory_limit(a))
		set(v, "memory", true, "runner reached its memory limit");
	else
		set(v, is_crash(signo) ? "crash" : "signal", true, text);
}

static void
judge_error(const struct attempt *a, struct verdict *v)
{
	const char *code = json_string_value(json_object_get(a->error, "code"));
	const char *message = json_string_value(json_object_get(a->error, "message"));
	bool memory = a->oom || err_code_named(code) == ASTRID_E_NO_MEMORY;
	bool retryable = a->class == CLASS_UNKNOWN ? !is_permanent(WEXITSTATUS(a->status))
											   : a->class == CLASS_RETRYABLE;
	char text[3072];

	snprintf(text, sizeof text, "%s%s%s%s%s", a->step, a->step[0] != '\0' ? ": " : "",
			 code != NULL ? code : "", code != NULL ? ": " : "",
			 message != NULL ? message : "no message");
	set(v, memory ? "memory" : "error", retryable, text);
}

static void
judge_exit(const struct attempt *a, struct verdict *v)
{
	char text[3072];
	const char *line = last_line(a->tail);

	snprintf(text, sizeof text, "runner exited with status %d%s%.*s", WEXITSTATUS(a->status),
			 line[0] != '\0' ? ": " : "", (int) strcspn(line, "\n"), line);
	if (a->oom || hit_memory_limit(a))
		set(v, "memory", true, "runner reached its memory limit");
	else
		set(v, "exit", !is_permanent(WEXITSTATUS(a->status)), text);
}

static void
judge_stop(const struct attempt *a, struct verdict *v)
{
	char text[256];

	switch (a->stop)
	{
		case STOP_TIMEOUT:
			snprintf(text, sizeof text, "timeout after %.10g s", a->spec.timeout);
			set(v, "timeout", true, text);
			break;
		case STOP_CANCEL:
			set(v, "cancel", false, "cancelled on request");
			break;
		case STOP_DEADLINE:
			set(v, "deadline", false, "stopped at its deadline");
			break;
		case STOP_OUTPUT:
			snprintf(text, sizeof text, "runner printed more than %g MiB", a->spec.max_result_mib);
			set(v, "error", false, text);
			break;
		case STOP_LOST:
		case STOP_FAST:
		case STOP_NONE:
			set(v, "signal", true, "stopped by the worker");
			break;
	}
}

static json_t *
info(const struct attempt *a, const struct verdict *v)
{
	const struct timeval *user = &a->usage.ru_utime, *sys = &a->usage.ru_stime;
	json_t *doc = json_pack("{s:s, s:{s:f, s:f, s:f}, s:O?}", "cause", v->cause, "rusage", "user_s",
							(double) user->tv_sec + 1e-6 * (double) user->tv_usec, "sys_s",
							(double) sys->tv_sec + 1e-6 * (double) sys->tv_usec, "maxrss_mib",
							maxrss_mib(a), "error", a->error);

	if (WIFSIGNALED(a->status))
		json_object_set_new(doc, "signal", json_integer(WTERMSIG(a->status)));
	else
		json_object_set_new(doc, "exit_status", json_integer(WEXITSTATUS(a->status)));
	if (a->tail_len > 0)
		json_object_set_new(doc, "stderr", json_string(a->tail));
	return doc;
}

void
attempt_verdict(const struct attempt *a, struct verdict *v)
{
	bool well = WIFEXITED(a->status) && WEXITSTATUS(a->status) == 0 && a->error == NULL &&
				a->stop == STOP_NONE;

	memset(v, 0, sizeof *v);
	v->ok = well && (a->result != NULL || !a->spec.needs_result);
	if (v->ok)
		return;
	if (a->stop != STOP_NONE)
		judge_stop(a, v);
	else if (WIFSIGNALED(a->status))
		judge_signal(a, v);
	else if (a->error != NULL)
		judge_error(a, v);
	else if (well)
		set(v, "error", true, "runner ended without a result");
	else
		judge_exit(a, v);
	v->info = info(a, v);
}
