/*
 * Registration of two starfields whose seeing may differ. Of align and coadd.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef STAGES_STARMATCH_H
#define STAGES_STARMATCH_H

#include "image/register.h"
#include "stages/starfield.h"

struct starmatch
{
	struct registration
		r; /* pairs: into the lists that were matched, perhaps those of a blurred copy */
	/* Where seeing differs: sigma of the Gaussian, in science pixels, that brought the sharper
	 * frame to the other's seeing. */
	double blur_science, blur_reference;
	double flux_scale; /* science / reference, clipped median of bright stars; NaN: fewer than 3 */
	size_t n_flux;
};

/*
 * In crowded fields a neighbour pulls a centroid, and the more the worse the seeing: so where the
 * FWHM differ the sharper frame is blurred to the other's and its sources are extracted again. 0 or
 * -1.
 */
int starmatch_make(const struct starfield *science, const struct starfield *reference,
				   const struct register_params *params, double threshold, struct starmatch *m);
/* Blur s->frame by sigma px and measure it anew. 0 or -1. */
int starmatch_blur(struct starfield *s, double sigma, double threshold);
void starmatch_free(struct starmatch *m);

#endif
