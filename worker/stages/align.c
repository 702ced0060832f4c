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
#include "stages/frame_params.h"

#define MIN_OVERLAP 0.02 /* of the science frame */

static const struct astrid_param params[] = {
	FRAME_PARAMS,
	{"ref_hdu", ASTRID_PARAM_INT, "", NULL, 0, 100000, NULL,
	 "HDU of the reference image, 0-based; default the first 2-D image"},
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
	double fwhm_science, fwhm_reference;
	bool has_wcs;
};

static int
read_inputs(struct astrid_ctx *ctx, struct align *a)
{
	struct frame_request req;
	double threshold = astrid_param_float(ctx, "threshold");
	json_t *instrument = frame_params(ctx, &req);
	int status;

	if (instrument == NULL)
		return -1;
	req.need_planes = true;
	status = starfield_read(astrid_input(ctx, "science", 0), &req, threshold, &a->science);
	req.plane = -1;
	req.hdu = astrid_param_given(ctx, "ref_hdu") ? (int) astrid_param_int(ctx, "ref_hdu") : -1;
	if (status == 0)
		status = starfield_read(astrid_input(ctx, "reference", 0), &req, threshold, &a->reference);
	json_decref(instrument);
	return status;
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
	out->wcs_approx = reference->wcs != NULL ? reference->wcs_approx : science->wcs_approx;
	out->header = reference->header != NULL ? strdup(reference->header) : NULL;
	a->overlap = covered(&out->im);
	a->fwhm_science = starfield_fwhm(&a->science);
	a->fwhm_reference = starfield_fwhm(&a->reference);
	a->has_wcs = out->wcs != NULL;
	if (a->overlap < MIN_OVERLAP)
		return astrid_raise(ASTRID_E_NO_OVERLAP, astrid_input(ctx, "reference", 0), -1, NULL,
							"the reference covers %.1f %% of the science frame", 100 * a->overlap);
	return 0;
}

/* What counts is not the fit but where the stars are on the resampled pixels: measure them again,
 * at equal seeing where that made the match. Ends the use of both frames' pixels. */
static int
check_result(struct astrid_ctx *ctx, struct align *a)
{
	double threshold = astrid_param_float(ctx, "threshold");
	int status = a->match.blur_reference > 0
					 ? starmatch_blur(&a->aligned, a->match.blur_reference, threshold)
					 : starfield_measure(&a->aligned, threshold);

	if (status == 0 && a->match.blur_science > 0)
		status = starmatch_blur(&a->science, a->match.blur_science, threshold);
	return status == 0 ? starfield_compare(&a->science, &a->aligned, &a->check) : -1;
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
	const struct
	{
		const char *name;
		double value;
	} numbers[] = {{"residual_px", checked ? a->check.median_px : q->median_radial},
				   {"residual_snr", checked ? a->check.snr_limit : NAN},
				   {"fit_residual_px", q->median_radial},
				   {"rms_x", q->rms_x},
				   {"rms_y", q->rms_y},
				   {"offset_x", q->median_x},
				   {"offset_y", q->median_y},
				   {"max_local_px", q->max_local},
				   {"wcs_moved_px", a->match.r.moved_px},
				   {"matched_fraction", a->match.r.matched_fraction},
				   {"overlap", a->overlap},
				   {"flux_ratio", a->match.flux_scale},
				   {"fwhm_science", a->fwhm_science},
				   {"fwhm_reference", a->fwhm_reference}};

	json_object_set_new(result, "n_match", json_integer((json_int_t) q->n_used));
	json_object_set_new(result, "order", json_integer(q->order));
	json_object_set_new(result, "method", json_string(register_method_name(a->match.r.method)));
	json_object_set_new(result, "residual_n",
						json_integer((json_int_t) (checked ? a->check.n : q->n_used)));
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		json_object_set_new(result, numbers[i].name, json_number(numbers[i].value));
	json_object_set_new(result, "equal_seeing",
						json_boolean(a->match.blur_science > 0 || a->match.blur_reference > 0));
	json_object_set_new(result, "has_wcs", json_boolean(a->has_wcs));
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
			if (resample_reference(ctx, &a) == 0 && write_aligned(ctx, &a) == 0)
				status = check_result(ctx, &a);
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
