/* See blur.h. Separable, in two passes over filled planes. SPDX-License-Identifier: PostgreSQL */
#include "image/blur.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/fill.h"

#define REACH_SIGMAS 4.0
#define MAX_RADIUS   64

struct taps
{
	int radius;
	float w[2 * MAX_RADIUS + 1];
};

static struct taps
gaussian_taps(double sigma)
{
	struct taps t = {.radius = (int) ceil(REACH_SIGMAS * sigma)};
	double sum = 0;

	if (t.radius > MAX_RADIUS)
		t.radius = MAX_RADIUS;
	for (int i = -t.radius; i <= t.radius; i++)
		sum += exp(-i * i / (2 * sigma * sigma));
	for (int i = -t.radius; i <= t.radius; i++)
		t.w[i + t.radius] = (float) (exp(-i * i / (2 * sigma * sigma)) / sum);
	return t;
}

/* to[i] = sum_k w[k] from[i + (k - radius) * stride]. Whole planes at once: the loop over i is what
 * vectorises. */
static void
convolve(const float *restrict from, float *restrict to, size_t first, size_t last, size_t stride,
		 const struct taps *t)
{
	memset(to + first, 0, (last - first) * sizeof *to);
	for (int k = -t->radius; k <= t->radius; k++)
	{
		const float *shifted = from + (ptrdiff_t) k * (ptrdiff_t) stride;
		float w = t->w[k + t->radius];

		for (size_t i = first; i < last; i++)
			to[i] += w * shifted[i];
	}
}

/* The blurred signal over the blurred weight of its pixels: nothing is drawn in from beyond the
 * border. */
static void
blur_rows(const struct filled *f, const struct taps *t, float *plane, float *scratch)
{
	size_t first = (size_t) t->radius * f->stride + (size_t) t->radius;
	size_t last = f->stride * f->rows - first;
	/* The first pass must reach `radius` rows beyond what the second one reads. */
	size_t row_first = (size_t) t->radius, row_last = f->stride * f->rows - (size_t) t->radius;

	convolve(plane, scratch, row_first, row_last, 1, t);
	convolve(scratch, plane, first, last, f->stride, t);
}

static void
store(const struct filled *f, const float *weight, struct image *out)
{
	for (int y = 0; y < out->height; y++)
		for (int x = 0; x < out->width; x++)
		{
			size_t i = fill_index(f, x, y), at = (size_t) y * (size_t) out->width + (size_t) x;

			out->sci[at] = weight[i] > 0 ? f->sci[i] / weight[i] : 0;
		}
}

int
blur_gaussian(const struct image *in, double sigma, struct image *out)
{
	struct taps t = gaussian_taps(sigma);
	struct filled f = {0};
	float *weight = NULL, *scratch = NULL;
	int status = -1;

	*out = (struct image){0};
	if (image_copy(out, in) < 0)
		return -1;
	free(out->var);
	out->var = NULL;
	if (fill_image(in, MASK_EXCLUDED, t.radius, &f) == 0)
	{
		size_t n = f.stride * f.rows;

		weight = malloc(n * sizeof *weight);
		scratch = calloc(n, sizeof *scratch);
		if (weight == NULL || scratch == NULL)
			err_raise(ASTRID_E_NO_MEMORY, "no memory to blur %zu pixels", n);
		else
		{
			for (size_t i = 0; i < n; i++)
				weight[i] = f.lost[i] ? 0 : 1;
			blur_rows(&f, &t, f.sci, scratch);
			blur_rows(&f, &t, weight, scratch);
			store(&f, weight, out);
			status = 0;
		}
	}
	free(weight);
	free(scratch);
	fill_free(&f);
	if (status < 0)
		image_free(out);
	return status;
}
