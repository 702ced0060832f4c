/* Cutouts as small multi-extension FITS files, made in memory so that writing goes through
 * core/files.h. SPDX-License-Identifier: PostgreSQL */
#include "image/cutout.h"

#include <stdlib.h>
#include <fitsio.h>

#include "core/err.h"
#include "core/files.h"

#define FITS_BLOCK 2880

static const char *const sci_names[3] = {"SCIENCE", "REFERENCE", "DIFFERENCE"};
static const char *const mask_names[3] = {"MASK_SCIENCE", "MASK_REFERENCE", "MASK_DIFFERENCE"};

static void
add_hdu(fitsfile *f, const struct cutout *c, const char *name, int bitpix, int datatype,
		const void *pixels, int *status)
{
	long axes[2] = {c->size, c->size};
	LONGLONG n = (LONGLONG) c->size * c->size;

	fits_create_img(f, bitpix, 2, axes, status);
	fits_update_key_str(f, "EXTNAME", name, NULL, status);
	fits_update_key_lng(f, "X0", c->x0, "first pixel in the frame, 0-based", status);
	fits_update_key_lng(f, "Y0", c->y0, "first pixel in the frame, 0-based", status);
	fits_write_img(f, datatype, 1, n, (void *) pixels, status);
	fits_write_chksum(f, status);
}

int
cutout_write_fits(const struct cutout *c, const char *uri)
{
	size_t size = FITS_BLOCK;
	/* Zeros: cfitsio looks for further HDUs in the memory it is given. */
	void *buffer = calloc(1, size);
	LONGLONG header, data, end = 0;
	fitsfile *f = NULL;
	char text[FLEN_STATUS];
	int status = 0, result;

	if (buffer == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a cutout");
	fits_create_memfile(&f, &buffer, &size, FITS_BLOCK, realloc, &status);
	fits_create_img(f, BYTE_IMG, 0, NULL, &status);
	for (int k = 0; k < 3; k++)
		if (c->sci[k] != NULL)
		{
			add_hdu(f, c, sci_names[k], FLOAT_IMG, TFLOAT, c->sci[k], &status);
			add_hdu(f, c, mask_names[k], LONG_IMG, TINT, c->mask[k], &status);
		}
	fits_flush_file(f, &status);
	fits_get_hduaddrll(f, &header, &data, &end, &status);
	if (status == 0)
		result = files_write(uri, buffer, (size_t) end);
	else
	{
		fits_get_errstatus(status, text);
		result = err_raise(ASTRID_E_INTERNAL, "cfitsio on a cutout: %s", text);
	}
	status = 0;
	if (f != NULL)
		fits_close_file(f, &status);
	free(buffer);
	return result;
}
