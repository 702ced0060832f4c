/* The sources of a frame that are fit to be matched. Of register.c. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef IMAGE_STAR_LIST_H
#define IMAGE_STAR_LIST_H

#include "image/match.h"
#include "image/source.h"

struct star_list
{
	struct point *p; /* brightest first */
	size_t *source;  /* index into the source list */
	size_t n;
};

/* Unsaturated, unmasked, no blend where there are enough others, not sharper than stars are, spread
 * over the image. */
int star_list_make(const struct source_list *sources, int width, int height, struct star_list *out);
void star_list_free(struct star_list *list);

/* One-axis centroid error in px: King 1983 PASP 95 163, sky-limited, with a floor for what the
 * pixels do to it. */
double star_centroid_error(const struct source *s);

#endif
