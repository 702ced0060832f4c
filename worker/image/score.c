/* See score.h. SPDX-License-Identifier: PostgreSQL */
#include "image/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/convolve.h"
#include "image/stats.h"

#define SKY_SCENE     3.0  /* S/N of the static scene below which a pixel is sky */
#define LEAST_WEIGHT  0.3  /* of the PSF's weight that must lie on usable pixels */
#define STAR_SCENE    30.0 /* S/N of a star that can tell of systematic errors */
#define MIN_STARS     4
#define TAIL_STARS    20
#define MAX_SAMPLES   200000
#define NORMAL_MEDIAN 0.67448975 /* median of |z| */
#define TAIL          0.8        /* quantile; above it may be true variables, with their share */
#define NORMAL_TAIL   1.28155157 /* that quantile of |z| */

static int
alloc_planes(struct score *s, bool with_scene)
{
	const size_t n = (size_t) s->width * (size_t) s->height;

	s->value = malloc(sizeof *s->value * n);
	if (with_scene)
	{
		s->scene = malloc(sizeof *s->scene * n);
		s->gradient = malloc(sizeof *s->gradient * n);
	}
	if (s->value == NULL || (with_scene && (s->scene == NULL || s->gradient == NULL)))
	{
		score_free(s);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a score of %zu pixels", n);
	}
	return 0;
}

void
score_free(struct score *s)
{
	free(s->value);
	free(s->scene);
	free(s->gradient);
	s->value = s->scene = s->gradient = NULL;
}

static bool
is_used(const struct image *im, size_t i)
{
	return (im->mask[i] & MASK_EXCLUDED) == 0 && im->var[i] > 0 && isfinite(im->sci[i]);
}

/* The PSF at the centre, mirrored (a correlation is a convolution with that), or its square. */
static void
filter_stamp(const struct psf *psf, bool squared, float *stamp)
{
	const int n = psf->size * psf->size;

	psf_evaluate(psf, (psf->width - 1) / 2.0, (psf->height - 1) / 2.0, stamp);
	for (int i = 0; i < n / 2; i++)
	{
		const float t = stamp[i];

		stamp[i] = stamp[n - 1 - i];
		stamp[n - 1 - i] = t;
	}
	for (int i = 0; squared && i < n; i++)
		stamp[i] *= stamp[i];
}

/* out = sum P x / V over the used pixels. */
static void
filter(struct convolver *c, const struct image *diff, const float *x, float *out)
{
	const size_t n = image_size(diff);

	for (size_t i = 0; i < n; i++)
		out[i] = is_used(diff, i) ? x[i] / diff->var[i] : 0;
	convolver_apply(c, out, out);
}

/* norm = sum P^2 / V; usable: the share of sum P^2 on used pixels. */
static void
filter_norm(struct convolver *c, const struct image *diff, const float *squared, int size,
			float *norm, float *usable)
{
	const size_t n = image_size(diff);
	double sum = 0;

	for (int i = 0; i < size * size; i++)
		sum += squared[i];
	convolver_set_kernel(c, squared, size);
	for (size_t i = 0; i < n; i++)
	{
		norm[i] = is_used(diff, i) ? 1 / diff->var[i] : 0;
		usable[i] = is_used(diff, i) ? (float) (1 / sum) : 0;
	}
	convolver_apply(c, norm, norm);
	convolver_apply(c, usable, usable);
}

static int
matched_filter(const struct image *diff, const float *model, const struct psf *psf, struct score *s)
{
	const size_t n = image_size(diff), np = (size_t) psf->size * (size_t) psf->size;
	float *stamp = malloc(sizeof *stamp * np), *norm = malloc(sizeof *norm * n);
	float *usable = malloc(sizeof *usable * n);
	struct convolver c = {0};
	int status = -1;

	if (stamp == NULL || norm == NULL || usable == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for a score of %zu pixels", n);
	else if (convolver_init(&c, diff->width, diff->height, psf->size / 2) == 0)
	{
		filter_stamp(psf, true, stamp);
		filter_norm(&c, diff, stamp, psf->size, norm, usable);
		filter_stamp(psf, false, stamp);
		convolver_set_kernel(&c, stamp, psf->size);
		filter(&c, diff, diff->sci, s->value);
		if (model != NULL)
			filter(&c, diff, model, s->scene);
		for (size_t i = 0; i < n; i++)
		{
			/* Rounding of the transforms leaves tiny values where nothing is. */
			const bool good = usable[i] > LEAST_WEIGHT && norm[i] > 0;

			s->value[i] = good ? s->value[i] / sqrtf(norm[i]) : NAN;
			if (model != NULL)
				s->scene[i] = good ? s->scene[i] / sqrtf(norm[i]) : 0;
		}
		convolver_free(&c);
		status = 0;
	}
	free(stamp);
	free(norm);
	free(usable);
	return status;
}

static void
scene_gradient(struct score *s)
{
	const int w = s->width;

	memset(s->gradient, 0, sizeof *s->gradient * (size_t) w * (size_t) s->height);
	for (int y = 1; y < s->height - 1; y++)
		for (int x = 1; x < w - 1; x++)
		{
			const float *p = s->scene + (size_t) y * (size_t) w + (size_t) x;

			s->gradient[(size_t) y * (size_t) w + (size_t) x] =
				0.5f * hypotf(p[1] - p[-1], p[w] - p[-w]);
		}
}

/* One sample of the residuals at stars: score, and what a unit systematic error would make of it.
 */
struct sample
{
	double score, lever, other; /* other: variance already explained */
};

static double
normalised_quantile(const struct sample *v, size_t n, double error, double q, double *work)
{
	for (size_t i = 0; i < n; i++)
		work[i] = fabs(v[i].score) / sqrt(v[i].other + pow(error * v[i].lever, 2));
	return stats_quantile(work, n, q);
}

/* The error that brings the q quantile of |score| to that of a normal distribution; 0 where it is
 * there already. */
static double
solve_error(const struct sample *v, size_t n, double q, double target, double *work)
{
	double low = 0, high = 1;

	if (normalised_quantile(v, n, 0, q, work) <= target)
		return 0;
	for (int i = 0; i < 40; i++)
	{
		const double middle = (low + high) / 2;

		*(normalised_quantile(v, n, middle, q, work) > target ? &low : &high) = middle;
	}
	return high;
}

static double
systematic_error(const struct sample *v, size_t n, bool tails, double *work)
{
	if (n < MIN_STARS)
		return 0;
	/* The median alone would not see that some stars are worse than Gaussian; variables hide above
	 * 0.9. A few stars have no tails to speak of. */
	return fmax(solve_error(v, n, 0.5, NORMAL_MEDIAN, work),
				tails ? solve_error(v, n, TAIL, NORMAL_TAIL, work) : 0);
}

/* At the centres of stars only the flux error shows, one PSF sigma beside them the astrometric one,
 * too. */
static int
measure_systematics(struct score *s, const struct source_list *stars, double fwhm)
{
	static const int side[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
	struct sample *v = malloc(sizeof *v * (4 * stars->n + 1));
	double *work = malloc(sizeof *work * (4 * stars->n + 1));
	const int step = (int) fmax(1, lround(fwhm / 2)), margin = (int) ceil(2 * fwhm);

	if (v == NULL || work == NULL)
	{
		free(v);
		free(work);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu stars", stars->n);
	}
	for (int pass = 0; pass < 2; pass++)
	{
		size_t n = 0;

		for (size_t i = 0; i < stars->n; i++)
			for (int k = 0; k < (pass == 0 ? 1 : 4); k++)
			{
				const int x = (int) lround(stars->v[i].x) + (pass == 0 ? 0 : step * side[k][0]);
				const int y = (int) lround(stars->v[i].y) + (pass == 0 ? 0 : step * side[k][1]);
				const size_t p = (size_t) y * (size_t) s->width + (size_t) x;

				if (x < margin || y < margin || x >= s->width - margin || y >= s->height - margin ||
					isnan(s->value[p]) || s->scene[p] < STAR_SCENE || stars->v[i].saturated ||
					stars->v[i].masked)
					continue;
				v[n++] = (struct sample){s->value[p], pass == 0 ? s->scene[p] : s->gradient[p],
										 pass == 0 ? 1 : 1 + pow(s->flux_error * s->scene[p], 2)};
			}
		*(pass == 0 ? &s->flux_error : &s->astrometric_error) =
			systematic_error(v, n, n >= (pass == 0 ? 1 : 4) * TAIL_STARS, work);
	}
	free(v);
	free(work);
	return 0;
}

static void
apply_systematics(struct score *s)
{
	const size_t n = (size_t) s->width * (size_t) s->height;
	const double f = s->flux_error, a = s->astrometric_error;

	for (size_t i = 0; i < n; i++)
		s->value[i] /= (float) sqrt(1 + pow(f * s->scene[i], 2) + pow(a * s->gradient[i], 2));
}

/* MAD about 0 of v on star-free sky (or, where there is hardly any, everywhere), on a subsample of
 * a large image. */
static double
sky_mad(const struct image *diff, const struct score *s, const float *v, double *work)
{
	const size_t n = image_size(diff), step = n / MAX_SAMPLES + 1;
	size_t m = 0;

	for (size_t i = 0; i < n; i += step)
		if (is_used(diff, i) && isfinite(v[i]) &&
			(s->scene == NULL || fabsf(s->scene[i]) < SKY_SCENE))
			work[m++] = v[i];
	if (m < 500)
		for (size_t i = m = 0; i < n; i += step)
			if (is_used(diff, i) && isfinite(v[i]))
				work[m++] = v[i];
	return m > 0 ? stats_mad(work, m, 0) : NAN;
}

/* z_mad and z_std of the noise-scaled difference. */
static int
measure_noise(const struct image *diff, struct score *s, double *work)
{
	const size_t n = image_size(diff);
	float *z = calloc(n, sizeof *z);
	double sum = 0;
	size_t used = 0;

	if (z == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a score of %zu pixels", n);
	for (size_t i = 0; i < n; i++)
	{
		z[i] = is_used(diff, i) ? diff->sci[i] / sqrtf(diff->var[i]) : NAN;
		if (is_used(diff, i))
		{
			sum += (double) z[i] * z[i];
			used++;
		}
	}
	s->z_mad = sky_mad(diff, s, z, work);
	s->z_std = used > 0 ? sqrt(sum / (double) used) : NAN;
	free(z);
	return 0;
}

/* Divide by the score's MAD on star-free sky; the scene, too, as it is in units of the same noise.
 */
static int
normalise(const struct image *diff, struct score *s, double *work)
{
	const size_t n = image_size(diff);
	const double mad = sky_mad(diff, s, s->value, work);

	if (!(mad > 0))
		return err_raise(ASTRID_E_NO_PIXELS, "no usable pixel is left in the difference");
	s->scale *= mad;
	for (size_t i = 0; i < n; i++)
	{
		s->value[i] = (float) (s->value[i] / mad);
		if (s->scene != NULL)
			s->scene[i] = (float) (s->scene[i] / mad);
	}
	return 0;
}

static int
make(const struct image *diff, const float *model, const struct psf *psf,
	 const struct source_list *stars, struct score *out, double *work)
{
	if (alloc_planes(out, model != NULL) < 0 || matched_filter(diff, model, psf, out) < 0 ||
		measure_noise(diff, out, work) < 0 || normalise(diff, out, work) < 0)
		return -1;
	if (model == NULL)
		return 0;
	scene_gradient(out);
	if (stars != NULL && measure_systematics(out, stars, psf->fwhm) < 0)
		return -1;
	apply_systematics(out);
	return normalise(diff, out, work); /* the terms act on the sky, too, if little */
}

int
score_make(const struct image *diff, const float *model, const struct psf *psf,
		   const struct source_list *stars, struct score *out)
{
	const size_t n = image_size(diff);
	double *work = malloc(sizeof *work * (n / (n / MAX_SAMPLES + 1) + 2));
	int status = -1;

	*out = (struct score){.width = diff->width, .height = diff->height, .scale = 1};
	if (work == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for a score of %zu pixels", n);
	else
		status = make(diff, model, psf, stars, out, work);
	free(work);
	if (status < 0)
		score_free(out);
	return status;
}
