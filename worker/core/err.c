/* See err.h. SPDX-License-Identifier: PostgreSQL */
#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct
{
	enum astrid_error_code code;
	char file[1024];
	int hdu;
	char keyword[80];
	char message[2048];
} current = {.hdu = -1};

static const struct
{
	const char *name;
	int exit_status;
	bool retryable;
} codes[] = {
	{"none", 0, false},
#define ASTRID_ERROR(id, code, status, retryable, text) {code, status, retryable},
#include "astrid/errors.def"
#undef ASTRID_ERROR
};

static void
set_error(enum astrid_error_code code, const char *fmt, va_list args)
{
	err_clear();
	current.code = code;
	vsnprintf(current.message, sizeof current.message, fmt, args);
}

int
err_raise(enum astrid_error_code code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_error(code, fmt, args);
	va_end(args);
	return -1;
}

int
astrid_raise(enum astrid_error_code code, const char *file, int hdu, const char *keyword,
			 const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_error(code, fmt, args);
	va_end(args);
	return err_at(file, hdu, keyword);
}

int
err_context(const char *fmt, ...)
{
	char outer[sizeof current.message], inner[sizeof current.message];
	va_list args;

	va_start(args, fmt);
	vsnprintf(outer, sizeof outer, fmt, args);
	va_end(args);
	memcpy(inner, current.message, sizeof inner);
	/* a message too long for its frame keeps the outermost context, which says what was attempted
	 */
	if (snprintf(current.message, sizeof current.message, "%s: %s", outer, inner) < 0)
		current.message[0] = '\0';
	return -1;
}

int
err_at(const char *file, int hdu, const char *keyword)
{
	if (file != NULL && current.file[0] == '\0')
		snprintf(current.file, sizeof current.file, "%s", file);
	if (hdu >= 0 && current.hdu < 0)
		current.hdu = hdu;
	if (keyword != NULL && current.keyword[0] == '\0')
		snprintf(current.keyword, sizeof current.keyword, "%s", keyword);
	return -1;
}

bool
err_is_set(void)
{
	return current.code != ASTRID_E_NONE;
}

enum astrid_error_code
err_code(void)
{
	return current.code;
}

const char *
err_message(void)
{
	return current.message;
}

void
err_clear(void)
{
	memset(&current, 0, sizeof current);
	current.hdu = -1;
}

const char *
err_code_name(enum astrid_error_code code)
{
	return codes[code].name;
}

enum astrid_error_code
err_code_named(const char *name)
{
	for (size_t i = 1; name != NULL && i < sizeof codes / sizeof codes[0]; i++)
		if (strcmp(codes[i].name, name) == 0)
			return (enum astrid_error_code) i;
	return ASTRID_E_NONE;
}

int
err_exit_status(enum astrid_error_code code)
{
	return codes[code].exit_status;
}

bool
err_retryable(enum astrid_error_code code)
{
	return codes[code].retryable;
}

json_t *
err_json(void)
{
	return json_pack("{s:s, s:s?, s:o, s:s?, s:s}", "code", err_code_name(current.code), "file",
					 current.file[0] ? current.file : NULL, "hdu",
					 current.hdu >= 0 ? json_integer(current.hdu) : json_null(), "keyword",
					 current.keyword[0] ? current.keyword : NULL, "message", current.message);
}
