/*
 * See transform.h. The least-squares problem goes to GSL (SVD), so that star patterns that
 * determine a term badly cannot blow up. SPDX-License-Identifier: PostgreSQL
 */
#include "image/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit.h>

#include "core/err.h"
#include "image/stats.h"

#define MAX_CLIP_ROUNDS  20
#define PAIRS_PER_TERM   5
#define MIN_PAIRS_AFFINE 6
#define REQUIRED_F       4.0
#define RAYLEIGH_MEDIAN  1.17741 /* median of the radius of two unit normal deviates */
#define LOCAL_CELLS      4
#define LOCAL_MIN_STARS  3

static int
n_terms(int order)
{
	return (order + 1) * (order + 2) / 2;
}

static void
powers(const struct transform *t, int order, double x, double y, double *term)
{
	double X = (x - t->x0) / t->scale, Y = (y - t->y0) / t->scale;
	int first = 0, next = 1;

	/* Each degree is the one below times X, and its last term times Y. */
	term[0] = 1;
	for (int degree = 1; degree <= order; degree++)
	{
		for (int k = 0; k < degree; k++)
			term[next + k] = term[first + k] * X;
		term[next + degree] = term[first + degree - 1] * Y;
		first = next;
		next += degree + 1;
	}
}

void
transform_identity(struct transform *t)
{
	*t = (struct transform){.order = 0, .scale = 1, .a = {0, 1, 0}, .b = {0, 0, 1}};
}

void
transform_from_affine(struct transform *t, const double a[3], const double b[3])
{
	*t = (struct transform){.order = 1, .scale = 1};
	memcpy(t->a, a, 3 * sizeof *a);
	memcpy(t->b, b, 3 * sizeof *b);
}

void
transform_apply(const struct transform *t, double x, double y, double *u, double *v)
{
	double term[TRANSFORM_MAX_TERMS];
	int order = t->order > 1 ? t->order : 1;

	powers(t, order, x, y, term);
	*u = *v = 0;
	for (int k = 0; k < n_terms(order); k++)
	{
		*u += t->a[k] * term[k];
		*v += t->b[k] * term[k];
	}
}

static void
affine_of(const struct transform *t, const double *c, double out[3])
{
	out[1] = c[1] / t->scale;
	out[2] = c[2] / t->scale;
	out[0] = c[0] - out[1] * t->x0 - out[2] * t->y0;
}

bool
transform_as_affine(const struct transform *t, double a[3], double b[3])
{
	affine_of(t, t->a, a);
	affine_of(t, t->b, b);
	return t->order <= 1;
}

/* Centre and half extent of the used positions, so that X and Y lie within -1 .. 1. */
static void
set_frame(struct transform *t, const struct star_pair *pairs, size_t n)
{
	double x_min = HUGE_VAL, x_max = -HUGE_VAL, y_min = HUGE_VAL, y_max = -HUGE_VAL;

	for (size_t i = 0; i < n; i++)
	{
		x_min = fmin(x_min, pairs[i].x);
		x_max = fmax(x_max, pairs[i].x);
		y_min = fmin(y_min, pairs[i].y);
		y_max = fmax(y_max, pairs[i].y);
	}
	t->x0 = (x_min + x_max) / 2;
	t->y0 = (y_min + y_max) / 2;
	t->scale = fmax(fmax(x_max - x_min, y_max - y_min) / 2, 1);
}

static void
fit_shift(const struct star_pair *pairs, size_t n, struct transform *t)
{
	double sum = 0, du = 0, dv = 0;

	for (size_t i = 0; i < n; i++)
	{
		double w = pairs[i].used ? 1 / (pairs[i].sigma * pairs[i].sigma) : 0;

		sum += w;
		du += w * (pairs[i].u - pairs[i].x);
		dv += w * (pairs[i].v - pairs[i].y);
	}
	transform_identity(t);
	t->a[0] = du / sum;
	t->b[0] = dv / sum;
}

struct system /* the arrays of one least-squares problem */
{
	gsl_matrix *X, *cov;
	gsl_vector *w, *u, *c;
	gsl_multifit_linear_workspace *work;
};

static void
system_free(struct system *s)
{
	if (s->X != NULL)
		gsl_matrix_free(s->X);
	if (s->cov != NULL)
		gsl_matrix_free(s->cov);
	if (s->w != NULL)
		gsl_vector_free(s->w);
	if (s->u != NULL)
		gsl_vector_free(s->u);
	if (s->c != NULL)
		gsl_vector_free(s->c);
	if (s->work != NULL)
		gsl_multifit_linear_free(s->work);
}

static int
system_alloc(struct system *s, size_t n, size_t p)
{
	s->X = gsl_matrix_alloc(n, p);
	s->cov = gsl_matrix_alloc(p, p);
	s->w = gsl_vector_alloc(n);
	s->u = gsl_vector_alloc(n);
	s->c = gsl_vector_alloc(p);
	s->work = gsl_multifit_linear_alloc(n, p);
	if (s->X != NULL && s->cov != NULL && s->w != NULL && s->u != NULL && s->c != NULL &&
		s->work != NULL)
		return 0;
	return err_raise(ASTRID_E_NO_MEMORY, "no memory to fit a map to %zu stars", n);
}

/* One coordinate: offset is that of u or v in the pair. Singular patterns show as a reduced rank.
 */
static int
solve(struct system *s, const struct star_pair *pairs, size_t n, size_t offset,
	  double *coefficients)
{
	size_t row = 0, rank;
	double chisq;

	for (size_t i = 0; i < n; i++)
		if (pairs[i].used)
			gsl_vector_set(s->u, row++, *(const double *) ((const char *) &pairs[i] + offset));
	if (gsl_multifit_wlinear_tsvd(s->X, s->w, s->u, 1e-10, s->c, s->cov, &chisq, &rank, s->work) !=
			GSL_SUCCESS ||
		rank < s->c->size)
		return err_raise(ASTRID_E_TOO_FEW_STARS,
						 "the stars' pattern does not determine a map of %zu terms", s->c->size);
	for (size_t k = 0; k < s->c->size; k++)
		coefficients[k] = gsl_vector_get(s->c, k);
	return 0;
}

static int
fit_polynomial(const struct star_pair *pairs, size_t n, size_t n_used, struct transform *t)
{
	size_t p = (size_t) n_terms(t->order), row = 0;
	double term[TRANSFORM_MAX_TERMS];
	struct system s = {0};
	int status = -1;

	gsl_set_error_handler_off();
	set_frame(t, pairs, n);
	if (system_alloc(&s, n_used, p) == 0)
	{
		for (size_t i = 0; i < n; i++)
		{
			if (!pairs[i].used)
				continue;
			powers(t, t->order, pairs[i].x, pairs[i].y, term);
			for (size_t k = 0; k < p; k++)
				gsl_matrix_set(s.X, row, k, term[k]);
			gsl_vector_set(s.w, row++, 1 / (pairs[i].sigma * pairs[i].sigma));
		}
		status = solve(&s, pairs, n, offsetof(struct star_pair, u), t->a);
		if (status == 0)
			status = solve(&s, pairs, n, offsetof(struct star_pair, v), t->b);
	}
	system_free(&s);
	return status;
}

static int
fit_used(const struct star_pair *pairs, size_t n, int order, struct transform *t)
{
	size_t n_used = 0;

	for (size_t i = 0; i < n; i++)
		n_used += pairs[i].used;
	if (n_used < (size_t) n_terms(order))
		return err_raise(ASTRID_E_TOO_FEW_STARS, "%zu matched stars for a map of %d terms", n_used,
						 n_terms(order));
	if (order == 0)
	{
		fit_shift(pairs, n, t);
		return 0;
	}
	*t = (struct transform){.order = order};
	return fit_polynomial(pairs, n, n_used, t);
}

int
transform_fit(const struct star_pair *pairs, size_t n, int order, struct transform *t)
{
	struct star_pair *all = malloc((n + 1) * sizeof *all);
	int status;

	if (all == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu pairs", n);
	memcpy(all, pairs, n * sizeof *all);
	for (size_t i = 0; i < n; i++)
		all[i].used = true;
	status = fit_used(all, n, order, t);
	free(all);
	return status;
}

static void
residual(const struct transform *t, const struct star_pair *p, double *dx, double *dy)
{
	double u, v;

	transform_apply(t, p->x, p->y, &u, &v);
	*dx = p->u - u;
	*dy = p->v - v;
}

/* Mark as used what lies within kappa sigma, the spread taken from the median radius; true where a
 * mark changed. */
static bool
clip(struct star_pair *pairs, size_t n, double kappa, const struct transform *t, double *radius)
{
	size_t n_used = 0;
	bool changed = false;
	double dx, dy, limit;

	for (size_t i = 0; i < n; i++)
		if (pairs[i].used)
		{
			residual(t, &pairs[i], &dx, &dy);
			radius[n_used++] = hypot(dx, dy) / pairs[i].sigma;
		}
	limit = kappa * fmax(stats_median(radius, n_used) / RAYLEIGH_MEDIAN, 1e-6);
	for (size_t i = 0; i < n; i++)
	{
		bool use;

		residual(t, &pairs[i], &dx, &dy);
		use = hypot(dx, dy) <= limit * pairs[i].sigma;
		changed |= use != pairs[i].used;
		pairs[i].used = use;
	}
	return changed;
}

/* ---- quality
 * -----------------------------------------------------------------------------------------------------
 */

struct cell
{
	double dx, dy;
	int n;
};

static int
cell_index(double X)
{
	int i = (int) ((X + 1) / 2 * LOCAL_CELLS);

	return i < 0 ? 0 : i >= LOCAL_CELLS ? LOCAL_CELLS - 1 : i;
}

static double
largest_local(const struct cell *cells)
{
	double largest = 0;

	for (int k = 0; k < LOCAL_CELLS * LOCAL_CELLS; k++)
		if (cells[k].n >= LOCAL_MIN_STARS)
			largest = fmax(largest, hypot(cells[k].dx, cells[k].dy) / cells[k].n);
	return largest;
}

static int
measure_quality(const struct star_pair *pairs, size_t n, const struct transform *t,
				struct fit_quality *q)
{
	double *dx = malloc((3 * n + 3) * sizeof *dx), *dy = dx + n + 1, *r = dy + n + 1;
	struct cell cells[LOCAL_CELLS * LOCAL_CELLS] = {{0}};
	struct transform frame = {0};
	double sum_x = 0, sum_y = 0, chi = 0, dof;
	size_t m = 0;

	if (dx == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu residuals", n);
	set_frame(&frame, pairs, n);
	for (size_t i = 0; i < n; i++)
	{
		struct cell *c = &cells[cell_index((pairs[i].y - frame.y0) / frame.scale) * LOCAL_CELLS +
								cell_index((pairs[i].x - frame.x0) / frame.scale)];

		if (!pairs[i].used)
			continue;
		residual(t, &pairs[i], &dx[m], &dy[m]);
		r[m] = hypot(dx[m], dy[m]);
		c->dx += dx[m];
		c->dy += dy[m];
		c->n++;
		sum_x += dx[m] * dx[m];
		sum_y += dy[m] * dy[m];
		chi += r[m] * r[m] / (pairs[i].sigma * pairs[i].sigma);
		m++;
	}
	dof = 2.0 * (double) m - 2.0 * n_terms(t->order);
	*q = (struct fit_quality){.order = t->order,
							  .n_pairs = n,
							  .n_used = m,
							  .rms_x = sqrt(sum_x / (double) m),
							  .rms_y = sqrt(sum_y / (double) m),
							  .median_radial = stats_median(r, m),
							  .median_x = stats_median(dx, m),
							  .median_y = stats_median(dy, m),
							  .max_local = largest_local(cells),
							  .chi_dof = dof > 0 ? sqrt(chi / dof) : INFINITY};
	free(dx);
	return 0;
}

/* ---- choosing the order
 * ------------------------------------------------------------------------------------------ */

int
transform_fit_clipped(struct star_pair *pairs, size_t n, int order, double kappa,
					  struct transform *t, struct fit_quality *q)
{
	double *radius = malloc((n + 1) * sizeof *radius);
	int status;

	if (radius == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu pairs", n);
	for (size_t i = 0; i < n; i++)
		pairs[i].used = true;
	status = fit_used(pairs, n, order, t);
	for (int round = 0; status == 0 && round < MAX_CLIP_ROUNDS; round++)
	{
		if (!clip(pairs, n, kappa, t, radius))
			break;
		status = fit_used(pairs, n, order, t);
	}
	free(radius);
	return status == 0 ? measure_quality(pairs, n, t, q) : -1;
}

static bool
enough_pairs(size_t n_used, int order)
{
	if (order <= 1)
		return n_used >= MIN_PAIRS_AFFINE;
	return n_used > (size_t) (PAIRS_PER_TERM * n_terms(order));
}

/* F test (Bevington & Robinson 2003, chapter 11: test of an additional term): what the further
 * terms explain, each, over what is left per degree of freedom. Both orders are taken to have the
 * higher one's stars, as each clips for itself. */
static bool
is_better(const struct fit_quality *higher, const struct fit_quality *lower)
{
	double n = (double) higher->n_used, p_low = n_terms(lower->order),
		   p_high = n_terms(higher->order);
	double low = lower->chi_dof * lower->chi_dof, high = higher->chi_dof * higher->chi_dof;
	double explained = low * 2 * (n - p_low) - high * 2 * (n - p_high);

	if (lower->order == 0 && higher->n_used > (size_t) (PAIRS_PER_TERM * n_terms(1)))
		return true;
	return higher->n_used >= lower->n_used * 9 / 10 &&
		   explained > REQUIRED_F * 2 * (p_high - p_low) * high;
}

int
transform_fit_best(struct star_pair *pairs, size_t n, int min_order, int max_order, double kappa,
				   struct transform *t, struct fit_quality *q)
{
	if (transform_fit_clipped(pairs, n, min_order, kappa, t, q) < 0)
		return -1;
	for (int order = min_order + 1; order <= max_order; order++)
	{
		struct transform higher;
		struct fit_quality higher_q;

		if (!enough_pairs(q->n_used, order))
			break;
		if (transform_fit_clipped(pairs, n, order, kappa, &higher, &higher_q) < 0)
		{
			err_clear(); /* stars on a line, say: the lower order stands */
			break;
		}
		if (!is_better(&higher_q, q))
			continue;
		*t = higher;
		*q = higher_q;
	}
	/* The marks in the pairs are those of the order that was tried last. */
	return transform_fit_clipped(pairs, n, t->order, kappa, t, q);
}
