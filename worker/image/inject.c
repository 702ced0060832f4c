/* See inject.h. SPDX-License-Identifier: PostgreSQL */
#include "image/inject.h"

#include <math.h>
#include <stdlib.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#include "core/err.h"

#define MARKED 0.02 /* of the PSF's peak: pixels above are marked */

struct stamp
{
	int size, x0, y0; /* of its first pixel on the image */
	float *centred, *moved;
};

static int
make_stamp(const struct psf *psf, double x, double y, struct stamp *s)
{
	size_t n = (size_t) psf->size * (size_t) psf->size;
	int cx = (int) lround(x), cy = (int) lround(y);

	*s = (struct stamp){.size = psf->size, .x0 = cx - psf->size / 2, .y0 = cy - psf->size / 2};
	s->centred = malloc(n * sizeof *s->centred);
	s->moved = malloc(n * sizeof *s->moved);
	if (s->centred == NULL || s->moved == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a PSF of %d px", psf->size);
	psf_evaluate(psf, x, y, s->centred);
	return psf_shift(s->centred, psf->size, x - cx, y - cy, s->moved);
}

static void
add_stamp(struct image *im, const struct stamp *s, double flux, double gain, gsl_rng *rng)
{
	float peak = s->moved[(s->size / 2) * s->size + s->size / 2];

	for (int k = 0; k < s->size * s->size; k++)
	{
		int x = s->x0 + k % s->size, y = s->y0 + k / s->size;
		size_t at = (size_t) y * (size_t) im->width + (size_t) x;
		double light = flux * s->moved[k], variance = gain > 0 ? fmax(light, 0) / gain : 0;

		if (x < 0 || y < 0 || x >= im->width || y >= im->height)
			continue;
		im->sci[at] += (float) (light + gsl_ran_gaussian(rng, sqrt(variance)));
		im->var[at] += (float) variance;
		if (s->moved[k] > MARKED * peak)
			im->mask[at] |= MASK_INJECTED;
	}
}

int
inject_source(struct image *im, const struct psf *psf, double x, double y, double flux, double gain,
			  unsigned long seed)
{
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
	struct stamp s = {0};
	int status = -1;

	if (rng == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for random numbers");
	else if (!(fabs(x) < 1e8 && fabs(y) < 1e8 && isfinite(flux)))
		err_raise(ASTRID_E_BAD_PARAMETER, "a source of flux %g at (%g, %g)", flux, x, y);
	else if (make_stamp(psf, x, y, &s) == 0)
	{
		gsl_rng_set(rng, seed);
		add_stamp(im, &s, flux, gain, rng);
		status = 0;
	}
	free(s.centred);
	free(s.moved);
	if (rng != NULL)
		gsl_rng_free(rng);
	return status;
}
