/* See positions.h. SPDX-License-Identifier: PostgreSQL */
#include "stages/positions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/fits.h"
#include "image/wcs.h"
#include "stages/starfield.h"

#define THRESHOLD 5 /* sigma, of the stars that make the PSF */

void
positions_free(struct positions *p)
{
	free(p->x);
	free(p->y);
	free(p->ra);
	free(p->dec);
	free(p->flux);
	*p = (struct positions){0};
}

/* Two columns, and flux where wanted. 0; 1: one of the two is not there; -1: error. */
static int
read_columns(const char *uri, const char *first, const char *second, double **a, double **b,
			 double **flux, size_t *n)
{
	struct table_column columns[3] = {
		{.name = first, .type = 'D'}, {.name = second, .type = 'D'}, {.name = "flux", .type = 'D'}};
	int status = table_read(uri, columns, 2, n);

	if (status < 0)
		return err_code() == ASTRID_E_BAD_TABLE ? 1 : -1;
	*a = columns[0].data;
	*b = columns[1].data;
	if (flux == NULL)
		return 0;
	if (table_read(uri, &columns[2], 1, n) < 0)
		return -1;
	*flux = columns[2].data;
	return 0;
}

static int
alloc_pair(size_t n, double **a, double **b)
{
	*a = malloc((n + 1) * sizeof **a);
	*b = malloc((n + 1) * sizeof **b);
	return *a != NULL && *b != NULL
			   ? 0
			   : err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu positions", n);
}

static int
add_sky(const struct frame *f, struct positions *p)
{
	if (alloc_pair(p->n, &p->ra, &p->dec) < 0)
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if (f->wcs == NULL || wcs_pix2sky(f->wcs, p->x[i], p->y[i], &p->ra[i], &p->dec[i]) < 0)
			p->ra[i] = p->dec[i] = NAN;
	return 0;
}

static int
add_pixels(const struct frame *f, struct positions *p)
{
	if (f->wcs == NULL)
		return err_raise(ASTRID_E_BAD_WCS, "positions in ra and dec, and the image has no WCS");
	if (alloc_pair(p->n, &p->x, &p->y) < 0)
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if (wcs_sky2pix(f->wcs, p->ra[i], p->dec[i], &p->x[i], &p->y[i]) < 0)
			p->x[i] = p->y[i] = NAN;
	return 0;
}

int
positions_read(const char *uri, const struct frame *f, bool need_flux, struct positions *p)
{
	double **flux = need_flux ? &p->flux : NULL;
	int status;

	*p = (struct positions){0};
	status = read_columns(uri, "x", "y", &p->x, &p->y, flux, &p->n);
	if (status == 0)
		status = add_sky(f, p);
	else if (status == 1)
	{
		err_clear();
		status = read_columns(uri, "ra", "dec", &p->ra, &p->dec, flux, &p->n);
		if (status == 0)
			status = add_pixels(f, p);
		else if (status == 1)
		{
			err_clear();
			status = err_raise(ASTRID_E_BAD_TABLE, "the table has neither x, y nor ra, dec");
		}
	}
	if (status == 0)
		return 0;
	positions_free(p);
	return err_at(uri, -1, NULL);
}

/* ---- the PSF
 * -----------------------------------------------------------------------------------------------------
 */

static int
psf_of_stamp(const struct frame *f, struct psf *psf)
{
	size_t n = (size_t) f->psf_size * (size_t) f->psf_size;

	*psf = (struct psf){.size = f->psf_size,
						.n_terms = 1,
						.width = f->im.width,
						.height = f->im.height,
						.fwhm = psf_stamp_fwhm(f->psf, f->psf_size)};
	psf->coef = malloc(n * sizeof *psf->coef);
	if (psf->coef == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a PSF of %d px", f->psf_size);
	memcpy(psf->coef, f->psf, n * sizeof *psf->coef);
	return 0;
}

int
positions_psf(const struct frame *f, struct psf *psf, float **level)
{
	struct starfield s = {0};
	int status = -1;

	*level = NULL;
	if (f->psf != NULL)
		return psf_of_stamp(f, psf);
	if (image_copy(&s.frame.im, &f->im) == 0 && starfield_measure(&s, THRESHOLD) == 0)
	{
		for (size_t i = 0; i < image_size(&s.frame.im); i++)
			s.frame.im.sci[i] -= s.background.level[i];
		status = psf_measure(&s.frame.im, &s.sources, psf);
	}
	if (status == 0)
	{
		*level = s.background.level;
		s.background.level = NULL;
	}
	starfield_free(&s);
	return status;
}
