/* See config.h: the tables, the typed values, the sources in their order. SPDX-License-Identifier:
 * PostgreSQL */
#include "core/config.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/config_file.h"
#include "core/err.h"

const struct setting config_settings[] = {
#define SETTING(name, type, def, min, max, choices, reloadable, text)                              \
	{#name, CONFIG_##type, offsetof(struct config, name), def, min, max, choices, reloadable, text},
#include "core/config.def"
#undef SETTING
	{NULL, CONFIG_BOOL, 0, NULL, 0, 0, NULL, false, NULL}};

const struct setting config_handler_settings[] = {
#define HANDLER_SETTING(name, type, def, min, max, choices, reloadable, text)                      \
	{#name,      CONFIG_##type, offsetof(struct handler, name), def, min, max, choices,            \
	 reloadable, text},
#include "core/config.def"
#undef HANDLER_SETTING
	{NULL, CONFIG_BOOL, 0, NULL, 0, 0, NULL, false, NULL}};

static const struct
{
	const char *old, *now;
} renamed[] = {
#define RENAMED(old, now) {#old, #now},
#include "core/config.def"
#undef RENAMED
};

static const struct
{
	enum config_type type;
	const char *suffix;
	double factor;
} units[] = {
	{CONFIG_DURATION, "", 1},     {CONFIG_DURATION, "s", 1},    {CONFIG_DURATION, "ms", 1e-3},
	{CONFIG_DURATION, "min", 60}, {CONFIG_DURATION, "h", 3600}, {CONFIG_SIZE, "", 1},
	{CONFIG_SIZE, "MiB", 1},      {CONFIG_SIZE, "GiB", 1024},   {CONFIG_INT, "", 1}};

/* ---- values --------------------------------------------------------------------------------- */

static void *
field(const struct setting *setting, void *object)
{
	return (char *) object + setting->offset;
}

static int
bad_value(const struct setting *setting, const char *value, const char *expected)
{
	return err_raise(ASTRID_E_USAGE, "%s: '%s' is not %s", setting->name, value, expected);
}

static int
set_number(const struct setting *setting, void *object, const char *value)
{
	char *end, expected[128];
	double number = strtod(value, &end), factor = 0;

	while (*end == ' ')
		end++;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (units[i].type == setting->type && strcmp(units[i].suffix, end) == 0)
			factor = units[i].factor;
	if (end == value || factor == 0 || !isfinite(number) ||
		(setting->type == CONFIG_INT && number != floor(number)))
		return bad_value(setting, value,
						 setting->type == CONFIG_INT ? "an integer"
						 : setting->type == CONFIG_DURATION
							 ? "a duration such as 30, 500ms, 5min or 1h"
							 : "a size such as 512 (MiB) or 4GiB");
	number *= factor;
	snprintf(expected, sizeof expected, "within %g..%g", setting->min, setting->max);
	if ((setting->min != 0 || setting->max != 0) &&
		(number < setting->min || number > setting->max))
		return bad_value(setting, value, expected);
	if (setting->type == CONFIG_INT)
		*(int *) field(setting, object) = (int) number;
	else
		*(double *) field(setting, object) = number;
	return 0;
}

static int
set_choice(const struct setting *setting, void *object, const char *value)
{
	char expected[128];
	const char *word = setting->choices;

	for (int i = 0; *word != '\0'; i++)
	{
		size_t len = strcspn(word, " ");

		if (strlen(value) == len && strncmp(value, word, len) == 0)
		{
			*(int *) field(setting, object) = i;
			return 0;
		}
		word += len + (word[len] == ' ');
	}
	snprintf(expected, sizeof expected, "one of: %s", setting->choices);
	return bad_value(setting, value, expected);
}

static int
set_bool(const struct setting *setting, void *object, const char *value)
{
	static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasecmp(value, words[i]) == 0)
		{
			*(bool *) field(setting, object) = i % 2 != 0;
			return 0;
		}
	return bad_value(setting, value, "on or off");
}

static int
set_text(const struct setting *setting, void *object, const char *value)
{
	char **place = field(setting, object), *copy = strdup(value);

	if (copy == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for the configuration");
	free(*place);
	*place = copy;
	return 0;
}

int
config_set(const struct setting *setting, void *object, const char *value)
{
	switch (setting->type)
	{
		case CONFIG_BOOL:
			return set_bool(setting, object, value);
		case CONFIG_INT:
		case CONFIG_DURATION:
		case CONFIG_SIZE:
			return set_number(setting, object, value);
		case CONFIG_CHOICE:
			return set_choice(setting, object, value);
		case CONFIG_TEXT:
		case CONFIG_LIST:
			return set_text(setting, object, value);
	}
	return err_raise(ASTRID_E_INTERNAL, "%s has an unknown type", setting->name);
}

int
config_set_defaults(const struct setting *settings, void *object)
{
	for (; settings->name != NULL; settings++)
		if (config_set(settings, object, settings->def) < 0)
			return -1;
	return 0;
}

/* ---- sources -------------------------------------------------------------------------------- */

const struct setting *
config_find(const struct setting *settings, const char *name)
{
	for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++)
		if (strcmp(renamed[i].old, name) == 0)
			name = renamed[i].now;
	for (; settings->name != NULL; settings++)
		if (strcmp(settings->name, name) == 0)
			return settings;
	return NULL;
}

static int
set_from_environment(struct config *config, const char *name)
{
	char variable[64] = "ASTRID_";
	const char *value;

	for (size_t i = 0; i <= strlen(name); i++)
		variable[7 + i] = (char) toupper((unsigned char) name[i]);
	value = getenv(variable);
	if (value != NULL && config_set(config_find(config_settings, name), config, value) < 0)
		return err_context("%s", variable);
	return 0;
}

static int
load_environment(struct config *config)
{
	for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++)
		if (set_from_environment(config, renamed[i].old) < 0)
			return -1;
	for (const struct setting *s = config_settings; s->name != NULL; s++)
		if (set_from_environment(config, s->name) < 0)
			return -1;
	return 0;
}

/* "--max-memory=512" is the setting max_memory; *value is NULL where the word has no "=". */
static const struct setting *
setting_of_flag(const char *word, const char **value)
{
	char name[64];
	size_t len;

	if (strncmp(word, "--", 2) != 0)
		return NULL;
	len = strcspn(word + 2, "=");
	if (len >= sizeof name)
		return NULL;
	for (size_t i = 0; i < len; i++)
		name[i] = (char) (word[2 + i] == '-' ? '_' : word[2 + i]);
	name[len] = '\0';
	*value = word[2 + len] == '=' ? word + 3 + len : NULL;
	return config_find(config_settings, name);
}

static int
load_flags(struct config *config, int argc, char **argv, int *n_rest)
{
	*n_rest = 0;
	for (int i = 1; i < argc; i++)
	{
		const char *value;
		const struct setting *setting = setting_of_flag(argv[i], &value);

		if (setting == NULL)
		{
			argv[1 + (*n_rest)++] = argv[i];
			continue;
		}
		if (value == NULL && setting->type == CONFIG_BOOL)
			value = "on";
		else if (value == NULL && ++i == argc)
			return err_raise(ASTRID_E_USAGE, "%s needs a value", argv[i - 1]);
		else if (value == NULL)
			value = argv[i];
		if (config_set(setting, config, value) < 0)
			return -1;
	}
	return 0;
}

int
config_load(struct config *config, const char *file, int argc, char **argv, int *n_rest)
{
	memset(config, 0, sizeof *config);
	if (config_set_defaults(config_settings, config) == 0 &&
		(file == NULL || config_read_file(config, file) == 0) && load_environment(config) == 0 &&
		load_flags(config, argc, argv, n_rest) == 0)
		return 0;
	config_free(config);
	return -1;
}

/* ---- a loaded configuration ----------------------------------------------------------------- */

static void
free_settings(const struct setting *settings, void *object)
{
	for (; settings->name != NULL; settings++)
		if (settings->type == CONFIG_TEXT || settings->type == CONFIG_LIST)
			free(*(char **) field(settings, object));
}

void
config_free(struct config *config)
{
	struct handler *handler = config->handlers;

	while (handler != NULL)
	{
		struct handler *next = handler->next;

		free_settings(config_handler_settings, handler);
		free(handler->queue);
		free(handler);
		handler = next;
	}
	free_settings(config_settings, config);
	memset(config, 0, sizeof *config);
}

static void
format_value(const struct setting *setting, const void *object, char *text, size_t size)
{
	const void *value = (const char *) object + setting->offset;
	const char *word = setting->choices;

	switch (setting->type)
	{
		case CONFIG_BOOL:
			snprintf(text, size, "%s", *(const bool *) value ? "on" : "off");
			break;
		case CONFIG_INT:
			snprintf(text, size, "%d", *(const int *) value);
			break;
		case CONFIG_DURATION:
		case CONFIG_SIZE:
			snprintf(text, size, "%.10g", *(const double *) value);
			break;
		case CONFIG_CHOICE:
			for (int i = *(const int *) value; i > 0; i--)
				word = strchr(word, ' ') + 1;
			snprintf(text, size, "%.*s", (int) strcspn(word, " "), word);
			break;
		case CONFIG_TEXT:
		case CONFIG_LIST:
			snprintf(text, size, "%s", *(char *const *) value);
			break;
	}
}

static void
print_settings(const struct setting *settings, const void *object, FILE *out)
{
	char text[4096];

	for (; settings->name != NULL; settings++)
	{
		format_value(settings, object, text, sizeof text);
		fprintf(out, "# %s\n%s = %s\n", settings->text, settings->name, text);
	}
}

void
config_print(const struct config *config, FILE *out)
{
	print_settings(config_settings, config, out);
	for (const struct handler *h = config->handlers; h != NULL; h = h->next)
	{
		fprintf(out, "\n[handler.%s]\n", h->queue);
		print_settings(config_handler_settings, h, out);
	}
}

const char *
config_keep_fixed(struct config *loaded, const struct config *running)
{
	const char *first = NULL;
	char before[4096], after[4096];

	for (const struct setting *s = config_settings; s->name != NULL; s++)
	{
		format_value(s, running, before, sizeof before);
		format_value(s, loaded, after, sizeof after);
		if (s->reloadable || strcmp(before, after) == 0)
			continue;
		if (first == NULL)
			first = s->name;
		if (config_set(s, loaded, before) < 0)
			return s->name;
	}
	return first;
}

const struct handler *
config_handler(const struct config *config, const char *queue)
{
	const struct handler *h = config->handlers;

	while (h != NULL && strcmp(h->queue, queue) != 0)
		h = h->next;
	return h;
}

char **
config_words(const char *list)
{
	size_t len = strlen(list), n = 0;
	char **words = malloc((len + 2) * sizeof *words + len + 1), *copy;

	if (words == NULL)
		return NULL;
	copy = memcpy(words + len + 2, list, len + 1);
	for (char *save, *word = strtok_r(copy, ", \t", &save); word != NULL;
		 word = strtok_r(NULL, ", \t", &save))
		words[n++] = word;
	words[n] = NULL;
	return words;
}

/* ---- does it make sense --------------------------------------------------------------------- */

static int
check_handler(const struct handler *h)
{
	if (h->type == HANDLER_STAGE && h->stage[0] == '\0')
		return err_raise(ASTRID_E_USAGE, "[handler.%s]: type stage needs stage", h->queue);
	if (h->type == HANDLER_EXEC && h->program[0] != '/')
		return err_raise(ASTRID_E_USAGE, "[handler.%s]: type exec needs program, an absolute path",
						 h->queue);
	if (h->plugin[0] != '\0' && h->plugin[0] != '/')
		return err_raise(ASTRID_E_USAGE, "[handler.%s]: plugin is not an absolute path", h->queue);
	return 0;
}

static int
check_absolute(const char *name, const char *list)
{
	char **words = config_words(list);
	int status = 0;

	if (words == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory");
	for (char **word = words; status == 0 && *word != NULL; word++)
		if ((*word)[0] != '/')
			status = err_raise(ASTRID_E_USAGE, "%s: '%s' is not an absolute path", name, *word);
	free(words);
	return status;
}

int
config_check(const struct config *config)
{
	for (const struct handler *h = config->handlers; h != NULL; h = h->next)
		if (check_handler(h) < 0)
			return -1;
	if (strspn(config->queues, ", \t") == strlen(config->queues))
		return err_raise(ASTRID_E_USAGE, "queues: none is named");
	if (check_absolute("read_roots", config->read_roots) < 0 ||
		check_absolute("plugins", config->plugins) < 0 ||
		check_absolute("data_dir", config->data_dir) < 0)
		return -1;
	return 0;
}
