/*
 * Make the noise of a difference image white again. Called by subtract.c. SPDX-License-Identifier:
 * PostgreSQL
 *
 * Both kernels sum to 1, so that fluxes keep their scale.
 */
#ifndef IMAGE_DECORRELATE_H
#define IMAGE_DECORRELATE_H

#include "image/image.h"

#define NOISE_LAGS     4  /* px: the noise of stacks and resampled frames is correlated over less */
#define WHITENING_HALF 15 /* of every kernel made here */
#define WHITENING_SIZE (2 * WHITENING_HALF + 1)

/* phi^ = sqrt((v + t K(0)^2) / (v + t |K^|^2)): undoes what the convolution with the matching
 * kernel did to the noise (DMTN-021, eq. 3). v, t: sky variance of the image left alone and of the
 * convolved one. kernel: odd size. phi: WHITENING_SIZE^2. 0 or -1. */
int decorrelation_kernel(const float *kernel, int size, double v, double t, float *phi);

/* Autocorrelation of z where good[i] != 0 and |z| < 4, normalised to 1 at lag 0:
 * acf[(dy + NOISE_LAGS) * (2 NOISE_LAGS + 1) + dx + NOISE_LAGS]. The number of pixels used. */
size_t noise_autocorrelation(const float *z, const unsigned char *good, int width, int height,
							 double *acf);

/* phi^ = sqrt(P(0) / P), P the power spectrum of that autocorrelation, tapered and bounded from
 * below. 0 or -1. */
int whitening_kernel(const double *acf, float *phi);

#endif
