/*
 * calibrate: from a raw frame, and what calibration frames there are, to electrons with mask and
 * variance. Frames that were calibrated elsewhere (no bias, no flat, no gain, sky gone) pass
 * through the same steps; what cannot be modelled is measured. Called for every science and
 * reference frame. SPDX-License-Identifier: PostgreSQL
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/header.h"
#include "image/quality.h"
#include "image/reduce.h"
#include "stages/calibration.h"
#include "stages/frame_params.h"

#define MAX_HISTORY    12
#define VERSION        1
#define GAIN_TOLERANCE 0.03 /* between the gain in use and that measured: more is told */

struct run
{
	struct frame_request read;
	struct calibration masters;
	struct frame raw, bad;
	struct frame_info info;
	struct background bkg;
	struct reduce_report report;
	struct quality quality;
};

/* ---- before ---- */

/* A number: the parameter's, else what was read. */
static void
override(struct astrid_ctx *ctx, const char *name, double *value)
{
	if (astrid_param_given(ctx, name))
		*value = astrid_param_float(ctx, name);
}

static int
read_raw(struct astrid_ctx *ctx, struct run *r)
{
	struct meta *m = &r->raw.meta;

	if (frame_read(astrid_input(ctx, "raw", 0), &r->read, &r->raw, &r->info) < 0)
		return -1;
	/* planes that came with the file are of pixels that are about to change */
	free(r->raw.im.var);
	r->raw.im.var = NULL;
	override(ctx, "gain", &m->gain);
	override(ctx, "read_noise", &m->read_noise);
	override(ctx, "saturation", &m->saturation);
	override(ctx, "zero_point", &m->zero_point);
	if (!isfinite(m->gain) && isfinite(r->masters.gain))
	{
		note_add(&r->info.notes,
				 "gain %.3f and read noise %.1f electron measured from the flats and biases",
				 r->masters.gain, r->masters.read_noise);
		m->gain = r->masters.gain;
		if (!isfinite(m->read_noise))
			m->read_noise = r->masters.read_noise;
	}
	else if (fabs(r->masters.gain / m->gain - 1) > GAIN_TOLERANCE)
		note_add(&r->info.notes, "gain %.3f is used, the flats and biases say %.3f", m->gain,
				 r->masters.gain);
	if (!isfinite(m->gain))
		note_add(&r->info.notes, "the gain is not known: the image stays in adu");
	return frame_params_wcs(ctx, &r->raw);
}

static int
read_bad_pixels(struct astrid_ctx *ctx, struct run *r)
{
	struct frame_request plain = {.hdu = -1, .plane = -1};

	if (astrid_input(ctx, "bpm", 0) == NULL)
		return 0;
	return frame_read(astrid_input(ctx, "bpm", 0), &plain, &r->bad, NULL) < 0
			   ? err_context("reading the bad pixel map")
			   : 0;
}

static const struct master *
master_or_null(const struct master *m)
{
	return m->im.sci != NULL ? m : NULL;
}

static int
set_params(struct astrid_ctx *ctx, struct run *r, struct reduce_params *p)
{
	const char *variance = astrid_param_string(ctx, "variance");
	const char *sky = astrid_param_string(ctx, "sky");
	const json_t *lit = astrid_param_json(ctx, "lit_area");

	*p = (struct reduce_params){
		.overscan_order = (int) astrid_param_int(ctx, "overscan_order"),
		.saturation_grow = (int) astrid_param_int(ctx, "saturation_grow"),
		.bias = master_or_null(&r->masters.bias),
		.dark = master_or_null(&r->masters.dark),
		.flat = master_or_null(&r->masters.flat),
		.bad = r->bad.im.sci != NULL ? &r->bad.im : NULL,
		.lit_area = lit != NULL ? lit : json_object_get(r->read.instrument, "lit_area"),
		.cosmic_rays = astrid_param_bool(ctx, "cosmic_rays"),
		.streaks = astrid_param_bool(ctx, "streaks"),
		.sky = strcmp(sky, "keep") == 0       ? SKY_KEEP
			   : strcmp(sky, "subtract") == 0 ? SKY_SUBTRACT
											  : SKY_FLATTEN,
		.lacosmic = {.sigclip = astrid_param_float(ctx, "sigclip"),
					 .sigfrac = astrid_param_float(ctx, "sigfrac"),
					 .objlim = astrid_param_float(ctx, "objlim"),
					 .iterations = (int) astrid_param_int(ctx, "cr_iterations")},
		.variance = strcmp(variance, "model") == 0      ? VARIANCE_MODEL
					: strcmp(variance, "measured") == 0 ? VARIANCE_MEASURED
														: VARIANCE_AUTO,
		.mesh = (int) astrid_param_int(ctx, "mesh"),
		.mesh_filter = (int) astrid_param_int(ctx, "mesh_filter"),
		.streak_share = astrid_param_float(ctx, "streak_length")};
	return detector_describe(&r->raw, calibration_section(ctx, &r->read, "overscan"),
							 calibration_section(ctx, &r->read, "trim"), &p->detector,
							 &r->info.notes);
}

/* ---- after ---- */

static void
tell(struct astrid_ctx *ctx, const struct run *r)
{
	json_t *result = astrid_result(ctx);
	const struct quality *q = &r->quality;
	const struct
	{
		const char *key;
		double value;
	} numbers[] = {{"fwhm", q->fwhm},
				   {"ellipticity", q->ellipticity},
				   {"sky_level", r->report.sky_level},
				   {"sky_rms", r->report.sky_rms},
				   {"masked_fraction", q->masked_fraction},
				   {"saturated_fraction", q->saturated_fraction},
				   {"no_data_fraction", q->no_data_fraction},
				   {"flux_limit", q->flux_limit},
				   {"m5", q->m5},
				   {"gain_measured", r->masters.gain},
				   {"read_noise_measured", r->masters.read_noise},
				   {"overscan_level", r->report.overscan_level},
				   {"variance_ratio", r->report.variance_ratio}};

	frame_meta_json(result, &r->raw.meta);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		json_object_set_new(result, numbers[i].key, json_number(numbers[i].value));
	json_object_set_new(result, "variance",
						json_string(r->report.variance_measured ? "measured" : "model"));
	json_object_set_new(result, "hdu", json_integer(r->info.hdu));
	json_object_set_new(result, "naxis1", json_integer(r->raw.im.width));
	json_object_set_new(result, "naxis2", json_integer(r->raw.im.height));
	json_object_set_new(result, "n_sources", json_integer((json_int_t) q->n_sources));
	json_object_set_new(result, "n_stars", json_integer((json_int_t) q->n_stars));
	json_object_set_new(result, "n_cosmic", json_integer(r->report.n_cosmic));
	json_object_set_new(result, "n_streaks", json_integer(r->report.n_streaks));
	json_object_set_new(result, "wcs", frame_wcs_json(&r->raw));
	json_object_set_new(result, "warnings", frame_notes_json(&r->info.notes));
}

/* Add "KEY = value / comment" to the cards that the file will have. */
static int
add_card(struct frame *f, const char *keyword, double value, const char *comment)
{
	size_t len = f->header != NULL ? strlen(f->header) : 0;
	char *header = realloc(f->header, len + CARD + 1), text[CARD + 1];

	if (header == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for the header");
	snprintf(text, sizeof text, "%-8s= %20.12G / %s", keyword, value, comment);
	snprintf(header + len, CARD + 1, "%-80.80s", text);
	f->header = header;
	return 0;
}

static int
write_image(struct astrid_ctx *ctx, struct run *r)
{
	char lines[MAX_HISTORY][80];
	const char *history[MAX_HISTORY + 1] = {NULL};
	const struct calibration *c = &r->masters;
	const struct
	{
		const char *name;
		const struct master *m;
	} masters[] = {{"bias", &c->bias}, {"dark", &c->dark}, {"flat", &c->flat}};
	int n = 0;

	r->raw.meta.fwhm = r->quality.fwhm;
	if (add_card(&r->raw, "BKGLEVEL", r->report.sky_level, "typical sky") < 0 ||
		add_card(&r->raw, "BKGRMS", r->report.sky_rms, "noise of the sky per pixel") < 0)
		return -1;
	snprintf(lines[n++], 80, "astrid calibrate version %d", VERSION);
	for (size_t i = 0; i < 3; i++)
		if (masters[i].m->im.sci != NULL)
			snprintf(lines[n++], 80, "%s: %zu frame%s", masters[i].name, masters[i].m->n,
					 masters[i].m->n == 1 ? "" : "s");
	snprintf(lines[n++], 80, "cosmic rays: %ld pixels; trails: %d", r->report.n_cosmic,
			 r->report.n_streaks);
	snprintf(lines[n++], 80, "variance: %s", r->report.variance_measured ? "measured" : "model");
	for (int i = 0; i < n; i++)
		history[i] = lines[i];
	return frame_write(astrid_output(ctx, "image"), &r->raw, history);
}

/* ---- */

static int
calibrate(struct astrid_ctx *ctx, struct run *r)
{
	struct reduce_params p;

	if (calibration_load(ctx, &r->read, &r->masters) < 0)
		return -1;
	calibration_measure_gain(ctx, &r->read, &r->masters);
	r->info.notes = (struct frame_notes){0};
	astrid_stage_progress(ctx, 0.2, "calibration frames");
	if (read_raw(ctx, r) < 0 || read_bad_pixels(ctx, r) < 0 || set_params(ctx, r, &p) < 0)
		return -1;
	for (int i = 0; i < r->masters.notes.n; i++)
		note_add(&r->info.notes, "%s", r->masters.notes.text[i]);
	astrid_stage_progress(ctx, 0.3, "raw frame");
	if (reduce_frame(&r->raw, &p, &r->bkg, &r->report, &r->info.notes) < 0)
		return err_at(astrid_input(ctx, "raw", 0), r->info.hdu, NULL);
	astrid_stage_progress(ctx, 0.8, "calibrated");
	if (quality_measure(&r->raw, &r->bkg, &r->quality) < 0 || write_image(ctx, r) < 0)
		return -1;
	tell(ctx, r);
	return 0;
}

static int
run(struct astrid_ctx *ctx)
{
	struct run r = {0};
	json_t *instrument = frame_params(ctx, &r.read);
	int status;

	if (instrument == NULL)
		return -1;
	status = calibrate(ctx, &r);
	background_free(&r.bkg);
	frame_free(&r.raw);
	frame_free(&r.bad);
	calibration_free(&r.masters);
	json_decref(instrument);
	return status;
}

static const struct astrid_param params[] = {
	FRAME_PARAMS,
	WCS_PARAMS,
	CALIBRATION_PARAMS,
	{"gain", ASTRID_PARAM_FLOAT, "electron/adu", NULL, 1e-6, 1e6, NULL, "in place of the header's"},
	{"read_noise", ASTRID_PARAM_FLOAT, "electron", NULL, 0, 1e6, NULL, "in place of the header's"},
	{"saturation", ASTRID_PARAM_FLOAT, "adu", NULL, 1, 1e12, NULL,
	 "level of raw pixels; in place of the header's"},
	{"zero_point", ASTRID_PARAM_FLOAT, "mag", NULL, -50, 100, NULL,
	 "AB magnitude of 1 adu; in place of the header's"},
	{"saturation_grow", ASTRID_PARAM_INT, "px", "2", 0, 50, NULL,
	 "how far around a saturated pixel SAT reaches"},
	{"lit_area", ASTRID_PARAM_JSON, "px", NULL, 0, 0, NULL,
	 "\"auto\", \"all\", {\"circle\": [x, y, r]} or {\"box\": [x0, y0, x1, y1]}, 0-based"},
	{"cosmic_rays", ASTRID_PARAM_BOOL, "", "true", 0, 0, NULL, "look for cosmic rays (L.A.Cosmic)"},
	{"sigclip", ASTRID_PARAM_FLOAT, "sigma", "4.5", 1, 1000, NULL, "Laplacian S/N of a cosmic ray"},
	{"sigfrac", ASTRID_PARAM_FLOAT, "", "0.3", 0, 1, NULL, "share of sigclip that neighbours need"},
	{"objlim", ASTRID_PARAM_FLOAT, "", "5", 0.1, 1000, NULL,
	 "contrast of Laplacian to fine structure; higher keeps sharper stars"},
	{"cr_iterations", ASTRID_PARAM_INT, "", "4", 1, 20, NULL, "rounds of cosmic ray search"},
	{"streaks", ASTRID_PARAM_BOOL, "", "true", 0, 0, NULL, "look for trails of satellites"},
	{"streak_length", ASTRID_PARAM_FLOAT, "", "0.3", 0.05, 2, NULL,
	 "least length of a trail, in units of the image's shorter side"},
	{"mesh", ASTRID_PARAM_INT, "px", "128", 8, 4096, NULL,
	 "mesh of the sky; at least three times the largest galaxy"},
	{"mesh_filter", ASTRID_PARAM_INT, "", "3", 1, 15, NULL, "median filter of the sky, in meshes"},
	{"sky", ASTRID_PARAM_STRING, "", "flatten", 0, 0, "flatten subtract keep",
	 "flatten: the shape of the sky goes, its typical level stays; BKGLEVEL tells it"},
	{"variance", ASTRID_PARAM_STRING, "", "auto", 0, 0, "auto model measured",
	 "variance from gain and read noise, from the pixels, or (auto) from the first where both "
	 "agree"},
	{.name = NULL}};
static const struct astrid_port inputs[] = {
	{"raw", 0, "the frame"},
	{"bias", ASTRID_PORT_OPTIONAL | ASTRID_PORT_REPEATED, "single bias frames, or one master"},
	{"dark", ASTRID_PORT_OPTIONAL | ASTRID_PORT_REPEATED, "single dark frames, or one master"},
	{"flat", ASTRID_PORT_OPTIONAL | ASTRID_PORT_REPEATED, "single flats, or one master"},
	{"bpm", ASTRID_PORT_OPTIONAL, "bad pixel map, not 0 where bad"},
	{.role = NULL}};
static const struct astrid_port outputs[] = {{"image", 0, "calibrated image with SCI, MASK, VAR"},
											 {.role = NULL}};

const struct astrid_stage stage_calibrate = {
	.abi = ASTRID_STAGE_ABI,
	.name = "calibrate",
	.summary = "remove the instrument's signature; mask, variance, sky, quality",
	.version = VERSION,
	.params = params,
	.inputs = inputs,
	.outputs = outputs,
	.run = run};
