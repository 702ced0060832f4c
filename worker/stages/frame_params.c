/* See frame_params.h. SPDX-License-Identifier: PostgreSQL */
#include "stages/frame_params.h"

#include <string.h>

#include "core/err.h"
#include "image/wcs.h"

static json_t *
merge_instrument(const json_t *instrument, const json_t *keywords)
{
	json_t *merged = json_is_object(instrument) ? json_deep_copy(instrument) : json_object(), *own;

	if (merged == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for the instrument");
	if (merged == NULL || !json_is_object(keywords))
		return merged;
	own = json_object_get(merged, "keywords");
	if (!json_is_object(own))
		json_object_set_new(merged, "keywords", own = json_object());
	json_object_update(own, (json_t *) keywords);
	return merged;
}

json_t *
frame_params(struct astrid_ctx *ctx, struct frame_request *req)
{
	const json_t *instrument = astrid_param_json(ctx, "instrument");
	const json_t *keywords = astrid_param_json(ctx, "keywords");
	const char *policy = astrid_param_string(ctx, "checksum");
	json_t *merged;

	if ((instrument != NULL && !json_is_object(instrument)) ||
		(keywords != NULL && !json_is_object(keywords)))
	{
		err_raise(ASTRID_E_BAD_PARAMETER, "parameters instrument and keywords are JSON objects");
		return NULL;
	}
	merged = merge_instrument(instrument, keywords);
	*req = (struct frame_request){
		.hdu = astrid_param_given(ctx, "hdu") ? (int) astrid_param_int(ctx, "hdu") : -1,
		.plane = astrid_param_given(ctx, "plane") ? (int) astrid_param_int(ctx, "plane") : -1,
		.instrument = merged,
		.checksum = strcmp(policy, "refuse") == 0   ? CHECKSUM_REFUSE
					: strcmp(policy, "ignore") == 0 ? CHECKSUM_IGNORE
													: CHECKSUM_WARN};
	return merged;
}

int
frame_params_wcs(struct astrid_ctx *ctx, struct frame *f)
{
	if (f->wcs != NULL || !astrid_param_given(ctx, "ra") || !astrid_param_given(ctx, "dec"))
		return 0;
	if (!astrid_param_given(ctx, "pixel_scale"))
		return err_raise(ASTRID_E_BAD_PARAMETER, "ra and dec need pixel_scale beside them");
	f->wcs = wcs_tan(astrid_param_float(ctx, "ra"), astrid_param_float(ctx, "dec"),
					 (f->im.width - 1) / 2.0, (f->im.height - 1) / 2.0,
					 astrid_param_float(ctx, "pixel_scale"), astrid_param_float(ctx, "rotation"),
					 (int) astrid_param_int(ctx, "parity"));
	f->wcs_approx = true;
	return f->wcs != NULL ? 0 : -1;
}

json_t *
json_number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

json_t *
json_text(const char *text)
{
	return text[0] != '\0' ? json_string(text) : json_null();
}

json_t *
frame_wcs_json(const struct frame *f)
{
	double ra, dec, corner[4][2];
	double x = (f->im.width - 1) / 2.0, y = (f->im.height - 1) / 2.0;
	json_t *corners;

	if (f->wcs == NULL || wcs_pix2sky(f->wcs, x, y, &ra, &dec) < 0)
		return json_null();
	if (wcs_footprint(f->wcs, f->im.width, f->im.height, corner) < 0)
		corners = json_null();
	else
		corners = json_pack("[[f,f],[f,f],[f,f],[f,f]]", corner[0][0], corner[0][1], corner[1][0],
							corner[1][1], corner[2][0], corner[2][1], corner[3][0], corner[3][1]);
	return json_pack("{s:f, s:f, s:o, s:i, s:o, s:b}", "ra", ra, "dec", dec, "pixel_scale",
					 json_number(wcs_pixel_scale(f->wcs, x, y)), "parity", wcs_parity(f->wcs),
					 "corners", corners, "approx", f->wcs_approx);
}

json_t *
frame_notes_json(const struct frame_notes *notes)
{
	json_t *list = json_array();

	for (int i = 0; i < notes->n; i++)
		json_array_append_new(list, json_string(notes->text[i]));
	return list;
}

void
frame_meta_json(json_t *result, const struct meta *m)
{
	const struct
	{
		const char *key, *text;
	} texts[] = {{"instrument", m->instrument}, {"object", m->object}, {"band", m->band},
				 {"filter", m->filter},         {"bunit", m->bunit},   {"date_obs", m->date_obs}};
	const struct
	{
		const char *key;
		double value;
	} numbers[] = {{"mjd_mid_tai", m->mjd_mid_tai},
				   {"exptime", m->exptime},
				   {"gain", m->gain},
				   {"read_noise", m->read_noise},
				   {"saturation", m->saturation},
				   {"zero_point", m->zero_point}};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		json_object_set_new(result, texts[i].key, json_text(texts[i].text));
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		json_object_set_new(result, numbers[i].key, json_number(numbers[i].value));
}
