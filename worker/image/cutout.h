/*
 * Stamps around positions: pixels, FITS and pictures; contact sheets of many. Called by the stages
 * detect and by `astrid contact-sheet`. SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_CUTOUT_H
#define IMAGE_CUTOUT_H

#include "image/image.h"
#include "image/png.h"

#define CUTOUT_SIZE 63 /* px, the usual side of a stamp */

/* Science, reference and difference around one position, on one grid. size x size, NaN outside the
 * frame. */
struct cutout
{
	int size;
	int x0, y0;    /* of the first pixel in the frame */
	float *sci[3]; /* NULL where there is no such frame */
	int32_t *mask[3];
};

enum cutout_plane
{
	CUTOUT_SCIENCE,
	CUTOUT_REFERENCE,
	CUTOUT_DIFFERENCE
};

/* frames: by cutout_plane, NULL entries allowed. (x, y) 0-based; size odd. 0 or -1. */
int cutout_take(const struct image *const frames[3], double x, double y, int size,
				struct cutout *c);
void cutout_free(struct cutout *c);

/* A FITS file with the extensions SCIENCE, REFERENCE, DIFFERENCE and their masks MASK_..., keywords
 * X0, Y0. */
int cutout_write_fits(const struct cutout *c, const char *uri);

/* How grey values follow from pixels: 0 at black, 1 at white; linear where soft is 0, else
 * asinh((v - black) / soft) scaled to 1 at white (Lupton et al. 2004 PASP 116 133). */
struct stretch
{
	double black, white, soft;
};

/* asinh from the lower zscale limit (Tody 1986, SPIE 627, 733: a line fitted to the sorted pixels)
 * to the brightest pixel, soft by a quarter of the zscale range. NaN pixels are left out. */
struct stretch stretch_zscale(const float *pixels, size_t n);
/* Linear and symmetric about zero: the largest of 5 robust sigma and half the largest |pixel|. */
struct stretch stretch_symmetric(const float *pixels, size_t n);
double stretch_apply(const struct stretch *s, double value); /* 0 .. 1; value must not be NaN */

/* The three stamps side by side, zoom x zoom dots per pixel, North as in the frame: y grows
 * upwards. Science and reference less their own median level by one stretch, the difference by a
 * symmetric one. NaN is blue, pixels with an excluding mask bit are tinted red. At (x, y) of the
 * picture. */
int cutout_width(const struct cutout *c, int zoom); /* dots of the three and the gaps between */
int cutout_draw(const struct cutout *c, struct picture *p, int x, int y, int zoom);
int cutout_write_png(const struct cutout *c, const char *uri, int zoom);

/* Rows of a contact sheet: a cutout with a caption and a frame of some colour. */
struct sheet_entry
{
	const struct cutout *cutout;
	const char *caption; /* short; letters are shown as capitals */
	uint8_t colour[3];   /* of the frame */
};

int contact_sheet_write(const struct sheet_entry *entries, size_t n, int columns, int zoom,
						const char *title, const char *uri);

#endif
