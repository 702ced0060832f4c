/*
 * A simulated night: calibration frames, fields with a reference and epochs, and the truth about
 * them. SPDX-License-Identifier: PostgreSQL
 *
 * Shares no science code with the stages: of image/ it takes frame_write, table_write and the TAN
 * header alone.
 */
#ifndef SIMULATE_NIGHT_H
#define SIMULATE_NIGHT_H

#include <stdbool.h>
#include <stdint.h>

struct night_options
{
	const char *dir;
	uint64_t seed;
	int size;        /* px, of the square frames */
	int fields;      /* with transients; the kinds take turns */
	bool null_field; /* and a pair with nothing to find */
};

/*
 * Writes below dir: raw/ (bias_N, dark_N, flat_N, ref_FIELD, sci_FIELD_EPOCH), truth.csv,
 * truth.fits, frames.csv (how each frame was taken) and truth/mask_FIELD_EPOCH.fits (SCI: the
 * expected electrons, MASK: the truth mask). *n_transients: how many there are to find. 0 or -1.
 */
int night_simulate(const struct night_options *options, int *n_transients);

#endif
