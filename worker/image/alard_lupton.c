/* The least-squares fit of the Alard-Lupton kernel to stamps around stars. See alard_lupton.h.
 * SPDX-License-Identifier: PostgreSQL */
#include "image/alard_lupton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/convolve.h"
#include "image/stats.h"

#define MIN_STAMPS       3
#define LINEAR_STAMPS    12
#define QUADRATIC_STAMPS 30
#define SUM_STAMPS       20 /* for a kernel sum that varies linearly */
#define SYSTEMATIC                                                                                 \
	0.02 /* of a pixel's signal: flat errors and PSF noise bound the bright stars' weight */
#define ROUNDS       5
#define PRIOR_SHAPE  0.5  /* expected size of a coefficient over the kernel sum */
#define PRIOR_CHANGE 0.05 /* and of its change from the middle of the field to the edge */
#define CLIP_SIGMA   3.0
#define LEAST_MISFIT 0.02 /* residual over signal of a star that is not clipped anyway */

/* One stamp's part of the normal equations, in n_local unknowns: the basis, then the background at
 * the stamp. */
struct stamp
{
	double x, y;
	double *q, *b; /* n_local^2, n_local */
	double yy;     /* sum of I^2 / V */
	double sum;    /* kernel sum that this stamp alone asks for */
	int n_pixels;
	double chi2_dof;
	bool used;
};

struct fit
{
	const struct image *sharp, *blunt;
	struct al_kernel *k;
	int n_local;
	double scale; /* a first guess of the kernel sum */
	int radius;   /* of the fitted region around a star */
	struct stamp *stamps;
	int n, room;
	float *patch, *rows, *conv; /* scratch; conv holds one fitted region per basis function */
};

/* Offsets of the global unknowns: kernel sum, the other basis functions, background. */
struct layout
{
	int sum_terms, terms, background_terms;
	size_t n;
};

static struct layout
layout_of(const struct al_kernel *k)
{
	struct layout l = {.sum_terms = polynomial_terms(k->sum_order),
					   .terms = polynomial_terms(k->order),
					   .background_terms = polynomial_terms(k->background_order)};

	l.n = (size_t) (l.sum_terms + (k->basis.n - 1) * l.terms + l.background_terms);
	return l;
}

/* Convolve the patch around (cx, cy) with every basis function and keep the fitted region. */
static void
convolve_patch(struct fit *f, int cx, int cy)
{
	const struct al_basis *b = &f->k->basis;
	const int reach = f->radius + b->half, size = 2 * reach + 1, region = 2 * f->radius + 1;
	const size_t n_region = (size_t) region * (size_t) region;

	for (int y = 0; y < size; y++)
		for (int x = 0; x < size; x++)
		{
			const int ix = cx - reach + x, iy = cy - reach + y;
			const bool inside = ix >= 0 && iy >= 0 && ix < f->sharp->width && iy < f->sharp->height;

			f->patch[y * size + x] =
				inside ? f->sharp->sci[(size_t) iy * (size_t) f->sharp->width + (size_t) ix] : 0;
		}
	for (int m = 0; m < b->n; m++)
	{
		const int g = b->term[m].gaussian;
		const float *tv = b->taps[g][b->term[m].j];
		float *out = f->conv + (size_t) m * n_region;

		if (m == 0 || b->term[m - 1].gaussian != g || b->term[m - 1].i != b->term[m].i)
			convolve_rows(f->patch, size, size, b->taps[g][b->term[m].i], b->half, f->rows);
		memset(out, 0, sizeof *out * n_region);
		for (int y = 0; y < region; y++)
			for (int v = -b->half; v <= b->half; v++)
			{
				const float *row = f->rows + (size_t) (y + b->half - v) * (size_t) size + b->half;
				const float tap = tv[v + b->half];

				for (int x = 0; x < region; x++)
					out[y * region + x] += tap * row[x];
			}
	}
}

/* The equations' functions: the first over its sum; the others over theirs minus the first, or as
 * they are. */
static void
flux_free_values(const struct al_basis *b, const float *conv, size_t n_region, size_t pixel,
				 double *value)
{
	value[0] = conv[pixel] / b->term[0].sum;
	for (int m = 1; m < b->n; m++)
	{
		const double c = conv[(size_t) m * n_region + pixel];

		value[m] = b->term[m].sum != 0 ? c / b->term[m].sum - value[0] : c;
	}
	value[b->n] = 1;
}

static bool
is_usable(const struct image *im, int x, int y)
{
	const size_t p = (size_t) y * (size_t) im->width + (size_t) x;

	return (im->mask[p] & MASK_EXCLUDED) == 0 && im->var[p] > 0;
}

/* No bad pixel of the sharp image within 2 px: the kernel would spread it. */
static bool
is_clear(const struct image *im, int x, int y)
{
	for (int v = -2; v <= 2; v++)
		for (int u = -2; u <= 2; u++)
			if (x + u < 0 || y + v < 0 || x + u >= im->width || y + v >= im->height ||
				!is_usable(im, x + u, y + v))
				return false;
	return true;
}

static void
add_pixel(struct stamp *s, int n, const double *value, double data, double weight)
{
	for (int i = 0; i < n; i++)
	{
		const double vi = value[i] * weight;

		s->b[i] += vi * data;
		for (int j = 0; j <= i; j++)
			s->q[i * n + j] += vi * value[j];
	}
	s->yy += data * data * weight;
	s->n_pixels++;
}

static void
build_stamp(struct fit *f, struct stamp *s)
{
	const int region = 2 * f->radius + 1, cx = (int) lround(s->x), cy = (int) lround(s->y);
	const size_t n_region = (size_t) region * (size_t) region;
	double value[AL_MAX_BASIS + 1];

	convolve_patch(f, cx, cy);
	for (int y = 0; y < region; y++)
		for (int x = 0; x < region; x++)
		{
			const int ix = cx - f->radius + x, iy = cy - f->radius + y;
			const size_t p = (size_t) iy * (size_t) f->blunt->width + (size_t) ix;
			double var, data;

			if (hypot(x - f->radius, y - f->radius) > f->radius + 0.5 || ix < 0 || iy < 0 ||
				ix >= f->blunt->width || iy >= f->blunt->height || !is_usable(f->blunt, ix, iy) ||
				!is_clear(f->sharp, ix, iy))
				continue;
			data = f->blunt->sci[p];
			var = f->blunt->var[p] + f->scale * f->scale * f->sharp->var[p] +
				  pow(SYSTEMATIC * data, 2);
			flux_free_values(&f->k->basis, f->conv, n_region, (size_t) (y * region + x), value);
			add_pixel(s, f->n_local, value, data, 1 / var);
		}
	for (int i = 0; i < f->n_local; i++)
		for (int j = 0; j < i; j++)
			s->q[j * f->n_local + i] = s->q[i * f->n_local + j];
}

/* Flux of the region in both images: the kernel sum of one star, as a first guess. */
static double
aperture_ratio(const struct fit *f, const struct source *star)
{
	double sharp = 0, blunt = 0;
	const int cx = (int) lround(star->x), cy = (int) lround(star->y);

	for (int y = cy - f->radius; y <= cy + f->radius; y++)
		for (int x = cx - f->radius; x <= cx + f->radius; x++)
		{
			if (x < 0 || y < 0 || x >= f->sharp->width || y >= f->sharp->height)
				return NAN;
			if (!is_usable(f->sharp, x, y) || !is_usable(f->blunt, x, y))
				continue;
			sharp += f->sharp->sci[(size_t) y * (size_t) f->sharp->width + (size_t) x];
			blunt += f->blunt->sci[(size_t) y * (size_t) f->blunt->width + (size_t) x];
		}
	return sharp > 0 ? blunt / sharp : NAN;
}

static double
first_scale(const struct fit *f, const struct source_list *stars)
{
	double v[64];
	size_t n = 0;

	for (size_t i = 0; i < stars->n && n < 64; i++)
	{
		const double r = aperture_ratio(f, &stars->v[i]);

		if (isfinite(r) && r > 0)
			v[n++] = r;
	}
	return n > 0 ? stats_median(v, n) : 1;
}

static bool
too_near(const struct fit *f, const struct source *star)
{
	for (int i = 0; i < f->n; i++)
		if (hypot(f->stamps[i].x - star->x, f->stamps[i].y - star->y) < f->radius)
			return true;
	return false;
}

static int
build_stamps(struct fit *f, const struct source_list *stars, int max_stamps)
{
	const size_t nl = (size_t) f->n_local;
	const int full = (2 * f->radius + 1) * (2 * f->radius + 1);

	f->scale = first_scale(f, stars);
	f->stamps = calloc((size_t) max_stamps, sizeof *f->stamps);
	if (f->stamps == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %d stamps", max_stamps);
	for (size_t i = 0; i < stars->n && f->n < max_stamps; i++)
	{
		const struct source *star = &stars->v[i];
		struct stamp *s = &f->stamps[f->n];

		if (star->saturated || star->masked || too_near(f, star))
			continue;
		memset(s, 0, sizeof *s);
		s->x = star->x;
		s->y = star->y;
		s->q = calloc(nl * nl, sizeof *s->q);
		s->b = calloc(nl, sizeof *s->b);
		f->n++; /* from here on it is freed with the others */
		if (s->q == NULL || s->b == NULL)
			return err_raise(ASTRID_E_NO_MEMORY, "no memory for a stamp");
		build_stamp(f, s);
		s->used = s->n_pixels > full / 2;
		if (!s->used)
		{
			free(s->q);
			free(s->b);
			f->n--;
		}
	}
	return 0;
}

/* The global unknown of local unknown i and polynomial term t; *n_terms: how many terms it has. */
static size_t
unknown(const struct fit *f, const struct layout *l, int i, int t, int *n_terms)
{
	const int nb = f->k->basis.n;

	if (i == 0)
		*n_terms = l->sum_terms;
	else
		*n_terms = i < nb ? l->terms : l->background_terms;
	if (i == 0)
		return (size_t) t;
	if (i < nb)
		return (size_t) (l->sum_terms + (i - 1) * l->terms + t);
	return (size_t) (l->sum_terms + (nb - 1) * l->terms + t);
}

/* The solution at one stamp, in its local unknowns. */
static void
local_solution(const struct fit *f, const struct layout *l, const struct stamp *s,
			   const double *solution, double *x)
{
	double term[POLYNOMIAL_MAX_TERMS];

	polynomial_at(POLYNOMIAL_MAX_TERMS, s->x, s->y, f->k->width, f->k->height, term);
	for (int i = 0; i < f->n_local; i++)
	{
		int n_terms;

		unknown(f, l, i, 0, &n_terms);
		x[i] = 0;
		for (int t = 0; t < n_terms; t++)
			x[i] += term[t] * solution[unknown(f, l, i, t, &n_terms)];
	}
}

static void
add_stamp(const struct fit *f, const struct layout *l, const struct stamp *s, double *a, double *b)
{
	double term[POLYNOMIAL_MAX_TERMS];

	polynomial_at(POLYNOMIAL_MAX_TERMS, s->x, s->y, f->k->width, f->k->height, term);
	for (int i = 0; i < f->n_local; i++)
	{
		int ni, nj;

		unknown(f, l, i, 0, &ni);
		for (int t = 0; t < ni; t++)
		{
			const size_t row = unknown(f, l, i, t, &ni);

			b[row] += term[t] * s->b[i];
			for (int j = 0; j < f->n_local; j++)
			{
				const double q = term[t] * s->q[i * f->n_local + j];
				const size_t first = unknown(f, l, j, 0, &nj);

				for (int w = 0; w < nj; w++)
					a[row * l->n + first + (size_t) w] += q * term[w];
			}
		}
	}
}

/* Shapes that the stars do not tell apart, and changes over the field that they do not show, stay
 * near 0: a Gaussian prior of zero mean, in units of the kernel sum. */
static void
add_prior(const struct fit *f, const struct layout *l, double *a)
{
	int n_terms;

	for (int i = 1; i < f->k->basis.n; i++)
		for (int t = 0; t < l->terms; t++)
		{
			const size_t u = unknown(f, l, i, t, &n_terms);

			a[u * l->n + u] += 1 / pow(f->scale * (t == 0 ? PRIOR_SHAPE : PRIOR_CHANGE), 2);
		}
}

static int
solve(struct fit *f, const struct layout *l, double *solution)
{
	double *a = calloc(l->n * l->n, sizeof *a);
	int status;

	if (a == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu unknowns", l->n);
	memset(solution, 0, sizeof *solution * l->n);
	for (int i = 0; i < f->n; i++)
		if (f->stamps[i].used)
			add_stamp(f, l, &f->stamps[i], a, solution);
	add_prior(f, l, a);
	status = polynomial_solve(a, solution, l->n);
	free(a);
	return status;
}

/* The solution at a stamp, and what the stamp says of it: chi2 = y'y - 2 x'b + x'Qx, and the kernel
 * sum that would fit this stamp best with the rest as it is. */
static void
judge_stamp(const struct fit *f, const struct layout *l, const double *solution, struct stamp *s)
{
	double x[AL_MAX_BASIS + 1], chi2 = s->yy, gradient = s->b[0];
	const int n = f->n_local;

	local_solution(f, l, s, solution, x);
	for (int i = 0; i < n; i++)
	{
		chi2 -= 2 * x[i] * s->b[i];
		gradient -= s->q[i] * x[i];
		for (int j = 0; j < n; j++)
			chi2 += x[i] * s->q[i * n + j] * x[j];
	}
	s->chi2_dof = fmax(chi2, 0) / fmax(1, s->n_pixels - n);
	s->sum = s->q[0] > 0 ? x[0] + gradient / s->q[0] : NAN;
	/* ratio to the fitted one, so that a varying sum does not count as scatter */
	s->sum /= x[0];
}

struct judgement
{
	double chi2, chi2_sigma, sum, sum_sigma, misfit;
	int used;
};

/* Residual over signal, both in sigma: what is wrong with a star apart from its noise. */
static double
misfit(const struct stamp *s, double chi2)
{
	return sqrt(fmax(0, s->chi2_dof - chi2) * s->n_pixels / s->yy);
}

static struct judgement
judge(const struct fit *f, double *work)
{
	struct judgement j = {0};
	size_t n = 0;

	for (int i = 0; i < f->n; i++)
		if (f->stamps[i].used)
			work[n++] = f->stamps[i].chi2_dof;
	j.used = (int) n;
	j.chi2 = stats_median(work, n);
	j.chi2_sigma = stats_mad(work, n, j.chi2);
	for (int i = (int) (n = 0); i < f->n; i++)
		if (f->stamps[i].used)
			work[n++] = f->stamps[i].sum;
	j.sum = stats_median(work, n);
	j.sum_sigma = stats_mad(work, n, j.sum);
	for (int i = (int) (n = 0); i < f->n; i++)
		if (f->stamps[i].used && f->stamps[i].chi2_dof > j.chi2)
			work[n++] = misfit(&f->stamps[i], j.chi2);
	j.misfit = n > 0 ? stats_median(work, n) : 0;
	return j;
}

/* Variables, moving things, cosmic rays: stamps unlike the others. A large chi2 alone is no reason:
 * the brightest stars have it for their small errors. */
static int
clip_stamps(struct fit *f, double *work)
{
	const struct judgement j = judge(f, work);
	const double chi2_limit = j.chi2 + CLIP_SIGMA * fmax(j.chi2_sigma, 0.15 * j.chi2);
	const double sum_limit = CLIP_SIGMA * fmax(j.sum_sigma, 0.003);
	const double misfit_limit = fmax(CLIP_SIGMA * j.misfit, LEAST_MISFIT);
	int clipped = 0, left = j.used;

	for (int i = 0; i < f->n && left > MIN_STAMPS; i++)
	{
		struct stamp *s = &f->stamps[i];

		if (s->used && ((s->chi2_dof > chi2_limit && misfit(s, j.chi2) > misfit_limit) ||
						!(fabs(s->sum - j.sum) <= sum_limit)))
		{
			s->used = false;
			clipped++;
			left--;
		}
	}
	f->k->n_stamps = left;
	f->k->n_rejected = f->n - left;
	f->k->chi2_dof = j.chi2;
	f->k->sum_scatter = j.sum_sigma;
	return clipped;
}

/* From the flux-free unknowns back to coefficients of the basis functions as they are convolved. */
static void
store(struct fit *f, const struct layout *l, const double *solution)
{
	struct al_kernel *k = f->k;
	const struct al_basis *b = &k->basis;
	int n_terms;

	memset(k->coef, 0, sizeof k->coef);
	memset(k->background, 0, sizeof k->background);
	for (int t = 0; t < l->sum_terms; t++)
		k->coef[0][t] = solution[t] / b->term[0].sum;
	for (int m = 1; m < b->n; m++)
		for (int t = 0; t < l->terms; t++)
		{
			const double a = solution[unknown(f, l, m, t, &n_terms)];

			if (b->term[m].sum != 0)
			{
				k->coef[m][t] = a / b->term[m].sum;
				k->coef[0][t] -= a / b->term[0].sum;
			}
			else
				k->coef[m][t] = a;
		}
	for (int t = 0; t < l->background_terms; t++)
		k->background[t] = solution[unknown(f, l, b->n, t, &n_terms)];
	memset(k->sum_coef, 0, sizeof k->sum_coef);
	for (int m = 0; m < b->n; m++)
		for (int t = 0; t < POLYNOMIAL_MAX_TERMS; t++)
			k->sum_coef[t] += b->term[m].sum * k->coef[m][t];
	k->sum = al_sum_at(k, (k->width - 1) / 2.0, (k->height - 1) / 2.0);
}

static void
choose_orders(const struct fit *f, const struct al_options *o, struct al_kernel *k)
{
	int used = 0, most;

	for (int i = 0; i < f->n; i++)
		used += f->stamps[i].used;
	most = used >= QUADRATIC_STAMPS ? 2 : used >= LINEAR_STAMPS ? 1 : 0;
	k->order = o->order >= 0 ? o->order : most;
	k->sum_order = used >= SUM_STAMPS && k->order > 0 ? 1 : 0;
	k->background_order = o->background_order < most ? o->background_order : most;
}

static int
fit_rounds(struct fit *f, const struct al_options *options)
{
	double *solution = NULL, *work = malloc(sizeof *work * (size_t) (f->n + 1));
	struct layout l;
	int status = work != NULL ? 0 : err_raise(ASTRID_E_NO_MEMORY, "no memory for the kernel fit");

	for (int round = 0; status == 0 && round < ROUNDS; round++)
	{
		choose_orders(f, options, f->k);
		l = layout_of(f->k);
		free(solution);
		solution = malloc(sizeof *solution * l.n);
		if (solution == NULL)
			status = err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu unknowns", l.n);
		else
			status = solve(f, &l, solution);
		if (status < 0)
			break;
		store(f, &l, solution);
		for (int i = 0; i < f->n; i++)
			judge_stamp(f, &l, solution, &f->stamps[i]);
		if (clip_stamps(f, work) == 0)
			break;
	}
	free(solution);
	free(work);
	return status;
}

static int
fit(struct fit *f, const struct source_list *stars, const struct al_options *options)
{
	const size_t reach = (size_t) (f->radius + f->k->basis.half);
	const size_t patch = (2 * reach + 1) * (2 * reach + 1);
	const size_t region = (size_t) (2 * f->radius + 1) * (size_t) (2 * f->radius + 1);

	f->patch = malloc(sizeof *f->patch * patch);
	f->rows = malloc(sizeof *f->rows * patch);
	f->conv = malloc(sizeof *f->conv * region * (size_t) f->k->basis.n);
	if (f->patch == NULL || f->rows == NULL || f->conv == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for the stamps of the kernel fit");
	if (build_stamps(f, stars, options->max_stamps) < 0)
		return -1;
	if (f->n < MIN_STAMPS)
		return err_raise(ASTRID_E_TOO_FEW_STARS, "%d usable stamps for the kernel fit, need %d",
						 f->n, MIN_STAMPS);
	return fit_rounds(f, options);
}

int
al_fit(const struct image *sharp, const struct image *blunt, const struct source_list *stars,
	   const struct al_options *options, struct al_kernel *out)
{
	struct fit f = {.sharp = sharp, .blunt = blunt, .k = out};
	int status;

	memset(out, 0, sizeof *out);
	out->width = sharp->width;
	out->height = sharp->height;
	al_basis_make(options, &out->basis);
	f.n_local = out->basis.n + 1;
	f.radius = (int) ceil(2.5 * fmax(options->fwhm_blunt, options->fwhm_sharp));
	f.radius = f.radius < 7 ? 7 : f.radius;
	status = fit(&f, stars, options);
	for (int i = 0; i < f.n; i++)
	{
		free(f.stamps[i].q);
		free(f.stamps[i].b);
	}
	free(f.stamps);
	free(f.patch);
	free(f.rows);
	free(f.conv);
	return status;
}
