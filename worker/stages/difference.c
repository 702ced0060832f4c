/*
 * difference: what changed between an aligned reference and a science frame.
 * SPDX-License-Identifier: PostgreSQL
 *
 * The subtraction itself is image/subtract.c, the score image/score.c; here files, the quality gate
 * and the numbers.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/fits.h"
#include "image/score.h"
#include "image/subtract.h"
#include "image/wcs.h"
#include "stages/frame_params.h"

#define HISTORY_LINE 72

static int
read_frame(const char *path, struct frame *f)
{
	const struct frame_request req = {.hdu = -1, .plane = -1, .need_planes = true};
	struct frame_info info;

	return frame_read(path, &req, f, &info);
}

static struct subtract_options
read_options(struct astrid_ctx *ctx)
{
	const char *side = astrid_param_string(ctx, "convolve");

	return (struct subtract_options){.convolve = strcmp(side, "reference") == 0 ? CONVOLVE_REFERENCE
												 : strcmp(side, "science") == 0 ? CONVOLVE_SCIENCE
																				: CONVOLVE_SHARPER,
									 .kernel_order = (int) astrid_param_int(ctx, "kernel_order"),
									 .background_order =
										 (int) astrid_param_int(ctx, "background_order"),
									 .kernel_half = (int) astrid_param_int(ctx, "kernel_half"),
									 .max_stamps = (int) astrid_param_int(ctx, "max_stamps")};
}

/* A bad subtraction ends here, with its numbers: its detections would be noise. */
static int
check_quality(struct astrid_ctx *ctx, const struct subtraction *sub, const struct score *score)
{
	const double mismatch = fabs(sub->kernel_sum / sub->flux_ratio - 1);
	const struct
	{
		const char *what;
		double value;
		bool bad;
	} gates[] = {
		{"flux scale: kernel sum over the stars' flux ratio", sub->kernel_sum / sub->flux_ratio,
		 mismatch > astrid_param_float(ctx, "max_flux_mismatch")},
		{"residual in star footprints over their flux", sub->footprint_ratio,
		 sub->footprint_ratio > astrid_param_float(ctx, "max_footprint_ratio")},
		{"MAD of the noise-scaled difference", score->z_mad,
		 !(score->z_mad > 0.8 && score->z_mad < 1.25)},
		{"fraction of the pixels that can be used", sub->used_fraction,
		 sub->used_fraction < astrid_param_float(ctx, "min_used_fraction")},
	};

	for (size_t i = 0; i < sizeof gates / sizeof gates[0]; i++)
		if (gates[i].bad)
			return astrid_raise(ASTRID_E_BAD_SUBTRACTION, astrid_input(ctx, "science", 0), -1, NULL,
								"%s is %.3g (kernel sum %.4g, flux ratio %.4g, footprint ratio "
								"%.3g, z MAD %.3g, z std "
								"%.3g, used fraction %.3g, %d stamps)",
								gates[i].what, gates[i].value, sub->kernel_sum, sub->flux_ratio,
								sub->footprint_ratio, score->z_mad, score->z_std,
								sub->used_fraction, sub->n_stamps);
	return 0;
}

static void
tell(json_t *result, const struct subtraction *sub, const struct score *score)
{
	const struct
	{
		const char *key;
		double value;
	} numbers[] = {{"kernel_sum", sub->kernel_sum},
				   {"kernel_sum_scatter", sub->sum_scatter},
				   {"flux_ratio", sub->flux_ratio},
				   {"stamp_chi2", sub->stamp_chi2},
				   {"z_mad", score->z_mad},
				   {"z_std", score->z_std},
				   {"variance_scale", sub->variance_scale},
				   {"used_fraction", sub->used_fraction},
				   {"lag1", sub->lag1},
				   {"footprint_ratio", sub->footprint_ratio},
				   {"fwhm_science", sub->fwhm_science},
				   {"fwhm_reference", sub->fwhm_reference},
				   {"fwhm", sub->psf.fwhm},
				   {"score_scale", score->scale},
				   {"flux_error", score->flux_error},
				   {"astrometric_error", score->astrometric_error}};

	json_object_set_new(result, "algorithm", json_string("alard_lupton"));
	json_object_set_new(result, "convolved",
						json_string(sub->science_convolved ? "science" : "reference"));
	json_object_set_new(result, "n_stamps", json_integer(sub->n_stamps));
	json_object_set_new(result, "n_stamps_rejected", json_integer(sub->n_rejected));
	json_object_set_new(result, "n_psf_stars", json_integer(sub->n_psf_stars));
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		json_object_set_new(result, numbers[i].key, json_number(numbers[i].value));
}

/* What the frames of both outputs share with the science frame; planes stay with their owners. */
static struct frame
derived_frame(const struct frame *science)
{
	struct frame f = {
		.meta = science->meta, .wcs = science->wcs, .wcs_approx = science->wcs_approx};

	return f;
}

/* NaN where there is no pixel, as image.h asks. */
static void
mark_missing(struct image *im)
{
	const size_t n = image_size(im);

	for (size_t i = 0; i < n; i++)
		if (im->mask[i] & MASK_NO_DATA)
			im->sci[i] = NAN;
}

static int
write_difference(struct astrid_ctx *ctx, const struct frame *science, struct subtraction *sub,
				 const char *const *history)
{
	struct frame f = derived_frame(science);
	const size_t n = (size_t) sub->psf.size * (size_t) sub->psf.size;
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += sub->psf.coef[i];
	for (size_t i = 0; i < n * (size_t) sub->psf.n_terms; i++)
		sub->psf.coef[i] = (float) (sub->psf.coef[i] / sum);
	mark_missing(&sub->diff);
	f.im = sub->diff;
	f.psf = sub->psf.coef;
	f.psf_size = sub->psf.size;
	f.psf_terms = sub->psf.n_terms;
	f.meta.fwhm = sub->psf.fwhm;
	return frame_write(astrid_output(ctx, "difference"), &f, history);
}

/* The score has the mask of the difference, and NO_DATA where no score is. */
static int
write_score(struct astrid_ctx *ctx, const struct frame *science, const struct subtraction *sub,
			const struct score *score, const char *const *history)
{
	struct frame f = derived_frame(science);
	const size_t n = image_size(&sub->diff);
	int status;

	if (astrid_output(ctx, "score") == NULL)
		return 0;
	f.im = (struct image){.width = score->width, .height = score->height, .sci = score->value};
	f.im.mask = malloc(sizeof *f.im.mask * n);
	if (f.im.mask == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a mask");
	for (size_t i = 0; i < n; i++)
		f.im.mask[i] = sub->diff.mask[i] | (isnan(score->value[i]) ? MASK_NO_DATA : 0);
	f.meta.bunit[0] = '\0';
	status = frame_write(astrid_output(ctx, "score"), &f, history);
	free(f.im.mask);
	return status;
}

static int
write_outputs(struct astrid_ctx *ctx, const struct frame *science, struct subtraction *sub,
			  const struct score *score)
{
	char lines[3][HISTORY_LINE + 1];
	const char *const history[] = {lines[0], lines[1], lines[2], NULL};

	snprintf(lines[0], sizeof lines[0], "astrid difference: Alard-Lupton, %s convolved",
			 sub->science_convolved ? "science" : "reference");
	snprintf(lines[1], sizeof lines[1], "kernel sum %.5g from %d stamps, decorrelated",
			 sub->kernel_sum, sub->n_stamps);
	snprintf(lines[2], sizeof lines[2], "variance scaled by %.4g", sub->variance_scale);
	if (write_difference(ctx, science, sub, history) < 0)
		return -1;
	return write_score(ctx, science, sub, score, history);
}

static int
difference(struct astrid_ctx *ctx, const struct frame *science, const struct frame *reference)
{
	const struct subtract_options options = read_options(ctx);
	struct subtraction sub;
	struct score score;
	int status = -1;

	astrid_stage_progress(ctx, 0.2, "matching the frames");
	if (subtract(science, reference, &options, &sub) < 0)
		return -1;
	astrid_stage_progress(ctx, 0.7, "filtering");
	if (score_make(&sub.diff, sub.model, &sub.psf, &sub.stars, &score) == 0)
	{
		tell(astrid_result(ctx), &sub, &score);
		if (check_quality(ctx, &sub, &score) == 0)
			status = write_outputs(ctx, science, &sub, &score);
		score_free(&score);
	}
	subtraction_free(&sub);
	return status;
}

static int
run(struct astrid_ctx *ctx)
{
	struct frame science, reference;
	int status = -1;

	if (read_frame(astrid_input(ctx, "science", 0), &science) < 0)
		return -1;
	if (read_frame(astrid_input(ctx, "reference", 0), &reference) == 0)
	{
		/* align writes the refined WCS to the reference it aligned */
		if (reference.wcs != NULL)
		{
			wcs_free(science.wcs);
			science.wcs = wcs_copy(reference.wcs);
			science.wcs_approx = reference.wcs_approx;
		}
		status = difference(ctx, &science, &reference);
		frame_free(&reference);
	}
	frame_free(&science);
	return status;
}

/* clang-format off */
static const struct astrid_param params[] = {
	{"algorithm", ASTRID_PARAM_STRING, "", "auto", 0, 0, "auto alard_lupton", "how to subtract; auto: alard_lupton"},
	{"convolve", ASTRID_PARAM_STRING, "", "auto", 0, 0, "auto reference science", "which image to convolve; auto: the sharper one"},
	{"kernel_order", ASTRID_PARAM_INT, "", "-1", -1, 2, NULL, "order of the kernel's change over the field; -1: by the number of stars"},
	{"background_order", ASTRID_PARAM_INT, "", "1", 0, 2, NULL, "order of the differential background in the kernel fit"},
	{"kernel_half", ASTRID_PARAM_INT, "px", "0", 0, 30, NULL, "half width of the kernel; 0: by the widths of the stars"},
	{"max_stamps", ASTRID_PARAM_INT, "", "200", 3, 2000, NULL, "stars used in the kernel fit, at most"},
	{"max_flux_mismatch", ASTRID_PARAM_FLOAT, "", "0.15", 0, 10, NULL, "gate: relative difference of the kernel sum and the stars' flux ratio"},
	{"max_footprint_ratio", ASTRID_PARAM_FLOAT, "", "0.2", 0, 10, NULL, "gate: |difference| above noise over flux in the footprints of stars"},
	{"min_used_fraction", ASTRID_PARAM_FLOAT, "", "0.1", 0, 1, NULL, "gate: usable share of the common pixels"},
	{.name = NULL}};
static const struct astrid_port inputs[] = {
	{"science", 0, "a calibrated frame"},
	{"reference", 0, "the reference on the grid of science (align)"},
	{.role = NULL}};
static const struct astrid_port outputs[] = {
	{"difference", 0, "science minus reference: SCI, MASK, VAR, PSF"},
	{"score", ASTRID_PORT_OPTIONAL, "signal-to-noise of a point source at every pixel"},
	{.role = NULL}};
/* clang-format on */

const struct astrid_stage stage_difference = {
	.abi = ASTRID_STAGE_ABI,
	.name = "difference",
	.summary = "subtract the aligned reference from a science frame",
	.version = 1,
	.params = params,
	.inputs = inputs,
	.outputs = outputs,
	.run = run};
