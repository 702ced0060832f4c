/* See stack.h. SPDX-License-Identifier: PostgreSQL */
#include "image/stack.h"

#include <math.h>
#include <stdlib.h>

#include "core/err.h"
#include "image/stats.h"

static bool
usable(const struct image *im, size_t i)
{
	return (im->mask[i] & MASK_EXCLUDED) == 0 && isfinite(im->sci[i]) && im->var[i] >= 0;
}

/* What the pixel should be near: the median, of two the lower one; 0 where there is none. */
static float
typical(const struct stack_layer *layers, size_t n, size_t i, float *values)
{
	size_t m = 0;

	for (size_t k = 0; k < n; k++)
		if (usable(&layers[k].im, i))
			values[m++] = layers[k].im.sci[i];
	if (m == 2)
		return fminf(values[0], values[1]);
	return m > 0 ? stats_median_f(values, m) : 0;
}

static float
largest_near(const float *plane, int width, int height, int x, int y)
{
	float largest = 0;

	for (int j = y > 0 ? y - 1 : 0; j <= y + 1 && j < height; j++)
		for (int i = x > 0 ? x - 1 : 0; i <= x + 1 && i < width; i++)
			largest = fmaxf(largest, fabsf(plane[(size_t) j * (size_t) width + (size_t) i]));
	return largest;
}

struct sums
{
	double w, wv, w2var;
	int32_t bits, all_bits;
	size_t n_used, n_saturated, n_covering;
};

static void
add_pixel(struct sums *s, const struct stack_layer *layer, size_t i)
{
	s->w += layer->weight;
	s->wv += layer->weight * layer->im.sci[i];
	s->w2var += layer->weight * layer->weight * layer->im.var[i];
	s->bits |= layer->im.mask[i];
	s->n_used++;
}

static void
store(const struct sums *s, struct image *out, size_t i)
{
	if (s->n_used == 0)
	{
		out->sci[i] = NAN;
		out->var[i] = 0;
		out->mask[i] = s->all_bits | MASK_NO_DATA;
		return;
	}
	out->sci[i] = (float) (s->wv / s->w);
	out->var[i] = (float) (s->w2var / (s->w * s->w));
	out->mask[i] = s->bits | (2 * s->n_saturated > s->n_covering ? MASK_SAT : 0);
}

/* Returns how many layers were rejected at this pixel. */
static size_t
combine_pixel(const struct stack_layer *layers, size_t n, double kappa, double m, double structure,
			  struct image *out, size_t i)
{
	struct sums s = {0};
	size_t rejected = 0;

	for (size_t k = 0; k < n; k++)
	{
		const struct image *im = &layers[k].im;

		s.all_bits |= im->mask[i];
		s.n_covering += (im->mask[i] & MASK_NO_DATA) == 0;
		s.n_saturated += (im->mask[i] & MASK_SAT) != 0;
		if (!usable(im, i))
			continue;
		if (n > 1 && fabs(im->sci[i] - m) > kappa * sqrt(im->var[i]) + structure)
			rejected++;
		else
			add_pixel(&s, &layers[k], i);
	}
	store(&s, out, i);
	return rejected;
}

int
stack_mean(const struct stack_layer *layers, size_t n, double kappa, struct image *out,
		   size_t *n_rejected)
{
	float *values = malloc((n + 1) * sizeof *values);
	float *middle = malloc(image_size(out) * sizeof *middle);

	*n_rejected = 0;
	if (values == NULL || middle == NULL)
	{
		free(values);
		free(middle);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory to stack %zu images", n);
	}
	for (size_t i = 0; i < image_size(out); i++)
		middle[i] = typical(layers, n, i, values);
	for (int y = 0; y < out->height; y++)
		for (int x = 0; x < out->width; x++)
		{
			size_t i = (size_t) y * (size_t) out->width + (size_t) x;

			*n_rejected +=
				combine_pixel(layers, n, kappa, middle[i],
							  largest_near(middle, out->width, out->height, x, y), out, i);
		}
	free(values);
	free(middle);
	return 0;
}
