/*
 * See match.h: matching by position and by common offset. A grid of cells makes each look-up a
 * matter of nine cells. Triangles are in match_triangles.c. SPDX-License-Identifier: PostgreSQL
 */
#include "image/match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/match_grid.h"

#define OFFSET_BIN      2.0  /* px: several centroid errors, far less than the stars' spacing */
#define MAX_OFFSET_BINS 8192 /* per axis */

/* ---- cells
 * -------------------------------------------------------------------------------------------------------
 */

int
match_grid_build(struct match_grid *g, const struct point *p, size_t n, double cell)
{
	double x_max = -HUGE_VAL, y_max = -HUGE_VAL;

	*g = (struct match_grid){.p = p, .x_min = HUGE_VAL, .y_min = HUGE_VAL};
	for (size_t i = 0; i < n; i++)
	{
		g->x_min = fmin(g->x_min, p[i].x);
		g->y_min = fmin(g->y_min, p[i].y);
		x_max = fmax(x_max, p[i].x);
		y_max = fmax(y_max, p[i].y);
	}
	if (n == 0)
		g->x_min = g->y_min = x_max = y_max = 0;
	/* Never many more cells than points, whatever the extent. */
	g->cell = fmax(cell, fmax(x_max - g->x_min, y_max - g->y_min) / (16 + 4 * sqrt((double) n)));
	g->nx = 1 + (int) ((x_max - g->x_min) / g->cell);
	g->ny = 1 + (int) ((y_max - g->y_min) / g->cell);
	g->first = malloc((size_t) g->nx * (size_t) g->ny * sizeof *g->first);
	g->next = malloc((n + 1) * sizeof *g->next);
	if (g->first == NULL || g->next == NULL)
	{
		match_grid_free(g);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a grid of %zu stars", n);
	}
	memset(g->first, -1, (size_t) g->nx * (size_t) g->ny * sizeof *g->first);
	for (size_t i = n; i-- > 0;)
	{
		int *head = &g->first[(int) ((p[i].y - g->y_min) / g->cell) * g->nx +
							  (int) ((p[i].x - g->x_min) / g->cell)];

		g->next[i] = *head;
		*head = (int) i;
	}
	return 0;
}

void
match_grid_free(struct match_grid *g)
{
	free(g->first);
	free(g->next);
	g->first = g->next = NULL;
}

static int
cell_of(double offset, double cell, int n)
{
	double i = floor(offset / cell);

	return i < -1 ? -1 : i > n ? n : (int) i;
}

int
match_grid_nearest(const struct match_grid *g, double x, double y, double radius)
{
	double best = radius * radius;
	int nearest = -1;
	int x0 = cell_of(x - radius - g->x_min, g->cell, g->nx);
	int x1 = cell_of(x + radius - g->x_min, g->cell, g->nx);
	int y0 = cell_of(y - radius - g->y_min, g->cell, g->ny);
	int y1 = cell_of(y + radius - g->y_min, g->cell, g->ny);

	for (int cy = y0 < 0 ? 0 : y0; cy <= y1 && cy < g->ny; cy++)
		for (int cx = x0 < 0 ? 0 : x0; cx <= x1 && cx < g->nx; cx++)
			for (int i = g->first[cy * g->nx + cx]; i >= 0; i = g->next[i])
			{
				double dx = g->p[i].x - x, dy = g->p[i].y - y, d2 = dx * dx + dy * dy;

				if (d2 <= best)
				{
					best = d2;
					nearest = i;
				}
			}
	return nearest;
}

/* ---- by position
 * -------------------------------------------------------------------------------------------------
 */

static struct point *
transformed(const struct point *p, size_t n, const struct transform *t)
{
	struct point *out = malloc((n + 1) * sizeof *out);

	for (size_t i = 0; out != NULL && i < n; i++)
	{
		out[i] = p[i];
		transform_apply(t, p[i].x, p[i].y, &out[i].x, &out[i].y);
	}
	return out;
}

static struct star_pair
make_pair(const struct point *a, size_t i, const struct point *b, size_t j)
{
	return (struct star_pair){.x = a[i].x,
							  .y = a[i].y,
							  .u = b[j].x,
							  .v = b[j].y,
							  .sigma = hypot(a[i].sigma, b[j].sigma),
							  .i = i,
							  .j = j,
							  .used = true};
}

long
match_near(const struct point *a, size_t na, const struct point *b, size_t nb,
		   const struct transform *t, double radius, struct star_pair *pairs)
{
	struct point *moved = transformed(a, na, t);
	struct match_grid grid_a = {0}, grid_b = {0};
	long n = -1;

	if (moved == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory to match %zu stars", na);
	else if (match_grid_build(&grid_a, moved, na, radius) == 0 &&
			 match_grid_build(&grid_b, b, nb, radius) == 0)
	{
		n = 0;
		for (size_t i = 0; i < na; i++)
		{
			int j = match_grid_nearest(&grid_b, moved[i].x, moved[i].y, radius);

			if (j >= 0 && match_grid_nearest(&grid_a, b[j].x, b[j].y, radius) == (int) i)
				pairs[n++] = make_pair(a, i, b, (size_t) j);
		}
	}
	match_grid_free(&grid_a);
	match_grid_free(&grid_b);
	free(moved);
	return n;
}

struct box
{
	double x0, y0, x1, y1;
};

static void
box_add(struct box *box, double x, double y)
{
	box->x0 = fmin(box->x0, x);
	box->x1 = fmax(box->x1, x);
	box->y0 = fmin(box->y0, y);
	box->y1 = fmax(box->y1, y);
}

static struct box
box_of(const struct point *p, size_t n)
{
	struct box box = {HUGE_VAL, HUGE_VAL, -HUGE_VAL, -HUGE_VAL};

	for (size_t i = 0; i < n; i++)
		box_add(&box, p[i].x, p[i].y);
	return box;
}

double
match_inside(const struct point *a, size_t na, const struct point *b, size_t nb,
			 const struct transform *t)
{
	struct box box = box_of(b, nb);
	double n = 0, x, y;

	for (size_t i = 0; i < na; i++)
	{
		transform_apply(t, a[i].x, a[i].y, &x, &y);
		n += x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1;
	}
	return n;
}

double
match_expected(const struct point *a, size_t na, const struct point *b, size_t nb,
			   const struct transform *t, double radius)
{
	struct box box = box_of(b, nb);
	double area = fmax((box.x1 - box.x0) * (box.y1 - box.y0), 1);

	return match_inside(a, na, b, nb, t) * fmin(1, (double) nb * M_PI * radius * radius / area);
}

/* ---- by common offset
 * -------------------------------------------------------------------------------------------- */

struct histogram
{
	unsigned *count;
	int n; /* bins per axis */
	double lowest, bin;
};

static int
bin_of(const struct histogram *h, double d)
{
	double i = floor((d - h->lowest) / h->bin);

	return i >= 0 && i < h->n ? (int) i : -1;
}

static void
fill(struct histogram *h, const struct point *a, size_t na, const struct point *b, size_t nb)
{
	for (size_t i = 0; i < na; i++)
		for (size_t j = 0; j < nb; j++)
		{
			int bx = bin_of(h, b[j].x - a[i].x), by = bin_of(h, b[j].y - a[i].y);

			if (bx >= 0 && by >= 0)
				h->count[(size_t) by * (size_t) h->n + (size_t) bx]++;
		}
}

/* The 2 x 2 block with most counts: a peak that straddles bins is not halved. */
static unsigned
peak(const struct histogram *h, int *px, int *py)
{
	unsigned best = 0;

	for (int y = 0; y + 1 < h->n; y++)
		for (int x = 0; x + 1 < h->n; x++)
		{
			const unsigned *c = &h->count[(size_t) y * (size_t) h->n + (size_t) x];
			unsigned sum = c[0] + c[1] + c[h->n] + c[h->n + 1];

			if (sum > best)
			{
				best = sum;
				*px = x;
				*py = y;
			}
		}
	return best;
}

/* The mean difference of the pairs in the peak. */
static void
refine(const struct histogram *h, int px, int py, const struct point *a, size_t na,
	   const struct point *b, size_t nb, struct transform *t)
{
	double sx = 0, sy = 0, n = 0;

	for (size_t i = 0; i < na; i++)
		for (size_t j = 0; j < nb; j++)
		{
			double dx = b[j].x - a[i].x, dy = b[j].y - a[i].y;
			int bx = bin_of(h, dx), by = bin_of(h, dy);

			if ((bx == px || bx == px + 1) && (by == py || by == py + 1))
			{
				sx += dx;
				sy += dy;
				n++;
			}
		}
	transform_identity(t);
	t->a[0] = sx / n;
	t->b[0] = sy / n;
}

long
match_offset(const struct point *a, size_t na, const struct point *b, size_t nb, double max_offset,
			 struct transform *t)
{
	struct histogram h = {.lowest = -max_offset};
	unsigned best;
	int px = 0, py = 0;

	h.bin = fmax(OFFSET_BIN, 2 * max_offset / MAX_OFFSET_BINS);
	h.n = 2 + (int) (2 * max_offset / h.bin);
	h.count = calloc((size_t) h.n * (size_t) h.n, sizeof *h.count);
	if (h.count == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for offsets up to %g px", max_offset);
	fill(&h, a, na, b, nb);
	best = peak(&h, &px, &py);
	if (best > 0)
		refine(&h, px, py, a, na, b, nb, t);
	else
		transform_identity(t);
	free(h.count);
	return (long) best;
}
