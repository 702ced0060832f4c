/* See planes.h. Called by frame_read() and calibrate. SPDX-License-Identifier: PostgreSQL */
#include "image/planes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/background.h"

#define MESH        64
#define MESH_FILTER 3

static int
mask_missing(struct image *im)
{
	if (im->mask == NULL)
		im->mask = calloc(image_size(im), sizeof *im->mask);
	if (im->mask == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for the mask");
	for (size_t i = 0; i < image_size(im); i++)
		if (!isfinite(im->sci[i]))
			im->mask[i] |= MASK_NO_DATA;
	return 0;
}

int
planes_mask_lit_area(struct image *im, const json_t *lit_area, struct frame_notes *notes)
{
	(void) im;
	(void) lit_area;
	(void) notes;
	return 0;
}

double
planes_mask_saturated(struct image *im, double level, int grow)
{
	(void) grow;
	for (size_t i = 0; isfinite(level) && i < image_size(im); i++)
		if (im->sci[i] >= level)
			im->mask[i] |= MASK_SAT;
	return level;
}

static int
measure_variance(struct frame *f)
{
	struct background bkg;
	int status;

	if (background_measure(&f->im, MESH, MESH_FILTER, &bkg) < 0)
		return -1;
	status = variance_measure(&f->im, &bkg, f->meta.gain);
	background_free(&bkg);
	return status;
}

int
planes_build(struct frame *f, const json_t *instrument, struct frame_notes *notes)
{
	bool had_mask = f->im.mask != NULL;

	if (mask_missing(&f->im) < 0)
		return -1;
	if (!had_mask)
	{
		if (planes_mask_lit_area(&f->im, json_object_get(instrument, "lit_area"), notes) < 0)
			return -1;
		planes_mask_saturated(&f->im, f->meta.saturation, 0);
	}
	return f->im.var != NULL ? 0 : measure_variance(f);
}
