/* See star_list.h. SPDX-License-Identifier: PostgreSQL */
#include "image/star_list.h"

#include <math.h>
#include <stdlib.h>

#include "core/err.h"
#include "image/stats.h"

#define GRID             8
#define MAX_PER_CELL     12
#define MIN_SNR          8.0
#define STAR_QUANTILE    0.25 /* of all FWHM: that of a star, galaxies and blends being wider */
#define SHARP            0.6  /* of a star's FWHM: cosmic rays and hot pixels are below */
#define EXTENDED         1.4  /* of a star's FWHM: galaxies are above */
#define EXTENDED_PENALTY 3.0  /* their centroids move with the seeing */
#define ERROR_FLOOR      0.02 /* px */
#define SKY_LIMITED      1.5  /* a Moffat's centroid error over FWHM / (2.355 S/N) */
#define BLEND_PENALTY    3.0  /* neighbours pull a blended star's centroid */
#define ENOUGH_UNBLENDED 200
#define SEP_MERGED       1

static double
snr(const struct source *s)
{
	return s->flux_err > 0 ? s->flux / s->flux_err : 0;
}

/* King 1983, PASP 95, 163, for the sky-limited case; the floor is what pixels do to a bright star.
 */
static double
centroid_error(const struct source *s, double star_fwhm)
{
	double noise = SKY_LIMITED * s->fwhm / (2.3548 * snr(s));

	return hypot(noise, ERROR_FLOOR) * (s->flags & SEP_MERGED ? BLEND_PENALTY : 1) *
		   (s->fwhm > EXTENDED * star_fwhm ? EXTENDED_PENALTY : 1);
}

static bool
is_star(const struct source *s, bool blends, double min_fwhm)
{
	return !s->saturated && !s->masked && (s->flags & ~(blends ? SEP_MERGED : 0)) == 0 &&
		   snr(s) >= MIN_SNR && isfinite(s->x) && isfinite(s->y) && s->fwhm >= min_fwhm;
}

/* NaN-free and > 0 where there is any usable source, else 0. */
static int
typical_fwhm(const struct source_list *sources, double *star_fwhm)
{
	double *fwhm = malloc((sources->n + 1) * sizeof *fwhm);
	size_t n = 0;

	if (fwhm == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu sources", sources->n);
	for (size_t i = 0; i < sources->n; i++)
		if (is_star(&sources->v[i], true, 0))
			fwhm[n++] = sources->v[i].fwhm;
	*star_fwhm = n > 0 ? stats_quantile(fwhm, n, STAR_QUANTILE) : 0;
	free(fwhm);
	return 0;
}

static int
cell_of(double x, int size)
{
	int i = (int) (x * GRID / size);

	return i < 0 ? 0 : i >= GRID ? GRID - 1 : i;
}

static void
select_stars(const struct source_list *sources, int width, int height, bool blends,
			 double star_fwhm, struct star_list *out)
{
	int count[GRID][GRID] = {{0}};

	out->n = 0;
	for (size_t i = 0; i < sources->n; i++)
	{
		const struct source *s = &sources->v[i];
		int *n = &count[cell_of(s->y, height)][cell_of(s->x, width)];

		if (!is_star(s, blends, SHARP * star_fwhm) || *n == MAX_PER_CELL)
			continue;
		(*n)++;
		out->p[out->n] = (struct point){s->x, s->y, centroid_error(s, star_fwhm)};
		out->source[out->n++] = i;
	}
}

int
star_list_make(const struct source_list *sources, int width, int height, struct star_list *out)
{
	double star_fwhm = 0;

	*out = (struct star_list){0};
	if (typical_fwhm(sources, &star_fwhm) < 0)
		return -1;
	out->p = malloc((sources->n + 1) * sizeof *out->p);
	out->source = malloc((sources->n + 1) * sizeof *out->source);
	if (out->p == NULL || out->source == NULL)
	{
		star_list_free(out);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu stars", sources->n);
	}
	select_stars(sources, width, height, false, star_fwhm, out);
	if (out->n < ENOUGH_UNBLENDED)
		select_stars(sources, width, height, true, star_fwhm, out);
	return 0;
}

void
star_list_free(struct star_list *list)
{
	free(list->p);
	free(list->source);
	list->p = NULL;
	list->source = NULL;
}
