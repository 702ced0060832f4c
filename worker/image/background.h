/* Sky background by mesh (SEP; Bertin & Arnouts 1996, Barbary 2016). SPDX-License-Identifier:
 * PostgreSQL */
#ifndef IMAGE_BACKGROUND_H
#define IMAGE_BACKGROUND_H

#include "image/image.h"

struct background
{
	float *level, *rms; /* per pixel, in sci units */
	double global_level, global_rms;
};

/* mesh in px (64), median filter in meshes (3). Pixels with an excluding mask bit are left out; two
 * passes, the second with the sources of the first masked. 0 or -1. */
int background_measure(const struct image *im, int mesh, int filter, struct background *bkg);
void background_free(struct background *bkg);

/* Per-pixel variance where the file had none: mesh rms^2 (from pixels) + max(sci - level, 0) /
 * gain. */
int variance_measure(struct image *im, const struct background *bkg, double gain);

#endif
