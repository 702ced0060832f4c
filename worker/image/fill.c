/*
 * See fill.h. Holes are closed from their rim inwards, ring by ring, each new value the mean of
 * what its 5 x 5 neighbourhood holds, near pixels weighing more. SPDX-License-Identifier:
 * PostgreSQL
 */
#include "image/fill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define REACH 2  /* px, half width of the neighbourhood */
#define RINGS 12 /* of holes that are closed; deeper inside no neighbour tells anything */

struct hole_list
{
	size_t *index;
	size_t n;
};

static const float weights[2 * REACH + 1][2 * REACH + 1] = {{0.02f, 0.08f, 0.14f, 0.08f, 0.02f},
															{0.08f, 0.37f, 0.61f, 0.37f, 0.08f},
															{0.14f, 0.61f, 1.00f, 0.61f, 0.14f},
															{0.08f, 0.37f, 0.61f, 0.37f, 0.08f},
															{0.02f, 0.08f, 0.14f, 0.08f, 0.02f}};

void
fill_free(struct filled *f)
{
	free(f->sci);
	free(f->var);
	free(f->lost);
	f->sci = f->var = NULL;
	f->lost = NULL;
}

static int
alloc_planes(const struct image *in, int margin, struct filled *f)
{
	size_t n;

	f->margin = margin;
	f->stride = (size_t) in->width + 2 * (size_t) margin;
	f->rows = (size_t) in->height + 2 * (size_t) margin;
	n = f->stride * f->rows;
	f->sci = calloc(n, sizeof *f->sci);
	f->var = calloc(n, sizeof *f->var);
	f->lost = malloc(n);
	if (f->sci != NULL && f->var != NULL && f->lost != NULL)
	{
		memset(f->lost, 1, n);
		return 0;
	}
	fill_free(f);
	return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu pixels", n);
}

static bool
usable(const struct image *in, size_t i, int32_t exclude)
{
	return isfinite(in->sci[i]) && (in->mask == NULL || (in->mask[i] & exclude) == 0) &&
		   (in->var == NULL || isfinite(in->var[i]));
}

/* Copy what is usable; the rest stays lost, and is counted. */
static size_t
copy_usable(const struct image *in, int32_t exclude, struct filled *f)
{
	size_t n_holes = 0;

	for (int y = 0; y < in->height; y++)
	{
		size_t to = fill_index(f, 0, y), from = (size_t) y * (size_t) in->width;

		for (int x = 0; x < in->width; x++, to++, from++)
		{
			if (!usable(in, from, exclude))
			{
				n_holes++;
				continue;
			}
			f->sci[to] = in->sci[from];
			f->var[to] = in->var != NULL ? in->var[from] : 0;
			f->lost[to] = 0;
		}
	}
	return n_holes;
}

static void
list_holes(const struct image *in, const struct filled *f, struct hole_list *holes)
{
	for (int y = 0; y < in->height; y++)
		for (int x = 0; x < in->width; x++)
			if (f->lost[fill_index(f, x, y)])
				holes->index[holes->n++] = fill_index(f, x, y);
}

/* lost = 2: filled in this ring, not to be used before the next. */
static bool
fill_one(struct filled *f, size_t at)
{
	float sum = 0, sci = 0, var = 0;

	for (int dy = -REACH; dy <= REACH; dy++)
		for (int dx = -REACH; dx <= REACH; dx++)
		{
			size_t i = at + (size_t) dy * f->stride + (size_t) dx;
			float w = weights[dy + REACH][dx + REACH];

			if (f->lost[i])
				continue;
			sum += w;
			sci += w * f->sci[i];
			var += w * f->var[i];
		}
	if (sum == 0)
		return false;
	f->sci[at] = sci / sum;
	f->var[at] = var / sum;
	f->lost[at] = 2;
	return true;
}

static void
fill_ring(struct filled *f, struct hole_list *holes, size_t *filled)
{
	size_t n_filled = 0, left = 0;

	for (size_t k = 0; k < holes->n; k++)
	{
		if (fill_one(f, holes->index[k]))
			filled[n_filled++] = holes->index[k];
		else
			holes->index[left++] = holes->index[k];
	}
	for (size_t k = 0; k < n_filled; k++)
		f->lost[filled[k]] = 0;
	holes->n = left;
}

int
fill_image(const struct image *in, int32_t exclude, int margin, struct filled *out)
{
	struct hole_list holes = {0};
	size_t n_holes, *filled;

	*out = (struct filled){0};
	if (alloc_planes(in, margin < REACH ? REACH : margin, out) < 0)
		return -1;
	n_holes = copy_usable(in, exclude, out);
	holes.index = malloc((n_holes + 1) * sizeof *holes.index);
	filled = malloc((n_holes + 1) * sizeof *filled);
	if (holes.index == NULL || filled == NULL)
	{
		free(holes.index);
		free(filled);
		fill_free(out);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu holes", n_holes);
	}
	list_holes(in, out, &holes);
	for (int ring = 0; ring < RINGS && holes.n > 0; ring++)
		fill_ring(out, &holes, filled);
	free(holes.index);
	free(filled);
	return 0;
}
