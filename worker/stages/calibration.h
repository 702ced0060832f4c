/* Calibration frames of a run: what combine and calibrate share. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef STAGES_CALIBRATION_H
#define STAGES_CALIBRATION_H

#include "astrid/stage.h"
#include "image/master.h"

/* clang-format off */
#define CALIBRATION_PARAMS \
	{"overscan", ASTRID_PARAM_STRING, "", NULL, 0, 0, NULL, "overscan section [x1:x2,y1:y2], 1-based; none: none; default BIASSEC"}, \
	{"trim", ASTRID_PARAM_STRING, "", NULL, 0, 0, NULL, "section that is kept; none: all; default TRIMSEC"}, \
	{"overscan_order", ASTRID_PARAM_INT, "", "1", 0, 5, NULL, "order of the polynomial that smooths the overscan along its lines"}, \
	{"clip_sigma", ASTRID_PARAM_FLOAT, "sigma", "3", 1, 100, NULL, "clipping when frames are combined"}, \
	{"clip_iterations", ASTRID_PARAM_INT, "", "3", 0, 20, NULL, "rounds of clipping"}, \
	{"hot_sigma", ASTRID_PARAM_FLOAT, "sigma", "10", 2, 1000, NULL, "deviation that makes a pixel of a bias or dark bad"}, \
	{"flat_min", ASTRID_PARAM_FLOAT, "", "0.2", 0, 1, NULL, "pixels of a flat below are bad"}, \
	{"flat_max", ASTRID_PARAM_FLOAT, "", "3", 1, 100, NULL, "pixels of a flat above are bad"}
/* clang-format on */

struct calibration
{
	struct master bias, dark, flat; /* im.sci NULL: none */
	double gain, read_noise;        /* measured from pairs of flats and biases; NaN */
	struct frame_notes notes;
};

/* Load the masters of the roles bias, dark and, where the stage has it, flat. 0 or -1;
 * calibration_free() after either. */
int calibration_load(struct astrid_ctx *ctx, const struct frame_request *read,
					 struct calibration *c);
/* One master from the files of a role, with what is in c subtracted as its kind needs. */
int calibration_master(struct astrid_ctx *ctx, const struct frame_request *read,
					   struct calibration *c, enum master_kind kind, const char *role,
					   struct master *m);
/* Measure gain and read noise where two flats and two biases of one size are there. */
void calibration_measure_gain(struct astrid_ctx *ctx, const struct frame_request *read,
							  struct calibration *c);
void calibration_free(struct calibration *c);

/* Overscan and trim: the parameter, else the instrument's, else NULL. */
const char *calibration_section(struct astrid_ctx *ctx, const struct frame_request *read,
								const char *name);

#endif
