/*
 * A frame with its background and sources: what stages that compare frames star by star begin with
 * (align, coadd). SPDX-License-Identifier: PostgreSQL
 */
#ifndef STAGES_STARFIELD_H
#define STAGES_STARFIELD_H

#include "astrid/stage.h"
#include "image/background.h"
#include "image/fits.h"
#include "image/image.h"
#include "image/source.h"

struct starfield
{
	struct frame frame;
	struct background background;
	struct source_list sources;
};

/* Read uri, measure the background and extract sources above `threshold` sigma. 0 or -1. */
int starfield_read(const char *uri, const struct frame_request *req, double threshold,
				   struct starfield *s);
/* The same for a frame in memory (s->frame set, its planes too). */
int starfield_measure(struct starfield *s, double threshold);
void starfield_free(struct starfield *s);

/* Median FWHM of unsaturated sources, px; NaN without any. */
double starfield_fwhm(const struct starfield *s);

struct starfield_offsets /* of stars seen on two frames that share a grid */
{
	size_t n;
	double median_px; /* radial; NaN without a star */
	double snr_limit; /* stars above it were used */
};

/* How far the centroids of bright unsaturated stars of a and b lie apart, and how their fluxes
 * compare. 0 or -1. */
int starfield_compare(const struct starfield *a, const struct starfield *b,
					  struct starfield_offsets *out);

#endif
