/*
 * frame_write(): SCI, MASK, VAR, PSF with canonical keywords, which frame_read() reads back to the
 * same values. The file is made in memory and handed to core/files, which alone knows where it may
 * be written. SPDX-License-Identifier: PostgreSQL
 */
#include <fitsio.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/fits_file.h"
#include "image/header.h"
#include "image/wcs.h"

static void
write_number(struct fits_output *w, const char *keyword, double value, const char *comment)
{
	if (isfinite(value))
		fits_write_key_dbl(w->ff, keyword, value, -15, comment, &w->status);
}

static void
write_text(struct fits_output *w, const char *keyword, const char *value, const char *comment)
{
	if (value[0] != '\0')
		fits_write_key_str(w->ff, keyword, value, comment, &w->status);
}

static void
write_cards(struct fits_output *w, const char *cards, int n)
{
	char card[CARD + 1];

	for (int i = 0; i < n && w->status == 0; i++)
	{
		memcpy(card, cards + (size_t) i * CARD, CARD);
		card[CARD] = '\0';
		fits_write_record(w->ff, card, &w->status);
	}
}

static void
write_meta(struct fits_output *w, const struct meta *m)
{
	write_text(w, "INSTRUME", m->instrument, "instrument");
	write_text(w, "OBJECT", m->object, "target");
	write_text(w, "IMAGETYP", m->imagetyp, "kind of frame");
	write_text(w, "FILTER", m->filter, "filter as the original header has it");
	write_text(w, "BAND", m->band, "band");
	write_text(w, "DATE-OBS", m->date_obs, "start of exposure");
	write_text(w, "TIMESYS", "UTC", "time scale of DATE-OBS");
	write_number(w, "MJDMIDT", m->mjd_mid_tai, "[d] middle of exposure, MJD, TAI");
	write_number(w, "EXPTIME", m->exptime, "[s] exposure time");
	write_text(w, "BUNIT", m->bunit, "unit of the pixels");
	write_number(w, "GAIN", m->gain, "electron per unit");
	write_number(w, "RDNOISE", m->read_noise, "[electron] read noise");
	write_number(w, "SATURATE", m->saturation, "saturation level in BUNIT");
	write_number(w, "MAGZP", m->zero_point, "[mag] AB magnitude of 1 BUNIT");
	write_number(w, "FWHM_PX", m->fwhm, "[pix] FWHM of stars");
}

static void
write_wcs(struct fits_output *w, const struct frame *f)
{
	int n = 0, yes = 1;
	char *cards;

	if (f->wcs == NULL)
		return;
	cards = wcs_to_header(f->wcs, &n);
	if (cards == NULL)
		w->status = MEMORY_ALLOCATION;
	else
		write_cards(w, cards, n);
	free(cards);
	if (f->wcs_approx)
		fits_write_key_log(w->ff, "WCSAPPRX", yes, "WCS given by hand, not measured", &w->status);
}

static void
begin_image(struct fits_output *w, const char *extname, int bitpix, int width, int height)
{
	long axes[2] = {width, height};

	fits_create_img(w->ff, bitpix, 2, axes, &w->status);
	write_text(w, "EXTNAME", extname, "name of this extension");
}

static void
write_science(struct fits_output *w, const struct frame *f, const char *const *history)
{
	const struct image *im = &f->im;

	begin_image(w, "SCI", FLOAT_IMG, im->width, im->height);
	write_meta(w, &f->meta);
	write_wcs(w, f);
	if (f->header != NULL)
		write_cards(w, f->header, (int) (strlen(f->header) / CARD));
	for (; history != NULL && *history != NULL; history++)
		fits_write_history(w->ff, *history, &w->status);
	fits_write_img(w->ff, TFLOAT, 1, (LONGLONG) image_size(im), im->sci, &w->status);
	fits_output_sums(w);
}

static void
write_mask(struct fits_output *w, const struct image *im)
{
	static const struct
	{
		const char *keyword;
		int bit;
		const char *text;
	} planes[] = {
#define ASTRID_MASK_PLANE(name, bit, excludes, text) {"MP_" #name, bit, text},
#include "astrid/mask_plane.def"
#undef ASTRID_MASK_PLANE
	};

	if (im->mask == NULL)
		return;
	begin_image(w, "MASK", LONG_IMG, im->width, im->height);
	/* names longer than 8 characters need the ESO HIERARCH convention, which cfitsio then uses by
	 * itself */
	for (size_t i = 0; i < sizeof planes / sizeof planes[0]; i++)
		fits_write_key_lng(w->ff, planes[i].keyword, planes[i].bit, planes[i].text, &w->status);
	fits_write_img(w->ff, TINT, 1, (LONGLONG) image_size(im), im->mask, &w->status);
	fits_output_sums(w);
}

static void
write_plane(struct fits_output *w, const char *extname, const float *values, int width, int height)
{
	if (values == NULL)
		return;
	begin_image(w, extname, FLOAT_IMG, width, height);
	fits_write_img(w->ff, TFLOAT, 1, (LONGLONG) width * height, (void *) values, &w->status);
	fits_output_sums(w);
}

int
frame_write(const char *uri, const struct frame *f, const char *const *history)
{
	const struct image *im = &f->im;
	size_t planes = 1 + (im->mask != NULL) + (im->var != NULL);
	struct fits_output w;

	if (fits_output_begin(&w, image_size(im) * 4 * planes) < 0)
		return -1;
	fits_create_img(w.ff, BYTE_IMG, 0, NULL, &w.status);
	write_text(&w, "CREATOR", "astrid " ASTRID_VERSION, "program");
	fits_output_sums(&w);
	write_science(&w, f, history);
	write_mask(&w, im);
	write_plane(&w, "VAR", im->var, im->width, im->height);
	write_plane(&w, "PSF", f->psf, f->psf_size, f->psf_size);
	/* how it varies over the field: the further terms, one below the other */
	if (f->psf != NULL && f->psf_terms > 1)
		write_plane(&w, "PSF_VARY", f->psf + f->psf_size * f->psf_size, f->psf_size,
					f->psf_size * (f->psf_terms - 1));
	return fits_output_store(&w, uri);
}
