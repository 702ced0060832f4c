/* See plugin.h. SPDX-License-Identifier: PostgreSQL */
#include "daemon/plugin.h"

#include <dlfcn.h>
#include <string.h>

#include "core/err.h"
#include "stages/run.h"

int
plugin_load(const char *path)
{
	const struct astrid_stage *(*export)(void);
	const struct astrid_stage *stage;
	void *object, *symbol;

	if (path[0] != '/') /* else the loader would search its path */
		return err_raise(ASTRID_E_USAGE, "plug-in %s is not an absolute path", path);
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	symbol = object != NULL ? dlsym(object, "astrid_stage_export") : NULL;
	if (symbol == NULL)
		return err_raise(ASTRID_E_USAGE, "plug-in %s: %s", path, dlerror());
	memcpy(&export, &symbol, sizeof export); /* ISO C has no cast from object to function pointer */
	stage = export();
	if (stage == NULL)
		return err_raise(ASTRID_E_USAGE, "plug-in %s exports no stage", path);
	if (stage_add(stage) < 0)
		return err_context("plug-in %s", path);
	return 0;
}
