/*
 * Parameters and result fields that stages which read raw frames share: which image of the file,
 * what its headers mean, and a WCS by hand. SPDX-License-Identifier: PostgreSQL
 */
#ifndef STAGES_FRAME_PARAMS_H
#define STAGES_FRAME_PARAMS_H

#include <math.h>

#include "astrid/stage.h"
#include "image/fits.h"

/* clang-format off */
#define FRAME_PARAMS \
	{"hdu", ASTRID_PARAM_INT, "", NULL, 0, 100000, NULL, "HDU of the image, 0-based; default the first 2-D image"}, \
	{"plane", ASTRID_PARAM_INT, "", NULL, 0, 1e9, NULL, "plane of a cube, 0-based; without it a cube is refused"}, \
	{"instrument", ASTRID_PARAM_JSON, "", NULL, 0, 0, NULL, "a row of sky.instruments: keywords, kind_map, band_map, gain, read_noise, saturation"}, \
	{"keywords", ASTRID_PARAM_JSON, "", NULL, 0, 0, NULL, "concept -> header keyword, over those of instrument"}, \
	{"checksum", ASTRID_PARAM_STRING, "", "warn", 0, 0, "warn refuse ignore", "what a wrong CHECKSUM or DATASUM leads to"}
#define WCS_PARAMS \
	{"ra", ASTRID_PARAM_FLOAT, "deg", NULL, 0, 360, NULL, "right ascension of the image's centre, for a frame without a WCS"}, \
	{"dec", ASTRID_PARAM_FLOAT, "deg", NULL, -90, 90, NULL, "declination of the image's centre"}, \
	{"pixel_scale", ASTRID_PARAM_FLOAT, "arcsec", NULL, 0.0001, 3600, NULL, "size of a pixel"}, \
	{"rotation", ASTRID_PARAM_FLOAT, "deg", "0", -360, 360, NULL, "position angle of +y, East of North"}, \
	{"parity", ASTRID_PARAM_INT, "", "-1", -1, 1, NULL, "-1: East is left of North; 1: right"}
/* clang-format on */

/* Fill req from the parameters of FRAME_PARAMS. Returns the merged instrument, which the caller
 * decrefs after the last use of req; NULL with the error set. */
json_t *frame_params(struct astrid_ctx *ctx, struct frame_request *req);

/* Give f the WCS of WCS_PARAMS where it has none. 0 or -1. */
int frame_params_wcs(struct astrid_ctx *ctx, struct frame *f);

/* A number, or null for NaN and infinity, which JSON lacks; text, or null where it is empty. */
json_t *json_number(double v);
json_t *json_text(const char *text);

/* {"ra", "dec" (of the centre), "pixel_scale", "parity", "corners", "approx"}, or null. */
json_t *frame_wcs_json(const struct frame *f);
json_t *frame_notes_json(const struct frame_notes *notes);
/* instrument, object, band, filter, times, gain, ... into result. */
void frame_meta_json(json_t *result, const struct meta *m);

#endif
