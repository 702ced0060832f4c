/*
 * The clipped weighted mean of images that share a grid and a flux scale. Called by the stage
 * coadd. SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_STACK_H
#define IMAGE_STACK_H

#include "image/image.h"

struct stack_layer
{
	struct image im; /* sky at zero; with mask and var */
	double weight;   /* one per layer: a weight that follows the pixel's own variance would bend the
						stars' profiles */
};

/*
 * out (allocated with planes) = sum w v / sum w of the pixels without an excluding bit; VAR = sum
 * w^2 V / (sum w)^2.
 *
 * Outliers: |v - m| > kappa sigma + the largest |m| of the 3 x 3 neighbourhood, m the median over
 * the layers (of two, the lower: a cosmic ray is never negative). The second term leaves stars
 * alone whose profile changes with the seeing. Where no pixel is usable: NaN with NO_DATA and the
 * bits of all layers. SAT also where most layers are saturated.
 */
int stack_mean(const struct stack_layer *layers, size_t n, double kappa, struct image *out,
			   size_t *n_rejected);

#endif
