/* Replace unusable pixels by their neighbours before a linear filter sees them.
 * SPDX-License-Identifier: PostgreSQL */
#ifndef IMAGE_FILL_H
#define IMAGE_FILL_H

#include "image/image.h"

/*
 * Working planes with a margin of `margin` pixels on every side, zero there: sci and var of the
 * input, pixels with a bit of `exclude` or a NaN replaced by the weighted mean of usable ones
 * nearby. `lost` is 1 in the margin and where no usable pixel lies within reach (the value there is
 * 0).
 */
struct filled
{
	int margin;
	size_t stride, rows;
	float *sci, *var; /* var: zero throughout where the input had none */
	unsigned char *lost;
};

int fill_image(const struct image *in, int32_t exclude, int margin, struct filled *out);
void fill_free(struct filled *f);

static inline size_t
fill_index(const struct filled *f, int x, int y)
{
	return (size_t) (y + f->margin) * f->stride + (size_t) (x + f->margin);
}

#endif
