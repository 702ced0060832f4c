/*
 * FITS files in the making: cfitsio writes to memory, core/files knows where a file may be written
 * and puts it there whole or not at all. SPDX-License-Identifier: PostgreSQL
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/err.h"
#include "core/files.h"
#include "image/fits_file.h"

#define HEADROOM ((size_t) 64 * FITS_BLOCK) /* headers */

int
fits_output_begin(struct fits_output *out, size_t expected)
{
	*out = (struct fits_output){.n_bytes = expected + HEADROOM};
	/* Zeros: cfitsio looks for further HDUs in the memory it is given. */
	out->bytes = calloc(1, out->n_bytes);
	if (out->bytes == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory to write %zu bytes", out->n_bytes);
	fits_create_memfile(&out->ff, &out->bytes, &out->n_bytes, HEADROOM, realloc, &out->status);
	if (out->status == 0)
		return 0;
	free(out->bytes);
	return fits_raise(out->status, NULL, -1, "cannot begin a file in memory");
}

/* cfitsio would put the time of day into the comments, and equal inputs would no longer give equal
 * files. */
void
fits_output_sums(struct fits_output *out)
{
	unsigned long data = 0, hdu = 0;
	char text[24];

	fits_write_key_str(out->ff, "CHECKSUM", "0000000000000000", "of this HDU", &out->status);
	/* the last keyword may move the data: both stand before the sum is taken */
	fits_write_key_str(out->ff, "DATASUM", "0", "of its data", &out->status);
	fits_get_chksum(out->ff, &data, &hdu, &out->status);
	snprintf(text, sizeof text, "%lu", data);
	fits_update_key_str(out->ff, "DATASUM", text, "of its data", &out->status);
	fits_write_chksum(out->ff, &out->status);
}

int
fits_output_store(struct fits_output *out, const char *uri)
{
	LONGLONG header, data, end = 0;
	int closing = 0, result;

	/* closing flushes; where the last HDU ends is known only before */
	fits_flush_file(out->ff, &out->status);
	fits_get_hduaddrll(out->ff, &header, &data, &end, &out->status);
	fits_close_file(out->ff, &closing);
	if (out->status == 0)
		out->status = closing;
	result = out->status != 0 ? fits_raise(out->status, uri, -1, "cannot make the file")
							  : files_write(uri, out->bytes, (size_t) end);
	free(out->bytes);
	return result;
}
