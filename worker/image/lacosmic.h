/* Cosmic rays by L.A.Cosmic (van Dokkum 2001, PASP 113, 1420). SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_LACOSMIC_H
#define IMAGE_LACOSMIC_H

#include "image/image.h"

struct lacosmic_params
{
	double sigclip;    /* 4.5: Laplacian S/N of a hit */
	double sigfrac;    /* 0.3: that of its neighbours, as a fraction */
	double objlim;     /* 5: contrast between Laplacian and fine structure */
	double read_noise; /* electron; used where noise is NULL */
	double saturation; /* electron: stars above keep their cores; infinity: none */
	int iterations;    /* 4 */
};
#define LACOSMIC_DEFAULTS                                                                          \
	{                                                                                              \
		.sigclip = 4.5, .sigfrac = 0.3, .objlim = 5, .read_noise = 6.5, .saturation = 65536,       \
		.iterations = 4                                                                            \
	}

/* Set MASK_CR in im->mask (which must exist). sci is in electron with the sky in it; variance
 * (electron^2) replaces sci + read_noise^2 where not NULL, as it must for sky-subtracted images.
 * sci is not changed. Returns the number of pixels, or -1. */
long lacosmic(struct image *im, const float *variance, const struct lacosmic_params *p);

#endif
