/*
 * One structured line per event on stderr (journald, or whatever collects it).
 * SPDX-License-Identifier: PostgreSQL
 *
 * A line carries ts, level, pid, and of the context what is set: slot, queue, job, attempt, stage,
 * ms. It is one write(2), so that the lines of several processes do not mix, and it allocates
 * nothing. No secrets: connection strings and payloads are never passed in.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>

enum log_level /* in the order of the choices of setting log_level */
{
	LOG_AT_DEBUG,
	LOG_AT_INFO,
	LOG_AT_WARNING,
	LOG_AT_ERROR
};

struct log_context /* what this process is about; zero or NULL: not told */
{
	int slot;
	const char *queue;
	long long job_id;
	int attempt;
	const char *stage;
};
extern struct log_context log_context;

void log_setup(enum log_level least, bool json);
void log_event(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same with a duration, in the field ms. */
void log_timed(enum log_level level, double seconds, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
