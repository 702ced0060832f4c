/* Master calibration frames: bias, dark, flat, from single frames or one finished master.
 * SPDX-License-Identifier: PostgreSQL */
#ifndef IMAGE_MASTER_H
#define IMAGE_MASTER_H

#include "image/combine.h"
#include "image/detector.h"

enum master_kind
{
	MASTER_BIAS,
	MASTER_DARK,
	MASTER_FLAT
};

struct master
{
	struct image im; /* adu; a flat has median 1. mask: BAD; var: of the master */
	struct meta meta;
	size_t n;               /* frames in it; 1 for a finished master */
	double median, scatter; /* of the good pixels */
	size_t n_bad;
};

struct master_request
{
	enum master_kind kind;
	const char *const *uri;
	size_t n;
	const struct frame_request *read;
	const char *overscan, *trim; /* as in detector_describe() */
	int overscan_order;
	const struct master *bias, *dark; /* NULL: none */
	struct combine_params combine;
	double hot_sigma; /* deviation of a bias or dark pixel that makes it BAD, in robust sigma */
	double flat_min, flat_max;
};

/* Read and combine. 0 or -1; master_free() after 0 only. */
int master_load(const struct master_request *req, struct master *out, struct frame_notes *notes);
void master_free(struct master *m);

/* Median over pixels that no excluding bit marks, by sampling at most some 10^5 of them. */
double image_median(const struct image *im);

/* Subtract the bias; with exptime ratio `scale` the dark. Sizes must agree: shape_mismatch. */
int master_subtract(struct image *im, const struct master *m, double scale, const char *what);

#endif
