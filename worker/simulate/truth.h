/* The truth table: what a perfect pipeline would report. SPDX-License-Identifier: PostgreSQL */
#ifndef SIMULATE_TRUTH_H
#define SIMULATE_TRUTH_H

#include <stdint.h>
#include "simulate/exposure.h"

/* One changing source on one science frame. flux: science minus reference. */
struct truth_row
{
	int id; /* the same for one object on all its frames */
	int epoch;
	char field[24], file[64], kind[12];
	int on_host;
	double x, y;    /* px, 0-based, on the science frame */
	double ra, dec; /* deg, true */
	double flux_e;  /* true electrons */
	double flux_adu;
	double flux;   /* electrons by the header's gain: what a calibrated frame holds */
	double mag;    /* AB at transparency 1, of |flux|; of the quieter frame for what fades */
	double snr;    /* snr.h */
	double masked; /* share of the squared PSF under the truth mask, 0 to 1 */
};

struct truth
{
	struct truth_row *rows;
	size_t n, capacity;
};

/* Append the row of one source; call after the masks are merged and the sides measured. 0 or -1. */
int truth_add(struct truth *truth, const struct truth_row *row);

/* DIR/truth.csv and DIR/truth.fits. */
int truth_write(const struct truth *truth, const char *dir, uint64_t seed);
void truth_free(struct truth *truth);

#endif
