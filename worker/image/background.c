/*
 * See background.h. Called by calibrate, align, difference and detect. The second pass leaves out
 * the sources of the first, which removes the bias around bright stars and galaxies.
 * SPDX-License-Identifier: PostgreSQL
 */
#include "image/background.h"

#include <math.h>
#include <sep.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

/* A source pixel: the mean of its 5 x 5 neighbourhood stands 4 sigma of a white mean above the sky.
 */
#define SMOOTH_RADIUS    2
#define SOURCE_SIGMA     4.0
#define GROW_RADIUS      3
#define MAX_SOURCE_SHARE 0.4 /* of the usable pixels; more, and the threshold is doubled */
#define MIN_GOOD_SHARE                                                                             \
	0.5                /* of a mesh's pixels: with less SEP gives the mesh up (BACK_MINGOODFRAC) */
#define MIN_MESHES 0.7 /* of the meshes must survive the masking of sources */

static int
raise_sep(int status)
{
	char text[61];

	sep_get_errmsg(status, text);
	return err_raise(ASTRID_E_INTERNAL, "sep: %s", text);
}

/* 1 where a pixel must not be used. */
static unsigned char *
unusable(const struct image *im)
{
	size_t n = image_size(im);
	unsigned char *bad = malloc(n);

	for (size_t i = 0; bad != NULL && i < n; i++)
		bad[i] = !isfinite(im->sci[i]) || (im->mask != NULL && (im->mask[i] & MASK_EXCLUDED));
	return bad;
}

static int
measure(const struct image *im, const unsigned char *bad, int mesh, int filter,
		struct background *bkg)
{
	sep_image si = {.data = im->sci,
					.mask = bad,
					.dtype = SEP_TFLOAT,
					.mdtype = SEP_TBYTE,
					.w = im->width,
					.h = im->height};
	sep_bkg *sb = NULL;
	int status = sep_background(&si, mesh, mesh, filter, filter, 0.0, &sb);

	if (status == 0)
		status = sep_bkg_array(sb, bkg->level, SEP_TFLOAT);
	if (status == 0)
		status = sep_bkg_rmsarray(sb, bkg->rms, SEP_TFLOAT);
	if (status == 0)
	{
		bkg->global_level = sep_bkg_global(sb);
		bkg->global_rms = sep_bkg_globalrms(sb);
	}
	sep_bkg_free(sb);
	return status == 0 ? 0 : raise_sep(status);
}

/* Sums over the box of +-r along one axis: n lines of `count` values, `step` apart. */
static void
box_sums(const float *in, float *out, int count, size_t step, int r)
{
	double sum = 0;

	for (int i = 0; i < r && i < count; i++)
		sum += in[(size_t) i * step];
	for (int i = 0; i < count; i++)
	{
		if (i + r < count)
			sum += in[(size_t) (i + r) * step];
		if (i - r > 0)
			sum -= in[(size_t) (i - r - 1) * step];
		out[(size_t) i * step] = (float) sum;
	}
}

static void
box_filter(float *v, float *work, int w, int h, int r)
{
	for (int y = 0; y < h; y++)
		box_sums(v + (size_t) y * (size_t) w, work + (size_t) y * (size_t) w, w, 1, r);
	for (int x = 0; x < w; x++)
		box_sums(work + x, v + x, h, (size_t) w, r);
}

/* Mark pixels under sources in `bad`; returns their share of those that were usable. */
static double
mark_sources(const struct image *im, const struct background *bkg, double sigma, float *work,
			 unsigned char *bad)
{
	size_t n = image_size(im), usable = 0, marked = 0;
	float *smooth = work, *scratch = work + n;
	const double box = (2 * SMOOTH_RADIUS + 1) * (2 * SMOOTH_RADIUS + 1);

	for (size_t i = 0; i < n; i++)
		smooth[i] = bad[i] ? 0 : im->sci[i] - bkg->level[i];
	box_filter(smooth, scratch, im->width, im->height, SMOOTH_RADIUS);
	for (size_t i = 0; i < n; i++)
		smooth[i] = smooth[i] > sigma * sqrt(box) * bkg->rms[i] ? 1 : 0;
	box_filter(smooth, scratch, im->width, im->height, GROW_RADIUS);
	for (size_t i = 0; i < n; i++)
	{
		usable += !bad[i];
		marked += !bad[i] && smooth[i] > 0.5f;
		bad[i] |= smooth[i] > 0.5f;
	}
	return usable > 0 ? (double) marked / (double) usable : 1;
}

/* Meshes of which SEP would use the pixels. */
static int
count_meshes(const unsigned char *bad, int w, int h, int mesh)
{
	int count = 0;

	for (int y0 = 0; y0 < h; y0 += mesh)
		for (int x0 = 0; x0 < w; x0 += mesh)
		{
			int x1 = x0 + mesh < w ? x0 + mesh : w, y1 = y0 + mesh < h ? y0 + mesh : h, good = 0;

			for (int y = y0; y < y1; y++)
				for (int x = x0; x < x1; x++)
					good += !bad[(size_t) y * (size_t) w + (size_t) x];
			count += good > MIN_GOOD_SHARE * (x1 - x0) * (y1 - y0);
		}
	return count;
}

static int
second_pass(const struct image *im, unsigned char *bad, int mesh, int filter,
			struct background *bkg)
{
	size_t n = image_size(im);
	float *work = malloc(2 * n * sizeof *work);
	unsigned char *sources = malloc(n);
	double sigma = SOURCE_SIGMA, wanted;
	bool kept = false;
	int status = -1;

	if (work == NULL || sources == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for the background");
	else
	{
		wanted = MIN_MESHES * count_meshes(bad, im->width, im->height, mesh);
		for (; !kept && sigma < 100 * SOURCE_SIGMA; sigma *= 2)
		{
			memcpy(sources, bad, n);
			kept = mark_sources(im, bkg, sigma, work, sources) <= MAX_SOURCE_SHARE &&
				   count_meshes(sources, im->width, im->height, mesh) >= wanted;
		}
		status = measure(im, kept ? sources : bad, mesh, filter, bkg);
	}
	free(work);
	free(sources);
	return status;
}

int
background_measure(const struct image *im, int mesh, int filter, struct background *bkg)
{
	size_t n = image_size(im);
	unsigned char *bad = unusable(im);
	int status = -1;

	*bkg =
		(struct background){.level = malloc(n * sizeof(float)), .rms = malloc(n * sizeof(float))};
	if (bad == NULL || bkg->level == NULL || bkg->rms == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for the background");
	else if (memchr(bad, 0, n) == NULL)
		err_raise(ASTRID_E_NO_PIXELS, "no usable pixel to measure the background on");
	else if (measure(im, bad, mesh, filter, bkg) == 0)
		status = second_pass(im, bad, mesh, filter, bkg);
	free(bad);
	if (status < 0)
		background_free(bkg);
	return status;
}

void
background_free(struct background *bkg)
{
	free(bkg->level);
	free(bkg->rms);
	memset(bkg, 0, sizeof *bkg);
}

int
variance_measure(struct image *im, const struct background *bkg, double gain)
{
	size_t n = image_size(im);

	if (im->var == NULL)
		im->var = malloc(n * sizeof *im->var);
	if (im->var == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for the variance plane");
	for (size_t i = 0; i < n; i++)
	{
		double rms = bkg->rms[i], above = im->sci[i] - bkg->level[i];

		im->var[i] = (float) (rms * rms + (gain > 0 && above > 0 ? above / gain : 0));
	}
	return 0;
}
