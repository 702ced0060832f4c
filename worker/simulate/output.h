/* How the simulator's frames reach files. SPDX-License-Identifier: PostgreSQL */
#ifndef SIMULATE_OUTPUT_H
#define SIMULATE_OUTPUT_H

#include "simulate/exposure.h"

#define INSTRUMENT_NAME "ASTRIDSIM"

struct raw_header
{
	const char *imagetyp, *object, *date_obs;
	double exptime;
	double gain;     /* as the header says it */
	struct wcs *wcs; /* borrowed; NULL: none */
};

/* A raw frame with overscan; header NULL fields are left out. 0 or -1. */
int output_raw(const char *path, const struct detector *det, const struct readout *readout,
			   const struct raw_header *header);

/* SCI: expected electrons; MASK: the truth. 0 or -1. */
int output_truth_mask(const char *path, const struct exposure *exp);

#endif
