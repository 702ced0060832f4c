/*
 * The difference of two aligned images by Alard & Lupton, with white noise, its PSF, and numbers
 * that say how good it is. Called by the stage difference. SPDX-License-Identifier: PostgreSQL
 *
 * The difference is always science minus reference in the flux scale of the science image,
 * whichever is convolved.
 */
#ifndef IMAGE_SUBTRACT_H
#define IMAGE_SUBTRACT_H

#include "image/image.h"
#include "image/psf.h"
#include "image/side.h"

enum subtract_convolve
{
	CONVOLVE_SHARPER,
	CONVOLVE_REFERENCE,
	CONVOLVE_SCIENCE
};

struct subtract_options
{
	enum subtract_convolve convolve;
	int kernel_order; /* -1: by the number of stars */
	int background_order;
	int kernel_half; /* 0: by the FWHMs */
	int max_stamps;
};

struct subtraction
{
	struct image diff; /* with mask and variance */
	float *model;   /* the static scene in the flux scale of science: where stars are, how bright */
	struct psf psf; /* of diff */
	struct source_list stars; /* of the image left alone, for the systematic errors of the score */
	bool science_convolved;
	double kernel_sum; /* flux scale of the image left alone over that of the convolved one, as
						  fitted */
	double flux_ratio; /* the same from the apertures of common stars; NaN: none */
	double sum_scatter, stamp_chi2;
	int n_stamps, n_rejected;
	double variance_scale; /* VAR was multiplied by this for a noise-scaled MAD of 1 */
	double used_fraction;  /* of the pixels that both images have */
	double lag1;           /* mean autocorrelation with the four neighbours on star-free sky */
	double
		footprint_ratio; /* median over unsaturated stars of |difference| above noise over light */
	double fwhm_science, fwhm_reference; /* px */
	int n_psf_stars;
};

int subtract(const struct frame *science, const struct frame *reference,
			 const struct subtract_options *options, struct subtraction *out);
void subtraction_free(struct subtraction *s);

#endif
