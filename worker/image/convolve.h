/*
 * Convolution with small kernels: separable in pixel space, any other through FFTs. Called by psf,
 * alard_lupton, decorrelate and score. SPDX-License-Identifier: PostgreSQL
 *
 * Convention: out(x) = sum_u K(u) in(x - u); a kernel is an odd square stamp whose middle pixel is
 * u = 0. Pixels outside the image count as 0. NaN is not allowed: one would spread over the whole
 * image.
 */
#ifndef IMAGE_CONVOLVE_H
#define IMAGE_CONVOLVE_H

#include <complex.h> /* before fftw3.h: its complex type is then C's own */
#include <fftw3.h>

/* 2 half + 1 taps along the rows, or along the columns. out must not be in. */
void convolve_rows(const float *in, int width, int height, const float *taps, int half, float *out);
void convolve_columns(const float *in, int width, int height, const float *taps, int half,
					  float *out);

/* Two small stamps of odd size: out has the size of a (the wings beyond it are lost). */
void convolve_stamp(const float *a, int size_a, const float *b, int size_b, float *out);

/* Many images of one size, kernels up to 2 * max_half + 1. */
struct convolver
{
	int width, height, padded_width, padded_height, max_half;
	float *real;
	fftwf_complex *spectrum, *kernel;
	fftwf_plan forward, inverse;
};

int convolver_init(struct convolver *c, int width, int height, int max_half); /* 0 or -1 */
void convolver_free(struct convolver *c);
/* size: odd, at most 2 * max_half + 1; larger ones are cut to that. */
void convolver_set_kernel(struct convolver *c, const float *kernel, int size);
void convolver_apply(struct convolver *c, const float *in, float *out); /* out may be in */

#endif
