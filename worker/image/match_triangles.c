/*
 * See match.h: matching by the shape of triangles, for frames whose orientation, scale or parity is
 * unknown. Every star makes triangles with its nearest neighbours; a triangle's shape is the two
 * ratios of its sides. Two triangles of one shape propose an affine map; the stars vote.
 * SPDX-License-Identifier: PostgreSQL
 */
#include "image/match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/match_grid.h"

#define NEIGHBOURS      6
#define TRIPLES         15   /* of a star with 2 of its neighbours */
#define SHAPE_TOLERANCE 0.02 /* of a side ratio */
#define MIN_SIDE        8.0  /* px: in smaller triangles centroid noise spoils the shape */
#define MAX_SHEAR       0.05 /* how far a proposed map may be from a similarity */
#define MAX_SCALE       4.0
#define SURE_FRACTION   0.6 /* votes that end the search */

struct triangle
{
	double shape[2];  /* longest / middle, middle / shortest side */
	size_t vertex[3]; /* opposite to the longest, middle, shortest side */
};

struct triangles
{
	struct triangle *v;
	size_t n;
};

static double
side(const struct point *p, size_t i, size_t j)
{
	return hypot(p[i].x - p[j].x, p[i].y - p[j].y);
}

/* False for triangles too small or too symmetric to tell which vertex is which. */
static bool
make_triangle(const struct point *p, const size_t corner[3], struct triangle *t)
{
	double length[3];

	for (int k = 0; k < 3; k++)
	{
		t->vertex[k] = corner[k];
		length[k] = side(p, corner[(k + 1) % 3], corner[(k + 2) % 3]);
	}
	for (int pass = 0; pass < 2; pass++)
		for (int k = 0; k < 2; k++)
			if (length[k] < length[k + 1])
			{
				double l = length[k];
				size_t v = t->vertex[k];

				length[k] = length[k + 1];
				length[k + 1] = l;
				t->vertex[k] = t->vertex[k + 1];
				t->vertex[k + 1] = v;
			}
	if (length[2] < MIN_SIDE)
		return false;
	t->shape[0] = length[0] / length[1];
	t->shape[1] = length[1] / length[2];
	return t->shape[0] > 1 + SHAPE_TOLERANCE && t->shape[1] > 1 + SHAPE_TOLERANCE;
}

/* The nearest stars to star i, in order. Returns how many. */
static size_t
neighbours(const struct point *p, size_t n, size_t i, size_t *near)
{
	double distance[NEIGHBOURS];
	size_t found = 0;

	for (size_t j = 0; j < n; j++)
	{
		double d = side(p, i, j);
		size_t k = found < NEIGHBOURS ? found : NEIGHBOURS;

		if (j == i || (k == NEIGHBOURS && d >= distance[k - 1]))
			continue;
		if (k == NEIGHBOURS)
			k--;
		else
			found++;
		for (; k > 0 && distance[k - 1] > d; k--)
		{
			distance[k] = distance[k - 1];
			near[k] = near[k - 1];
		}
		distance[k] = d;
		near[k] = j;
	}
	return found;
}

static int
by_shape(const void *left, const void *right)
{
	const struct triangle *l = left, *r = right;

	return (l->shape[0] > r->shape[0]) - (l->shape[0] < r->shape[0]);
}

static int
make_triangles(const struct point *p, size_t n, struct triangles *out)
{
	out->n = 0;
	out->v = malloc((n * TRIPLES + 1) * sizeof *out->v);
	if (out->v == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for the triangles of %zu stars", n);
	for (size_t i = 0; i < n; i++)
	{
		size_t near[NEIGHBOURS], m = neighbours(p, n, i, near);

		for (size_t j = 0; j < m; j++)
			for (size_t k = j + 1; k < m; k++)
			{
				const size_t corner[3] = {i, near[j], near[k]};

				out->n += make_triangle(p, corner, &out->v[out->n]);
			}
	}
	qsort(out->v, out->n, sizeof *out->v, by_shape);
	return 0;
}

/* The map that sends the three corners of ta onto those of tb; false where it is no near
 * similarity. */
static bool
proposed_map(const struct point *a, const struct triangle *ta, const struct point *b,
			 const struct triangle *tb, struct transform *t)
{
	const struct point *p0 = &a[ta->vertex[0]], *q0 = &b[tb->vertex[0]];
	double x[2], y[2], u[2], v[2], det, ca[3], cb[3], scale2, shear, stretch;

	for (int k = 0; k < 2; k++)
	{
		x[k] = a[ta->vertex[k + 1]].x - p0->x;
		y[k] = a[ta->vertex[k + 1]].y - p0->y;
		u[k] = b[tb->vertex[k + 1]].x - q0->x;
		v[k] = b[tb->vertex[k + 1]].y - q0->y;
	}
	det = x[0] * y[1] - x[1] * y[0];
	if (fabs(det) < 0.1 * (x[0] * x[0] + y[0] * y[0]))
		return false;
	ca[1] = (u[0] * y[1] - u[1] * y[0]) / det;
	ca[2] = (u[1] * x[0] - u[0] * x[1]) / det;
	cb[1] = (v[0] * y[1] - v[1] * y[0]) / det;
	cb[2] = (v[1] * x[0] - v[0] * x[1]) / det;
	ca[0] = q0->x - ca[1] * p0->x - ca[2] * p0->y;
	cb[0] = q0->y - cb[1] * p0->x - cb[2] * p0->y;
	scale2 = fabs(ca[1] * cb[2] - ca[2] * cb[1]);
	if (!(scale2 > 1 / (MAX_SCALE * MAX_SCALE) && scale2 < MAX_SCALE * MAX_SCALE))
		return false;
	/* Columns of a similarity are of one length and at right angles. */
	shear = (ca[1] * ca[2] + cb[1] * cb[2]) / scale2;
	stretch = (ca[1] * ca[1] + cb[1] * cb[1] - ca[2] * ca[2] - cb[2] * cb[2]) / scale2;
	transform_from_affine(t, ca, cb);
	return fabs(shear) < MAX_SHEAR && fabs(stretch) < 2 * MAX_SHEAR;
}

static long
votes(const struct point *a, size_t na, const struct match_grid *grid_b, const struct transform *t,
	  double radius)
{
	long n = 0;
	double u, v;

	for (size_t i = 0; i < na; i++)
	{
		transform_apply(t, a[i].x, a[i].y, &u, &v);
		n += match_grid_nearest(grid_b, u, v, radius) >= 0;
	}
	return n;
}

struct search
{
	const struct point *a, *b;
	size_t na, nb;
	struct triangles ta, tb;
	struct match_grid grid_b;
	double radius;
};

/* Try every pair of like triangles, both lists being sorted by their first ratio. */
static long
best_map(const struct search *s, struct transform *t)
{
	long best = 0, sure = (long) (SURE_FRACTION * (double) (s->na < s->nb ? s->na : s->nb));
	size_t low = 0;

	for (size_t i = 0; i < s->ta.n && (best < 3 || best < sure); i++)
	{
		const struct triangle *ta = &s->ta.v[i];

		while (low < s->tb.n && s->tb.v[low].shape[0] < ta->shape[0] * (1 - SHAPE_TOLERANCE))
			low++;
		for (size_t j = low; j < s->tb.n; j++)
		{
			const struct triangle *tb = &s->tb.v[j];
			struct transform proposal;
			long n;

			if (tb->shape[0] > ta->shape[0] * (1 + SHAPE_TOLERANCE))
				break;
			if (fabs(tb->shape[1] / ta->shape[1] - 1) > SHAPE_TOLERANCE ||
				!proposed_map(s->a, ta, s->b, tb, &proposal))
				continue;
			n = votes(s->a, s->na, &s->grid_b, &proposal, s->radius);
			if (n <= best)
				continue;
			best = n;
			*t = proposal;
		}
	}
	return best;
}

long
match_triangles(const struct point *a, size_t na, const struct point *b, size_t nb, double radius,
				struct transform *t)
{
	struct search s = {.a = a, .b = b, .na = na, .nb = nb, .radius = radius};
	long best = -1;

	transform_identity(t);
	if (make_triangles(a, na, &s.ta) == 0 && make_triangles(b, nb, &s.tb) == 0 &&
		match_grid_build(&s.grid_b, b, nb, radius) == 0)
	{
		best = best_map(&s, t);
		match_grid_free(&s.grid_b);
	}
	free(s.ta.v);
	free(s.tb.v);
	return best;
}
