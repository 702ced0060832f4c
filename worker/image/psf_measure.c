/*
 * PSF from stars: an elliptical Moffat profile whose width and shape vary over the field, plus what
 * the stars show beyond it. See psf.h. SPDX-License-Identifier: PostgreSQL
 *
 * The analytic part carries the steep core, so that only its small residual has to be interpolated
 * to the centre of a stamp; the residual's noisy wings are replaced by their azimuthal mean.
 */
#include "image/psf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/moffat.h"
#include "image/polynomial.h"
#include "image/stats.h"

#define MAX_STARS    200
#define MIN_STARS    5
#define MIN_SNR      20.0
#define RESIDUAL_SNR 40.0 /* fainter stars only add noise to the residual */
#define ISOLATION    3.0  /* FWHM: no bright neighbour nearer */
#define NEIGHBOUR    1.5  /* FWHM around any neighbour that is left out of a stamp */
#define SYSTEMATIC                                                                                 \
	0.01 /* of a pixel's flux: flat errors, interpolation; bounds the bright stars' weight */
#define DEFAULT_BETA    3.0
#define ODD_SIGMA       3.5
#define GAUSSIAN_BETA   20.0
#define MIN_HALF        12
#define MAX_HALF        40
#define LINEAR_STARS    14
#define QUADRATIC_STARS 35

struct star
{
	const struct source *source;
	struct moffat fit;
	bool good;
};

struct field /* everything the steps below share */
{
	const struct image *im;
	const struct source_list *sources;
	double fwhm; /* of the stellar locus */
	int half;    /* of the stamps */
	struct star star[MAX_STARS];
	int n;
	double shape[3][POLYNOMIAL_MAX_TERMS]; /* ln alpha, e1, e2 over the field */
	int n_terms;
	double beta;
	struct moffat_pixel *pixels; /* scratch of one stamp */
};

static double
snr(const struct source *s)
{
	return s->flux_err > 0 ? s->flux / s->flux_err : 0;
}

static bool
is_clean(const struct source *s)
{
	return !s->saturated && !s->masked && isfinite(s->fwhm) && s->fwhm > 1 && snr(s) > MIN_SNR;
}

static int
compare_double(const void *a, const void *b)
{
	const double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Half-sample mode (Robertson & Cryer 1974): stars share one width, galaxies scatter above it. */
static double
half_sample_mode(double *v, size_t n)
{
	qsort(v, n, sizeof *v, compare_double);
	while (n > 3)
	{
		const size_t k = (n + 1) / 2;
		size_t best = 0;

		for (size_t i = 1; i + k <= n; i++)
			if (v[i + k - 1] - v[i] < v[best + k - 1] - v[best])
				best = i;
		v += best;
		n = k;
	}
	return n == 0 ? NAN : v[n / 2];
}

static double
stellar_fwhm(const struct source_list *sources)
{
	double *v = malloc(sizeof *v * (sources->n + 1)), mode;
	size_t n = 0;

	if (v == NULL)
		return NAN;
	for (size_t i = 0; i < sources->n; i++)
		if (is_clean(&sources->v[i]))
			v[n++] = sources->v[i].fwhm;
	if (n < MIN_STARS) /* faint ones, too: better than nothing */
		for (size_t i = n = 0; i < sources->n; i++)
			if (!sources->v[i].saturated && sources->v[i].fwhm > 1)
				v[n++] = sources->v[i].fwhm;
	mode = half_sample_mode(v, n);
	free(v);
	return mode;
}

static bool
is_isolated(const struct field *f, const struct source *s)
{
	for (size_t i = 0; i < f->sources->n; i++)
	{
		const struct source *o = &f->sources->v[i];
		const double r = hypot(o->x - s->x, o->y - s->y);

		if (o != s && ((r < ISOLATION * f->fwhm && o->flux > 0.1 * s->flux) ||
					   (r < f->half && o->flux > 2 * s->flux)))
			return false;
	}
	return true;
}

static void
select_stars(struct field *f)
{
	for (int pass = 0; pass < 2 && f->n < 2 * MIN_STARS; pass++)
	{
		f->n = 0;
		for (size_t i = 0; i < f->sources->n && f->n < MAX_STARS; i++)
		{
			const struct source *s = &f->sources->v[i];

			/* In a crowded field nobody is alone: the second pass takes blends apart by masking. */
			if (is_clean(s) && fabs(s->fwhm - f->fwhm) < (0.15 + 0.1 * pass) * f->fwhm &&
				(pass == 1 || is_isolated(f, s)))
				f->star[f->n++] = (struct star){.source = s};
		}
	}
}

/* The usable pixels of a star's stamp; neighbours are left out. */
static size_t
gather(const struct field *f, const struct source *s, int radius)
{
	const struct image *im = f->im;
	const int cx = (int) lround(s->x), cy = (int) lround(s->y);
	const struct source *near[64];
	size_t n = 0, n_near = 0;

	for (size_t i = 0; i < f->sources->n && n_near < 64; i++)
	{
		const struct source *o = &f->sources->v[i];

		if (o != s && fabs(o->x - s->x) < 2 * radius && fabs(o->y - s->y) < 2 * radius)
			near[n_near++] = o;
	}
	for (int y = cy - radius; y <= cy + radius; y++)
		for (int x = cx - radius; x <= cx + radius; x++)
		{
			const size_t p = (size_t) y * (size_t) im->width + (size_t) x;
			double var;
			bool other = false;

			if (x < 0 || y < 0 || x >= im->width || y >= im->height)
				continue;
			var = im->var[p];
			if ((im->mask[p] & MASK_EXCLUDED) || !isfinite(im->sci[p]) || !(var > 0))
				continue;
			for (size_t k = 0; k < n_near && !other; k++)
			{
				const double r = hypot(x - near[k]->x, y - near[k]->y);

				other =
					r < NEIGHBOUR * fmax(f->fwhm, near[k]->fwhm) && r < hypot(x - s->x, y - s->y);
			}
			if (other)
				continue;
			var += pow(SYSTEMATIC * im->sci[p], 2);
			f->pixels[n++] = (struct moffat_pixel){x, y, im->sci[p], 1 / var};
		}
	return n;
}

static struct moffat
first_guess(const struct field *f, const struct source *s, double beta)
{
	return (struct moffat){.flux = s->flux,
						   .x = s->x,
						   .y = s->y,
						   .beta = beta,
						   .ln_alpha = log(f->fwhm / (2 * sqrt(exp2(1 / beta) - 1)))};
}

static void
fit_stars(struct field *f, enum moffat_free free_parameters, double beta, int limit)
{
	for (int i = 0; i < f->n && i < limit; i++)
	{
		struct star *star = &f->star[i];
		const size_t n = gather(f, star->source, (int) ceil(3 * f->fwhm));

		star->fit = first_guess(f, star->source, beta);
		star->good =
			moffat_fit(f->pixels, n, free_parameters, &star->fit) == 0 &&
			hypot(star->fit.x - star->source->x, star->fit.y - star->source->y) < 0.5 * f->fwhm;
	}
}

/* A fit that failed ran towards a Gaussian, which is a Moffat profile of infinite beta. */
static double
median_beta(const struct field *f, int limit)
{
	double v[MAX_STARS];
	size_t n = 0;

	for (int i = 0; i < f->n && i < limit; i++)
		v[n++] = f->star[i].good ? fmin(f->star[i].fit.beta, GAUSSIAN_BETA) : GAUSSIAN_BETA;
	return n >= 3 ? stats_median(v, n) : DEFAULT_BETA;
}

static double
shape_parameter(const struct moffat *m, int parameter)
{
	return parameter == 0 ? m->ln_alpha : parameter == 1 ? m->e1 : m->e2;
}

/* Good stars far from the median of one shape parameter are no stars: galaxies, blends, cosmic
 * rays. */
static void
reject_outliers(struct field *f, int parameter, double least_sigma)
{
	double w[MAX_STARS], median, sigma;
	size_t n = 0;

	for (int i = 0; i < f->n; i++)
		if (f->star[i].good)
			w[n++] = shape_parameter(&f->star[i].fit, parameter);
	median = stats_median(w, n);
	sigma = fmax(stats_mad(w, n, median), least_sigma);
	for (int i = 0; i < f->n; i++)
		if (fabs(shape_parameter(&f->star[i].fit, parameter) - median) > ODD_SIGMA * sigma)
			f->star[i].good = false;
}

/* Trailed frames have elongated stars: only what differs from the others is odd. */
static void
reject_odd(struct field *f)
{
	reject_outliers(f, 0, 0.015);
	reject_outliers(f, 1, 0.04);
	reject_outliers(f, 2, 0.04);
}

static int
count_good(const struct field *f)
{
	int n = 0;

	for (int i = 0; i < f->n; i++)
		n += f->star[i].good;
	return n;
}

static int
fit_shape(struct field *f)
{
	double term[MAX_STARS * POLYNOMIAL_MAX_TERMS], value[3][MAX_STARS], weight[MAX_STARS];
	const int n_good = count_good(f);
	size_t n = 0;

	f->n_terms = n_good >= QUADRATIC_STARS ? 6 : n_good >= LINEAR_STARS ? 3 : 1;
	for (int i = 0; i < f->n; i++)
	{
		const struct star *s = &f->star[i];
		const double sn = snr(s->source);

		if (!s->good)
			continue;
		polynomial_at(f->n_terms, s->fit.x, s->fit.y, f->im->width, f->im->height,
					  term + n * (size_t) f->n_terms);
		value[0][n] = s->fit.ln_alpha;
		value[1][n] = s->fit.e1;
		value[2][n] = s->fit.e2;
		weight[n++] = 1 / (1 / (sn * sn) + 0.01 * 0.01);
	}
	for (int k = 0; k < 3; k++)
		if (polynomial_fit(term, value[k], weight, n, f->n_terms, 3.5, f->shape[k]) < 0)
			return -1;
	return 0;
}

static struct moffat
shape_at(const struct field *f, double x, double y)
{
	double term[POLYNOMIAL_MAX_TERMS], v[3] = {0};

	polynomial_at(f->n_terms, x, y, f->im->width, f->im->height, term);
	for (int k = 0; k < 3; k++)
		for (int j = 0; j < f->n_terms; j++)
			v[k] += f->shape[k][j] * term[j];
	return (struct moffat){.flux = 1, .ln_alpha = v[0], .e1 = v[1], .e2 = v[2], .beta = f->beta};
}

/* Residual of one star over its flux on the grid of a centred stamp, by bilinear interpolation;
 * weight 0 where a pixel is missing. */
static void
residual_stamp(const struct field *f, const struct moffat *m, size_t n, float *value, float *weight)
{
	const int size = 2 * f->half + 1, x0 = (int) lround(m->x), y0 = (int) lround(m->y);
	const double fx = m->x - x0, fy = m->y - y0;
	const size_t np = (size_t) size * (size_t) size;

	/* Each pixel is dealt out to the four grid points around its offset from the star. */
	memset(value, 0, sizeof *value * np);
	memset(weight, 0, sizeof *weight * np);
	for (size_t i = 0; i < n; i++)
	{
		const struct moffat_pixel *p = &f->pixels[i];
		const double r = (p->value - m->background - moffat_value(m, p->x, p->y)) / m->flux;
		const double w0 = p->weight * m->flux * m->flux;
		const double gx = p->x - x0 - fx + f->half, gy = p->y - y0 - fy + f->half;
		const int ix = (int) floor(gx), iy = (int) floor(gy);

		for (int k = 0; k < 4; k++)
		{
			const int x = ix + (k & 1), y = iy + (k >> 1);
			const double share = (1 - fabs(gx - x)) * (1 - fabs(gy - y));

			if (x < 0 || y < 0 || x >= size || y >= size)
				continue;
			value[y * size + x] += (float) (r * share * w0);
			weight[y * size + x] += (float) (share * w0);
		}
	}
	for (size_t i = 0; i < np; i++)
		value[i] = weight[i] > 0 ? value[i] / weight[i] : 0;
}

struct residuals
{
	float *value, *weight; /* n stamps */
	size_t n, n_pixels;
};

static void
gather_residuals(struct field *f, struct residuals *r)
{
	for (int i = 0; i < f->n; i++)
	{
		const struct star *s = &f->star[i];
		struct moffat m = shape_at(f, s->fit.x, s->fit.y);
		size_t n;

		if (!s->good || snr(s->source) < RESIDUAL_SNR)
			continue;
		n = gather(f, s->source, f->half + 1);
		m.flux = s->fit.flux;
		m.x = s->fit.x;
		m.y = s->fit.y;
		m.background = s->fit.background;
		if (moffat_fit(f->pixels, n, MOFFAT_POSITION, &m) < 0)
			continue;
		residual_stamp(f, &m, n, r->value + r->n * r->n_pixels, r->weight + r->n * r->n_pixels);
		r->n++;
	}
}

/* Weighted mean of one grid point over the stars, clipped about the median. */
static double
clipped_mean(const struct residuals *r, size_t pixel, double *value, double *work)
{
	double median, sigma, sum = 0, sum_w = 0;
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		if (r->weight[i * r->n_pixels + pixel] > 0)
			value[n++] = r->value[i * r->n_pixels + pixel];
	if (n == 0)
		return 0;
	memcpy(work, value, sizeof *work * n);
	median = stats_median(work, n);
	sigma = stats_mad(work, n, median);
	for (size_t i = 0; i < r->n; i++)
	{
		const double v = r->value[i * r->n_pixels + pixel];
		const double w = r->weight[i * r->n_pixels + pixel];

		if (w > 0 && fabs(v - median) <= 3 * sigma + 1e-12)
		{
			sum += v * w;
			sum_w += w;
		}
	}
	return sum_w > 0 ? sum / sum_w : median;
}

/* Beyond 2 FWHM single pixels of the mean residual are noise: take the azimuthal mean, faded in. */
static void
smooth_wings(float *stamp, int half, double fwhm)
{
	const int size = 2 * half + 1;
	double sum[2 * MAX_HALF + 2] = {0};
	int count[2 * MAX_HALF + 2] = {0};

	for (int y = -half; y <= half; y++)
		for (int x = -half; x <= half; x++)
		{
			const int bin = (int) lround(hypot(x, y));

			sum[bin] += stamp[(y + half) * size + x + half];
			count[bin]++;
		}
	for (int y = -half; y <= half; y++)
		for (int x = -half; x <= half; x++)
		{
			const double r = hypot(x, y);
			const int bin = (int) lround(r);
			const double fade = fmin(1, fmax(0, r / fwhm - 1));
			float *p = &stamp[(y + half) * size + x + half];

			*p = (float) ((1 - fade) * *p + fade * sum[bin] / count[bin]);
		}
}

static int
mean_residual(struct field *f, float *mean)
{
	const int size = 2 * f->half + 1;
	const size_t np = (size_t) size * (size_t) size, room = (size_t) f->n + 1;
	struct residuals r = {.n_pixels = np};
	double *work = malloc(sizeof *work * 2 * room);
	int status = 0;

	memset(mean, 0, sizeof *mean * np);
	r.value = malloc(sizeof *r.value * np * room);
	r.weight = malloc(sizeof *r.weight * np * room);
	if (work == NULL || r.value == NULL || r.weight == NULL)
		status = err_raise(ASTRID_E_NO_MEMORY, "no memory for the residuals of %d stars", f->n);
	else
	{
		gather_residuals(f, &r);
		for (size_t i = 0; r.n >= MIN_STARS && i < np; i++)
			mean[i] = (float) clipped_mean(&r, i, work, work + room);
		if (r.n >= MIN_STARS)
			smooth_wings(mean, f->half, f->fwhm);
	}
	free(work);
	free(r.value);
	free(r.weight);
	return status;
}

/* Stamps at 3 x 3 nodes over the field, then a polynomial through each of their pixels. */
static int
tabulate(const struct field *f, const float *residual, struct psf *out)
{
	const int size = out->size, n_nodes = 9;
	const size_t np = (size_t) size * (size_t) size;
	double term[9 * POLYNOMIAL_MAX_TERMS], value[9], coef[POLYNOMIAL_MAX_TERMS];
	const double weight[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
	struct moffat node[9];

	for (int k = 0; k < n_nodes; k++)
	{
		const double x = (0.1 + 0.4 * (k % 3)) * out->width - 0.5;
		const double y = (0.1 + 0.4 * (k / 3)) * out->height - 0.5;

		node[k] = shape_at(f, x, y);
		polynomial_at(out->n_terms, x, y, out->width, out->height, term + k * out->n_terms);
	}
	for (size_t i = 0; i < np; i++)
	{
		const double dx = (double) (i % (size_t) size) - f->half;
		const double dy = (double) (i / (size_t) size) - f->half;

		for (int k = 0; k < n_nodes; k++)
			value[k] = moffat_value(&node[k], dx, dy) + residual[i];
		if (polynomial_fit(term, value, weight, (size_t) n_nodes, out->n_terms, 0, coef) < 0)
			return -1;
		for (int j = 0; j < out->n_terms; j++)
			out->coef[(size_t) j * np + i] = (float) coef[j];
	}
	return 0;
}

static int
make_model(struct field *f, struct psf *out)
{
	const size_t np = (size_t) out->size * (size_t) out->size;
	float *residual = malloc(sizeof *residual * np);
	int status = -1;

	out->coef = malloc(sizeof *out->coef * np * (size_t) out->n_terms);
	if (residual == NULL || out->coef == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for a PSF of %d px", out->size);
	else if (mean_residual(f, residual) == 0)
		status = tabulate(f, residual, out);
	free(residual);
	if (status < 0)
		psf_free(out);
	return status;
}

static int
measure(struct field *f, struct psf *out)
{
	const int for_beta = 40;
	struct moffat centre;

	select_stars(f);
	fit_stars(f, MOFFAT_ALL, DEFAULT_BETA, for_beta);
	f->beta = median_beta(f, for_beta);
	fit_stars(f, MOFFAT_SHAPE, f->beta, MAX_STARS);
	reject_odd(f);
	out->n_stars = count_good(f);
	if (out->n_stars >= MIN_STARS)
	{
		if (fit_shape(f) < 0)
			return -1;
	}
	else
	{
		out->n_stars = 0;
		f->n = 0;
		f->n_terms = 1;
		f->beta = DEFAULT_BETA;
		f->shape[0][0] = log(f->fwhm / (2 * sqrt(exp2(1 / f->beta) - 1)));
	}
	out->n_terms = f->n_terms;
	out->beta = f->beta;
	centre = shape_at(f, (out->width - 1) / 2.0, (out->height - 1) / 2.0);
	out->fwhm = moffat_fwhm(&centre);
	out->ellipticity = hypot(centre.e1, centre.e2);
	return make_model(f, out);
}

int
psf_measure(const struct image *im, const struct source_list *sources, struct psf *out)
{
	struct field *f = calloc(1, sizeof *f);
	int status;

	memset(out, 0, sizeof *out);
	if (f == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory to measure a PSF");
	f->im = im;
	f->sources = sources;
	f->fwhm = stellar_fwhm(sources);
	if (!(f->fwhm > 0))
	{
		free(f);
		return err_raise(ASTRID_E_TOO_FEW_STARS, "no source shows the width of the PSF");
	}
	f->half = (int) fmin(MAX_HALF, fmax(MIN_HALF, ceil(4.5 * f->fwhm)));
	*out = (struct psf){
		.size = 2 * f->half + 1, .width = im->width, .height = im->height, .locus = f->fwhm};
	f->pixels = malloc(sizeof *f->pixels * (size_t) (2 * f->half + 3) * (size_t) (2 * f->half + 3));
	if (f->pixels == NULL)
		status = err_raise(ASTRID_E_NO_MEMORY, "no memory to measure a PSF");
	else
		status = measure(f, out);
	free(f->pixels);
	free(f);
	return status;
}
