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
		r;        /* pairs: into the lists that were matched, perhaps those of a blurred copy */
	bool blurred; /* the sharper frame's centroids were taken at the other's seeing */
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
void starmatch_free(struct starmatch *m);

#endif
