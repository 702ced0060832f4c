/*
 * See combine.h. Called by master.c. The mean is clipped about the median, whose breakdown point is
 * half of the frames: with a cosmic ray in one of five, mean and standard deviation would keep it.
 * SPDX-License-Identifier: PostgreSQL
 */
#include "image/combine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/stats.h"

#define MEDIAN_VARIANCE 1.5707963267948966 /* pi / 2: variance of a median over that of a mean */
#define SMALL_MAD                                                                                  \
	7 /* of fewer values the MAD is too rough: the noise model of all pixels helps                 \
	   */
#define SMOOTH_RADIUS 7
#define MAX_VARIANCE  10.0 /* of a pixel over the typical one, before smoothing */
#define GAIN_BOX      50

/* ---- one pixel ---- */

struct pixel
{
	double value, variance; /* of a single frame; NaN for fewer than two values */
	size_t n;
};

static void
sort_few(double *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && v[k] < v[k - 1]; k--)
		{
			double swap = v[k];

			v[k] = v[k - 1];
			v[k - 1] = swap;
		}
}

static double
middle(const double *sorted, size_t n)
{
	return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Clip the sorted values about their median; typical: the scatter of most pixels, which bounds that
 * of this one from below, since few values may agree by chance. */
static size_t
clip_sorted(double **v, size_t n, double kappa, int iterations, double typical)
{
	double d[256];

	for (int i = 0; i < iterations && n > 2; i++)
	{
		double m = middle(*v, n), sigma;
		size_t before = n, count = n < 256 ? n : 256;

		for (size_t k = 0; k < count; k++)
			d[k] = (*v)[k * n / count];
		sigma = fmax(stats_mad(d, count, m), typical);
		while (n > 1 && m - **v > kappa * sigma)
			++*v, n--;
		while (n > 1 && (*v)[n - 1] - m > kappa * sigma)
			n--;
		if (n == before)
			break;
	}
	return n;
}

static struct pixel
combine_pixel(double *v, size_t n, const struct combine_params *p, double typical)
{
	struct pixel out = {.value = NAN, .variance = NAN, .n = n};
	double sum = 0, sum2 = 0, mean;
	size_t all = n;

	if (n == 0)
		return out;
	sort_few(v, n);
	out.value = middle(v, n);
	out.n = n = clip_sorted(&v, n, p->kappa, p->iterations, typical);
	for (size_t i = 0; i < n; i++)
		sum += v[i];
	mean = sum / (double) n;
	for (size_t i = 0; i < n; i++)
		sum2 += (v[i] - mean) * (v[i] - mean);
	if (n > 1)
		out.variance = sum2 / (double) (n - 1);
	if (all >= (size_t) p->min_mean)
		out.value = mean;
	return out;
}

/* ---- all pixels ---- */

static size_t
gather(const struct image *const *im, const double *scale, size_t n, size_t at, double *v)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (isfinite(im[i]->sci[at]) && (im[i]->mask == NULL || !(im[i]->mask[at] & MASK_EXCLUDED)))
			v[k++] = scale[i] * im[i]->sci[at];
	return k;
}

/* Scatter between frames in most pixels: median over a sample of pixels of their standard
 * deviation. */
static double
typical_scatter(const struct image *const *im, const double *scale, size_t n, double *v)
{
	static const struct combine_params no_clipping = {
		.kappa = INFINITY, .iterations = 0, .min_mean = 1};
	size_t total = image_size(im[0]), step = total / 10000 + 1, count = 0;
	double *s = malloc((total / step + 1) * sizeof *s), median;

	for (size_t at = 0; s != NULL && at < total; at += step)
	{
		struct pixel p = combine_pixel(v, gather(im, scale, n, at, v), &no_clipping, 0);

		if (isfinite(p.variance))
			s[count++] = p.variance;
	}
	median = s != NULL ? stats_median(s, count) : NAN;
	free(s);
	return isfinite(median) ? sqrt(median) : 0;
}

/* Scatter of few values is itself uncertain by 1 / sqrt(2 (n - 1)): average it over a box, outliers
 * capped. */
static int
smooth_variance(struct image *out, double typical)
{
	const int w = out->width, h = out->height, r = SMOOTH_RADIUS;
	const float cap = (float) (MAX_VARIANCE * typical);
	double *sums = calloc((size_t) (w + 1) * (size_t) (h + 1), sizeof *sums);

	if (sums == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory to combine frames");
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
		{
			float v = out->var[(size_t) y * (size_t) w + (size_t) x];
			size_t at = (size_t) (y + 1) * (size_t) (w + 1) + (size_t) (x + 1);

			v = isfinite(v) ? fminf(v, cap) : (float) typical;
			sums[at] =
				v + sums[at - 1] + sums[at - (size_t) (w + 1)] - sums[at - (size_t) (w + 1) - 1];
		}
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
		{
			int x0 = x - r < 0 ? 0 : x - r, x1 = x + r >= w ? w : x + r + 1;
			int y0 = y - r < 0 ? 0 : y - r, y1 = y + r >= h ? h : y + r + 1;
			double sum = sums[(size_t) y1 * (size_t) (w + 1) + (size_t) x1] -
						 sums[(size_t) y0 * (size_t) (w + 1) + (size_t) x1] -
						 sums[(size_t) y1 * (size_t) (w + 1) + (size_t) x0] +
						 sums[(size_t) y0 * (size_t) (w + 1) + (size_t) x0];

			out->var[(size_t) y * (size_t) w + (size_t) x] =
				(float) fmax(sum / ((x1 - x0) * (y1 - y0)), 0);
		}
	free(sums);
	return 0;
}

int
combine_images(const struct image *const *im, const double *scale, size_t n,
			   const struct combine_params *p, struct image *out)
{
	double *v = malloc(n * sizeof *v), typical;

	if (v == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory to combine %zu frames", n);
	if (image_alloc(out, im[0]->width, im[0]->height, true) < 0)
	{
		free(v);
		return -1;
	}
	typical = n > 1 ? typical_scatter(im, scale, n, v) : 0;
	for (size_t at = 0; at < image_size(out); at++)
	{
		struct pixel q =
			combine_pixel(v, gather(im, scale, n, at, v), p, n < SMALL_MAD ? typical : 0);
		double factor = n < (size_t) p->min_mean && q.n > 2 ? MEDIAN_VARIANCE : 1;

		out->sci[at] = q.n > 0 ? (float) q.value : 0;
		out->var[at] = (float) (q.variance * factor / (double) (q.n > 0 ? q.n : 1));
		if (q.n == 0)
			out->mask[at] |= MASK_NO_DATA;
	}
	free(v);
	if (n > 1)
		return smooth_variance(out, typical * typical / (double) n);
	memset(out->var, 0, image_size(out) * sizeof *out->var);
	return 0;
}

/* ---- gain ---- */

struct box_stats
{
	double mean, variance; /* of the sum, of the difference */
};

/* Clipped mean of (a + ratio b) and variance of (a - ratio b) in one box. */
static struct box_stats
pair_stats(const struct image *a, const struct image *b, double ratio, int x0, int y0, double *v)
{
	struct box_stats s;
	struct clipped c;
	size_t n = 0;
	double sum = 0;

	for (int y = y0; y < y0 + GAIN_BOX; y++)
		for (int x = x0; x < x0 + GAIN_BOX; x++)
		{
			size_t at = (size_t) y * (size_t) a->width + (size_t) x;

			if (!isfinite(a->sci[at]) || !isfinite(b->sci[at]))
				continue;
			sum += a->sci[at] + ratio * b->sci[at];
			v[n++] = a->sci[at] - ratio * b->sci[at];
		}
	c = stats_clip(v, n, 4, 5);
	s.mean = n > 0 ? sum / (double) n : NAN;
	s.variance = c.std * c.std;
	return s;
}

static double
mean_of(const struct image *im)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < image_size(im); i++)
		if (isfinite(im->sci[i]))
			sum += im->sci[i], n++;
	return sum / (double) n;
}

void
gain_from_pairs(const struct image *flat1, const struct image *flat2, const struct image *bias1,
				const struct image *bias2, double *gain, double *read_noise)
{
	size_t boxes = (size_t) (flat1->width / GAIN_BOX) * (size_t) (flat1->height / GAIN_BOX), n = 0;
	double *g = malloc((boxes + 1) * sizeof *g), *r = malloc((boxes + 1) * sizeof *r);
	double v[GAIN_BOX * GAIN_BOX];
	double bias = (mean_of(bias1) + mean_of(bias2)) / 2;
	/* flats of different level: bring the second one to the first, else the flat's structure stays
	 * in the difference */
	double ratio = (mean_of(flat1) - bias) / (mean_of(flat2) - bias);

	for (int y = 0; g != NULL && r != NULL && y + GAIN_BOX <= flat1->height; y += GAIN_BOX)
		for (int x = 0; x + GAIN_BOX <= flat1->width; x += GAIN_BOX)
		{
			struct box_stats b = pair_stats(bias1, bias2, 1, x, y, v);
			struct box_stats f = pair_stats(flat1, flat2, ratio, x, y, v);
			/* variance of F1 - r F2: shot noise of F1 + r^2 that of F2, r = F1 / F2 on average */
			double signal = (f.mean - (1 + ratio) * b.mean / 2) * (1 + ratio) / 2;
			double noise = f.variance - b.variance * (1 + ratio * ratio) / 2;

			if (signal > 100 && noise > 0)
			{
				g[n] = signal / noise;
				r[n] = g[n] * sqrt(b.variance / 2);
				n++;
			}
		}
	*gain = g != NULL ? stats_median(g, n) : NAN;
	*read_noise = r != NULL ? stats_median(r, n) : NAN;
	free(g);
	free(r);
}
