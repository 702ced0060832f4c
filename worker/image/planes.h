/*
 * Mask and variance of a frame whose file has none. SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_PLANES_H
#define IMAGE_PLANES_H

#include <jansson.h>

#include "image/fits.h"
#include "image/image.h"

/* Where light falls: {"circle": [x, y, r]} or {"box": [x0, y0, x1, y1]} in 0-based px, "all" (no
 * search), or NULL or "auto": found in the pixels. Pixels outside become NO_DATA, dead blobs inside
 * BAD. */
int planes_mask_lit_area(struct image *im, const json_t *lit_area, struct frame_notes *notes);

/* SAT: pixels at or above the level (NaN: the level is looked for in the pixels), grown by `grow`
 * px, and what they bled into along columns. Returns the level used, NaN where nothing is
 * saturated. */
double planes_mask_saturated(struct image *im, double level, int grow);

/* Make mask and var of f where they are missing; instrument: a row of sky.instruments, or NULL. 0
 * or -1. */
int planes_build(struct frame *f, const json_t *instrument, struct frame_notes *notes);

#endif
