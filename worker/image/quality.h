/* How good is a calibrated frame? SPDX-License-Identifier: PostgreSQL */
#ifndef IMAGE_QUALITY_H
#define IMAGE_QUALITY_H

#include "image/background.h"
#include "image/image.h"

struct quality
{
	double fwhm, ellipticity; /* px; 1 - b/a; medians of stars; NaN without */
	size_t n_sources, n_stars;
	double masked_fraction, saturated_fraction, no_data_fraction;
	double flux_limit; /* 5 sigma of a point source, sky-limited, in the image's unit; NaN without a
						  FWHM */
	double m5;         /* the same in AB mag; NaN without a zero point */
};

int quality_measure(const struct frame *f, const struct background *bkg, struct quality *q);

#endif
