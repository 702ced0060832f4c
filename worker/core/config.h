/*
 * Settings: default < file < environment (ASTRID_NAME) < flag (--name). SPDX-License-Identifier:
 * PostgreSQL
 *
 * config.def is the only list of them. A loaded configuration owns its memory; config_free() gives
 * it back.
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef bool config_BOOL;
typedef int config_INT;
typedef int config_CHOICE; /* index among the choices */
typedef double config_DURATION;
typedef double config_SIZE; /* MiB */
typedef char *config_TEXT;
typedef char *config_LIST;

enum config_type
{
	CONFIG_BOOL,
	CONFIG_INT,
	CONFIG_DURATION,
	CONFIG_SIZE,
	CONFIG_TEXT,
	CONFIG_LIST,
	CONFIG_CHOICE
};

enum handler_type /* in the order of the choices */
{
	HANDLER_SKY,
	HANDLER_STAGE,
	HANDLER_EXEC
};

enum wake_mode
{
	WAKE_AUTO,
	WAKE_LATCH,
	WAKE_LISTEN,
	WAKE_POLL
};

struct handler
{
	struct handler *next;
	char *queue;
#define HANDLER_SETTING(name, type, ...) config_##type name;
#include "core/config.def"
#undef HANDLER_SETTING
};

struct config
{
#define SETTING(name, type, ...) config_##type name;
#include "core/config.def"
#undef SETTING
	struct handler *handlers;
};

struct setting
{
	const char *name;
	enum config_type type;
	size_t offset;
	const char *def;
	double min, max;
	const char *choices;
	bool reloadable;
	const char *text;
};
extern const struct setting config_settings[],
	config_handler_settings[]; /* a NULL name ends each */

/*
 * Fill *config from file (NULL: none), environment and the flags among argv[1..argc-1]:
 * "--name=value" or "--name value", "-" for "_". Other words are left in argv, *n_rest counts them
 * from argv[1]. -1: the error is set and config is empty.
 */
int config_load(struct config *config, const char *file, int argc, char **argv, int *n_rest);
void config_free(struct config *config);

/* Does it make sense as a whole: handlers complete, folders absolute? -1 with the error set. */
int config_check(const struct config *config);

/* Keep what cannot change while running; returns the name of the first such setting that was to
 * change, or NULL. */
const char *config_keep_fixed(struct config *loaded, const struct config *running);

/* The file that would give this configuration, each setting under its description. */
void config_print(const struct config *config, FILE *out);

/* The handler of a queue; NULL: it has no section. */
const struct handler *config_handler(const struct config *config, const char *queue);

/* The words of a LIST: a NULL-terminated array, to be freed as one block. NULL when memory is out.
 */
char **config_words(const char *list);

#endif
