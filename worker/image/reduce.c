/*
 * See reduce.h. Called by calibrate. Order: what needs raw numbers first (saturation), then the
 * detector's (overscan, bias, dark, flat), then what needs electrons and a sky (cosmic rays,
 * trails, variance).
 *
 * sci = gain (raw - overscan - B - t/t_d D) / F
 * VAR = [gain max(raw - B - D, 0) + RN^2] / F^2 + gain^2 (V_B + (t/t_d)^2 V_D) / F^2 + sci^2 V_F /
 * F^2     [electron^2]
 *
 * (error propagation of the first line, Poisson noise from the pixel itself). Where that
 * contradicts the scatter of the pixels, as for stacks, resampled or sky-subtracted frames, the
 * variance is measured. SPDX-License-Identifier: PostgreSQL
 */
#include "image/reduce.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/header.h"
#include "image/planes.h"
#include "image/stats.h"
#include "image/streak.h"

#define MODEL_MIN_RATIO                                                                            \
	0.6 /* measured over model variance of the sky: outside, the model is not believed */
#define MODEL_MAX_RATIO 1.7
#define CR_MIN_RATIO    0.3 /* the same for cosmic rays, which need a rough noise only */
#define CR_MAX_RATIO    3.0
#define LAG             2 /* px */
#define SAMPLE          100000

/* ---- detector ---- */

static int
subtract_masters(struct frame *f, const struct reduce_params *p, struct frame_notes *notes)
{
	double ratio;

	if (p->bias != NULL && master_subtract(&f->im, p->bias, 1, "bias") < 0)
		return -1;
	if (p->dark == NULL)
		return 0;
	ratio = f->meta.exptime / p->dark->meta.exptime;
	if (!isfinite(ratio) || p->bias == NULL)
	{
		if (!isfinite(ratio) || fabs(ratio - 1) > 0.01)
			note_add(notes, "the dark is not scaled: %s",
					 p->bias == NULL ? "it holds the bias too" : "an exposure time is unknown");
		ratio = 1;
	}
	return master_subtract(&f->im, p->dark, ratio, "dark");
}

static int
add_mask(struct image *im, const struct master *m)
{
	for (size_t i = 0; m != NULL && i < image_size(im); i++)
		im->mask[i] |= m->im.mask[i] & (MASK_BAD | MASK_NO_DATA);
	return 0;
}

static int
add_bad_pixels(struct image *im, const struct image *bad)
{
	if (bad == NULL)
		return 0;
	if (bad->width != im->width || bad->height != im->height)
		return err_raise(ASTRID_E_SHAPE_MISMATCH, "the bad pixel map is %d x %d, the frame %d x %d",
						 bad->width, bad->height, im->width, im->height);
	for (size_t i = 0; i < image_size(im); i++)
		if (bad->sci[i] != 0)
			im->mask[i] |= MASK_BAD;
	return 0;
}

/* Flat field, gain and the variance model in one pass. A gain of NaN leaves adu and makes no model.
 */
static int
divide_flat(struct frame *f, const struct reduce_params *p, float *model)
{
	const double g = isfinite(f->meta.gain) ? f->meta.gain : 1;
	const double rn2 = f->meta.read_noise * f->meta.read_noise;
	double dark_ratio = p->dark != NULL ? f->meta.exptime / p->dark->meta.exptime : 0;

	if (p->flat != NULL && (p->flat->im.width != f->im.width || p->flat->im.height != f->im.height))
		return err_raise(ASTRID_E_SHAPE_MISMATCH, "the flat is %d x %d, the frame %d x %d",
						 p->flat->im.width, p->flat->im.height, f->im.width, f->im.height);
	dark_ratio = isfinite(dark_ratio) ? dark_ratio : 1;
	for (size_t i = 0; i < image_size(&f->im); i++)
	{
		double flat = p->flat != NULL ? p->flat->im.sci[i] : 1, e = g * f->im.sci[i], sci;
		double masters = (p->bias != NULL ? p->bias->im.var[i] : 0) +
						 (p->dark != NULL ? dark_ratio * dark_ratio * p->dark->im.var[i] : 0);

		if (!(flat > 0))
		{
			f->im.mask[i] |= MASK_NO_DATA;
			flat = 1;
		}
		sci = e / flat;
		f->im.sci[i] = (float) sci;
		model[i] = (float) ((fmax(e, 0) + rn2 + g * g * masters +
							 (p->flat != NULL ? sci * sci * p->flat->im.var[i] : 0)) /
							(flat * flat));
	}
	return 0;
}

static void
set_unit(struct frame *f, double level, const struct reduce_report *report)
{
	struct meta *m = &f->meta;

	if (!isfinite(m->gain))
		return;
	m->zero_point += 2.5 * log10(m->gain);
	m->saturation = (report->saturation - report->overscan_level - level) * m->gain;
	strcpy(m->bunit, "electron");
	m->gain = 1;
}

/* ---- variance ---- */

/*
 * Variance of the pixels over that of the model, from differences of pixels LAG apart, each in
 * units of its model error: the square of their MAD. Differences see noise but neither gradients
 * nor the confusion of a crowded field, which the scatter of a mesh holds; the noise of resampled
 * frames is correlated less over LAG than over one pixel.
 */
static double
variance_ratio(const struct image *im, const float *model)
{
	size_t step = image_size(im) / SAMPLE + 1, n = 0;
	double *v = malloc((image_size(im) / step + 1) * sizeof *v), sigma;

	for (size_t i = 0; v != NULL && i + LAG < image_size(im); i += step)
		if (!((im->mask[i] | im->mask[i + LAG]) & MASK_EXCLUDED) && model[i] + model[i + LAG] > 0)
			v[n++] = (im->sci[i] - im->sci[i + LAG]) / sqrt(model[i] + model[i + LAG]);
	sigma = stats_mad(v, n, 0);
	free(v);
	return sigma * sigma;
}

static void
fill_masked_variance(struct image *im)
{
	for (size_t i = 0; i < image_size(im); i++)
		if ((im->mask[i] & MASK_NO_DATA) || !isfinite(im->var[i]) || im->var[i] < 0)
			im->var[i] = 0;
}

static int
choose_variance(struct frame *f, const struct reduce_params *p, const struct background *bkg,
				float *model, bool has_model, struct reduce_report *report,
				struct frame_notes *notes)
{
	double r = has_model ? variance_ratio(&f->im, model) : NAN;
	bool agrees = r >= MODEL_MIN_RATIO && r <= MODEL_MAX_RATIO;

	report->variance_ratio = r;
	report->variance_measured =
		!has_model || p->variance == VARIANCE_MEASURED || (p->variance == VARIANCE_AUTO && !agrees);
	if (has_model && !agrees)
		note_add(notes, "the sky's variance is %.2f times what gain and read noise give%s", r,
				 report->variance_measured ? ": it is measured" : "");
	if (report->variance_measured)
		return variance_measure(&f->im, bkg, f->meta.gain);
	free(f->im.var);
	f->im.var = malloc(image_size(&f->im) * sizeof *f->im.var);
	if (f->im.var == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for the variance plane");
	memcpy(f->im.var, model, image_size(&f->im) * sizeof *model);
	return 0;
}

/* ---- sky ---- */

static int
find_cosmic_rays(struct frame *f, const struct reduce_params *p, const struct background *bkg,
				 bool believe_model, struct reduce_report *report)
{
	struct lacosmic_params lac = p->lacosmic;
	float *noise = NULL;

	if (!p->cosmic_rays)
		return 0;
	lac.read_noise = f->meta.read_noise;
	lac.saturation = isfinite(f->meta.saturation) ? f->meta.saturation : INFINITY;
	if (!believe_model)
	{
		/* without gain or sky the pixels' own scatter stands for the noise */
		struct image copy = {f->im.width, f->im.height, f->im.sci, f->im.mask, NULL};

		if (variance_measure(&copy, bkg, f->meta.gain) < 0)
			return -1;
		noise = copy.var;
	}
	report->n_cosmic = lacosmic(&f->im, noise, &lac);
	free(noise);
	return report->n_cosmic < 0 ? -1 : 0;
}

static int
remeasure(struct frame *f, const struct reduce_params *p, struct background *bkg)
{
	background_free(bkg);
	return background_measure(&f->im, p->mesh, p->mesh_filter, bkg);
}

static void
treat_sky(struct frame *f, enum sky_treatment sky, struct background *bkg,
		  const struct reduce_report *report)
{
	const float keep = sky == SKY_FLATTEN ? (float) report->sky_level : 0;

	if (sky == SKY_KEEP)
		return;
	for (size_t i = 0; i < image_size(&f->im); i++)
	{
		f->im.sci[i] -= bkg->level[i] - keep;
		bkg->level[i] = keep;
	}
	f->meta.saturation -= report->sky_level - keep;
}

static int
process(struct frame *f, const struct reduce_params *p, float *model, struct background *bkg,
		struct reduce_report *report, struct frame_notes *notes)
{
	bool has_model = isfinite(f->meta.gain) && isfinite(f->meta.read_noise);
	double r;

	if (planes_mask_unlit(&f->im, p->lit_area, notes) < 0 ||
		background_measure(&f->im, p->mesh, p->mesh_filter, bkg) < 0)
		return -1;
	planes_mask_dead(&f->im, bkg);
	r = has_model ? variance_ratio(&f->im, model) : NAN;
	if (find_cosmic_rays(f, p, bkg,
						 p->variance == VARIANCE_MODEL || (r >= CR_MIN_RATIO && r <= CR_MAX_RATIO),
						 report) < 0 ||
		remeasure(f, p, bkg) < 0)
		return -1;
	if (p->streaks)
		report->n_streaks = streak_mask(&f->im, bkg, p->streak_share);
	if (report->n_streaks < 0 || (report->n_streaks > 0 && remeasure(f, p, bkg) < 0))
		return -1;
	report->sky_level = bkg->global_level;
	report->sky_rms = bkg->global_rms;
	if (choose_variance(f, p, bkg, model, has_model, report, notes) < 0)
		return -1;
	treat_sky(f, p->sky, bkg, report);
	fill_masked_variance(&f->im);
	return 0;
}

int
reduce_frame(struct frame *f, const struct reduce_params *p, struct background *bkg,
			 struct reduce_report *report, struct frame_notes *notes)
{
	float *model;
	int status = 0;

	*report = (struct reduce_report){.variance_ratio = NAN};
	*bkg = (struct background){0};
	if (planes_mask_missing(&f->im) < 0)
		return -1;
	report->saturation = planes_mask_saturated(&f->im, f->meta.saturation, p->saturation_grow);
	report->overscan_level = detector_correct(f, &p->detector, p->overscan_order, &status);
	if (status < 0 || subtract_masters(f, p, notes) < 0 || add_bad_pixels(&f->im, p->bad) < 0)
		return -1;
	add_mask(&f->im, p->bias);
	add_mask(&f->im, p->dark);
	add_mask(&f->im, p->flat);
	model = malloc(image_size(&f->im) * sizeof *model);
	if (model == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for the variance plane");
	status = divide_flat(f, p, model);
	set_unit(f, p->bias != NULL ? p->bias->median : 0, report);
	if (status == 0)
		status = process(f, p, model, bkg, report, notes);
	free(model);
	if (status < 0)
		background_free(bkg);
	return status;
}
