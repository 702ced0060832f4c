/* The configuration file: INI lines with sections [handler.QUEUE]. Called by config.c.
 * SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_CONFIG_FILE_H
#define CORE_CONFIG_FILE_H

#include "core/config.h"

/* Errors name file and line, and for an unknown name the nearest known one. */
int config_read_file(struct config *config, const char *file);

/* Of config.c: look a setting up, give it a value from text, give all their defaults. */
const struct setting *config_find(const struct setting *settings, const char *name);
int config_set(const struct setting *setting, void *object, const char *value);
int config_set_defaults(const struct setting *settings, void *object);

#endif
