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

#endif
