/*
 * Positions on the sky or on the pixels, from a table: what stages force and inject are told where
 * to work. SPDX-License-Identifier: PostgreSQL
 */
#ifndef STAGES_POSITIONS_H
#define STAGES_POSITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include "image/image.h"
#include "image/psf.h"

struct positions
{
	size_t n;
	double *x, *y;    /* 0-based px; NaN where the sky position has none */
	double *ra, *dec; /* degrees; NaN without a WCS */
	double *flux;     /* in the image's unit; NULL unless asked for */
};

/* The columns x, y, or ra, dec where those are missing (then f needs a WCS); and flux. 0 or -1. */
int positions_read(const char *uri, const struct frame *f, bool need_flux, struct positions *p);
void positions_free(struct positions *p);

/* The PSF that came with the frame, or one measured on its stars; where it is measured, *level
 * holds the sky to be subtracted per pixel (caller frees), else NULL: a frame with a PSF is a
 * difference image. 0 or -1. */
int positions_psf(const struct frame *f, struct psf *psf, float **level);

#endif
