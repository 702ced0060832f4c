/* See log.h. SPDX-License-Identifier: PostgreSQL */
#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/utf8.h"

#define LINE_SIZE 4096            /* PIPE_BUF: a longer write to a pipe could be torn */
#define ROOM      (LINE_SIZE - 4) /* the closing quote, brace and newline always fit */

struct line
{
	char text[LINE_SIZE];
	size_t len;
	bool json;
};

struct log_context log_context;

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static enum log_level least_level = LOG_AT_INFO;
static bool as_json;

void
log_setup(enum log_level least, bool json)
{
	least_level = least;
	as_json = json;
}

static void
put(struct line *line, const char *text, size_t len)
{
	size_t room = ROOM - line->len;

	if (len > room)
		len = room;
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static void
put_key(struct line *line, const char *key)
{
	if (line->json)
	{
		put(line, line->len > 1 ? ",\"" : "\"", line->len > 1 ? 2 : 1);
		put(line, key, strlen(key));
		put(line, "\":", 2);
	}
	else
	{
		put(line, " ", line->len > 0);
		put(line, key, strlen(key));
		put(line, "=", 1);
	}
}

static void
put_number(struct line *line, const char *key, double value, int digits)
{
	char text[64];

	put_key(line, key);
	put(line, text, (size_t) snprintf(text, sizeof text, "%.*f", digits, value));
}

/*
 * Both formats quote alike: the escapes of JSON, which logfmt readers know too. What does not fit
 * is left out from a whole character or escape on.
 */
static void
put_text(struct line *line, const char *key, const char *value)
{
	size_t n;

	put_key(line, key);
	put(line, "\"", 1);
	for (const char *p = value; *p != '\0'; p += n)
	{
		char piece[8];
		int len;

		n = utf8_length(p);
		if (n == 0)
			len = snprintf(piece, sizeof piece, "?");
		else if (*p == '"' || *p == '\\')
			len = snprintf(piece, sizeof piece, "\\%c", *p);
		else if ((unsigned char) *p < ' ' || *p == 0x7f)
			len = snprintf(piece, sizeof piece, "\\u%04x", (unsigned) *p);
		else
			len = snprintf(piece, sizeof piece, "%.*s", (int) n, p);
		n += n == 0;
		if (line->len + (size_t) len > ROOM)
			break;
		put(line, piece, (size_t) len);
	}
	line->text[line->len++] = '"';
}

static void
put_time(struct line *line)
{
	char text[64];
	struct timespec now;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, sizeof text - len, ".%03ldZ", now.tv_nsec / 1000000);
	put_text(line, "ts", text);
}

static void
put_context(struct line *line)
{
	if (log_context.slot > 0)
		put_number(line, "slot", log_context.slot, 0);
	if (log_context.queue != NULL)
		put_text(line, "queue", log_context.queue);
	if (log_context.job_id > 0)
		put_number(line, "job", (double) log_context.job_id, 0);
	if (log_context.attempt > 0)
		put_number(line, "attempt", log_context.attempt, 0);
	if (log_context.stage != NULL)
		put_text(line, "stage", log_context.stage);
}

static void
emit(enum log_level level, double seconds, const char *fmt, va_list args)
{
	struct line line = {.json = as_json};
	char message[LINE_SIZE];
	ssize_t written;

	if (level < least_level)
		return;
	put(&line, "{", line.json);
	put_time(&line);
	put_text(&line, "level", level_names[level]);
	put_number(&line, "pid", getpid(), 0);
	put_context(&line);
	if (seconds >= 0)
		put_number(&line, "ms", seconds * 1e3, 1);
	vsnprintf(message, sizeof message, fmt, args);
	put_text(&line, "msg", message);
	if (line.json)
		line.text[line.len++] = '}';
	line.text[line.len++] = '\n';
	written = write(STDERR_FILENO, line.text, line.len);
	(void) written; /* there is nowhere left to report a log that cannot be written */
}

void
log_event(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	emit(level, -1, fmt, args);
	va_end(args);
}

void
log_timed(enum log_level level, double seconds, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	emit(level, seconds, fmt, args);
	va_end(args);
}
