/* Gaussian blur, to bring a sharper frame to the seeing of another. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef IMAGE_BLUR_H
#define IMAGE_BLUR_H

#include "image/image.h"

/* out (allocated here) = in convolved with a Gaussian of sigma px; excluded pixels are replaced by
 * neighbours first. The mask is the input's; no variance: neighbours are no longer independent. 0
 * or -1. */
int blur_gaussian(const struct image *in, double sigma, struct image *out);

#endif
