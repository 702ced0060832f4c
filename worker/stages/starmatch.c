/* See starmatch.h. SPDX-License-Identifier: PostgreSQL */
#include "stages/starmatch.h"

#include <math.h>
#include <stdlib.h>

#include "core/err.h"
#include "image/blur.h"
#include "image/stats.h"

#define SEEING_RATIO 1.3 /* of FWHM; below, the pull of neighbours is nearly the same on both */
#define SIGMA_FWHM   2.3548
#define CORE_SNR     60.0
#define RATIO_SNR    20.0 /* stars that set the flux scale */
#define RATIO_KAPPA  3.0
#define RATIO_MIN    3

void
starmatch_free(struct starmatch *m)
{
	registration_free(&m->r);
}

static int
set_flux_scale(struct starmatch *m, const struct source_list *science,
			   const struct source_list *reference)
{
	double *ratio = malloc((m->r.n_pairs + 1) * sizeof *ratio);

	if (ratio == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu stars", m->r.n_pairs);
	m->n_flux = 0;
	for (size_t k = 0; k < m->r.n_pairs; k++)
	{
		const struct source *a = &science->v[m->r.pairs[k].i];
		const struct source *b = &reference->v[m->r.pairs[k].j];

		if (m->r.pairs[k].used && a->flux > RATIO_SNR * a->flux_err &&
			b->flux > RATIO_SNR * b->flux_err)
			ratio[m->n_flux++] = a->flux / b->flux;
	}
	m->flux_scale =
		m->n_flux >= RATIO_MIN ? stats_clip(ratio, m->n_flux, RATIO_KAPPA, 10).median : NAN;
	free(ratio);
	return 0;
}

static int
match_lists(const struct starfield *science, const struct source_list *science_stars,
			const struct starfield *reference, const struct source_list *reference_stars,
			const struct register_params *params, struct starmatch *m)
{
	if (register_frames(&science->frame, science_stars, &reference->frame, reference_stars, params,
						&m->r) < 0)
		return -1;
	return set_flux_scale(m, science_stars, reference_stars);
}

/* Reference pixels per science pixel, 1 where no map is known. */
static double
pixel_ratio(const struct starfield *science, struct registration *r)
{
	double x = science->frame.im.width / 2.0, y = science->frame.im.height / 2.0, u[3], v[3];

	if (r->pairs == NULL || registration_map(r, x, y, &u[0], &v[0]) < 0 ||
		registration_map(r, x + 1, y, &u[1], &v[1]) < 0 ||
		registration_map(r, x, y + 1, &u[2], &v[2]) < 0)
		return 1;
	return sqrt(fabs((u[1] - u[0]) * (v[2] - v[0]) - (u[2] - u[0]) * (v[1] - v[0])));
}

/* FWHM from the isophotal moments of bright unblended sources: the half-flux radius reaches into
 * the neighbours. */
static double
core_fwhm(const struct source_list *list)
{
	double *fwhm = malloc((list->n + 1) * sizeof *fwhm), median;
	size_t n = 0;

	if (fwhm == NULL)
		return NAN;
	for (size_t i = 0; i < list->n; i++)
	{
		const struct source *s = &list->v[i];

		if (s->flags == 0 && !s->saturated && !s->masked && s->flux > CORE_SNR * s->flux_err)
			fwhm[n++] = SIGMA_FWHM * sqrt(s->a * s->b);
	}
	median = stats_median(fwhm, n);
	free(fwhm);
	return median;
}

int
starmatch_blur(struct starfield *s, double sigma, double threshold)
{
	struct image blurred;

	if (blur_gaussian(&s->frame.im, sigma, &blurred) < 0)
		return -1;
	image_free(&s->frame.im);
	background_free(&s->background);
	source_list_free(&s->sources);
	s->frame.im = blurred;
	return starfield_measure(s, threshold);
}

/* Sources of s as it would be at worse seeing; sigma in its own pixels. */
static int
blurred_sources(const struct starfield *s, double sigma, double threshold, struct source_list *out)
{
	struct starfield copy = {0};
	int status = image_copy(&copy.frame.im, &s->frame.im);

	if (status == 0)
		status = starmatch_blur(&copy, sigma, threshold);
	*out = copy.sources;
	copy.sources = (struct source_list){0};
	starfield_free(&copy);
	return status;
}

/* sigma of the Gaussian that turns one FWHM into another. */
static double
sigma_between(double fwhm, double target)
{
	return sqrt(target * target - fwhm * fwhm) / SIGMA_FWHM;
}

struct seeing
{
	double science, reference; /* FWHM, px of their own grids */
	double ratio;              /* reference pixels per science pixel */
};

/* 0: m replaced by the match at equal seeing; 1: that did not work out, m stands; -1: error. */
static int
match_at_equal_seeing(const struct starfield *science, const struct starfield *reference,
					  const struct register_params *params, double threshold,
					  const struct seeing *see, struct starmatch *m)
{
	double target = fmax(see->science, see->reference / see->ratio);
	struct starmatch equal = {.blur_science = sigma_between(see->science, target),
							  .blur_reference = sigma_between(see->reference / see->ratio, target)};
	bool blur_science = equal.blur_science > equal.blur_reference;
	struct source_list list = {0};
	int status = blur_science ? blurred_sources(science, equal.blur_science, threshold, &list)
							  : blurred_sources(reference, equal.blur_reference * see->ratio,
												threshold, &list);

	if (status == 0)
		status = match_lists(science, blur_science ? &list : &science->sources, reference,
							 blur_science ? &reference->sources : &list, params, &equal);
	source_list_free(&list);
	if (status == 0)
	{
		starmatch_free(m);
		*m = equal;
		return 0;
	}
	starmatch_free(&equal);
	if (err_code() != ASTRID_E_TOO_FEW_STARS)
		return -1;
	err_clear();
	return 1;
}

/* Written so that an unknown FWHM counts as equal. */
static bool
seeing_differs(const struct seeing *see)
{
	double ratio = see->science * see->ratio / see->reference;

	return ratio > SEEING_RATIO || ratio < 1 / SEEING_RATIO;
}

int
starmatch_make(const struct starfield *science, const struct starfield *reference,
			   const struct register_params *params, double threshold, struct starmatch *m)
{
	struct seeing see = {core_fwhm(&science->sources), core_fwhm(&reference->sources), 1};
	int status;

	*m = (struct starmatch){0};
	status = match_lists(science, &science->sources, reference, &reference->sources, params, m);
	if (status < 0 && err_code() != ASTRID_E_TOO_FEW_STARS)
		return -1;
	see.ratio = pixel_ratio(science, &m->r);
	if (!seeing_differs(&see))
		return status;
	if (match_at_equal_seeing(science, reference, params, threshold, &see, m) < 0)
	{
		starmatch_free(m);
		return -1;
	}
	if (m->r.pairs != NULL)
	{
		err_clear(); /* of a first match that failed */
		return 0;
	}
	return match_lists(science, &science->sources, reference, &reference->sources, params, m);
}
