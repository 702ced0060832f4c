/* From a raw frame to calibrated electrons: the steps of calibrate. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef IMAGE_REDUCE_H
#define IMAGE_REDUCE_H

#include "image/background.h"
#include "image/lacosmic.h"
#include "image/master.h"

enum variance_from
{
	VARIANCE_AUTO, /* the model where it agrees with the pixels, else the pixels */
	VARIANCE_MODEL,
	VARIANCE_MEASURED
};

enum sky_treatment
{
	SKY_FLATTEN, /* its shape goes, its typical level stays */
	SKY_SUBTRACT,
	SKY_KEEP
};

struct reduce_params
{
	struct detector detector;
	int overscan_order, saturation_grow;
	const struct master *bias, *dark, *flat; /* NULL: none */
	const struct image *bad;                 /* sci not 0: BAD; NULL: none */
	const json_t *lit_area;
	bool cosmic_rays, streaks;
	enum sky_treatment sky;
	struct lacosmic_params lacosmic; /* saturation and read_noise are filled in */
	enum variance_from variance;
	int mesh, mesh_filter;
	double streak_share;
};

struct reduce_report
{
	double overscan_level, saturation; /* adu */
	double sky_level, sky_rms;         /* in the result's unit */
	double variance_ratio; /* of the measured to the model's sky variance; NaN without a model */
	bool variance_measured;
	long n_cosmic;
	int n_streaks;
};

/* f: as frame_read() gave it, without planes. Afterwards in electron (adu where no gain is known)
 * with MASK and VAR, the sky subtracted where asked. bkg is that of the result. 0 or -1. */
int reduce_frame(struct frame *f, const struct reduce_params *p, struct background *bkg,
				 struct reduce_report *report, struct frame_notes *notes);

#endif
