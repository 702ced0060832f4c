/*
 * Resampling onto another pixel grid by Lanczos-3, with variance and mask. Called by the stages
 * align and coadd. SPDX-License-Identifier: PostgreSQL
 *
 * Conventions: flux is conserved per pixel, so a value is multiplied by |det J| of the map (input
 * area of an output pixel): the flux of a star is that of the input, surface brightness changes
 * with the pixel's area. Variance is sum w^2 V, covariance excluded: for random phases 0.80 of the
 * input's, the rest sits in the correlation of neighbours.
 *
 * Mask: input pixels with an excluding bit are replaced by their neighbours before, so that they
 * cannot ring. A bit is carried where the pixel's weight is above 0.1; SAT and NO_DATA (NaN) where
 * it is above 0.03. Outside the input and where pixels without any usable neighbour hold more than
 * half of the weight the output is NaN with NO_DATA; EDGE where the kernel reaches over the input's
 * border.
 */
#ifndef IMAGE_RESAMPLE_H
#define IMAGE_RESAMPLE_H

#include "image/image.h"

/* Output pixel -> input pixel (0-based centres); -1 where there is none. */
typedef int (*resample_map)(void *arg, double x, double y, double *u, double *v);

/* Fill out, allocated with its planes, from in (mask and var may be NULL: no bad pixels; zero
 * variance). The map is evaluated on a coarse grid, refined until linear interpolation is good to
 * 0.001 px. 0 or -1. */
int resample_lanczos3(const struct image *in, resample_map map, void *arg, struct image *out);

#endif
