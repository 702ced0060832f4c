/* See calibration.h. SPDX-License-Identifier: PostgreSQL */
#include "stages/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define MAX_FILES 200

const char *
calibration_section(struct astrid_ctx *ctx, const struct frame_request *read, const char *name)
{
	const char *given = astrid_param_string(ctx, name);

	return given != NULL ? given : json_string_value(json_object_get(read->instrument, name));
}

int
calibration_master(struct astrid_ctx *ctx, const struct frame_request *read, struct calibration *c,
				   enum master_kind kind, const char *role, struct master *m)
{
	const char *uri[MAX_FILES];
	struct master_request req = {.kind = kind,
								 .uri = uri,
								 .n = astrid_input_count(ctx, role),
								 .read = read,
								 .overscan = calibration_section(ctx, read, "overscan"),
								 .trim = calibration_section(ctx, read, "trim"),
								 .overscan_order = (int) astrid_param_int(ctx, "overscan_order"),
								 .bias = c->bias.im.sci != NULL ? &c->bias : NULL,
								 .dark = c->dark.im.sci != NULL ? &c->dark : NULL,
								 .combine = COMBINE_DEFAULTS,
								 .hot_sigma = astrid_param_float(ctx, "hot_sigma"),
								 .flat_min = astrid_param_float(ctx, "flat_min"),
								 .flat_max = astrid_param_float(ctx, "flat_max")};

	if (req.n > MAX_FILES)
		return err_raise(ASTRID_E_USAGE, "more than %d frames as %s", MAX_FILES, role);
	req.combine.kappa = astrid_param_float(ctx, "clip_sigma");
	req.combine.iterations = (int) astrid_param_int(ctx, "clip_iterations");
	for (size_t i = 0; i < req.n; i++)
		uri[i] = astrid_input(ctx, role, i);
	return master_load(&req, m, &c->notes);
}

int
calibration_load(struct astrid_ctx *ctx, const struct frame_request *read, struct calibration *c)
{
	const struct
	{
		const char *role;
		enum master_kind kind;
		struct master *master;
	} roles[] = {{"bias", MASTER_BIAS, &c->bias},
				 {"dark", MASTER_DARK, &c->dark},
				 {"flat", MASTER_FLAT, &c->flat}};

	c->gain = c->read_noise = NAN;
	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
		if (astrid_input_count(ctx, roles[i].role) > 0 &&
			calibration_master(ctx, read, c, roles[i].kind, roles[i].role, roles[i].master) < 0)
			return -1;
	return 0;
}

void
calibration_measure_gain(struct astrid_ctx *ctx, const struct frame_request *read,
						 struct calibration *c)
{
	static const char *const roles[4] = {"flat", "flat", "bias", "bias"};
	struct frame_request plain = *read;
	struct frame f[4] = {0};
	int n = 0;

	plain.need_planes = false;
	if (astrid_input_count(ctx, "flat") < 2 || astrid_input_count(ctx, "bias") < 2)
		return;
	while (n < 4 &&
		   frame_read(astrid_input(ctx, roles[n], (size_t) n % 2), &plain, &f[n], NULL) == 0 &&
		   f[n].im.width == f[0].im.width && f[n].im.height == f[0].im.height)
		n++;
	if (n == 4)
		gain_from_pairs(&f[0].im, &f[1].im, &f[2].im, &f[3].im, &c->gain, &c->read_noise);
	else
		err_clear(); /* the frames were combined already: what differs here is only worth no number
					  */
	for (int i = 0; i < 4; i++)
		frame_free(&f[i]);
}

void
calibration_free(struct calibration *c)
{
	master_free(&c->bias);
	master_free(&c->dark);
	master_free(&c->flat);
}
