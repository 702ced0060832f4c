/*
 * ingest: is this file an image, and what does it say of itself? Reads every pixel, because a
 * truncated or damaged file shows itself only there. Called first for every file that enters the
 * pipeline. SPDX-License-Identifier: PostgreSQL
 */
#include <stdio.h>

#include "core/err.h"
#include "core/files.h"
#include "stages/frame_params.h"

struct pixel_stats
{
	size_t finite;
	double min, max, mean;
};

static struct pixel_stats
measure(const struct image *im)
{
	struct pixel_stats s = {.min = NAN, .max = NAN, .mean = NAN};
	double sum = 0;

	for (size_t i = 0; i < image_size(im); i++)
	{
		double v = im->sci[i];

		if (!isfinite(v))
			continue;
		s.min = s.finite == 0 || v < s.min ? v : s.min;
		s.max = s.finite == 0 || v > s.max ? v : s.max;
		sum += v;
		s.finite++;
	}
	if (s.finite > 0)
		s.mean = sum / (double) s.finite;
	return s;
}

static void
tell_pixels(json_t *result, const struct frame *f, const struct frame_info *info)
{
	struct pixel_stats s = measure(&f->im);
	json_t *more =
		json_pack("{s:s, s:i, s:i, s:i, s:i, s:I, s:o, s:o, s:o, s:i, s:i, s:o}", "kind", "image",
				  "hdu", info->hdu, "plane", info->plane, "naxis1", f->im.width, "naxis2",
				  f->im.height, "finite", (json_int_t) s.finite, "min", json_number(s.min), "max",
				  json_number(s.max), "mean", json_number(s.mean), "n_hdu", info->n_hdu, "bitpix",
				  info->bitpix, "compression", json_text(info->compression));

	json_object_update(result, more);
	json_decref(more);
}

static int
tell(struct astrid_ctx *ctx, const char *uri, const struct frame *f, const struct frame_info *info)
{
	json_t *result = astrid_result(ctx);
	char sha256[65];
	long long bytes;

	if (files_digest(uri, sha256, &bytes) < 0)
		return -1;
	tell_pixels(result, f, info);
	frame_meta_json(result, &f->meta);
	/* the header's own word: which kind it stands for is settled with sky.instruments.kind_map */
	json_object_set_new(result, "imagetyp", json_text(info->imagetyp));
	json_object_set_new(result, "frame_kind", json_text(f->meta.imagetyp));
	json_object_set_new(result, "binning", json_text(info->binning));
	json_object_set_new(result, "checksum", json_text(info->checksum));
	json_object_set_new(result, "wcs", frame_wcs_json(f));
	json_object_set_new(result, "sha256", json_string(sha256));
	json_object_set_new(result, "bytes", json_integer(bytes));
	json_object_set_new(result, "warnings", frame_notes_json(&info->notes));
	return 0;
}

static int
run(struct astrid_ctx *ctx)
{
	const char *uri = astrid_input(ctx, "image", 0);
	struct frame_request req;
	struct frame_info info;
	struct frame f;
	json_t *instrument = frame_params(ctx, &req);
	int status = -1;

	if (instrument == NULL)
		return -1;
	if (frame_read(uri, &req, &f, &info) == 0)
	{
		status = frame_params_wcs(ctx, &f);
		if (status == 0)
			status = tell(ctx, uri, &f, &info);
		frame_free(&f);
	}
	json_decref(instrument);
	return status;
}

static const struct astrid_param params[] = {FRAME_PARAMS, WCS_PARAMS, {.name = NULL}};
static const struct astrid_port inputs[] = {{"image", 0, "a FITS file"}, {.role = NULL}};
static const struct astrid_port outputs[] = {{.role = NULL}};

const struct astrid_stage stage_ingest = {.abi = ASTRID_STAGE_ABI,
										  .name = "ingest",
										  .summary = "check a FITS file and read what it says",
										  .version = 1,
										  .params = params,
										  .inputs = inputs,
										  .outputs = outputs,
										  .run = run};
