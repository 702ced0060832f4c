/*
 * See resample.h. Two paths per pixel: the sums over the 6 x 6 window, always, on planes without a
 * NaN in them; and a look at each tap's mask only where the window holds something to report.
 * SPDX-License-Identifier: PostgreSQL
 */
#include "image/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/fill.h"
#include "image/map_grid.h"

#define TAPS            6
#define LANES           8    /* taps padded with zeros to a vector's width */
#define BEFORE          2    /* taps left of the whole part */
#define PHASES          4096 /* of the weight table: nearest phase errs by 1.2e-4 px at most */
#define MARGIN          8
#define MAP_TOLERANCE   0.001 /* px */
#define WEIGHT_MASK     0.1f
#define WEIGHT_MISSING  0.03f
#define MAX_LOST_WEIGHT 0.5f

/* Bits carried at any weight that matters: their true values are far from what was filled in. */
#define MASK_MISSING (MASK_SAT | MASK_NO_DATA)

typedef float lanes[LANES];

struct kernel /* Lanczos-3 weights by phase, their sum 1, and their squares */
{
	lanes w[PHASES + 1], w2[PHASES + 1];
};

static double
sinc(double u)
{
	return u == 0 ? 1 : sin(M_PI * u) / (M_PI * u);
}

static struct kernel *
kernel_make(void)
{
	struct kernel *k = calloc(1, sizeof *k);

	for (int p = 0; k != NULL && p <= PHASES; p++)
	{
		double w[TAPS], sum = 0;

		for (int t = 0; t < TAPS; t++)
		{
			double u = t - BEFORE - (double) p / PHASES;

			w[t] = fabs(u) < 3 ? sinc(u) * sinc(u / 3) : 0;
			sum += w[t];
		}
		for (int t = 0; t < TAPS; t++)
		{
			k->w[p][t] = (float) (w[t] / sum);
			k->w2[p][t] = k->w[p][t] * k->w[p][t];
		}
	}
	return k;
}

/* The sum of weight x value over the window whose first tap is at p. Columns first, so that the
 * lanes stay apart. */
static inline float
window_sum(const float *restrict p, size_t stride, const float *restrict wx,
		   const float *restrict wy)
{
	lanes column = {0};
	float sum = 0;

	for (int j = 0; j < TAPS; j++, p += stride)
		for (int i = 0; i < LANES; i++)
			column[i] += wy[j] * p[i];
	for (int i = 0; i < LANES; i++)
		sum += wx[i] * column[i];
	return sum;
}

struct job
{
	const struct image *in;
	struct filled f;
	unsigned char *notable; /* with the margins of f: the window starting there has a mask bit or
							   lost pixels */
	struct kernel *kernel;
	struct map_grid grid;
	struct image *out;
};

struct row /* of coordinates */
{
	float *u_fraction, *v_fraction, *area;
	int *u_whole, *v_whole;
	void *memory;
};

/* notable[i] = OR over the TAPS pixels from i on, in steps of stride: in place, ascending. */
static void
spread(unsigned char *flag, size_t n, size_t stride)
{
	for (size_t i = 0; i + (TAPS - 1) * stride < n; i++)
		for (size_t t = 1; t < TAPS; t++)
			flag[i] |= flag[i + t * stride];
}

static int
mark_notable(struct job *job)
{
	const struct filled *f = &job->f;
	size_t n = f->stride * f->rows;

	job->notable = malloc(n);
	if (job->notable == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu pixels", n);
	memcpy(job->notable, f->lost, n);
	for (int y = 0; y < job->in->height; y++)
		for (int x = 0; x < job->in->width; x++)
		{
			size_t from = (size_t) y * (size_t) job->in->width + (size_t) x;

			if ((job->in->mask != NULL && job->in->mask[from] != 0) ||
				!isfinite(job->in->sci[from]))
				job->notable[fill_index(f, x, y)] = 1;
		}
	spread(job->notable, n, 1);
	spread(job->notable, n, f->stride);
	return 0;
}

static void
set_nothing(struct image *out, size_t at)
{
	out->sci[at] = NAN;
	out->var[at] = 0;
	out->mask[at] = MASK_NO_DATA;
}

static int32_t
input_bits(const struct image *in, int x, int y)
{
	size_t i = (size_t) y * (size_t) in->width + (size_t) x;
	int32_t bits = in->mask != NULL ? in->mask[i] : 0;

	return isfinite(in->sci[i]) ? bits : bits | MASK_NO_DATA;
}

/* The window reaches pixels with something to say: gather their bits, and leave lost ones out of
 * the sums. */
static void
finish_notable(const struct job *job, int x0, int y0, const float *wx, const float *wy, size_t at)
{
	const struct image *in = job->in;
	struct image *out = job->out;
	float kept = 0, all = 0, lost = 0;
	int32_t bits = 0;

	for (int j = 0; j < TAPS; j++)
		for (int i = 0; i < TAPS; i++)
		{
			int x = x0 + i, y = y0 + j;
			float w = wx[i] * wy[j], size = fabsf(w);
			bool inside = x >= 0 && y >= 0 && x < in->width && y < in->height;
			int32_t pixel = inside ? input_bits(in, x, y) : 0;

			all += size;
			if (job->f.lost[fill_index(&job->f, x, y)])
				lost += size;
			else
				kept += w;
			if (size > WEIGHT_MASK)
				bits |= pixel;
			if (size > WEIGHT_MISSING)
				bits |= inside ? pixel & MASK_MISSING : MASK_EDGE;
		}
	if (lost > MAX_LOST_WEIGHT * all || kept < MAX_LOST_WEIGHT)
	{
		set_nothing(out, at);
		return;
	}
	/* Lost pixels count as zero in the sums: renormalise. */
	out->sci[at] /= kept;
	out->var[at] /= kept * kept;
	out->mask[at] = bits;
}

static void
resample_pixel(const struct job *job, const struct row *r, int x, size_t at)
{
	const struct filled *f = &job->f;
	struct image *out = job->out;
	int x0 = r->u_whole[x] - BEFORE, y0 = r->v_whole[x] - BEFORE;
	int px = (int) (r->u_fraction[x] * PHASES + 0.5f),
		py = (int) (r->v_fraction[x] * PHASES + 0.5f);
	float area = r->area[x];
	size_t p;

	if (x0 < 1 - TAPS || y0 < 1 - TAPS || x0 >= job->in->width || y0 >= job->in->height ||
		!isfinite(area))
	{
		set_nothing(out, at);
		return;
	}
	p = fill_index(f, x0, y0);
	out->sci[at] = area * window_sum(f->sci + p, f->stride, job->kernel->w[px], job->kernel->w[py]);
	out->var[at] =
		area * area * window_sum(f->var + p, f->stride, job->kernel->w2[px], job->kernel->w2[py]);
	out->mask[at] = 0;
	if (job->notable[p])
		finish_notable(job, x0, y0, job->kernel->w[px], job->kernel->w[py], at);
}

static int
row_alloc(struct row *r, int width)
{
	size_t n = (size_t) width;

	r->memory = malloc(n * (3 * sizeof(float) + 2 * sizeof(int)));
	if (r->memory == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a row of %d pixels", width);
	r->u_fraction = r->memory;
	r->v_fraction = r->u_fraction + n;
	r->area = r->v_fraction + n;
	r->u_whole = (int *) (r->area + n);
	r->v_whole = r->u_whole + n;
	return 0;
}

static void
resample_rows(const struct job *job, const struct row *r)
{
	size_t at = 0;

	for (int y = 0; y < job->out->height; y++)
	{
		map_grid_row(&job->grid, y, job->out->width, r->u_fraction, r->u_whole, r->v_fraction,
					 r->v_whole, r->area);
		for (int x = 0; x < job->out->width; x++)
			resample_pixel(job, r, x, at++);
	}
}

static void
job_free(struct job *job)
{
	fill_free(&job->f);
	map_grid_free(&job->grid);
	free(job->notable);
	free(job->kernel);
}

int
resample_lanczos3(const struct image *in, resample_map map, void *arg, struct image *out)
{
	struct job job = {.in = in, .out = out, .kernel = kernel_make()};
	struct row row = {0};
	int status = -1;

	if (job.kernel == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for the interpolation kernel");
	else if (map_grid_build(&job.grid, out->width, out->height, MAP_TOLERANCE, map, arg) == 0 &&
			 fill_image(in, MASK_EXCLUDED, MARGIN, &job.f) == 0 && mark_notable(&job) == 0 &&
			 row_alloc(&row, out->width) == 0)
	{
		resample_rows(&job, &row);
		status = 0;
	}
	free(row.memory);
	job_free(&job);
	return status;
}
