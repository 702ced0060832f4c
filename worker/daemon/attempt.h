/*
 * One runner, seen from its slot: start it, follow what it prints, stop it, and say how it ended.
 * SPDX-License-Identifier: PostgreSQL
 *
 * All of it happens in callbacks of the slot's event loop; none of them waits or talks to the
 * database. The slot calls attempt_reap() on SIGCHLD and looks at `ended`, `progressed` and `log`.
 */
#ifndef DAEMON_ATTEMPT_H
#define DAEMON_ATTEMPT_H

#include <stdbool.h>
#include <sys/resource.h>
#include <jansson.h>

#include "core/cgroup.h"
#include "core/loop.h"
#include "core/proc.h"
#include "daemon/lines.h"

enum attempt_stop /* why the slot ended the runner; the first reason stands */
{
	STOP_NONE,
	STOP_TIMEOUT,
	STOP_CANCEL,
	STOP_DEADLINE,
	STOP_LOST,  /* the lease is gone: nothing will be written */
	STOP_FAST,  /* the worker was told to stop at once: the job goes back */
	STOP_OUTPUT /* it printed more than allowed */
};

enum error_class /* is it worth repeating? */
{
	CLASS_UNKNOWN, /* by the exit status */
	CLASS_RETRYABLE,
	CLASS_PERMANENT
};

struct attempt_spec
{
	const json_t *request; /* see runner.h */
	struct proc_limits limits;
	double timeout, grace; /* s; timeout 0: none */
	double max_result_mib;
	bool isolate;
	const struct cgroups *cgroups; /* where to make one for it; NULL: none */
	int slot;
	bool needs_result; /* ending well without a result is an error */
};

struct attempt
{
	struct loop *loop;
	struct attempt_spec spec;
	pid_t pid;
	char cgroup[CGROUP_PATH]; /* empty: none */
	bool oom;                 /* the kernel killed a process of that cgroup for its memory limit */
	int out, err;
	double started, seconds;
	struct loop_timer timeout, grace;
	enum attempt_stop stop;
	bool ended;
	int status; /* of wait4 */
	struct rusage usage;

	struct lines lines;
	char tail[4096]; /* the end of what it wrote to stderr */
	size_t tail_len;
	json_t *result;         /* of the result line */
	json_t *error;          /* {"code", "message", ...} of the error line */
	enum error_class class; /* of that error */
	json_t *log;            /* lines not yet sent to the database, [{"level", "message"}, ...] */
	long log_dropped;
	bool progressed; /* since the slot last cleared it */
	double fraction;
	char step[64], message[512];
};

struct verdict
{
	bool ok;
	const char *cause; /* signal, timeout, memory, exit, crash, cancel, deadline, error */
	char error[3072];
	bool retryable;
	json_t *info; /* for astrid_fail */
};

/* 0, or -1 with the error set: it could not be started. attempt_clear() in both cases. */
int attempt_start(struct attempt *attempt, struct loop *loop, const struct attempt_spec *spec);
void attempt_stop(struct attempt *attempt, enum attempt_stop why);
void attempt_reap(struct attempt *attempt);
void attempt_clear(struct attempt *attempt);

/* How an ended attempt ended; json_decref(verdict->info). */
void attempt_verdict(const struct attempt *attempt, struct verdict *verdict);

#endif
