/*
 * align: register the reference to the science frame by their stars and resample it onto the
 * science grid. The science frame is only read: its noise stays white, and the refined WCS travels
 * in the aligned file. docs/stages/align.md. SPDX-License-Identifier: PostgreSQL
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "astrid/stage.h"
#include "core/err.h"
#include "image/resample.h"
#include "image/wcs.h"
#include "stages/starmatch.h"
#include "stages/tell.h"

#define MIN_OVERLAP 0.02 /* of the science frame */

static const struct astrid_param params[] = {
	{"hdu", ASTRID_PARAM_INT, "", "-1", -1, 9999, NULL,
	 "HDU of the science image, 0-based; -1: the first image"},
	{"ref_hdu", ASTRID_PARAM_INT, "", "-1", -1, 9999, NULL,
	 "HDU of the reference image, 0-based; -1: the first image"},
	{"instrument", ASTRID_PARAM_JSON, "", NULL, 0, 0, NULL,
	 "row of sky.instruments: keyword map, gain, saturation"},
	{"threshold", ASTRID_PARAM_FLOAT, "sigma", "5", 1.5, 1000, NULL,
	 "detection threshold of the stars that are matched"},
	{"max_order", ASTRID_PARAM_INT, "", "3", 0, TRANSFORM_MAX_ORDER, NULL,
	 "highest order of the fitted map: 0 shift, 1 affine, 2 and 3 polynomial"},
	{"min_stars", ASTRID_PARAM_INT, "", "4", 1, 10000, NULL,
	 "matched stars below which the stage refuses"},
	{"match", ASTRID_PARAM_STRING, "", "auto", 0, 0, "auto stars",
	 "auto: by the headers' WCS, falling back to the stars' positions alone; stars: by those only"},
	{0}};

static const struct astrid_port inputs[] = {{"science", 0, "calibrated science frame"},
											{"reference", 0, "reference frame of the same sky"},
											{0}};

static const struct astrid_port outputs[] = {
	{"aligned", 0, "the reference on the science grid, with the refined WCS"}, {0}};

struct align
{
	struct starfield science, reference, aligned;
	struct starmatch match;
	struct starfield_offsets check;
	double overlap; /* part of the science frame that the reference covers */
};

static int
read_inputs(struct astrid_ctx *ctx, struct align *a)
{
	struct frame_request req = {.hdu = (int) astrid_param_int(ctx, "hdu"),
								.plane = -1,
								.instrument = astrid_param_json(ctx, "instrument"),
								.need_planes = true};
	double threshold = astrid_param_float(ctx, "threshold");

	if (starfield_read(astrid_input(ctx, "science", 0), &req, threshold, &a->science) < 0)
		return -1;
	req.hdu = (int) astrid_param_int(ctx, "ref_hdu");
	return starfield_read(astrid_input(ctx, "reference", 0), &req, threshold, &a->reference);
}

static int
match_stars(struct astrid_ctx *ctx, struct align *a)
{
	const struct register_params p = {.max_order = (int) astrid_param_int(ctx, "max_order"),
									  .min_stars = (int) astrid_param_int(ctx, "min_stars"),
									  .ignore_wcs =
										  strcmp(astrid_param_string(ctx, "match"), "stars") == 0};

	if (starmatch_make(&a->science, &a->reference, &p, astrid_param_float(ctx, "threshold"),
					   &a->match) < 0)
		return err_at(astrid_input(ctx, "science", 0), -1, NULL);
	return 0;
}

static double
covered(const struct image *im)
{
	size_t n = 0;

	for (size_t i = 0; i < image_size(im); i++)
		n += (im->mask[i] & MASK_NO_DATA) == 0;
	return (double) n / (double) image_size(im);
}

/* The PSF does not come along: resampling changes it, and who needs it measures it on the stars. */
static int
resample_reference(struct astrid_ctx *ctx, struct align *a)
{
	struct frame *out = &a->aligned.frame;
	const struct frame *science = &a->science.frame, *reference = &a->reference.frame;

	if (image_alloc(&out->im, science->im.width, science->im.height, true) < 0 ||
		resample_lanczos3(&reference->im, registration_map, &a->match.r, &out->im) < 0 ||
		registration_wcs(&a->match.r, science, reference, &out->wcs) < 0)
		return -1;
	out->meta = reference->meta;
	out->wcs_approx = a->match.r.science != NULL ? science->wcs_approx : reference->wcs_approx;
	out->header = reference->header != NULL ? strdup(reference->header) : NULL;
	a->overlap = covered(&out->im);
	if (a->overlap < MIN_OVERLAP)
		return astrid_raise(ASTRID_E_NO_OVERLAP, astrid_input(ctx, "reference", 0), -1, NULL,
							"the reference covers %.1f %% of the science frame", 100 * a->overlap);
	return 0;
}

/* What counts is not the fit but where the stars are on the resampled pixels: measure them again.
 */
static int
check_result(struct astrid_ctx *ctx, struct align *a)
{
	if (starfield_measure(&a->aligned, astrid_param_float(ctx, "threshold")) < 0 ||
		starfield_compare(&a->science, &a->aligned, &a->check) < 0)
		return -1;
	return 0;
}

static int
write_aligned(struct astrid_ctx *ctx, const struct align *a)
{
	char line[80];
	const char *history[] = {line, NULL};

	snprintf(line, sizeof line, "astrid align: %zu stars, order %d, by %s, residual %.3f px",
			 a->match.r.quality.n_used, a->match.r.quality.order,
			 register_method_name(a->match.r.method), a->match.r.quality.median_radial);
	return frame_write(astrid_output(ctx, "aligned"), &a->aligned.frame, history);
}

static void
report(struct astrid_ctx *ctx, const struct align *a)
{
	json_t *result = astrid_result(ctx);
	const struct fit_quality *q = &a->match.r.quality;
	bool checked = a->check.n >= 3;

	tell_count(result, "n_match", q->n_used);
	tell_number(result, "residual_px", checked ? a->check.median_px : q->median_radial);
	tell_count(result, "residual_n", checked ? a->check.n : q->n_used);
	tell_number(result, "residual_snr", checked ? a->check.snr_limit : NAN);
	json_object_set_new(result, "order", json_integer(q->order));
	json_object_set_new(result, "method", json_string(register_method_name(a->match.r.method)));
	tell_number(result, "fit_residual_px", q->median_radial);
	tell_number(result, "rms_x", q->rms_x);
	tell_number(result, "rms_y", q->rms_y);
	tell_number(result, "offset_x", q->median_x);
	tell_number(result, "offset_y", q->median_y);
	tell_number(result, "max_local_px", q->max_local);
	tell_number(result, "wcs_moved_px", a->match.r.moved_px);
	tell_number(result, "matched_fraction", a->match.r.matched_fraction);
	tell_number(result, "overlap", a->overlap);
	tell_number(result, "flux_ratio", a->match.flux_scale);
	tell_number(result, "fwhm_science", starfield_fwhm(&a->science));
	tell_number(result, "fwhm_reference", starfield_fwhm(&a->reference));
	json_object_set_new(result, "equal_seeing", json_boolean(a->match.blurred));
	json_object_set_new(result, "has_wcs", json_boolean(a->aligned.frame.wcs != NULL));
}

static int
run(struct astrid_ctx *ctx)
{
	struct align a = {0};
	int status = -1;

	if (read_inputs(ctx, &a) == 0)
	{
		astrid_stage_progress(ctx, 0.4, "matching stars");
		if (match_stars(ctx, &a) == 0)
		{
			astrid_stage_progress(ctx, 0.5, "resampling");
			if (resample_reference(ctx, &a) == 0 && check_result(ctx, &a) == 0)
				status = write_aligned(ctx, &a);
		}
	}
	if (status == 0)
		report(ctx, &a);
	starmatch_free(&a.match);
	starfield_free(&a.science);
	starfield_free(&a.reference);
	starfield_free(&a.aligned);
	return status;
}

const struct astrid_stage stage_align = {
	.abi = ASTRID_STAGE_ABI,
	.name = "align",
	.summary = "put the reference on the science grid: match stars, refine the WCS, resample",
	.version = 1,
	.params = params,
	.inputs = inputs,
	.outputs = outputs,
	.run = run,
};
