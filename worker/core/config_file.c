/* See config_file.h. SPDX-License-Identifier: PostgreSQL */
#include "core/config_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define LINE_MAX_BYTES 8192
#define NAME_MAX_BYTES 64

struct reader
{
	struct config *config;
	const struct setting *settings; /* of the current section */
	void *object;
};

/* ---- the nearest known name ----------------------------------------------------------------- */

/* Levenshtein's distance (Wagner and Fischer 1974), for names of limited length. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_BYTES + 1], m = strlen(b), diagonal, above;

	if (m > NAME_MAX_BYTES)
		return m;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++)
	{
		diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 1; j <= m; j++)
		{
			above = row[j];
			row[j] = diagonal + (a[i] != b[j - 1]);
			if (above + 1 < row[j])
				row[j] = above + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			diagonal = above;
		}
	}
	return row[m];
}

static int
unknown_setting(const struct setting *settings, const char *name)
{
	const char *nearest = NULL;
	size_t best = 4; /* farther than three edits is no typing error */

	for (; settings->name != NULL; settings++)
	{
		size_t d = distance(name, settings->name);

		if (d < best)
		{
			best = d;
			nearest = settings->name;
		}
	}
	return nearest == NULL ? err_raise(ASTRID_E_USAGE, "unknown setting '%s'", name)
						   : err_raise(ASTRID_E_USAGE, "unknown setting '%s'; did you mean '%s'?",
									   name, nearest);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static char *
trim(char *text)
{
	size_t len;

	while (isspace((unsigned char) *text))
		text++;
	len = strlen(text);
	while (len > 0 && isspace((unsigned char) text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int
begin_section(struct reader *reader, char *text)
{
	static const char prefix[] = "[handler.";
	size_t len = strlen(text), skip = sizeof prefix - 1;
	struct handler *handler, **end = &reader->config->handlers;

	if (text[len - 1] != ']' || len < skip + 2 || strncmp(text, prefix, skip) != 0)
		return err_raise(ASTRID_E_USAGE, "'%s' is no section; sections are [handler.QUEUE]", text);
	text[len - 1] = '\0';
	if (config_handler(reader->config, text + skip) != NULL)
		return err_raise(ASTRID_E_USAGE, "a second section for queue '%s'", text + skip);
	handler = calloc(1, sizeof *handler);
	if (handler == NULL || (handler->queue = strdup(text + skip)) == NULL)
	{
		free(handler);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for the configuration");
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = handler;
	reader->settings = config_handler_settings;
	reader->object = handler;
	return config_set_defaults(config_handler_settings, handler);
}

static int
read_line(struct reader *reader, char *line)
{
	char *text = trim(line), *eq;
	const struct setting *setting;

	if (text[0] == '\0' || text[0] == '#' || text[0] == ';')
		return 0;
	if (text[0] == '[')
		return begin_section(reader, text);
	eq = strchr(text, '=');
	if (eq == NULL)
		return err_raise(ASTRID_E_USAGE, "'%s' is not NAME = VALUE", text);
	*eq = '\0';
	text = trim(text);
	setting = config_find(reader->settings, text);
	if (setting == NULL)
		return unknown_setting(reader->settings, text);
	return config_set(setting, reader->object, trim(eq + 1));
}

int
config_read_file(struct config *config, const char *file)
{
	struct reader reader = {config, config_settings, config};
	FILE *in = fopen(file, "re");
	char line[LINE_MAX_BYTES];
	int status = 0;

	if (in == NULL)
		return err_raise(ASTRID_E_USAGE, "%s: %s", file, strerror(errno));
	for (int number = 1; status == 0 && fgets(line, sizeof line, in) != NULL; number++)
	{
		if (strlen(line) == sizeof line - 1)
			status = err_raise(ASTRID_E_USAGE, "the line is too long");
		else
			status = read_line(&reader, line);
		if (status < 0)
			err_context("%s:%d", file, number);
	}
	if (status == 0 && ferror(in))
		status = err_raise(ASTRID_E_USAGE, "%s: %s", file, strerror(errno));
	fclose(in);
	return status;
}
