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

/* Sources of the frame as it would be at `target` FWHM (in its own pixels). */
static int
sources_at_seeing(const struct starfield *s, double fwhm, double target, double threshold,
				  struct source_list *out)
{
	struct starfield blurred = {0};
	int status;

	if (blur_gaussian(&s->frame.im, sqrt(target * target - fwhm * fwhm) / SIGMA_FWHM,
					  &blurred.frame.im) < 0)
		return -1;
	status = starfield_measure(&blurred, threshold);
	*out = blurred.sources;
	blurred.sources = (struct source_list){0};
	starfield_free(&blurred);
	return status;
}

/* 0: m replaced by the match at equal seeing; 1: that did not work out, m stands; -1: error. */
static int
match_at_equal_seeing(const struct starfield *science, const struct starfield *reference,
					  const struct register_params *params, double threshold, double fwhm,
					  double ref_fwhm, double ratio, struct starmatch *m)
{
	bool blur_science = fwhm * ratio < ref_fwhm;
	struct source_list list = {0};
	struct starmatch equal = {.blurred = true};
	int status;

	if (blur_science)
		status = sources_at_seeing(science, fwhm, ref_fwhm / ratio, threshold, &list);
	else
		status = sources_at_seeing(reference, ref_fwhm, fwhm * ratio, threshold, &list);
	if (status == 0)
		status = match_lists(science, blur_science ? &list : &science->sources, reference,
							 blur_science ? &reference->sources : &list, params, &equal);
	source_list_free(&list);
	if (status < 0)
	{
		starmatch_free(&equal);
		if (err_code() != ASTRID_E_TOO_FEW_STARS)
			return -1;
		err_clear();
		return 1;
	}
	starmatch_free(m);
	*m = equal;
	return 0;
}

int
starmatch_make(const struct starfield *science, const struct starfield *reference,
			   const struct register_params *params, double threshold, struct starmatch *m)
{
	double fwhm = core_fwhm(&science->sources), ref_fwhm = core_fwhm(&reference->sources);
	double ratio, seeing;
	int status;

	*m = (struct starmatch){0};
	status = match_lists(science, &science->sources, reference, &reference->sources, params, m);
	if (status < 0 && err_code() != ASTRID_E_TOO_FEW_STARS)
		return -1;
	ratio = pixel_ratio(science, &m->r);
	seeing = fwhm * ratio / ref_fwhm;
	/* Written so that an unknown FWHM leaves things as they are. */
	if (seeing > SEEING_RATIO || seeing < 1 / SEEING_RATIO)
	{
		bool matched = status == 0;

		if (!matched)
			err_clear();
		status =
			match_at_equal_seeing(science, reference, params, threshold, fwhm, ref_fwhm, ratio, m);
		if (status == 1 && matched)
			status = 0;
		else if (status == 1)
			status =
				match_lists(science, &science->sources, reference, &reference->sources, params, m);
	}
	if (status < 0)
		starmatch_free(m);
	return status;
}
