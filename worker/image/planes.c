/* See planes.h. Called by frame_read() for stages that need planes, and piece by piece by
 * calibrate, which applies each test where it makes sense: saturation on raw pixels, light after
 * the bias. SPDX-License-Identifier: PostgreSQL */
#include "image/planes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define DEAD_SIGMA        8.0f
#define SUSPECT_SHARE     0.85  /* of the saturation level */
#define PLATEAU_PIXELS    4     /* equal to the maximum: the converter's end, not a star's peak */
#define PLATEAU_MAX_SHARE 0.02  /* of all pixels; more, and the image is merely constant */
#define PLATEAU_SHARE     0.995 /* of the plateau: noise of the converter's last steps */
#define BLEED_RUN         6 /* px of saturated column: charge runs further than the level shows */
#define BLEED_EXTENSION   4

int
planes_mask_missing(struct image *im)
{
	if (im->mask == NULL)
		im->mask = calloc(image_size(im), sizeof *im->mask);
	if (im->mask == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for the mask");
	for (size_t i = 0; i < image_size(im); i++)
		if (!isfinite(im->sci[i]))
			im->mask[i] |= MASK_NO_DATA;
	return 0;
}

void
planes_mask_dead(struct image *im, const struct background *bkg)
{
	for (size_t i = 0; i < image_size(im); i++)
		if (!(im->mask[i] & MASK_EXCLUDED) &&
			im->sci[i] - bkg->level[i] < -DEAD_SIGMA * bkg->rms[i])
			im->mask[i] |= MASK_BAD;
}

/* ---- saturation ---- */

static double
plateau(const struct image *im)
{
	float top = -INFINITY;
	size_t n = 0, good = 0;

	for (size_t i = 0; i < image_size(im); i++)
		if (isfinite(im->sci[i]))
		{
			top = im->sci[i] > top ? im->sci[i] : top;
			good++;
		}
	for (size_t i = 0; i < image_size(im); i++)
		n += im->sci[i] == top;
	return n >= PLATEAU_PIXELS && (double) n < PLATEAU_MAX_SHARE * (double) good && top > 0
			   ? PLATEAU_SHARE * top
			   : NAN;
}

static void
set_disc(struct image *im, int x, int y, int r, int32_t bit)
{
	for (int j = y - r; j <= y + r; j++)
		for (int i = x - r; i <= x + r; i++)
			if (i >= 0 && i < im->width && j >= 0 && j < im->height &&
				(i - x) * (i - x) + (j - y) * (j - y) <= r * r + r)
				im->mask[(size_t) j * (size_t) im->width + (size_t) i] |= bit;
}

/* Mark the pixels past both ends of each long saturated run of a column. */
static void
extend_trails(struct image *im, int x, double level)
{
	const size_t w = (size_t) im->width;
	int begin = 0;

	for (int y = 0; y <= im->height; y++)
	{
		if (y < im->height && im->sci[(size_t) y * w + (size_t) x] >= level)
			continue;
		for (int k = 1; y - begin >= BLEED_RUN && k <= BLEED_EXTENSION; k++)
		{
			if (begin - k >= 0)
				im->mask[(size_t) (begin - k) * w + (size_t) x] |= MASK_SAT;
			if (y - 1 + k < im->height)
				im->mask[(size_t) (y - 1 + k) * w + (size_t) x] |= MASK_SAT;
		}
		begin = y + 1;
	}
}

double
planes_mask_saturated(struct image *im, double level, int grow)
{
	if (!isfinite(level))
		level = plateau(im);
	if (!isfinite(level))
		return NAN;
	for (int y = 0; y < im->height; y++)
		for (int x = 0; x < im->width; x++)
		{
			size_t at = (size_t) y * (size_t) im->width + (size_t) x;

			if (im->sci[at] >= level)
				set_disc(im, x, y, grow, MASK_SAT);
			else if (im->sci[at] >= SUSPECT_SHARE * level)
				im->mask[at] |= MASK_SUSPECT;
		}
	for (int x = 0; x < im->width; x++)
		extend_trails(im, x, level);
	return level;
}

/* ---- all of it ---- */

static int
measure(struct frame *f, bool mask_dead)
{
	struct background bkg;
	int status = 0;

	if (background_measure(&f->im, PLANES_MESH, PLANES_FILTER, &bkg) < 0)
		return -1;
	if (mask_dead)
		planes_mask_dead(&f->im, &bkg);
	if (f->im.var == NULL)
		status = variance_measure(&f->im, &bkg, f->meta.gain);
	background_free(&bkg);
	return status;
}

int
planes_build(struct frame *f, const json_t *instrument, struct frame_notes *notes)
{
	bool had_mask = f->im.mask != NULL;

	if (planes_mask_missing(&f->im) < 0)
		return -1;
	if (!had_mask)
	{
		double level = planes_mask_saturated(&f->im, f->meta.saturation, PLANES_SATURATION_GROW);

		f->meta.saturation = isfinite(f->meta.saturation) ? f->meta.saturation : level;
		if (planes_mask_unlit(&f->im, json_object_get(instrument, "lit_area"), notes) < 0)
			return -1;
	}
	return had_mask && f->im.var != NULL ? 0 : measure(f, !had_mask);
}
