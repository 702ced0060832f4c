/*
 * Mask and variance of a frame whose file has none. SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_PLANES_H
#define IMAGE_PLANES_H

#include <jansson.h>

#include "image/background.h"
#include "image/fits.h"
#include "image/image.h"

/* Make im->mask where it is missing, and set NO_DATA where sci is not finite. 0 or -1. */
int planes_mask_missing(struct image *im);

/* Where light falls: {"circle": [x, y, r]} or {"box": [x0, y0, x1, y1]} in 0-based px, "all" (no
 * search), or NULL or "auto": found in the pixels. What is outside becomes NO_DATA. bias must be
 * subtracted for the search. 0 or -1. */
int planes_mask_unlit(struct image *im, const json_t *lit_area, struct frame_notes *notes);

/* BAD: pixels so far below the sky that no noise explains them. Nothing in the sky is darker than
 * the sky. */
void planes_mask_dead(struct image *im, const struct background *bkg);

/* SAT: pixels at or above the level, what lies within `grow` px of them, and the ends of their
 * bleeding trails; SUSPECT: near the level. A level of NaN is looked for in the pixels. Returns the
 * level used, NaN where there is none. */
double planes_mask_saturated(struct image *im, double level, int grow);

/* Make mask and var of f where they are missing; instrument: a row of sky.instruments, or NULL. 0
 * or -1. */
int planes_build(struct frame *f, const json_t *instrument, struct frame_notes *notes);

#define PLANES_MESH            64
#define PLANES_FILTER          3
#define PLANES_SATURATION_GROW 2

#endif
