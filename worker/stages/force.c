/*
 * force: PSF fluxes at given positions, whether there is anything to see or not.
 * docs/stages/force.md. SPDX-License-Identifier: PostgreSQL
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "astrid/stage.h"
#include "core/err.h"
#include "image/detect.h"
#include "image/fits.h"
#include "image/photometry.h"
#include "image/psf.h"
#include "image/stats.h"
#include "stages/frame_params.h"
#include "stages/positions.h"

#define SAMPLES_PER_AXIS 24
#define MIN_SAMPLES      30
#define MAX_LOST         0.05 /* of the PSF's weight, above which a flux is flagged */

static const struct astrid_param params[] = {FRAME_PARAMS, {0}};

static const struct astrid_port inputs[] = {
	{"difference", 0, "difference image with its PSF; or any image: its PSF is then measured"},
	{"positions", 0, "table (.fits, .csv) with x, y (0-based px) or ra, dec (deg)"},
	{0}};

static const struct astrid_port outputs[] = {
	{"measurements", 0, "table (.fits, .csv), a row per position in the same order"}, {0}};

struct columns
{
	double *flux, *error, *snr, *chi2, *lost, *mjd;
	int32_t *flags;
	void *memory;
};

struct force
{
	struct frame frame;
	struct psf psf;
	struct positions where;
	struct columns out;
	double scale; /* of the errors from VAR */
	size_t n_flagged, n_samples;
};

static int
read_inputs(struct astrid_ctx *ctx, struct force *f)
{
	struct frame_request req;
	struct frame_info info;
	json_t *instrument = frame_params(ctx, &req);
	float *level;
	int status;

	if (instrument == NULL)
		return -1;
	req.need_planes = true;
	status = frame_read(astrid_input(ctx, "difference", 0), &req, &f->frame, &info);
	json_decref(instrument);
	if (status < 0 ||
		positions_read(astrid_input(ctx, "positions", 0), &f->frame, false, &f->where) < 0 ||
		positions_psf(&f->frame, &f->psf, &level) < 0)
		return -1;
	for (size_t i = 0; level != NULL && i < image_size(&f->frame.im); i++)
		f->frame.im.sci[i] -= level[i];
	free(level);
	return 0;
}

/*
 * VAR leaves covariance out, so what it says of a flux is too little or too much by a factor: the
 * robust scatter of flux / error on a grid of places, sources and all (they are few, and the median
 * bears them).
 */
static int
calibrate_errors(struct force *f)
{
	double *snr = malloc(SAMPLES_PER_AXIS * SAMPLES_PER_AXIS * sizeof *snr), mad;

	f->scale = 1;
	f->n_samples = 0;
	if (snr == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory to calibrate the errors");
	for (int k = 0; k < SAMPLES_PER_AXIS * SAMPLES_PER_AXIS; k++)
	{
		struct psf_flux one;
		double x = (k % SAMPLES_PER_AXIS + 0.5) * f->frame.im.width / SAMPLES_PER_AXIS;
		double y = (k / SAMPLES_PER_AXIS + 0.5) * f->frame.im.height / SAMPLES_PER_AXIS;

		if (photometry_psf(&f->frame.im, &f->psf, x, y, &one) < 0)
		{
			free(snr);
			return -1;
		}
		if (one.lost <= MAX_LOST && isfinite(one.flux) && one.error > 0)
			snr[f->n_samples++] = one.flux / one.error;
	}
	if (f->n_samples >= MIN_SAMPLES)
	{
		mad = stats_mad(snr, f->n_samples, stats_median(snr, f->n_samples));
		f->scale = mad > 0 ? mad : 1;
	}
	free(snr);
	return 0;
}

static int
alloc_columns(struct columns *c, size_t n)
{
	c->memory = malloc((n + 1) * (6 * sizeof(double) + sizeof(int32_t)));
	if (c->memory == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu measurements", n);
	c->flux = c->memory;
	c->error = c->flux + n;
	c->snr = c->error + n;
	c->chi2 = c->snr + n;
	c->lost = c->chi2 + n;
	c->mjd = c->lost + n;
	c->flags = (int32_t *) (c->mjd + n);
	return 0;
}

static bool
is_outside(const struct force *f, size_t i)
{
	double x = f->where.x[i], y = f->where.y[i];

	return !(x >= -0.5 && y >= -0.5 && x < f->frame.im.width - 0.5 && y < f->frame.im.height - 0.5);
}

static int
measure(struct force *f)
{
	struct columns *c = &f->out;

	if (alloc_columns(c, f->where.n) < 0)
		return -1;
	for (size_t i = 0; i < f->where.n; i++)
	{
		struct psf_flux one = {.flux = NAN, .error = NAN, .chi2_dof = NAN, .lost = 1};

		if (!is_outside(f, i) &&
			photometry_psf(&f->frame.im, &f->psf, f->where.x[i], f->where.y[i], &one) < 0)
			return -1;
		c->flux[i] = one.flux;
		c->error[i] = one.error * f->scale;
		c->snr[i] = c->flux[i] / c->error[i];
		c->chi2[i] = one.chi2_dof;
		c->lost[i] = one.lost;
		c->mjd[i] = f->frame.meta.mjd_mid_tai;
		c->flags[i] =
			(is_outside(f, i) ? DETECTION_EDGE : 0) | (one.lost > MAX_LOST ? DETECTION_MASKED : 0);
		f->n_flagged += c->flags[i] != 0;
	}
	return 0;
}

static int
write_measurements(struct astrid_ctx *ctx, struct force *f)
{
	const char *unit = f->frame.meta.bunit;
	const struct table_column columns[] = {
		{"x", 'D', 0, "pixel", f->where.x},       {"y", 'D', 0, "pixel", f->where.y},
		{"ra", 'D', 0, "deg", f->where.ra},       {"dec", 'D', 0, "deg", f->where.dec},
		{"mjd_mid_tai", 'D', 0, "d", f->out.mjd}, {"flux", 'D', 0, unit, f->out.flux},
		{"flux_err", 'D', 0, unit, f->out.error}, {"snr", 'D', 0, "", f->out.snr},
		{"chi2_dof", 'D', 0, "", f->out.chi2},    {"lost", 'D', 0, "", f->out.lost},
		{"flags", 'J', 0, "", f->out.flags}};
	json_t *keys = json_pack("{s:i, s:i, s:f}", "FL_EDGE", 0, "FL_MASKED", 1, "ERRSCALE", f->scale);
	int status = table_write(astrid_output(ctx, "measurements"), "MEASUREMENTS", columns,
							 sizeof columns / sizeof columns[0], f->where.n, keys);

	json_decref(keys);
	return status;
}

static void
report(struct astrid_ctx *ctx, const struct force *f)
{
	json_t *result = astrid_result(ctx);

	json_object_set_new(result, "n", json_integer((json_int_t) f->where.n));
	json_object_set_new(result, "n_flagged", json_integer((json_int_t) f->n_flagged));
	json_object_set_new(result, "snr_scale", json_number(f->scale));
	json_object_set_new(result, "n_samples", json_integer((json_int_t) f->n_samples));
	json_object_set_new(result, "fwhm", json_number(f->psf.fwhm));
	json_object_set_new(result, "psf_measured", json_boolean(f->frame.psf == NULL));
}

static int
run(struct astrid_ctx *ctx)
{
	struct force f = {.scale = 1};
	int status = -1;

	if (read_inputs(ctx, &f) == 0 && calibrate_errors(&f) == 0 && measure(&f) == 0)
		status = write_measurements(ctx, &f);
	if (status == 0)
		report(ctx, &f);
	frame_free(&f.frame);
	psf_free(&f.psf);
	positions_free(&f.where);
	free(f.out.memory);
	return status;
}

const struct astrid_stage stage_force = {
	.abi = ASTRID_STAGE_ABI,
	.name = "force",
	.summary = "forced photometry: PSF fluxes at given positions",
	.version = 1,
	.params = params,
	.inputs = inputs,
	.outputs = outputs,
	.run = run,
};
