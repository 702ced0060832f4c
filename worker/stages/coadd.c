/*
 * coadd: a deeper reference from several frames of one field. docs/stages/coadd.md.
 *
 * One frame, the anchor, lends its grid, flux scale and WCS; the others are registered to it by
 * their stars, resampled, scaled and averaged. Frames that cannot be registered are left out and
 * named in the log. SPDX-License-Identifier: PostgreSQL
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "astrid/stage.h"
#include "core/err.h"
#include "image/resample.h"
#include "image/stack.h"
#include "image/stats.h"
#include "image/wcs.h"
#include "stages/frame_params.h"
#include "stages/starmatch.h"

#define MAX_FRAMES 256
#define SAMPLE_STEP                                                                                \
	97 /* pixels between those whose variance makes the weight; prime, so that no column repeats   \
		*/

static const struct astrid_param params[] = {
	FRAME_PARAMS,
	{"anchor", ASTRID_PARAM_STRING, "", "sharpest", 0, 0, "sharpest first",
	 "the frame that lends grid and flux scale"},
	{"threshold", ASTRID_PARAM_FLOAT, "sigma", "5", 1.5, 1000, NULL,
	 "detection threshold of the stars that are matched"},
	{"max_order", ASTRID_PARAM_INT, "", "3", 0, TRANSFORM_MAX_ORDER, NULL,
	 "highest order of the fitted maps"},
	{"min_stars", ASTRID_PARAM_INT, "", "4", 1, 10000, NULL,
	 "matched stars below which a frame is left out"},
	{"clip", ASTRID_PARAM_FLOAT, "sigma", "5", 2, 100, NULL, "outliers beyond are rejected"},
	{0}};

static const struct astrid_port inputs[] = {
	{"science", ASTRID_PORT_REPEATED, "calibrated frames of one field and band"}, {0}};

static const struct astrid_port outputs[] = {{"reference", 0, "their mean, sky at zero"}, {0}};

struct member
{
	struct starfield field; /* sky subtracted */
	double fwhm, sky;
	double scale; /* anchor's flux / this frame's */
	struct stack_layer layer;
	bool used;
};

struct coadd
{
	struct member *v;
	size_t n, anchor, n_used, n_rejected;
	struct frame out;
};

/* ---- reading
 * -----------------------------------------------------------------------------------------------------
 */

static void
subtract_sky(struct member *m)
{
	struct image *im = &m->field.frame.im;

	for (size_t i = 0; i < image_size(im); i++)
		im->sci[i] -= m->field.background.level[i];
	m->sky = m->field.background.global_level;
	background_free(&m->field.background);
}

static int
read_member(struct astrid_ctx *ctx, struct coadd *c, size_t k, const struct frame_request *req)
{
	if (starfield_read(astrid_input(ctx, "science", k), req, astrid_param_float(ctx, "threshold"),
					   &c->v[k].field) < 0)
		return -1;
	c->v[k].fwhm = starfield_fwhm(&c->v[k].field);
	subtract_sky(&c->v[k]);
	astrid_stage_progress(ctx, 0.4 * (double) (k + 1) / (double) c->n, "reading");
	return 0;
}

static int
read_members(struct astrid_ctx *ctx, struct coadd *c)
{
	struct frame_request req;
	json_t *instrument;
	int status = 0;

	c->n = astrid_input_count(ctx, "science");
	if (c->n > MAX_FRAMES)
		return err_raise(ASTRID_E_TOO_LARGE, "%zu frames; coadd takes %d", c->n, MAX_FRAMES);
	c->v = calloc(c->n, sizeof *c->v);
	if (c->v == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu frames", c->n);
	instrument = frame_params(ctx, &req);
	if (instrument == NULL)
		return -1;
	req.need_planes = true;
	for (size_t k = 0; k < c->n && status == 0; k++)
		status = read_member(ctx, c, k, &req);
	json_decref(instrument);
	return status;
}

static void
choose_anchor(struct astrid_ctx *ctx, struct coadd *c)
{
	if (strcmp(astrid_param_string(ctx, "anchor"), "first") == 0)
		return;
	for (size_t k = 1; k < c->n; k++)
		if (c->v[k].fwhm < c->v[c->anchor].fwhm || isnan(c->v[c->anchor].fwhm))
			c->anchor = k;
}

/* ---- bringing one frame onto the anchor's grid
 * ------------------------------------------------------------------- */

static void
rescale(struct image *im, double factor)
{
	for (size_t i = 0; i < image_size(im); i++)
	{
		im->sci[i] *= (float) factor;
		im->var[i] *= (float) (factor * factor);
	}
}

/* Typical variance of unmasked pixels; NaN without any. */
static double
sky_variance(const struct image *im)
{
	size_t n = 0;
	float *v = malloc((image_size(im) / SAMPLE_STEP + 1) * sizeof *v);
	double median;

	if (v == NULL)
		return NAN;
	for (size_t i = 0; i < image_size(im); i += SAMPLE_STEP)
		if ((im->mask[i] & MASK_EXCLUDED) == 0 && im->var[i] > 0)
			v[n++] = im->var[i];
	median = stats_median_f(v, n);
	free(v);
	return median;
}

static int
place(struct astrid_ctx *ctx, struct coadd *c, size_t k)
{
	const struct member *anchor = &c->v[c->anchor];
	const struct image *grid = &anchor->field.frame.im;
	struct member *m = &c->v[k];
	const struct register_params p = {.max_order = (int) astrid_param_int(ctx, "max_order"),
									  .min_stars = (int) astrid_param_int(ctx, "min_stars")};
	struct starmatch match = {0};
	int status = -1;

	if (starmatch_make(&anchor->field, &m->field, &p, astrid_param_float(ctx, "threshold"),
					   &match) < 0)
		return -1;
	m->scale = match.flux_scale;
	if (!(m->scale > 0))
		err_raise(ASTRID_E_TOO_FEW_STARS, "%zu bright stars to set the flux scale", match.n_flux);
	else if (image_alloc(&m->layer.im, grid->width, grid->height, true) == 0)
		status = resample_lanczos3(&m->field.frame.im, registration_map, &match.r, &m->layer.im);
	starmatch_free(&match);
	if (status == 0)
		rescale(&m->layer.im, m->scale);
	return status;
}

static int
weigh(struct member *m)
{
	double variance = sky_variance(&m->layer.im);

	m->layer.weight = 1 / variance;
	m->used = isfinite(m->layer.weight) && variance > 0;
	return m->used ? 0 : err_raise(ASTRID_E_NO_PIXELS, "no usable pixel in common with the anchor");
}

/* A frame that does not fit is left out, as long as the fault is the frame's. */
static int
leave_out(struct astrid_ctx *ctx, struct member *m, size_t k)
{
	enum astrid_error_code code = err_code();

	if (code != ASTRID_E_TOO_FEW_STARS && code != ASTRID_E_NO_OVERLAP && code != ASTRID_E_NO_PIXELS)
		return -1;
	astrid_stage_log(ctx, "warning", "%s left out: %s", astrid_input(ctx, "science", k),
					 err_message());
	err_clear();
	image_free(&m->layer.im);
	m->used = false;
	return 0;
}

static int
place_all(struct astrid_ctx *ctx, struct coadd *c)
{
	struct member *anchor = &c->v[c->anchor];

	anchor->scale = 1;
	if (image_copy(&anchor->layer.im, &anchor->field.frame.im) < 0 || weigh(anchor) < 0)
		return -1;
	for (size_t k = 0; k < c->n; k++)
	{
		if (k != c->anchor && (place(ctx, c, k) < 0 || weigh(&c->v[k]) < 0) &&
			leave_out(ctx, &c->v[k], k) < 0)
			return -1;
		if (k != c->anchor)
			image_free(&c->v[k].field.frame.im); /* its pixels now lie in the layer */
		c->n_used += c->v[k].used;
		astrid_stage_progress(ctx, 0.4 + 0.4 * (double) (k + 1) / (double) c->n, "aligning");
	}
	return 0;
}

/* ---- the mean
 * ----------------------------------------------------------------------------------------------------
 */

static int
stack(struct astrid_ctx *ctx, struct coadd *c)
{
	const struct image *grid = &c->v[c->anchor].field.frame.im;
	struct stack_layer *layers = calloc(c->n, sizeof *layers);
	size_t n = 0;
	int status = -1;

	if (layers == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu frames", c->n);
	for (size_t k = 0; k < c->n; k++)
		if (c->v[k].used)
			layers[n++] = c->v[k].layer;
	if (image_alloc(&c->out.im, grid->width, grid->height, true) == 0)
		status = stack_mean(layers, n, astrid_param_float(ctx, "clip"), &c->out.im, &c->n_rejected);
	free(layers);
	return status;
}

/*
 * Numbers of the mean, from those of the frames. A flux F of the anchor's scale is F / scale in a
 * frame and has there a Poisson variance of F / (scale gain), so scale F / gain after scaling: the
 * mean's gain follows from sum w^2 of it.
 */
static void
combine_meta(struct coadd *c)
{
	double w = 0, poisson = 0, read = 0, time = 0, saturation = INFINITY;
	struct meta *meta = &c->out.meta;

	*meta = c->v[c->anchor].field.frame.meta;
	for (size_t k = 0; k < c->n; k++)
	{
		const struct member *m = &c->v[k];
		const struct meta *one = &m->field.frame.meta;
		double weight = m->layer.weight, noise = one->read_noise / one->gain * m->scale;

		if (!m->used)
			continue;
		w += weight;
		poisson += weight * weight * m->scale / one->gain;
		read += weight * weight * noise * noise;
		time += weight * one->mjd_mid_tai;
		saturation = fmin(saturation, (one->saturation - m->sky) * m->scale);
	}
	meta->gain = w * w / poisson;
	meta->read_noise = sqrt(read) / w * meta->gain;
	meta->mjd_mid_tai = time / w;
	meta->saturation = isfinite(saturation) ? saturation : NAN;
}

static int
write_reference(struct astrid_ctx *ctx, struct coadd *c)
{
	const struct frame *anchor = &c->v[c->anchor].field.frame;
	char line[80];
	const char *history[] = {line, NULL};

	combine_meta(c);
	c->out.wcs = anchor->wcs != NULL ? wcs_copy(anchor->wcs) : NULL;
	c->out.wcs_approx = anchor->wcs_approx;
	c->out.header = anchor->header != NULL ? strdup(anchor->header) : NULL;
	snprintf(line, sizeof line, "astrid coadd: mean of %zu frames, %zu pixels rejected", c->n_used,
			 c->n_rejected);
	return frame_write(astrid_output(ctx, "reference"), &c->out, history);
}

static void
report(struct astrid_ctx *ctx, const struct coadd *c)
{
	json_t *result = astrid_result(ctx);
	double exposure = 0;

	for (size_t k = 0; k < c->n; k++)
		exposure += c->v[k].used ? c->v[k].field.frame.meta.exptime : 0;
	json_object_set_new(result, "n_frames", json_integer((json_int_t) c->n_used));
	json_object_set_new(result, "n_left_out", json_integer((json_int_t) (c->n - c->n_used)));
	json_object_set_new(result, "n_rejected", json_integer((json_int_t) c->n_rejected));
	json_object_set_new(result, "anchor", json_integer((json_int_t) c->anchor));
	json_object_set_new(result, "fwhm", json_number(c->v[c->anchor].fwhm));
	json_object_set_new(result, "gain", json_number(c->out.meta.gain));
	json_object_set_new(result, "total_exptime", json_number(exposure));
	json_object_set_new(result, "sky_sigma", json_number(sqrt(sky_variance(&c->out.im))));
}

static void
coadd_free(struct coadd *c)
{
	for (size_t k = 0; c->v != NULL && k < c->n; k++)
	{
		starfield_free(&c->v[k].field);
		image_free(&c->v[k].layer.im);
	}
	free(c->v);
	frame_free(&c->out);
}

static int
run(struct astrid_ctx *ctx)
{
	struct coadd c = {0};
	int status = -1;

	if (read_members(ctx, &c) == 0)
	{
		choose_anchor(ctx, &c);
		if (place_all(ctx, &c) == 0 && stack(ctx, &c) == 0)
			status = write_reference(ctx, &c);
	}
	if (status == 0)
		report(ctx, &c);
	coadd_free(&c);
	return status;
}

const struct astrid_stage stage_coadd = {
	.abi = ASTRID_STAGE_ABI,
	.name = "coadd",
	.summary = "a deeper reference: align, scale and average frames of one field",
	.version = 1,
	.params = params,
	.inputs = inputs,
	.outputs = outputs,
	.run = run,
};
