/*
 * See map_grid.h. A call of wcslib costs some 500 ns, a pixel of the resampler 50: so the map is
 * evaluated once per step^2 pixels (as SWarp does, PROJECTION_ERR). SPDX-License-Identifier:
 * PostgreSQL
 */
#include "image/map_grid.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "core/err.h"

#define FIRST_STEP 32

static struct map_node *
node_at(const struct map_grid *g, int i, int j)
{
	return &g->node[(size_t) j * (size_t) g->nx + (size_t) i];
}

static double
node_position(const struct map_grid *g, int i)
{
	return (double) (i - 1) * g->step;
}

/* |det J| at every node from its neighbours: the nodes beyond the image take that of the next one
 * inside. */
static void
set_areas(struct map_grid *g)
{
	for (int j = 0; j < g->ny; j++)
		for (int i = 0; i < g->nx; i++)
		{
			int i0 = i > 0 ? i - 1 : i, i1 = i + 1 < g->nx ? i + 1 : i;
			int j0 = j > 0 ? j - 1 : j, j1 = j + 1 < g->ny ? j + 1 : j;
			const struct map_node *w = node_at(g, i0, j), *e = node_at(g, i1, j);
			const struct map_node *s = node_at(g, i, j0), *n = node_at(g, i, j1);
			double dx = (double) (i1 - i0) * g->step, dy = (double) (j1 - j0) * g->step;

			node_at(g, i, j)->area =
				fabs((e->u - w->u) * (n->v - s->v) - (n->u - s->u) * (e->v - w->v)) / (dx * dy);
		}
}

static int
evaluate(struct map_grid *g, int width, int height, int step, resample_map map, void *arg)
{
	g->step = step;
	g->nx = (width - 1) / step + 4;
	g->ny = (height - 1) / step + 4;
	g->node = malloc((size_t) g->nx * (size_t) g->ny * sizeof *g->node);
	if (g->node == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a map of %d x %d nodes", g->nx, g->ny);
	for (int j = 0; j < g->ny; j++)
		for (int i = 0; i < g->nx; i++)
		{
			struct map_node *n = node_at(g, i, j);

			if (map(arg, node_position(g, i), node_position(g, j), &n->u, &n->v) < 0)
				n->u = n->v = NAN;
		}
	set_areas(g);
	return 0;
}

/* The error of interpolation is largest in the middle of a cell. */
static bool
is_good(const struct map_grid *g, double tolerance, resample_map map, void *arg)
{
	for (int j = 1; j + 2 < g->ny; j++)
		for (int i = 1; i + 2 < g->nx; i++)
		{
			const struct map_node *a = node_at(g, i, j), *b = node_at(g, i, j + 1);
			double u, v;

			if (map(arg, node_position(g, i) + g->step / 2.0, node_position(g, j) + g->step / 2.0,
					&u, &v) < 0)
				continue;
			/* Written so that a NaN node passes: its cell has no value at any step. */
			if (fabs((a[0].u + a[1].u + b[0].u + b[1].u) / 4 - u) > tolerance ||
				fabs((a[0].v + a[1].v + b[0].v + b[1].v) / 4 - v) > tolerance)
				return false;
		}
	return true;
}

int
map_grid_build(struct map_grid *g, int width, int height, double tolerance, resample_map map,
			   void *arg)
{
	for (int step = FIRST_STEP; step >= 1; step /= 2)
	{
		if (evaluate(g, width, height, step, map, arg) < 0)
			return -1;
		if (step == 1 || is_good(g, tolerance, map, arg))
			break;
		map_grid_free(g);
	}
	return 0;
}

void
map_grid_free(struct map_grid *g)
{
	free(g->node);
	g->node = NULL;
}

static void
split(double value, int *whole, float *fraction)
{
	double f = floor(value);

	/* A position no image has stands for NaN, too. */
	if (!(fabs(value) < 1e9))
	{
		*whole = INT_MIN / 2;
		*fraction = 0;
		return;
	}
	*whole = (int) f;
	*fraction = (float) (value - f);
}

void
map_grid_row(const struct map_grid *g, int y, int width, float *restrict u_fraction,
			 int *restrict u_whole, float *restrict v_fraction, int *restrict v_whole,
			 float *restrict area)
{
	int j = y / g->step + 1;
	double ty = (double) (y % g->step) / g->step;

	for (int i = 1, x = 0; x < width; i++)
	{
		const struct map_node *a = node_at(g, i, j), *b = node_at(g, i, j + 1);
		double u0 = a[0].u + ty * (b[0].u - a[0].u), u1 = a[1].u + ty * (b[1].u - a[1].u);
		double v0 = a[0].v + ty * (b[0].v - a[0].v), v1 = a[1].v + ty * (b[1].v - a[1].v);
		double area0 = a[0].area + ty * (b[0].area - a[0].area);
		double area1 = a[1].area + ty * (b[1].area - a[1].area);

		for (int k = 0; k < g->step && x < width; k++, x++)
		{
			double tx = (double) k / g->step;

			split(u0 + tx * (u1 - u0), &u_whole[x], &u_fraction[x]);
			split(v0 + tx * (v1 - v0), &v_whole[x], &v_fraction[x]);
			area[x] = (float) (area0 + tx * (area1 - area0));
		}
	}
}
