/*
 * inject: add synthetic point sources to a frame. docs/stages/inject.md. SPDX-License-Identifier:
 * PostgreSQL
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "astrid/stage.h"
#include "core/err.h"
#include "image/fits.h"
#include "image/inject.h"
#include "image/photometry.h"
#include "stages/frame_params.h"
#include "stages/positions.h"

static const struct astrid_param params[] = {
	FRAME_PARAMS,
	{"seed", ASTRID_PARAM_INT, "", "1", 0, 2147483647, NULL, "of the photon noise"},
	{"noise", ASTRID_PARAM_BOOL, "", "true", 0, 0, NULL, "add the photon noise of the new light"},
	{0}};

static const struct astrid_port inputs[] = {
	{"science", 0, "calibrated frame"},
	{"positions", 0,
	 "table (.fits, .csv) with flux (SCI units) and x, y (0-based px) or ra, dec (deg)"},
	{0}};

static const struct astrid_port outputs[] = {
	{"science", 0, "the frame with the sources, their pixels marked INJECTED"},
	{"truth", 0, "table (.fits, .csv) of what was added"},
	{0}};

struct inject
{
	struct frame frame;
	struct psf psf;
	struct positions where;
	float *level; /* sky; NULL where the frame brought a PSF */
	double *snr;
	size_t n_inside;
};

static int
read_inputs(struct astrid_ctx *ctx, struct inject *j)
{
	struct frame_request req;
	struct frame_info info;
	json_t *instrument = frame_params(ctx, &req);
	int status;

	if (instrument == NULL)
		return -1;
	req.need_planes = true;
	status = frame_read(astrid_input(ctx, "science", 0), &req, &j->frame, &info);
	json_decref(instrument);
	if (status < 0 ||
		positions_read(astrid_input(ctx, "positions", 0), &j->frame, true, &j->where) < 0)
		return -1;
	return positions_psf(&j->frame, &j->psf, &j->level);
}

static bool
is_inside(const struct inject *j, size_t i)
{
	double x = j->where.x[i], y = j->where.y[i];

	return x >= 0 && y >= 0 && x <= j->frame.im.width - 1 && y <= j->frame.im.height - 1;
}

/* S/N of the new source for a PSF fit on this frame, before its own photons are added; NaN outside.
 */
static int
expect_snr(struct inject *j)
{
	j->snr = malloc((j->where.n + 1) * sizeof *j->snr);
	if (j->snr == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu sources", j->where.n);
	for (size_t i = 0; i < j->where.n; i++)
	{
		struct psf_flux one = {.error = NAN};

		if (is_inside(j, i) &&
			photometry_psf(&j->frame.im, &j->psf, j->where.x[i], j->where.y[i], &one) < 0)
			return -1;
		j->snr[i] = j->where.flux[i] / one.error;
	}
	return 0;
}

static int
add_sources(struct astrid_ctx *ctx, struct inject *j)
{
	double gain = astrid_param_bool(ctx, "noise") ? j->frame.meta.gain : NAN;
	unsigned long seed = (unsigned long) astrid_param_int(ctx, "seed") * 1000003UL;

	for (size_t i = 0; i < j->where.n; i++)
	{
		if (!is_inside(j, i))
			continue;
		if (inject_source(&j->frame.im, &j->psf, j->where.x[i], j->where.y[i], j->where.flux[i],
						  gain, seed + i) < 0)
			return -1;
		j->n_inside++;
	}
	return 0;
}

static int
write_outputs(struct astrid_ctx *ctx, const struct inject *j)
{
	const struct table_column columns[] = {{"x", 'D', 0, "pixel", j->where.x},
										   {"y", 'D', 0, "pixel", j->where.y},
										   {"ra", 'D', 0, "deg", j->where.ra},
										   {"dec", 'D', 0, "deg", j->where.dec},
										   {"flux", 'D', 0, j->frame.meta.bunit, j->where.flux},
										   {"snr", 'D', 0, "", j->snr}};
	char line[80];
	const char *history[] = {line, NULL};

	snprintf(line, sizeof line, "astrid inject: %zu synthetic sources", j->n_inside);
	if (frame_write(astrid_output(ctx, "science"), &j->frame, history) < 0)
		return -1;
	return table_write(astrid_output(ctx, "truth"), "TRUTH", columns,
					   sizeof columns / sizeof columns[0], j->where.n, NULL);
}

static int
run(struct astrid_ctx *ctx)
{
	struct inject j = {0};
	int status = -1;

	if (read_inputs(ctx, &j) == 0 && expect_snr(&j) == 0 && add_sources(ctx, &j) == 0)
		status = write_outputs(ctx, &j);
	if (status == 0)
	{
		json_t *result = astrid_result(ctx);

		json_object_set_new(result, "n", json_integer((json_int_t) j.where.n));
		json_object_set_new(result, "n_inside", json_integer((json_int_t) j.n_inside));
		json_object_set_new(result, "fwhm", json_number(j.psf.fwhm));
	}
	frame_free(&j.frame);
	psf_free(&j.psf);
	positions_free(&j.where);
	free(j.level);
	free(j.snr);
	return status;
}

const struct astrid_stage stage_inject = {
	.abi = ASTRID_STAGE_ABI,
	.name = "inject",
	.summary = "add synthetic point sources to a frame",
	.version = 1,
	.params = params,
	.inputs = inputs,
	.outputs = outputs,
	.run = run,
};
