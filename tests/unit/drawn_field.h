/* Frames with stars drawn analytically, for tests of stages that compare frames.
 * SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_DRAWN_FIELD_H
#define UNIT_DRAWN_FIELD_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/fits.h"
#include "image/image.h"
#include "image/wcs.h"

#define FIELD_SIZE  400
#define FIELD_STARS 80
#define FIELD_RA    150.0
#define FIELD_DEC   2.0
#define FIELD_SCALE 0.5

struct drawn /* how a frame sees the field */
{
	double dx, dy, rotation; /* px, degrees */
	double wcs_error;        /* px, of the header in both axes */
	bool wcs;
	double fwhm, transparency, sky, sigma; /* px, factor, adu, adu */
	uint64_t seed;                         /* of the noise */
};

struct field_star
{
	double ra, dec, flux;
};

static uint64_t field_state;

static inline double
field_uniform(void)
{
	field_state ^= field_state << 13;
	field_state ^= field_state >> 7;
	field_state ^= field_state << 17;
	return (double) (field_state >> 11) / 9007199254740992.0;
}

static inline double
field_gauss(void)
{
	return sqrt(-2 * log(field_uniform() + 1e-300)) * cos(2 * M_PI * field_uniform());
}

/* The same stars every time: fluxes of 1e3 to 1e5, dN/dF ~ F^-2, a little beyond the field. */
static inline void
field_stars(struct field_star *star)
{
	struct wcs *w =
		wcs_tan(FIELD_RA, FIELD_DEC, FIELD_SIZE / 2.0, FIELD_SIZE / 2.0, FIELD_SCALE, 0, -1);

	field_state = 88172645463325252u;
	for (int i = 0; i < FIELD_STARS; i++)
	{
		wcs_pix2sky(w, (FIELD_SIZE + 60) * field_uniform() - 30,
					(FIELD_SIZE + 60) * field_uniform() - 30, &star[i].ra, &star[i].dec);
		star[i].flux = 1e3 / (1 - 0.99 * field_uniform());
	}
	wcs_free(w);
}

static inline struct wcs *
field_wcs(const struct drawn *d, double error)
{
	return wcs_tan(FIELD_RA, FIELD_DEC, FIELD_SIZE / 2.0 + d->dx + error,
				   FIELD_SIZE / 2.0 + d->dy + error, FIELD_SCALE, d->rotation, -1);
}

static inline void
field_add_star(struct image *im, double x0, double y0, double flux, double fwhm)
{
	double s2 = fwhm * fwhm / (8 * M_LN2);
	int r = (int) (5 * fwhm);

	for (int y = (int) y0 - r; y <= (int) y0 + r; y++)
		for (int x = (int) x0 - r; x <= (int) x0 + r; x++)
			if (x >= 0 && y >= 0 && x < im->width && y < im->height)
				im->sci[y * im->width + x] +=
					(float) (flux / (2 * M_PI * s2) *
							 exp(-((x - x0) * (x - x0) + (y - y0) * (y - y0)) / (2 * s2)));
}

static inline int
field_draw(const struct drawn *d, struct frame *f)
{
	struct field_star star[FIELD_STARS];
	struct wcs *truth = field_wcs(d, 0);

	memset(f, 0, sizeof *f);
	f->meta.gain = 2;
	f->meta.read_noise = 5;
	f->meta.saturation = 60000;
	f->meta.exptime = 60;
	f->meta.zero_point = f->meta.fwhm = NAN;
	f->meta.mjd_mid_tai = 60000;
	strcpy(f->meta.bunit, "adu");
	if (truth == NULL || image_alloc(&f->im, FIELD_SIZE, FIELD_SIZE, true) < 0)
		return -1;
	field_stars(star);
	for (int i = 0; i < FIELD_STARS; i++)
	{
		double x, y;

		if (wcs_sky2pix(truth, star[i].ra, star[i].dec, &x, &y) == 0)
			field_add_star(&f->im, x, y, star[i].flux * d->transparency, d->fwhm);
	}
	field_state = d->seed * 2654435761u + 12345;
	for (size_t i = 0; i < image_size(&f->im); i++)
	{
		double variance = d->sigma * d->sigma + f->im.sci[i] / f->meta.gain;

		f->im.sci[i] += (float) (d->sky + sqrt(variance) * field_gauss());
		f->im.var[i] = (float) variance;
	}
	f->wcs = d->wcs ? field_wcs(d, d->wcs_error) : NULL;
	wcs_free(truth);
	return 0;
}

static inline int
field_write(const struct drawn *d, const char *path)
{
	struct frame f;
	int status = field_draw(d, &f);

	if (status == 0)
		status = frame_write(path, &f, NULL);
	frame_free(&f);
	return status;
}

#endif
