/* Synthetic point sources, to learn what a pipeline finds. Called by the stage inject.
 * SPDX-License-Identifier: PostgreSQL */
#ifndef IMAGE_INJECT_H
#define IMAGE_INJECT_H

#include "image/image.h"
#include "image/psf.h"

/* Add flux x PSF at (x, y), with the photon noise of that light at `gain` e- per unit (NaN or 0:
 * none), drawn by the random numbers of `seed`; variance grows alike, and pixels within the core
 * are marked INJECTED. 0 or -1. */
int inject_source(struct image *im, const struct psf *psf, double x, double y, double flux,
				  double gain, unsigned long seed);

#endif
