/* See field.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/field.h"

#include <math.h>
#include <stdio.h>

#include "image/image.h"

#define FAINTEST_SNR  5.0
#define BRIGHTEST_SNR 100.0
#define MOVING_SNR    30.0

static void
name_exposure(const struct field *field, struct exposure *exp)
{
	const int minute = 10 * field->index + 60 * (exp->number - 1);

	if (exp->number == 0)
	{
		snprintf(exp->file, sizeof exp->file, "ref_%s.fits", field->name);
		snprintf(exp->date_obs, sizeof exp->date_obs, "2026-03-01T%02d:%02d:00.000",
				 2 + field->index / 6, field->index % 6 * 10);
		return;
	}
	snprintf(exp->file, sizeof exp->file, "sci_%s_%d.fits", field->name, exp->number);
	snprintf(exp->date_obs, sizeof exp->date_obs, "2026-03-09T%02d:%02d:00.000", 1 + minute / 60,
			 minute % 60);
}

int
field_render(struct field *field, const struct detector *det, uint64_t seed)
{
	double best = INFINITY;

	/* the epochs first: a reference of worse seeing is worse than the better of them */
	for (int e = field->n_exposures - 1; e >= 0; e--)
	{
		struct exposure *exp = &field->exposures[e];
		struct rng rng = rng_make(seed, STREAM_EPOCH, (uint64_t) field->index, (uint64_t) e);

		*exp = (struct exposure){.number = e};
		exp->light.width = det->width;
		exp->light.height = det->height;
		name_exposure(field, exp);
		exposure_draw(exp, field->kind, det, PIXEL_SCALE,
					  e == 0 ? field->kind->reference_seeing * best : 0, &rng);
		best = fmin(best, exp->seeing.fwhm / PIXEL_SCALE);
		if (exposure_render(exp, &field->scene) < 0)
			return -1;
	}
	return 0;
}

/* Both sides of a change at one epoch, at the same place in the sky. */
static void
take_sides(const struct field *field, const struct detector *det, const struct source *source,
		   const struct exposure *exp, struct snr_side *science, struct snr_side *reference)
{
	const double xi = source->xi[exp->number], eta = source->eta[exp->number];

	exposure_side(exp, det, xi, eta, science);
	exposure_side(&field->exposures[0], det, xi, eta, reference);
}

/* Fluxes that reach a drawn S/N at each epoch; the two epochs differ, as light curves do. */
static void
set_fluxes(struct field *field, const struct detector *det, struct source *source, struct rng *rng)
{
	const struct exposure *reference = &field->exposures[0];
	const double first = source->kind == SOURCE_MOVING
							 ? MOVING_SNR
							 : rng_log_uniform(rng, FAINTEST_SNR, BRIGHTEST_SNR);
	struct snr_side science, ref;

	for (int e = 1; e < field->n_exposures; e++)
	{
		const struct exposure *exp = &field->exposures[e];
		const double s = exp->transparency / reference->transparency;
		const double change = e == 1 ? 0 : 0.35 * rng_normal(rng);
		const double target =
			fmin(fmax(first * exp2(change), 0.9 * FAINTEST_SNR), 1.2 * BRIGHTEST_SNR);

		if (source->sign < 0 && e > 1)
			break; /* what has faded is gone at every epoch */
		take_sides(field, det, source, exp, &science, &ref);
		source->flux[source->sign > 0 ? e : 0] =
			fabs(snr_flux_for(&science, &ref, s, target, source->sign)) / exp->transparency;
	}
}

void
field_set_fluxes(struct field *field, const struct detector *det, uint64_t seed)
{
	struct rng rng = rng_make(seed, STREAM_TRANSIENTS, (uint64_t) field->index, 0);

	for (size_t i = 0; i < field->scene.n_sources; i++)
	{
		struct source *source = &field->scene.sources[i];

		if (source->kind == SOURCE_TRANSIENT || source->kind == SOURCE_MOVING)
			set_fluxes(field, det, source, &rng);
	}
}

/* Share of the squared PSF at a source that lies under excluding bits. */
static double
masked_share(const struct exposure *exp, const struct snr_side *side, double x, double y)
{
	const int half = SNR_STAMP / 2;
	double under = 0, all = 0;

	for (int j = -half; j <= half; j++)
		for (int i = -half; i <= half; i++)
		{
			const long px = lround(x) + i, py = lround(y) + j;
			const double p = side->stamp[(j + half) * SNR_STAMP + i + half];

			all += p * p;
			if (px < 0 || py < 0 || px >= exp->light.width || py >= exp->light.height ||
				exp->mask[(size_t) py * (size_t) exp->light.width + (size_t) px] & MASK_EXCLUDED)
				under += p * p;
		}
	return under / all;
}

/* To be called before the transients are drawn: their own light enters by formula, a variable
 * star's is already there. */
static double
true_snr(const struct field *field, const struct detector *det, const struct source *source,
		 const struct exposure *exp)
{
	const struct exposure *reference = &field->exposures[0];
	const double s = exp->transparency / reference->transparency;
	const double f_n = source->flux[exp->number] * exp->transparency;
	const double f_r = source->flux[0] * reference->transparency;
	struct snr_side science, ref;

	take_sides(field, det, source, exp, &science, &ref);
	if (source->kind == SOURCE_VARIABLE)
		return fabs(f_n - s * f_r) *
			   snr_per_electron(&science, &ref, science.variance, ref.variance, s);
	return snr_of_change(&science, &ref, f_n, f_r, s);
}

static struct truth_row
describe(const struct field *field, const struct detector *det, const struct source *source,
		 const struct exposure *exp, int id, double snr)
{
	const double gain = det->gain, change = source->flux[exp->number] - source->flux[0];
	struct truth_row row = {.id = id, .epoch = exp->number, .on_host = source->on_host, .snr = snr};

	snprintf(row.field, sizeof row.field, "%s", field->name);
	snprintf(row.file, sizeof row.file, "%s", exp->file);
	snprintf(row.kind, sizeof row.kind, "%s", source_kind_name[source->kind]);
	exposure_position(exp, source, &row.x, &row.y);
	gnomonic_deproject(field->kind->ra, field->kind->dec, source->xi[exp->number],
					   source->eta[exp->number], &row.ra, &row.dec);
	row.flux_e = change * exp->transparency;
	row.flux_adu = row.flux_e / gain;
	row.flux = row.flux_adu * det->header_gain;
	row.mag = ZERO_POINT - 2.5 * log10(fabs(change));
	return row;
}

/* Rows for all that changes, with the S/N of the scene without transients; masks are filled in
 * later. */
int
field_list_changes(const struct field *field, const struct detector *det, int *next_id,
				   struct truth *truth)
{
	for (size_t i = 0; i < field->scene.n_sources; i++)
	{
		const struct source *source = &field->scene.sources[i];

		if (source->kind == SOURCE_STAR)
			continue;
		++*next_id;
		for (int e = 1; e < field->n_exposures; e++)
		{
			const struct exposure *exp = &field->exposures[e];
			const double snr = true_snr(field, det, source, exp);
			const struct truth_row row = describe(field, det, source, exp, *next_id, snr);

			if (exposure_contains(exp, row.x, row.y) && truth_add(truth, &row) < 0)
				return -1;
		}
	}
	return 0;
}

void
field_fill_masked(const struct field *field, struct truth *truth, size_t first_row)
{
	for (size_t r = first_row; r < truth->n; r++)
	{
		struct truth_row *row = &truth->rows[r];
		const struct exposure *exp = &field->exposures[row->epoch];
		const struct psf psf = psf_at(&exp->seeing, &exp->cam, row->x, row->y);
		struct snr_side side;

		psf_stamp(&psf, SNR_STAMP, side.stamp);
		row->masked = masked_share(exp, &side, row->x, row->y);
	}
}
