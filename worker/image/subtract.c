/* See subtract.h. SPDX-License-Identifier: PostgreSQL */
#include "image/subtract.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/alard_lupton.h"
#include "image/convolve.h"
#include "image/decorrelate.h"
#include "image/fill.h"
#include "image/stats.h"

#define STAMP_SNR    20.0
#define CELLS        8    /* per axis, for stamps all over the field */
#define WIDEST_STAR  1.2  /* times the FWHM of the stars */
#define MATCH_RADIUS 2.0  /* px, between sources of the two images */
#define LOST_WEIGHT  0.15 /* of the kernel on excluded pixels: the difference is excluded there */
#define LOST_SAT     0.02 /* the same for saturated ones, which cannot be filled in well */
#define SUSPECT_SAT                                                                                \
	0.0005              /* of the kernel on saturated pixels: their missing light still shows      \
						 */
#define SKY_LEVEL   1.5 /* sigma of the static scene below which a pixel is sky */
#define MESH        64
#define MESH_FILTER 3
#define MAX_SAMPLES 200000

/* The two roles; sharp is convolved. */
struct pair
{
	struct side science, reference;
	struct side *sharp, *blunt;
	struct al_kernel kernel;
	float *stamp; /* the kernel at the centre of the field, size^2 */
	int size;
	unsigned char *sky;
	float *work; /* one plane */
};

static void
pair_free(struct pair *p)
{
	side_free(&p->science);
	side_free(&p->reference);
	free(p->stamp);
	free(p->sky);
	free(p->work);
}

void
subtraction_free(struct subtraction *s)
{
	image_free(&s->diff);
	free(s->model);
	psf_free(&s->psf);
	source_list_free(&s->stars);
	s->model = NULL;
}

static bool
is_good_star(const struct source *s)
{
	return !s->saturated && !s->masked && s->flux_err > 0 && s->flux / s->flux_err > STAMP_SNR;
}

/* Median flux of the common stars on `a` over that on `b`. */
static double
common_flux_ratio(const struct source_list *a, const struct source_list *b)
{
	double v[256];
	size_t n = 0;

	for (size_t i = 0; i < a->n && n < 256; i++)
		for (size_t j = 0; is_good_star(&a->v[i]) && j < b->n; j++)
			if (hypot(a->v[i].x - b->v[j].x, a->v[i].y - b->v[j].y) < MATCH_RADIUS)
			{
				if (is_good_star(&b->v[j]) && n < 256)
					v[n++] = a->v[i].flux / b->v[j].flux;
				break;
			}
	return n > 0 ? stats_median(v, n) : NAN;
}

/* Good stars in an order that covers the field: the brightest of every cell, then the second of
 * every cell, ... */
static int
spread_stars(const struct source_list *in, int width, int height, struct source_list *out)
{
	int rank[CELLS * CELLS] = {0}, *of = malloc(sizeof *of * (in->n + 1));
	int most = 0;

	out->v = malloc(sizeof *out->v * (in->n + 1));
	out->n = 0;
	if (of == NULL || out->v == NULL)
	{
		free(of);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu stars", in->n);
	}
	for (size_t i = 0; i < in->n; i++)
	{
		const int cx = (int) (in->v[i].x * CELLS / width), cy = (int) (in->v[i].y * CELLS / height);
		const bool inside = cx >= 0 && cy >= 0 && cx < CELLS && cy < CELLS;

		of[i] = inside && is_good_star(&in->v[i]) ? rank[cy * CELLS + cx]++ : -1;
		most = of[i] > most ? of[i] : most;
	}
	for (int r = 0; r <= most; r++)
		for (size_t i = 0; i < in->n; i++)
			if (of[i] == r)
				out->v[out->n++] = in->v[i];
	free(of);
	return 0;
}

static int
prepare(const struct frame *science, const struct frame *reference,
		const struct subtract_options *o, struct pair *p, struct subtraction *out)
{
	const size_t n = image_size(&science->im);

	if (science->im.width != reference->im.width || science->im.height != reference->im.height)
		return err_raise(ASTRID_E_SHAPE_MISMATCH, "science is %d x %d, reference %d x %d",
						 science->im.width, science->im.height, reference->im.width,
						 reference->im.height);
	if (side_make(science, "science", &p->science) < 0 ||
		side_make(reference, "reference", &p->reference) < 0)
		return -1;
	out->fwhm_science = p->science.psf.fwhm;
	out->fwhm_reference = p->reference.psf.fwhm;
	out->science_convolved =
		o->convolve == CONVOLVE_SCIENCE ||
		(o->convolve == CONVOLVE_SHARPER && out->fwhm_science < out->fwhm_reference);
	p->sharp = out->science_convolved ? &p->science : &p->reference;
	p->blunt = out->science_convolved ? &p->reference : &p->science;
	p->sky = malloc(n);
	p->work = malloc(sizeof *p->work * n);
	out->model = malloc(sizeof *out->model * n);
	if (p->sky == NULL || p->work == NULL || out->model == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a difference of %zu pixels", n);
	return image_alloc(&out->diff, science->im.width, science->im.height, true);
}

static int
match(const struct subtract_options *o, struct pair *p, struct subtraction *out)
{
	const struct al_options options = {.order = o->kernel_order,
									   .background_order = o->background_order,
									   .fwhm_sharp = p->sharp->psf.fwhm,
									   .fwhm_blunt = p->blunt->psf.fwhm,
									   .half = o->kernel_half,
									   .max_stamps = o->max_stamps};
	struct source_list spread;
	int status;

	out->flux_ratio = common_flux_ratio(&p->blunt->sources, &p->sharp->sources);
	side_fill(p->sharp, p->blunt, isfinite(out->flux_ratio) ? 1 / out->flux_ratio : 1);
	if (spread_stars(&p->blunt->sources, out->diff.width, out->diff.height, &spread) < 0)
		return -1;
	status = al_fit(&p->sharp->im, &p->blunt->im, &spread, &options, &p->kernel);
	source_list_free(&spread);
	if (status < 0 || al_apply(&p->kernel, p->sharp->im.sci, out->model) < 0)
		return err_context("matching the %s", out->science_convolved ? "science" : "reference");
	out->kernel_sum = p->kernel.sum;
	out->sum_scatter = p->kernel.sum_scatter;
	out->stamp_chi2 = p->kernel.chi2_dof;
	out->n_stamps = p->kernel.n_stamps;
	out->n_rejected = p->kernel.n_rejected;
	if (!(out->kernel_sum > 0))
		return err_raise(ASTRID_E_BAD_SUBTRACTION, "the kernel sum is %.3g", out->kernel_sum);
	p->size = 2 * p->kernel.basis.half + 1;
	p->stamp = malloc(sizeof *p->stamp * (size_t) p->size * (size_t) p->size);
	if (p->stamp == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a kernel");
	al_kernel_at(&p->kernel, (out->diff.width - 1) / 2.0, (out->diff.height - 1) / 2.0, p->stamp);
	return 0;
}

static int32_t
bits_around(const struct image *im, int x, int y, int reach)
{
	int32_t bits = 0;

	for (int v = y - reach; v <= y + reach; v++)
		for (int u = x - reach; u <= x + reach; u++)
			if (u >= 0 && v >= 0 && u < im->width && v < im->height)
				bits |= im->mask[(size_t) v * (size_t) im->width + (size_t) u];
	return bits & MASK_EXCLUDED;
}

/* |K| normalised to 1, or K^2. */
static int
kernel_variant(const struct pair *p, bool squared, float *out)
{
	const int n = p->size * p->size;
	double sum = 0;

	for (int i = 0; i < n; i++)
	{
		out[i] = squared ? p->stamp[i] * p->stamp[i] : fabsf(p->stamp[i]);
		sum += out[i];
	}
	for (int i = 0; i < n; i++)
		out[i] = (float) (out[i] / sum);
	return 0;
}

/* The difference is excluded where the image left alone is, and where too much of the kernel lies
 * on excluded pixels of the convolved one, or outside. */
static void
combine_masks(struct pair *p, struct convolver *c, struct image *diff)
{
	const size_t n = image_size(diff);
	const struct image *sharp = &p->sharp->im, *blunt = &p->blunt->im;
	const int reach = 2;

	for (size_t i = 0; i < n; i++)
	{
		diff->mask[i] = blunt->mask[i] | (sharp->mask[i] & ~MASK_EXCLUDED);
		p->work[i] = (sharp->mask[i] & MASK_EXCLUDED) == 0;
	}
	convolver_apply(c, p->work, p->work);
	for (size_t i = 0; i < n; i++)
		if (p->work[i] < 1 - LOST_WEIGHT)
		{
			const int x = (int) (i % (size_t) diff->width), y = (int) (i / (size_t) diff->width);
			const int32_t bits = bits_around(sharp, x, y, reach);

			diff->mask[i] |= bits != 0 ? bits : MASK_EDGE;
		}
	for (size_t i = 0; i < n; i++)
		p->work[i] = (sharp->mask[i] & MASK_SAT) != 0;
	convolver_apply(c, p->work, p->work);
	for (size_t i = 0; i < n; i++)
	{
		if (p->work[i] > LOST_SAT)
			diff->mask[i] |= MASK_SAT;
		else if (p->work[i] > SUSPECT_SAT)
			diff->mask[i] |= MASK_SUSPECT;
	}
}

/* White variance: what the noise is per pixel once it is decorrelated. The convolved image's part
 * keeps the kernel's reach (K^2) and the weight of a delta of the same sum. */
static void
combine_variances(struct pair *p, struct convolver *c, struct image *diff)
{
	const int w = diff->width;

	convolver_apply(c, p->sharp->im.var, p->work);
	for (int y = 0; y < diff->height; y++)
		for (int x = 0; x < w; x++)
		{
			const size_t i = (size_t) y * (size_t) w + (size_t) x;
			const double sum = al_sum_at(&p->kernel, x, y);

			diff->var[i] = (float) (p->blunt->im.var[i] + sum * sum * fmaxf(p->work[i], 0));
		}
}

static int
mask_and_variance(struct pair *p, struct image *diff)
{
	float *variant = malloc(sizeof *variant * (size_t) p->size * (size_t) p->size);
	struct convolver c;

	if (variant == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a kernel");
	if (convolver_init(&c, diff->width, diff->height, p->size / 2) < 0)
	{
		free(variant);
		return -1;
	}
	kernel_variant(p, false, variant);
	convolver_set_kernel(&c, variant, p->size);
	combine_masks(p, &c, diff);
	kernel_variant(p, true, variant);
	convolver_set_kernel(&c, variant, p->size);
	combine_variances(p, &c, diff);
	convolver_free(&c);
	free(variant);
	return 0;
}

/* Still in the flux scale of the image left alone; excluded pixels are 0. */
static void
take_difference(const struct pair *p, struct subtraction *out)
{
	const size_t n = image_size(&out->diff);

	for (size_t i = 0; i < n; i++)
	{
		const float d = p->blunt->im.sci[i] - out->model[i];
		const bool used = (out->diff.mask[i] & MASK_EXCLUDED) == 0 && out->diff.var[i] > 0;

		out->diff.sci[i] = !used ? 0 : out->science_convolved ? -d : d;
		p->sky[i] = used && fabsf(out->model[i]) < SKY_LEVEL * sqrtf(out->diff.var[i]);
	}
}

/* What the polynomial background of the fit left: scattered light, halos. */
static int
subtract_background(struct pair *p, struct image *diff)
{
	const size_t n = image_size(diff);
	struct image sky = *diff;
	struct background bkg = {0};
	size_t n_sky = 0;
	int status;

	sky.mask = malloc(sizeof *sky.mask * n);
	if (sky.mask == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a mask");
	for (size_t i = 0; i < n; i++)
		n_sky += p->sky[i];
	/* A field without sky has its background from the fit alone. */
	for (size_t i = 0; i < n; i++)
		sky.mask[i] =
			p->sky[i] || (n_sky < n / 10 && (diff->mask[i] & MASK_EXCLUDED) == 0) ? 0 : MASK_BAD;
	status = background_measure(&sky, MESH, MESH_FILTER, &bkg);
	free(sky.mask);
	if (status < 0)
		return err_context("measuring the background of the difference");
	for (size_t i = 0; i < n; i++)
		if ((diff->mask[i] & MASK_EXCLUDED) == 0)
			diff->sci[i] -= bkg.level[i];
	background_free(&bkg);
	return 0;
}

static void
noise_scaled(const struct image *diff, float *z)
{
	const size_t n = image_size(diff);

	for (size_t i = 0; i < n; i++)
		z[i] = diff->var[i] > 0 && (diff->mask[i] & MASK_EXCLUDED) == 0
				   ? diff->sci[i] / sqrtf(diff->var[i])
				   : 0;
}

/* Excluded pixels take the mean of their usable neighbours: a hole of zeros beside a source would
 * ring through the whitening filters. */
static int
fill_holes(struct image *diff)
{
	struct filled f;

	if (fill_image(diff, MASK_EXCLUDED, 0, &f) < 0)
		return -1;
	for (int y = 0; y < diff->height; y++)
		for (int x = 0; x < diff->width; x++)
			diff->sci[(size_t) y * (size_t) diff->width + (size_t) x] = f.sci[fill_index(&f, x, y)];
	fill_free(&f);
	return 0;
}

/* Undo the kernel's correlation, then what is left of it: resampling and stacking correlate noise
 * before us. */
static int
decorrelate(struct pair *p, struct subtraction *out)
{
	double acf[(2 * NOISE_LAGS + 1) * (2 * NOISE_LAGS + 1)];
	float *phi = malloc(sizeof *phi * WHITENING_SIZE * WHITENING_SIZE);
	struct convolver c = {0};
	int status = -1;

	if (phi == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a kernel");
	if (convolver_init(&c, out->diff.width, out->diff.height, WHITENING_HALF) == 0 &&
		decorrelation_kernel(p->stamp, p->size, p->blunt->sky_var, p->sharp->sky_var, phi) == 0 &&
		psf_convolve(&out->psf, phi, WHITENING_SIZE) == 0)
	{
		convolver_set_kernel(&c, phi, WHITENING_SIZE);
		convolver_apply(&c, out->diff.sci, out->diff.sci);
		noise_scaled(&out->diff, p->work);
		noise_autocorrelation(p->work, p->sky, out->diff.width, out->diff.height, acf);
		status = whitening_kernel(acf, phi);
		convolver_set_kernel(&c, phi, WHITENING_SIZE);
		convolver_apply(&c, out->diff.sci, out->diff.sci);
		if (status == 0)
			status = psf_convolve(&out->psf, phi, WHITENING_SIZE);
	}
	convolver_free(&c);
	free(phi);
	return status;
}

/* To the flux scale of science, where that was convolved. */
static void
rescale(struct pair *p, struct subtraction *out)
{
	const int w = out->diff.width;

	for (int y = 0; out->science_convolved && y < out->diff.height; y++)
		for (int x = 0; x < w; x++)
		{
			const size_t i = (size_t) y * (size_t) w + (size_t) x;
			const double sum = al_sum_at(&p->kernel, x, y);

			out->diff.sci[i] = (float) (out->diff.sci[i] / sum);
			out->diff.var[i] = (float) (out->diff.var[i] / (sum * sum));
			out->model[i] = (float) (out->model[i] / sum);
		}
}

/* Header gain and covariance make VAR wrong by some factor: the sky says which. */
static int
scale_variance(struct pair *p, struct subtraction *out)
{
	const size_t n = image_size(&out->diff), step = n / MAX_SAMPLES + 1;
	double *v = malloc(sizeof *v * (n / step + 1)), mad;
	size_t m = 0;

	if (v == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for statistics");
	noise_scaled(&out->diff, p->work);
	for (size_t i = 0; i < n; i += step)
		if (p->sky[i])
			v[m++] = p->work[i];
	mad = m > 100 ? stats_mad(v, m, stats_median(v, m)) : NAN;
	free(v);
	if (!(mad > 0))
		return err_raise(ASTRID_E_BAD_SUBTRACTION, "no sky is left to measure the noise on");
	out->variance_scale = mad * mad;
	for (size_t i = 0; i < n; i++)
		out->diff.var[i] *= (float) out->variance_scale;
	return 0;
}

/* |difference| above its noise over the light of one star, within one FWHM; NaN where it is not
 * fully usable. */
static double
residual_share(const struct subtraction *out, const struct source *star)
{
	const struct image *d = &out->diff;
	const int reach = (int) ceil(out->psf.fwhm), cx = (int) lround(star->x),
			  cy = (int) lround(star->y);
	double sum = 0, noise = 0, light = 0;

	for (int y = cy - reach; y <= cy + reach; y++)
		for (int x = cx - reach; x <= cx + reach; x++)
		{
			const size_t i = (size_t) y * (size_t) d->width + (size_t) x;

			if (x < 0 || y < 0 || x >= d->width || y >= d->height || (d->mask[i] & MASK_EXCLUDED) ||
				!(d->var[i] > 0))
				return NAN;
			sum += fabsf(d->sci[i]);
			noise += 0.7978845608 * sqrtf(d->var[i]); /* mean |noise| is sigma sqrt(2 / pi) */
			light += out->model[i];
		}
	return light > noise ? fmax(0, sum - noise) / light : NAN;
}

/* The median over the stars: true changes are few. */
static double
footprint_ratio(const struct subtraction *out, const struct source_list *stars)
{
	double v[512];
	size_t n = 0;

	for (size_t i = 0; i < stars->n && n < 512; i++)
	{
		const double share = is_good_star(&stars->v[i]) ? residual_share(out, &stars->v[i]) : NAN;

		if (isfinite(share))
			v[n++] = share;
	}
	return n > 0 ? stats_median(v, n) : 0;
}

static void
measure_quality(struct pair *p, struct subtraction *out)
{
	const size_t n = image_size(&out->diff);
	const struct image *d = &out->diff, *s = &p->science.im, *r = &p->reference.im;
	double acf[(2 * NOISE_LAGS + 1) * (2 * NOISE_LAGS + 1)];
	const int middle = NOISE_LAGS * (2 * NOISE_LAGS + 1) + NOISE_LAGS;
	size_t used = 0, common = 0;

	for (size_t i = 0; i < n; i++)
	{
		used += (d->mask[i] & MASK_EXCLUDED) == 0 && d->var[i] > 0;
		common += ((s->mask[i] | r->mask[i]) & MASK_NO_DATA) == 0;
	}
	out->used_fraction = common > 0 ? (double) used / (double) common : 0;
	out->footprint_ratio = footprint_ratio(out, &p->blunt->sources);
	noise_scaled(d, p->work);
	noise_autocorrelation(p->work, p->sky, d->width, d->height, acf);
	out->lag1 = (acf[middle + 1] + acf[middle + 2 * NOISE_LAGS + 1]) / 2;
}

/* Point sources alone: what changes on a galaxy is what we look for. */
static void
take_stars(struct side *side, struct subtraction *out)
{
	size_t kept = 0;

	out->stars = side->sources;
	side->sources = (struct source_list){0};
	for (size_t i = 0; i < out->stars.n; i++)
		if (out->stars.v[i].fwhm < WIDEST_STAR * side->psf.locus)
			out->stars.v[kept++] = out->stars.v[i];
	out->stars.n = kept;
}

static int
run(const struct frame *science, const struct frame *reference, const struct subtract_options *o,
	struct pair *p, struct subtraction *out)
{
	if (prepare(science, reference, o, p, out) < 0 || match(o, p, out) < 0 ||
		psf_copy(&out->psf, &p->blunt->psf) < 0 || mask_and_variance(p, &out->diff) < 0)
		return -1;
	out->n_psf_stars = p->blunt->psf.n_stars;
	take_difference(p, out);
	if (subtract_background(p, &out->diff) < 0 || fill_holes(&out->diff) < 0 ||
		decorrelate(p, out) < 0)
		return -1;
	rescale(p, out);
	if (scale_variance(p, out) < 0)
		return -1;
	measure_quality(p, out);
	take_stars(p->blunt, out);
	return 0;
}

int
subtract(const struct frame *science, const struct frame *reference,
		 const struct subtract_options *options, struct subtraction *out)
{
	struct pair p = {0};
	int status;

	memset(out, 0, sizeof *out);
	status = run(science, reference, options, &p, out);
	pair_free(&p);
	if (status < 0)
		subtraction_free(out);
	return status;
}
