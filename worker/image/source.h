/* Sources on one image by SEP, for PSF building, matching and photometric scale.
 * SPDX-License-Identifier: PostgreSQL */
#ifndef IMAGE_SOURCE_H
#define IMAGE_SOURCE_H

#include <stddef.h>
#include "image/image.h"
#include "image/background.h"

struct source
{
	double x, y; /* windowed centroid, 0-based px */
	double flux,
		flux_err; /* aperture of radius 2.5 sigma of the source's own size, background subtracted */
	double peak;  /* above background */
	double a, b, theta; /* rms px, rad */
	double fwhm;        /* px, from the half-flux radius */
	int flags;          /* SEP's */
	int npix;
	bool saturated, masked; /* a SAT pixel, an excluding pixel, within 2 a */
};

struct source_list
{
	struct source *v;
	size_t n;
};

/* All sources above thresh (sigma), brightest first. SEP's limits are raised and retried as needed.
 * 0 or -1. */
int source_extract(const struct image *im, const struct background *bkg, double thresh,
				   struct source_list *out);
void source_list_free(struct source_list *list);

#endif
