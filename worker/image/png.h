/* Grey and colour pictures as PNG files, through libpng. SPDX-License-Identifier: PostgreSQL */
#ifndef IMAGE_PNG_H
#define IMAGE_PNG_H

#include <stddef.h>
#include <stdint.h>

struct picture
{
	int width, height;
	uint8_t *rgb; /* 3 bytes per pixel, top row first */
};

int picture_alloc(struct picture *p, int width, int height, const uint8_t colour[3]);
void picture_free(struct picture *p);

/* A rectangle, clipped to the picture. */
void picture_fill(struct picture *p, int x, int y, int width, int height, const uint8_t colour[3]);
/* Letters (capitals), digits and . - + : / in a 3 x 5 font, each dot scale x scale pixels; returns
 * the width. */
int picture_text(struct picture *p, int x, int y, int scale, const uint8_t colour[3],
				 const char *text);

/* Write below the allowed roots (core/files.h). 0 or -1. */
int picture_write(const struct picture *p, const char *uri);

#endif
