/*
 * The simulated CCD: from expected light to raw counts, with every defect that calibration has to
 * undo. SPDX-License-Identifier: PostgreSQL
 */
#ifndef SIMULATE_DETECTOR_H
#define SIMULATE_DETECTOR_H

#include <stdint.h>
#include "simulate/canvas.h"
#include "simulate/rng.h"

#define OVERSCAN_COLUMNS 32 /* to the right of the lit ones, so that positions need no shift */

struct detector
{
	int width, height;  /* lit pixels */
	double gain;        /* electrons per adu, the true one */
	double header_gain; /* what headers say: 5 % off */
	double read_noise;  /* electrons */
	double full_well;   /* electrons; charge above it bleeds along the column */
	double bias_level;  /* adu */
	double saturation;  /* adu, what the header says */
	float *response;    /* relative, median 1 */
	float *flat_error;  /* factor by which flat frames are lit differently from the sky */
	float *dark;        /* electrons per second */
	float *bias;        /* adu above bias_level */
	uint8_t *bad;       /* dead or hot pixel or column */
};

int detector_make(struct detector *det, int width, int height, uint64_t seed);
void detector_free(struct detector *det);

/* Response below which a corner counts as unlit in the truth mask. */
#define UNLIT 0.5

struct readout
{
	float *adu;    /* (width + OVERSCAN_COLUMNS) x height, whole numbers 0..65535 */
	int32_t *mask; /* width x height: BAD SAT CR NO_DATA, as they truly are */
};

struct cosmic_list;

/* Expose to the light of canvas (electrons before the response; NULL: shutter closed) for exptime
 * seconds, add the cosmic rays, read out. 0 or -1. */
int detector_expose(const struct detector *det, const struct canvas *canvas, double exptime,
					const struct cosmic_list *cosmics, struct rng *rng, struct readout *out);
void readout_free(struct readout *out);

/* Variance in electrons^2 of a flat-fielded pixel under `light` expected electrons. */
double detector_variance(const struct detector *det, double exptime, double light, size_t pixel);

#endif
