/*
 * detect: the sources of a difference image as a table, with cutouts. SPDX-License-Identifier:
 * PostgreSQL
 *
 * Finding and measuring is image/detect.c; here files, forced photometry on both frames, rows and
 * cutouts (detect_output.c).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/score.h"
#include "image/side.h"
#include "stages/detect_output.h"
#include "stages/frame_params.h"

static const char *const roles[DETECT_FRAMES] = {"difference", "science", "reference", "score"};

static int
read_frames(struct astrid_ctx *ctx, struct detect_job *job)
{
	for (int k = 0; k < DETECT_FRAMES; k++)
	{
		const char *path = astrid_input(ctx, roles[k], 0);
		const struct frame_request req = {.hdu = -1, .plane = -1, .need_planes = k != DETECT_SCORE};
		struct frame_info info;
		struct frame *f = &job->frame[k];

		if (path == NULL)
			continue;
		if (frame_read(path, &req, f, &info) < 0)
			return -1;
		job->have[k] = true;
		if (f->im.width != job->frame[0].im.width || f->im.height != job->frame[0].im.height)
			return astrid_raise(ASTRID_E_SHAPE_MISMATCH, path, info.hdu, NULL,
								"the %s is %d x %d, the difference %d x %d", roles[k], f->im.width,
								f->im.height, job->frame[0].im.width, job->frame[0].im.height);
	}
	return 0;
}

/* The PSF of the difference, from its file; a foreign difference without one has the PSF of
 * science. */
static int
take_psf(struct astrid_ctx *ctx, struct detect_job *job)
{
	const struct frame *d = &job->frame[DETECT_DIFFERENCE];
	struct psf file = {.size = d->psf_size,
					   .n_terms = d->psf_terms > 0 ? d->psf_terms : 1,
					   .width = d->im.width,
					   .height = d->im.height,
					   .coef = d->psf};

	if (d->psf == NULL && job->have[DETECT_SCIENCE])
		return psf_copy(&job->psf, &job->side[0].psf);
	if (d->psf == NULL)
		return astrid_raise(ASTRID_E_MISSING_KEYWORD, astrid_input(ctx, "difference", 0), -1, NULL,
							"the difference has no PSF extension, and no science frame is given");
	file.fwhm = psf_stamp_fwhm(file.coef, file.size);
	if (!isfinite(file.fwhm))
		return astrid_raise(ASTRID_E_BAD_HEADER, astrid_input(ctx, "difference", 0), -1, "PSF",
							"the PSF extension has no core");
	return psf_copy(&job->psf, &file);
}

static int
take_sides(struct detect_job *job)
{
	for (int k = 0; k < 2; k++)
		if (job->have[DETECT_SCIENCE + k] &&
			side_make(&job->frame[DETECT_SCIENCE + k], roles[DETECT_SCIENCE + k], &job->side[k]) <
				0)
			return -1;
	return 0;
}

/* The score of the file, or one from the difference alone. */
static int
take_score(struct detect_job *job)
{
	struct frame *d = &job->frame[DETECT_DIFFERENCE], *s = &job->frame[DETECT_SCORE];
	const size_t n = image_size(&d->im);

	/* Missing pixels are NaN in the file; filters want numbers, the mask tells which do not count.
	 */
	for (size_t i = 0; i < n; i++)
		if (!isfinite(d->im.sci[i]))
		{
			d->im.mask[i] |= MASK_NO_DATA;
			d->im.sci[i] = 0;
		}
	if (score_make(&d->im, NULL, &job->psf, NULL, &job->score) < 0)
		return -1;
	job->snr_scale = job->score.scale;
	if (job->have[DETECT_SCORE])
		memcpy(job->score.value, s->im.sci, sizeof *s->im.sci * n);
	for (size_t i = 0; i < n; i++)
		if (d->im.mask[i] & MASK_EXCLUDED)
			job->score.value[i] = NAN;
	return 0;
}

static int
work(struct astrid_ctx *ctx, struct detect_job *job)
{
	struct detect_options options = {.threshold = astrid_param_float(ctx, "threshold"),
									 .aperture = astrid_param_float(ctx, "aperture")};
	const struct side *sides[2];

	if (read_frames(ctx, job) < 0 || take_sides(job) < 0 || take_psf(ctx, job) < 0 ||
		take_score(job) < 0)
		return -1;
	astrid_stage_progress(ctx, 0.5, "measuring");
	options.scale = job->snr_scale;
	for (int k = 0; k < 2; k++)
		sides[k] = job->have[DETECT_SCIENCE + k] ? &job->side[k] : NULL;
	if (detect(&job->frame[DETECT_DIFFERENCE].im, job->score.value, &job->psf, sides, &options,
			   &job->list) < 0)
		return -1;
	return detect_output(ctx, job);
}

static int
run(struct astrid_ctx *ctx)
{
	struct detect_job *job = calloc(1, sizeof *job);
	int status;

	if (job == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for detections");
	status = work(ctx, job);
	for (int k = 0; k < DETECT_FRAMES; k++)
		frame_free(&job->frame[k]);
	for (int k = 0; k < 2; k++)
		side_free(&job->side[k]);
	psf_free(&job->psf);
	score_free(&job->score);
	detection_list_free(&job->list);
	free(job);
	return status;
}

/* clang-format off */
static const struct astrid_param params[] = {
	{"threshold", ASTRID_PARAM_FLOAT, "", "5", 1, 1000, NULL, "|score| of a detection"},
	{"aperture", ASTRID_PARAM_FLOAT, "FWHM", "1.5", 0.3, 10, NULL, "radius of the aperture flux"},
	{"cutout_size", ASTRID_PARAM_INT, "px", "63", 15, 255, NULL, "side of a cutout; even numbers are raised by one"},
	{"max_cutouts", ASTRID_PARAM_INT, "", "100", 0, 10000, NULL, "cutouts of the unflagged detections, strongest first"},
	{.name = NULL}};
static const struct astrid_port inputs[] = {
	{"difference", 0, "science minus reference (difference)"},
	{"science", ASTRID_PORT_OPTIONAL, "the science frame, for fluxes and cutouts"},
	{"reference", ASTRID_PORT_OPTIONAL, "the aligned reference, for fluxes and cutouts"},
	{"score", ASTRID_PORT_OPTIONAL, "the score (difference); without it one is made from the difference"},
	{.role = NULL}};
static const struct astrid_port outputs[] = {
	{"detections", 0, "the table: FITS, or CSV where the name ends in .csv"},
	{"cutouts", ASTRID_PORT_OPTIONAL, "table of the cutouts; their FITS and PNG files lie beside it"},
	{.role = NULL}};
/* clang-format on */

const struct astrid_stage stage_detect = {.abi = ASTRID_STAGE_ABI,
										  .name = "detect",
										  .summary =
											  "find and measure sources on a difference image",
										  .version = 1,
										  .params = params,
										  .inputs = inputs,
										  .outputs = outputs,
										  .run = run};
