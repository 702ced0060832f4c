/* See output.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/fits.h"

#define CARD 80

static void
set_meta(struct meta *meta, const struct detector *det, const struct raw_header *header)
{
	snprintf(meta->instrument, sizeof meta->instrument, "%s", INSTRUMENT_NAME);
	snprintf(meta->object, sizeof meta->object, "%s", header->object);
	snprintf(meta->imagetyp, sizeof meta->imagetyp, "%s", header->imagetyp);
	snprintf(meta->date_obs, sizeof meta->date_obs, "%s", header->date_obs);
	snprintf(meta->bunit, sizeof meta->bunit, "adu");
	snprintf(meta->filter, sizeof meta->filter, "r");
	snprintf(meta->band, sizeof meta->band, "r");
	meta->exptime = header->exptime;
	meta->gain = header->gain;
	meta->read_noise = det->read_noise;
	meta->saturation = det->saturation;
}

/* The sections that meta has no place for. */
static char *
section_cards(const struct detector *det)
{
	char *cards = malloc(2 * CARD + 1), value[2][32];
	const char *const name[2] = {"BIASSEC", "TRIMSEC"};

	if (cards == NULL)
	{
		err_raise(ASTRID_E_NO_MEMORY, "no memory for header cards");
		return NULL;
	}
	snprintf(value[0], sizeof value[0], "[%d:%d,1:%d]", det->width + 1,
			 det->width + OVERSCAN_COLUMNS, det->height);
	snprintf(value[1], sizeof value[1], "[1:%d,1:%d]", det->width, det->height);
	for (int i = 0; i < 2; i++)
	{
		char quoted[40];

		snprintf(quoted, sizeof quoted, "'%s'", value[i]);
		snprintf(cards + i * CARD, CARD + 1, "%-8s= %-70s", name[i], quoted);
	}
	return cards;
}

int
output_raw(const char *path, const struct detector *det, const struct readout *readout,
		   const struct raw_header *header)
{
	struct frame frame = {.wcs = header->wcs};
	int result = -1;

	if (image_alloc(&frame.im, det->width + OVERSCAN_COLUMNS, det->height, false) < 0)
		return -1;
	memcpy(frame.im.sci, readout->adu, image_size(&frame.im) * sizeof *frame.im.sci);
	set_meta(&frame.meta, det, header);
	frame.meta.mjd_mid_tai = frame.meta.zero_point = frame.meta.fwhm = NAN;
	frame.header = section_cards(det);
	if (frame.header != NULL)
		result = frame_write(path, &frame, NULL);
	frame.wcs = NULL; /* the caller's */
	frame_free(&frame);
	return result;
}

int
output_truth_mask(const char *path, const struct exposure *exp)
{
	struct frame frame = {.wcs = NULL};
	int result;

	if (image_alloc(&frame.im, exp->light.width, exp->light.height, true) < 0)
		return -1;
	/* the variance plane says nothing here that the table does not */
	free(frame.im.var);
	frame.im.var = NULL;
	memcpy(frame.im.sci, exp->light.e, image_size(&frame.im) * sizeof *frame.im.sci);
	memcpy(frame.im.mask, exp->mask, image_size(&frame.im) * sizeof *frame.im.mask);
	snprintf(frame.meta.instrument, sizeof frame.meta.instrument, "%s", INSTRUMENT_NAME);
	snprintf(frame.meta.bunit, sizeof frame.meta.bunit, "electron");
	snprintf(frame.meta.date_obs, sizeof frame.meta.date_obs, "%s", exp->date_obs);
	frame.meta.gain = 1;
	frame.meta.exptime = EXPOSURE_TIME;
	frame.meta.mjd_mid_tai = frame.meta.zero_point = frame.meta.fwhm = NAN;
	frame.meta.read_noise = frame.meta.saturation = NAN;
	result = frame_write(path, &frame, NULL);
	frame_free(&frame);
	return result;
}
