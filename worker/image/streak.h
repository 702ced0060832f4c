/* Trails of satellites and meteors. SPDX-License-Identifier: PostgreSQL */
#ifndef IMAGE_STREAK_H
#define IMAGE_STREAK_H

#include "image/background.h"
#include "image/image.h"

/* Set MASK_STREAK along straight trails that cross at least min_share of the image's shorter side.
 * sci minus bkg->level is searched. Bright rows and columns become BAD. Returns the number of
 * trails, or -1. */
int streak_mask(struct image *im, const struct background *bkg, double min_share);

#endif
