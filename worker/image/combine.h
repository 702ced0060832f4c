/* Several frames of one kind into one, pixel by pixel. SPDX-License-Identifier: PostgreSQL */
#ifndef IMAGE_COMBINE_H
#define IMAGE_COMBINE_H

#include "image/image.h"

struct combine_params
{
	double kappa;   /* clipping, sigma */
	int iterations; /* of clipping */
	int min_mean;   /* with fewer frames the median is taken */
};
#define COMBINE_DEFAULTS                                                                           \
	{                                                                                              \
		.kappa = 3, .iterations = 3, .min_mean = 5                                                 \
	}

/* out (allocated here, with mask and var) = combination of n images of one size, each multiplied by
 * scale[i]. var is that of the result, measured from the scatter between the frames, averaged over
 * neighbours; NaN-free; 0 for n = 1. A pixel that no frame has is NO_DATA and 0. */
int combine_images(const struct image *const *im, const double *scale, size_t n,
				   const struct combine_params *p, struct image *out);

/* Gain (e-/adu) and read noise (e-) from two flats and two biases (Janesick 2001, eq. 4.22), median
 * over boxes. NaN where there is too little signal. */
void gain_from_pairs(const struct image *flat1, const struct image *flat2,
					 const struct image *bias1, const struct image *bias2, double *gain,
					 double *read_noise);

#endif
