/*
 * See lacosmic.h. Called by calibrate. The order of steps, and medians taken along rows and then
 * columns, follow astroscrappy (McCully et al. 2018), the code that astronomers compare with.
 * Units: electron; no NaN enters: masked pixels are filled with the median level and are never
 * candidates. SPDX-License-Identifier: PostgreSQL
 */
#include "image/lacosmic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/median.h"
#include "image/stats.h"

#define MIN_VARIANCE 1e-5f
#define MIN_FINE     0.01f /* of the fine structure image, which divides */
#define CLEAN_RADIUS 2

struct work
{
	int w, h;
	size_t n;
	float *clean, *var;              /* cleaned from one iteration to the next */
	float *laplacian, *noise, *fine; /* S', noise, F */
	float *a, *b;                    /* scratch */
	unsigned char *masked, *hits, *found, *scratch;
	float level; /* where a hit has no good neighbour */
};

static int
work_alloc(struct work *k, int w, int h)
{
	size_t n = (size_t) w * (size_t) h;
	float *planes = malloc(7 * n * sizeof *planes);
	unsigned char *bytes = calloc(4, n);

	if (planes == NULL || bytes == NULL)
	{
		free(planes);
		free(bytes);
		err_raise(ASTRID_E_NO_MEMORY, "no memory to look for cosmic rays");
		return -1;
	}
	*k = (struct work){w,
					   h,
					   n,
					   planes,
					   planes + n,
					   planes + 2 * n,
					   planes + 3 * n,
					   planes + 4 * n,
					   planes + 5 * n,
					   planes + 6 * n,
					   bytes,
					   bytes + n,
					   bytes + 2 * n,
					   bytes + 3 * n,
					   0};
	return 0;
}

static void
work_free(struct work *k)
{
	free(k->clean);
	free(k->masked);
}

/* out = in dilated by the 3 x 3 square, or (round) the 5 x 5 one without its corners. */
static void
dilate(const unsigned char *in, unsigned char *out, int w, int h, bool round)
{
	const int r = round ? 2 : 1;

	memset(out, 0, (size_t) w * (size_t) h);
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
		{
			if (!in[(size_t) y * (size_t) w + (size_t) x])
				continue;
			for (int j = y - r; j <= y + r; j++)
				for (int i = x - r; i <= x + r; i++)
					if (i >= 0 && i < w && j >= 0 && j < h &&
						!(round && abs(i - x) + abs(j - y) == 4))
						out[(size_t) j * (size_t) w + (size_t) i] = 1;
		}
}

static void
median(const struct work *k, const float *in, float *out, int size)
{
	/* `out` may be k->a or k->b, the other one serves as scratch */
	median_separable(in, out, out == k->b ? k->a : k->b, k->w, k->h, size);
}

/*
 * L+ (van Dokkum 2001, eq. 5 to 9): the image subsampled 2 x 2, the Laplacian of each quarter with
 * negative values clipped, averaged back. A quarter's Laplacian is 4 c - 2 c - (its two outer
 * neighbours); beyond the edge lies 0.
 */
static void
laplacian_plus(const float *im, float *out, int w, int h)
{
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
		{
			const float *p = im + (size_t) y * (size_t) w + (size_t) x;
			float west = x > 0 ? p[-1] : 0, east = x < w - 1 ? p[1] : 0;
			float south = y > 0 ? p[-w] : 0, north = y < h - 1 ? p[w] : 0;
			float c = 2 * *p, sum = 0;

			sum += fmaxf(c - west - south, 0);
			sum += fmaxf(c - east - south, 0);
			sum += fmaxf(c - west - north, 0);
			sum += fmaxf(c - east - north, 0);
			out[(size_t) y * (size_t) w + (size_t) x] = sum / 4;
		}
}

/* S' = S - med(S) with S = L+ / (2 noise) (eq. 11 to 13), and F = fine structure / noise (eq. 14).
 */
static void
significance(struct work *k)
{
	median(k, k->var, k->noise, 7);
	for (size_t i = 0; i < k->n; i++)
		k->noise[i] = sqrtf(fmaxf(k->noise[i], MIN_VARIANCE));
	laplacian_plus(k->clean, k->laplacian, k->w, k->h);
	for (size_t i = 0; i < k->n; i++)
		k->laplacian[i] /= 2 * k->noise[i];
	median(k, k->laplacian, k->a, 7);
	for (size_t i = 0; i < k->n; i++)
		k->laplacian[i] -= k->a[i];
	median(k, k->clean, k->fine, 5);
	median(k, k->fine, k->a, 9);
	for (size_t i = 0; i < k->n; i++)
		k->fine[i] = fmaxf((k->fine[i] - k->a[i]) / k->noise[i], MIN_FINE);
}

/* Grow the hits into neighbours whose S' is above the limit. */
static void
grow(struct work *k, float limit)
{
	dilate(k->hits, k->scratch, k->w, k->h, false);
	for (size_t i = 0; i < k->n; i++)
		k->hits[i] = k->scratch[i] && !k->masked[i] && k->laplacian[i] > limit;
}

/* Replace a hit by the mean of the good pixels of the 5 x 5 around it, in the data and in the
 * variance. */
static void
clean_pixel(struct work *k, int x, int y)
{
	double sum = 0, sum_var = 0;
	size_t at = (size_t) y * (size_t) k->w + (size_t) x;
	int good = 0;

	for (int j = y - CLEAN_RADIUS; j <= y + CLEAN_RADIUS; j++)
		for (int i = x - CLEAN_RADIUS; i <= x + CLEAN_RADIUS; i++)
		{
			size_t p = (size_t) j * (size_t) k->w + (size_t) i;

			if (k->found[p] || k->masked[p])
				continue;
			sum += k->clean[p];
			sum_var += k->var[p];
			good++;
		}
	/* nothing that is read here is ever written here: hits are in `found` */
	k->clean[at] = good > 0 ? (float) (sum / good) : k->level;
	k->var[at] = good > 0 ? (float) (sum_var / good) : k->level;
}

/* One iteration; returns the number of hits in the image as cleaned so far. */
static long
iterate(struct work *k, const struct lacosmic_params *p)
{
	const float limit = (float) p->sigclip, objlim = (float) p->objlim;
	long n = 0;

	significance(k);
	for (size_t i = 0; i < k->n; i++)
		k->hits[i] =
			!k->masked[i] && k->laplacian[i] > limit && k->laplacian[i] / k->fine[i] > objlim;
	grow(k, limit);
	grow(k, limit * (float) p->sigfrac);
	for (size_t i = 0; i < k->n; i++)
	{
		n += k->hits[i];
		k->found[i] |= k->hits[i];
	}
	for (int y = CLEAN_RADIUS; n > 0 && y < k->h - CLEAN_RADIUS; y++)
		for (int x = CLEAN_RADIUS; x < k->w - CLEAN_RADIUS; x++)
			if (k->found[(size_t) y * (size_t) k->w + (size_t) x])
				clean_pixel(k, x, y);
	return n;
}

/* Masked and near it; and saturated stars: pixels at the level whose surroundings are bright too,
 * grown twice. A single hit may reach the level and has no such surroundings. */
static void
mask_pixels(struct work *k, const struct image *im, double saturation)
{
	for (size_t i = 0; i < k->n; i++)
		k->scratch[i] = (im->mask[i] & MASK_EXCLUDED & ~MASK_CR) != 0;
	dilate(k->scratch, k->masked, k->w, k->h, false);
	if (!isfinite(saturation))
		return;
	median(k, k->clean, k->a, 7);
	for (size_t i = 0; i < k->n; i++)
		k->hits[i] = k->clean[i] >= saturation && k->a[i] > saturation / 10;
	dilate(k->hits, k->scratch, k->w, k->h, true);
	dilate(k->scratch, k->hits, k->w, k->h, true);
	for (size_t i = 0; i < k->n; i++)
		k->masked[i] |= k->hits[i];
}

static int
begin(struct work *k, const struct image *im, const float *variance,
	  const struct lacosmic_params *p)
{
	const float rn2 = (float) (p->read_noise * p->read_noise);
	size_t good = 0;

	if (work_alloc(k, im->width, im->height) < 0)
		return -1;
	for (size_t i = 0; i < k->n; i++)
		if (!(im->mask[i] & MASK_NO_DATA) && isfinite(im->sci[i]))
			k->a[good++] = im->sci[i];
	k->level = good > 0 ? stats_median_f(k->a, good) : 0;
	for (size_t i = 0; i < k->n; i++)
	{
		bool usable = !(im->mask[i] & MASK_NO_DATA) && isfinite(im->sci[i]);

		k->clean[i] = usable ? im->sci[i] : k->level;
		k->var[i] = variance != NULL && isfinite(variance[i]) ? variance[i] : k->clean[i] + rn2;
	}
	mask_pixels(k, im, p->saturation);
	return 0;
}

long
lacosmic(struct image *im, const float *variance, const struct lacosmic_params *p)
{
	struct work k = {0};
	long total = 0;

	if (begin(&k, im, variance, p) < 0)
		return -1;
	for (int i = 0; i < p->iterations && iterate(&k, p) > 0; i++)
		;
	for (size_t i = 0; i < k.n; i++)
		if (k.found[i])
		{
			im->mask[i] |= MASK_CR;
			total++;
		}
	work_free(&k);
	return total;
}
