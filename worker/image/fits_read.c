/*
 * frame_read(): one image of a file with what surrounds it. Called by every stage. cfitsio converts
 * the pixels; which HDU, how large, and whether the file holds what its header says was settled
 * before (fits_file.h). SPDX-License-Identifier: PostgreSQL
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/fits_file.h"
#include "image/header.h"
#include "image/meta.h"
#include "image/planes.h"
#include "image/wcs.h"

#define CHUNK_PIXELS ((long long) 1 << 20)
#define FULL_SHARE   0.96 /* of an integer's range: saturated, allowing for bias and flat */

/* ---- which image ---- */

long long
fits_planes_of(const struct fits_hdu *hdu)
{
	long long n = 1;

	if (!hdu->image || hdu->naxis < 2 || hdu->axis[0] == 0 || hdu->axis[1] == 0)
		return 0;
	for (int i = 2; i < hdu->naxis && i < FITS_MAX_AXES; i++)
		if (__builtin_mul_overflow(n, hdu->axis[i], &n))
			return 0;
	return hdu->naxis <= FITS_MAX_AXES ? n : 0;
}

/* The first image of the wanted number of planes; one called SCI goes before others that have a
 * name. */
static int
find_image(const struct fits_file *file, bool cube)
{
	int found = -1;

	for (int i = 0; i < file->n_hdu; i++)
	{
		long long n = fits_planes_of(&file->hdu[i]);

		if (cube ? n < 2 : n != 1)
			continue;
		if (found < 0)
			found = i;
		else if (strcasecmp(file->hdu[i].extname, "SCI") == 0 &&
				 file->hdu[found].extname[0] != '\0' &&
				 strcasecmp(file->hdu[found].extname, "SCI") != 0 &&
				 strcasecmp(file->hdu[found].extname, "COMPRESSED_IMAGE") != 0)
			return i;
	}
	return found;
}

static int
no_image(const struct fits_file *file, int hdu)
{
	const struct fits_hdu *h = hdu >= 0 ? &file->hdu[hdu] : NULL;

	if (h == NULL && file->hdu[0].groups)
		return astrid_raise(ASTRID_E_NO_IMAGE, file->uri, 0, "GROUPS",
							"the file holds random groups, which are no image");
	if (h == NULL)
		return astrid_raise(ASTRID_E_NO_IMAGE, file->uri, 0, "NAXIS",
							"none of the %d HDUs holds a two-dimensional image", file->n_hdu);
	if (h->groups)
		return astrid_raise(ASTRID_E_NO_IMAGE, file->uri, hdu, "GROUPS",
							"random groups are no image");
	if (!h->image)
		return astrid_raise(ASTRID_E_NO_IMAGE, file->uri, hdu, "XTENSION", "the HDU is a table");
	return astrid_raise(ASTRID_E_NO_IMAGE, file->uri, hdu, "NAXIS",
						"the HDU holds no two-dimensional image");
}

static int
choose(const struct fits_file *file, const struct frame_request *req, int *hdu, int *plane)
{
	long long n;

	*hdu = req->hdu;
	if (*hdu >= file->n_hdu)
		return astrid_raise(ASTRID_E_NO_IMAGE, file->uri, *hdu, NULL,
							"the file has %d HDUs, no HDU %d", file->n_hdu, *hdu);
	if (*hdu < 0 && req->plane >= 0)
		*hdu = find_image(file, true);
	if (*hdu < 0)
		*hdu = find_image(file, false);
	if (*hdu < 0)
		*hdu = find_image(file, true);
	n = *hdu >= 0 ? fits_planes_of(&file->hdu[*hdu]) : 0;
	if (n == 0)
		return no_image(file, *hdu);
	if (n > 1 && req->plane < 0)
		return astrid_raise(ASTRID_E_NO_IMAGE, file->uri, *hdu, "NAXIS3",
							"the HDU holds a cube of %lld planes: choose one by plane=N", n);
	if (req->plane >= n)
		return astrid_raise(ASTRID_E_NO_IMAGE, file->uri, *hdu, "NAXIS3",
							"the HDU has %lld planes, no plane %d", n, req->plane);
	*plane = req->plane < 0 ? 0 : req->plane;
	return 0;
}

/* ---- pixels ---- */

static int
check_sums(fitsfile *ff, const struct fits_file *file, int hdu, enum checksum_policy policy,
		   struct frame_info *info)
{
	int data_ok = 0, hdu_ok = 0, status = 0;

	info->checksum_present = header_card(file->hdu[hdu].cards, "CHECKSUM") != NULL ||
							 header_card(file->hdu[hdu].cards, "DATASUM") != NULL;
	if (!info->checksum_present || policy == CHECKSUM_IGNORE)
		return 0;
	if (fits_verify_chksum(ff, &data_ok, &hdu_ok, &status) != 0)
		return fits_raise(status, file->uri, hdu, "cannot verify the checksum");
	snprintf(info->checksum, sizeof info->checksum, "%s",
			 data_ok < 0 || hdu_ok < 0 ? "wrong" : "good");
	if (data_ok >= 0 && hdu_ok >= 0)
		return 0;
	/* a damaged tile stream may lead cfitsio's decompression out of its buffer, so it is never
	 * handed on */
	if (policy == CHECKSUM_REFUSE || file->hdu[hdu].compressed)
		return astrid_raise(ASTRID_E_BAD_CHECKSUM, file->uri, hdu,
							data_ok < 0 ? "DATASUM" : "CHECKSUM",
							"the sum does not agree with the bytes");
	note_add(&info->notes, "%s of HDU %d does not agree with the bytes",
			 data_ok < 0 ? "DATASUM" : "CHECKSUM", hdu);
	return 0;
}

/* Integers of 32 bits and doubles pass through double, so that a fractional scale is applied before
 * float32 rounds. */
static int
read_as_double(fitsfile *ff, long long first, size_t n, float *out, int *status)
{
	double *chunk = malloc((size_t) CHUNK_PIXELS * sizeof *chunk), null = NAN;
	int any;

	if (chunk == NULL)
		return *status = MEMORY_ALLOCATION;
	for (size_t done = 0; done < n && *status == 0;)
	{
		size_t k = n - done < (size_t) CHUNK_PIXELS ? n - done : (size_t) CHUNK_PIXELS;

		fits_read_img(ff, TDOUBLE, first + (long long) done, (LONGLONG) k, &null, chunk, &any,
					  status);
		for (size_t i = 0; i < k; i++)
			out[done + i] = fabs(chunk[i]) <= 3.4028234e38 ? (float) chunk[i] : NAN;
		done += k;
	}
	free(chunk);
	return *status;
}

static int
read_pixels(fitsfile *ff, const struct fits_file *file, int index, int plane, float *out, size_t n)
{
	const struct fits_hdu *hdu = &file->hdu[index];
	long long first = (long long) plane * (long long) n + 1;
	float null = NAN;
	int any, status = 0;

	if (abs(hdu->bitpix) >= 32 && hdu->bitpix != -32)
		read_as_double(ff, first, n, out, &status);
	else
		/* without a null value cfitsio hands plain floats through as they are, subnormal ones too
		 */
		fits_read_img(ff, TFLOAT, first, (LONGLONG) n,
					  hdu->bitpix == -32 && !hdu->compressed ? NULL : &null, out, &any, &status);
	if (status != 0)
		return fits_raise(status, file->uri, index, "cannot read the pixels");
	for (size_t i = 0; i < n; i++)
		if (!isfinite(out[i]))
			out[i] = NAN;
	return 0;
}

int
fits_read_image(struct fits_file *file, const struct frame_request *req, struct image *im,
				struct frame_info *info)
{
	const struct fits_hdu *hdu = &file->hdu[info->hdu];
	fitsfile *ff;
	int status;

	if (hdu->axis[0] > INT_MAX || hdu->axis[1] > INT_MAX)
		return astrid_raise(ASTRID_E_TOO_LARGE, file->uri, info->hdu, "NAXIS1",
							"%lld x %lld pixels", hdu->axis[0], hdu->axis[1]);
	if (image_alloc(im, (int) hdu->axis[0], (int) hdu->axis[1], false) < 0)
		return err_at(file->uri, info->hdu, "NAXIS1");
	if ((ff = fits_file_cfitsio(file, info->hdu)) == NULL)
		return -1;
	status = check_sums(ff, file, info->hdu, req->checksum, info);
	if (status == 0)
		status = read_pixels(ff, file, info->hdu, info->plane, im->sci, image_size(im));
	fits_close_file(ff, &(int){0});
	fits_clear_errmsg();
	return status;
}

/* ---- what the header says ---- */

static int
count_cards(const char *cards)
{
	return (int) (strlen(cards) / CARD);
}

static size_t
keep_cards(const char *cards, char *out, const char *already)
{
	size_t n = 0;

	for (const char *card = cards; *card != '\0'; card += CARD)
	{
		char keyword[9];

		memcpy(keyword, card, 8);
		keyword[8] = '\0';
		keyword[strcspn(keyword, " ")] = '\0';
		if (keyword[0] == '\0' || strcmp(keyword, "COMMENT") == 0 ||
			strcmp(keyword, "CONTINUE") == 0 || meta_is_own_keyword(keyword))
			continue;
		if (already != NULL && card[8] == '=' && header_card(already, keyword) != NULL)
			continue;
		memcpy(out + CARD * n++, card, CARD);
	}
	out[CARD * n] = '\0';
	return n;
}

/* CCDSUM '2 2', or a pair of numbers under one of several names; "" where the header does not say.
 */
static void
read_binning(const char *cards, const char *primary, char binning[16])
{
	static const char *const names[][2] = {{"XBINNING", "YBINNING"},
										   {"CCDXBIN", "CCDYBIN"},
										   {"BINX", "BINY"},
										   {"ESO DET WIN1 BINX", "ESO DET WIN1 BINY"}};
	char text[72];
	double x, y;
	int i, j;

	if ((header_string(cards, "CCDSUM", text, sizeof text) ||
		 (primary != NULL && header_string(primary, "CCDSUM", text, sizeof text))) &&
		sscanf(text, "%3d %3d", &i, &j) == 2)
	{
		snprintf(binning, 16, "%dx%d", i, j);
		return;
	}
	for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
		if (header_number(cards, names[k][0], &x, NULL) &&
			header_number(cards, names[k][1], &y, NULL) && x >= 1 && x < 1000 && y >= 1 && y < 1000)
			snprintf(binning, 16, "%dx%d", (int) x, (int) y);
}

/* A saturation level that integers of this scale cannot hold was meant for pixels before somebody
 * rescaled them: what the converter could give lies at the end of the range. */
static void
limit_saturation(const struct fits_hdu *hdu, struct meta *m, struct frame_notes *notes)
{
	double scale = 1, zero = 0, top;

	if (hdu->bitpix != 16 && hdu->bitpix != 8)
		return;
	header_number(hdu->cards, "BSCALE", &scale, NULL);
	header_number(hdu->cards, "BZERO", &zero, NULL);
	top = zero + fabs(scale) * (hdu->bitpix == 16 ? 32767 : 255);
	if (!(m->saturation > top))
		return;
	note_add(notes, "saturation %g is above %g, the most that the file can hold: %g is used",
			 m->saturation, top, FULL_SHARE * top);
	m->saturation = FULL_SHARE * top;
}

static int
read_meta(const struct fits_file *file, const struct frame_request *req, struct frame *f,
		  struct frame_info *info)
{
	const char *cards = file->hdu[info->hdu].cards;
	const char *primary = info->hdu > 0 ? file->hdu[0].cards : NULL;
	size_t n;
	bool approx = false;

	meta_read(cards, primary, req->instrument, &f->meta, info->imagetyp, &info->notes);
	limit_saturation(&file->hdu[info->hdu], &f->meta, &info->notes);
	read_binning(cards, primary, info->binning);
	f->header = malloc(strlen(cards) + (primary != NULL ? strlen(primary) : 0) + 1);
	if (f->header == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for the header");
	n = keep_cards(cards, f->header, NULL);
	if (primary != NULL)
		keep_cards(primary, f->header + n * CARD, cards);
	f->wcs = wcs_from_header(cards, count_cards(cards));
	if (f->wcs == NULL && err_is_set())
	{
		if (err_code() == ASTRID_E_NO_MEMORY)
			return -1;
		note_add(&info->notes, "the WCS cannot be used: %.100s", err_message());
		err_clear();
	}
	f->wcs_approx = header_logical(cards, "WCSAPPRX", &approx) && approx;
	return 0;
}

int
frame_read(const char *uri, const struct frame_request *req, struct frame *f,
		   struct frame_info *info)
{
	struct frame_info own;
	struct fits_file file;
	int status;

	if (info == NULL)
		info = &own;
	memset(f, 0, sizeof *f);
	memset(info, 0, sizeof *info);
	status = fits_file_open(uri, &file, &info->notes);
	if (status == 0)
		status = choose(&file, req, &info->hdu, &info->plane);
	if (status == 0)
	{
		const struct fits_hdu *hdu = &file.hdu[info->hdu];

		info->n_hdu = file.n_hdu;
		info->bitpix = hdu->bitpix;
		memcpy(info->compression, hdu->compression, sizeof info->compression);
		status = fits_read_image(&file, req, &f->im, info);
	}
	if (status == 0)
		status = read_meta(&file, req, f, info);
	if (status == 0)
		status = fits_read_companions(&file, f, info);
	fits_file_close(&file);
	if (status == 0 && req->need_planes)
		status = planes_build(f, req->instrument, &info->notes);
	if (status == 0)
		return 0;
	frame_free(f);
	return err_at(uri, -1, NULL);
}
