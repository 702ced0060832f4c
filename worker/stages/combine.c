/*
 * combine: single bias, dark or flat frames into a master with its variance and bad pixels. Called
 * by the user and by observatory schedules; calibrate does the same on the fly when it gets single
 * frames. SPDX-License-Identifier: PostgreSQL
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "stages/calibration.h"
#include "stages/frame_params.h"

static int
kind_of(const char *name)
{
	return strcmp(name, "bias") == 0   ? MASTER_BIAS
		   : strcmp(name, "dark") == 0 ? MASTER_DARK
									   : MASTER_FLAT;
}

/* The kind that the parameter names, else that of the first frame's header. */
static int
find_kind(struct astrid_ctx *ctx, const struct frame_request *read, char kind[24])
{
	struct frame f;
	const char *given = astrid_param_string(ctx, "kind");

	if (strcmp(given, "auto") != 0)
	{
		snprintf(kind, 24, "%s", given);
		return 0;
	}
	if (frame_read(astrid_input(ctx, "frame", 0), read, &f, NULL) < 0)
		return -1;
	snprintf(kind, 24, "%s", f.meta.imagetyp);
	frame_free(&f);
	if (strcmp(kind, "bias") == 0 || strcmp(kind, "dark") == 0 || strcmp(kind, "flat") == 0)
		return 0;
	return astrid_raise(ASTRID_E_MISSING_KEYWORD, astrid_input(ctx, "frame", 0), -1, "IMAGETYP",
						"the header does not say bias, dark or flat: give kind=");
}

static void
tell(struct astrid_ctx *ctx, const char *kind, const struct master *m,
	 const struct frame_notes *notes)
{
	json_t *more = json_pack("{s:s, s:I, s:i, s:i, s:o, s:o, s:I, s:o, s:o}", "kind", kind,
							 "n_frames", (json_int_t) m->n, "naxis1", m->im.width, "naxis2",
							 m->im.height, "median", json_number(m->median), "scatter",
							 json_number(m->scatter), "n_bad", (json_int_t) m->n_bad, "exptime",
							 json_number(m->meta.exptime), "warnings", frame_notes_json(notes));

	json_object_update(astrid_result(ctx), more);
	json_decref(more);
}

/* Frames of the pixel map: 1 where a pixel is bad. */
static int
write_bad_pixels(const char *uri, const struct master *m)
{
	struct frame f = {.meta = m->meta};
	int status;

	if (image_alloc(&f.im, m->im.width, m->im.height, false) < 0)
		return -1;
	for (size_t i = 0; i < image_size(&f.im); i++)
		f.im.sci[i] = (m->im.mask[i] & (MASK_BAD | MASK_NO_DATA)) != 0;
	snprintf(f.meta.imagetyp, sizeof f.meta.imagetyp, "bpm");
	f.meta.bunit[0] = '\0';
	status = frame_write(uri, &f, NULL);
	image_free(&f.im);
	return status;
}

static int
write_master(struct astrid_ctx *ctx, const char *kind, const struct master *m)
{
	char cards[81], history[80];
	const char *const lines[] = {history, NULL};
	const char *bpm = astrid_output(ctx, "bpm");
	struct frame f = {.im = m->im, .meta = m->meta, .header = cards};

	snprintf(cards, sizeof cards, "%-8s= %20zu / %-47s", "NCOMBINE", m->n, "frames in this master");
	snprintf(history, sizeof history, "astrid combine: master %s of %zu frames", kind, m->n);
	snprintf(f.meta.imagetyp, sizeof f.meta.imagetyp, "%.23s", kind);
	if (strcmp(kind, "flat") == 0)
		f.meta.bunit[0] = '\0';
	if (frame_write(astrid_output(ctx, "master"), &f, lines) < 0)
		return -1;
	return bpm != NULL ? write_bad_pixels(bpm, m) : 0;
}

static int
combine(struct astrid_ctx *ctx, const struct frame_request *read, struct calibration *c)
{
	struct master m;
	char kind[24];
	int status;

	if (find_kind(ctx, read, kind) < 0 || calibration_load(ctx, read, c) < 0 ||
		calibration_master(ctx, read, c, kind_of(kind), "frame", &m) < 0)
		return -1;
	tell(ctx, kind, &m, &c->notes);
	status = write_master(ctx, kind, &m);
	master_free(&m);
	return status;
}

static int
run(struct astrid_ctx *ctx)
{
	struct frame_request read;
	struct calibration c = {0};
	json_t *instrument = frame_params(ctx, &read);
	int status;

	if (instrument == NULL)
		return -1;
	status = combine(ctx, &read, &c);
	calibration_free(&c);
	json_decref(instrument);
	return status;
}

static const struct astrid_param params[] = {
	{"kind", ASTRID_PARAM_STRING, "", "auto", 0, 0, "auto bias dark flat",
	 "kind of frames; auto: as the first frame's header says"},
	FRAME_PARAMS,
	CALIBRATION_PARAMS,
	{.name = NULL}};
static const struct astrid_port inputs[] = {
	{"frame", ASTRID_PORT_REPEATED, "a single frame"},
	{"bias", ASTRID_PORT_OPTIONAL | ASTRID_PORT_REPEATED, "bias to subtract from darks and flats"},
	{"dark", ASTRID_PORT_OPTIONAL | ASTRID_PORT_REPEATED, "dark to subtract from flats"},
	{.role = NULL}};
static const struct astrid_port outputs[] = {
	{"master", 0, "master frame with MASK and VAR"},
	{"bpm", ASTRID_PORT_OPTIONAL, "bad pixel map, 1 where bad"},
	{.role = NULL}};

const struct astrid_stage stage_combine = {
	.abi = ASTRID_STAGE_ABI,
	.name = "combine",
	.summary = "combine single frames into a master bias, dark or flat",
	.version = 1,
	.params = params,
	.inputs = inputs,
	.outputs = outputs,
	.run = run};
