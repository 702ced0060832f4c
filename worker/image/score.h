/*
 * The score: signed signal-to-noise of a point source at every pixel of a difference image. Called
 * by the stages difference and detect. SPDX-License-Identifier: PostgreSQL
 *
 * Matched filter S = sum P D / V over sqrt(sum P^2 / V), V the variance of the decorrelated
 * difference. What a static star leaves behind grows with its flux, not with its noise, so two
 * terms join the variance, in the manner of Zackay et al. 2016, eq. 30 to 33: a relative flux error
 * (kernel, flat field) and an astrometric one, both measured on the stars of this very difference.
 */
#ifndef IMAGE_SCORE_H
#define IMAGE_SCORE_H

#include "image/image.h"
#include "image/psf.h"
#include "image/source.h"

struct score
{
	int width, height;
	float *value;             /* NaN where no usable pixel carries the source */
	float *scene;             /* S/N that the static scene would have: where stars are */
	float *gradient;          /* its gradient, per px; scene and gradient: NULL without a model */
	double flux_error;        /* relative */
	double astrometric_error; /* px */
	double scale;             /* what the score was divided by to have MAD 1 on star-free sky */
	double z_mad, z_std; /* of difference / sqrt(VAR) on star-free sky, and on all used pixels */
};

/* diff: sci, mask, var. model: the static scene in the unit of diff, or NULL (then no systematic
 * terms). stars: clean stars, or NULL. 0 or -1. */
int score_make(const struct image *diff, const float *model, const struct psf *psf,
			   const struct source_list *stars, struct score *out);
void score_free(struct score *s);

#endif
