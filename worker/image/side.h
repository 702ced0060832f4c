/*
 * One of the two images of a subtraction, made ready: background off, holes filled, sources and PSF
 * measured. Called by subtract.c and the stage detect. SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_SIDE_H
#define IMAGE_SIDE_H

#include "image/background.h"
#include "image/image.h"
#include "image/psf.h"
#include "image/source.h"

struct side
{
	struct image im; /* background-subtracted copy with mask and variance; excluded pixels hold 0,
						saturated ones what was read */
	struct source_list sources;
	struct psf psf;
	double sky_var; /* median variance of the used pixels */
	double rms;     /* of the background */
};

/* name: for messages ("science"). f needs mask and variance. 0 or -1. */
int side_make(const struct frame *f, const char *name, struct side *out);
void side_free(struct side *s);

/* Excluded pixels take the value of the other image there, times scale, unless that is excluded,
 * too. The variance of what is made up is that of half its value. */
void side_fill(struct side *s, const struct side *other, double scale);

#endif
