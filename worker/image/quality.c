/* See quality.h. Called by calibrate. SPDX-License-Identifier: PostgreSQL */
#include "image/quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/source.h"
#include "image/stats.h"

#define DETECT_SIGMA    5.0
#define STAR_SNR        20.0
#define MAX_ELLIPTICITY 0.5
#define LIMIT_SIGMA     5.0

static bool
is_star(const struct source *s)
{
	return s->flags == 0 && !s->saturated && !s->masked && s->flux > STAR_SNR * s->flux_err &&
		   s->a > 0 && 1 - s->b / s->a < MAX_ELLIPTICITY;
}

/* Galaxies are larger than stars: half of the sample around the mode would do, its lower half is
 * simpler and as robust. */
static double
stellar_fwhm(double *fwhm, size_t n)
{
	double median = stats_median(fwhm, n);
	size_t near = 0;

	for (size_t i = 0; i < n; i++)
		if (fwhm[i] < 1.25 * median && fwhm[i] > 0.6 * median)
			fwhm[near++] = fwhm[i];
	return stats_median(fwhm, near);
}

static int
measure_stars(const struct source_list *list, struct quality *q)
{
	double *fwhm = malloc((list->n + 1) * sizeof *fwhm),
		   *shape = malloc((list->n + 1) * sizeof *shape);

	q->n_sources = list->n;
	for (size_t i = 0; fwhm != NULL && shape != NULL && i < list->n; i++)
		if (is_star(&list->v[i]))
		{
			fwhm[q->n_stars] = list->v[i].fwhm;
			shape[q->n_stars++] = 1 - list->v[i].b / list->v[i].a;
		}
	q->fwhm = fwhm != NULL ? stellar_fwhm(fwhm, q->n_stars) : NAN;
	q->ellipticity = shape != NULL ? stats_median(shape, q->n_stars) : NAN;
	free(fwhm);
	free(shape);
	return fwhm != NULL && shape != NULL
			   ? 0
			   : err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu sources", list->n);
}

/* Effective area of a Gaussian PSF, 4 pi sigma^2 (King 1983, PASP 95, 163, eq. 4). */
static double
point_source_limit(double fwhm, double rms)
{
	double sigma = fwhm / 2.3548200450309493;

	return LIMIT_SIGMA * rms * sqrt(4 * M_PI) * sigma;
}

static void
count_mask(const struct image *im, struct quality *q)
{
	size_t masked = 0, saturated = 0, no_data = 0;
	double n = (double) image_size(im);

	for (size_t i = 0; i < image_size(im); i++)
	{
		masked += (im->mask[i] & MASK_EXCLUDED) != 0;
		saturated += (im->mask[i] & MASK_SAT) != 0;
		no_data += (im->mask[i] & MASK_NO_DATA) != 0;
	}
	q->masked_fraction = (double) masked / n;
	q->saturated_fraction = (double) saturated / n;
	q->no_data_fraction = (double) no_data / n;
}

int
quality_measure(const struct frame *f, const struct background *bkg, struct quality *q)
{
	struct source_list list;
	int status;

	*q = (struct quality){.fwhm = NAN, .ellipticity = NAN};
	if (source_extract(&f->im, bkg, DETECT_SIGMA, &list) < 0)
		return -1;
	status = measure_stars(&list, q);
	source_list_free(&list);
	count_mask(&f->im, q);
	q->flux_limit = point_source_limit(q->fwhm, bkg->global_rms);
	q->m5 = f->meta.zero_point - 2.5 * log10(q->flux_limit);
	return status;
}
