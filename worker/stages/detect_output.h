/* What the stage detect writes: table, rows for the database, cutouts. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef STAGES_DETECT_OUTPUT_H
#define STAGES_DETECT_OUTPUT_H

#include <stdbool.h>

#include "astrid/stage.h"
#include "image/detect.h"
#include "image/fits.h"
#include "image/score.h"
#include "image/side.h"

enum
{
	DETECT_DIFFERENCE,
	DETECT_SCIENCE,
	DETECT_REFERENCE,
	DETECT_SCORE,
	DETECT_FRAMES
};

struct detect_job
{
	struct frame frame[DETECT_FRAMES];
	bool have[DETECT_FRAMES];
	struct side side[2]; /* science and reference, background-subtracted, with their PSFs */
	struct psf psf;      /* of the difference */
	struct score score;
	double snr_scale; /* errors from VAR are multiplied by this */
	struct detection_list list;
};

int detect_output(struct astrid_ctx *ctx, struct detect_job *job); /* 0 or -1 */

#endif
