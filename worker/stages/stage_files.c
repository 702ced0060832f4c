/*
 * The part of astrid/stage.h that opens files: what a plug-in, which has only the public header,
 * may use instead of open(2). SPDX-License-Identifier: PostgreSQL
 */
#include "astrid/stage.h"

#include "core/err.h"
#include "core/files.h"

int
astrid_open_input(struct astrid_ctx *ctx, const char *role, size_t i)
{
	const char *uri = astrid_input(ctx, role, i);

	if (uri == NULL)
		return err_raise(ASTRID_E_USAGE, "input %s was not given", role);
	return files_open(uri);
}

int
astrid_write_output(struct astrid_ctx *ctx, const char *role, const void *data, size_t size)
{
	const char *uri = astrid_output(ctx, role);

	if (uri == NULL)
		return err_raise(ASTRID_E_USAGE, "output %s was not given", role);
	return files_write(uri, data, size);
}
