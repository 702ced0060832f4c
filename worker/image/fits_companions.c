/*
 * What lies beside the science image in a file: MASK (or BPM), VAR and PSF extensions. Called by
 * frame_read(). Masks of other origin name their bits by MP_ keywords too, or only say good and
 * bad. SPDX-License-Identifier: PostgreSQL
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/fits_file.h"
#include "image/header.h"

static int
find_companion(const struct fits_file *file, const char *extname, int science)
{
	for (int i = science + 1; i < file->n_hdu; i++)
		if (strcasecmp(file->hdu[i].extname, extname) == 0 && fits_planes_of(&file->hdu[i]) == 1)
			return i;
	return -1;
}

/* The companion's pixels as float, where it has the science image's shape (or any, for PSF); NULL
 * where there is none. */
static float *
read_companion(struct fits_file *file, const char *extname, const struct frame_info *info,
			   const struct image *like, struct frame_notes *notes, int *index, bool *failed)
{
	struct frame_request plain = {.hdu = -1, .plane = -1, .checksum = CHECKSUM_IGNORE};
	struct frame_info at = {.hdu = *index = find_companion(file, extname, info->hdu)};
	struct image im = {0};

	if (at.hdu < 0)
		return NULL;
	if (like != NULL &&
		(file->hdu[at.hdu].axis[0] != like->width || file->hdu[at.hdu].axis[1] != like->height))
	{
		note_add(notes, "HDU %d (%s) has another shape than the image and is left out", at.hdu,
				 extname);
		return NULL;
	}
	if (fits_read_image(file, &plain, &im, &at) < 0)
	{
		*failed = true;
		image_free(&im);
		return NULL;
	}
	return im.sci;
}

static const struct
{
	const char *keyword;
	int32_t bit;
} plane_names[] = {
#define ASTRID_MASK_PLANE(name, bit, excludes, text) {"MP_" #name, 1 << (bit)},
#include "astrid/mask_plane.def"
#undef ASTRID_MASK_PLANE
};

/* Bits by the names that the MASK header gives them; a mask without names says only good (0) and
 * bad. */
static void
take_mask(const float *values, const char *cards, struct image *im)
{
	int32_t from[sizeof plane_names / sizeof plane_names[0]] = {0};
	bool named = false;

	for (size_t k = 0; k < sizeof plane_names / sizeof plane_names[0]; k++)
	{
		double bit;

		if (header_number(cards, plane_names[k].keyword, &bit, NULL) && bit >= 0 && bit < 24)
		{
			from[k] = 1 << (int) bit;
			named = true;
		}
	}
	for (size_t i = 0; i < image_size(im); i++)
	{
		int32_t v = fabsf(values[i]) < 16777216.0f ? (int32_t) values[i] : -1;

		for (size_t k = 0; named && k < sizeof plane_names / sizeof plane_names[0]; k++)
			if (v & from[k])
				im->mask[i] |= plane_names[k].bit;
		if (!named && v != 0)
			im->mask[i] |= MASK_BAD;
	}
}

static int
read_mask(struct fits_file *file, struct frame *f, struct frame_info *info)
{
	bool failed = false;
	int at;
	float *values = read_companion(file, "MASK", info, &f->im, &info->notes, &at, &failed);

	if (values == NULL && !failed)
		values = read_companion(file, "BPM", info, &f->im, &info->notes, &at, &failed);
	if (values == NULL)
		return failed ? -1 : 0;
	f->im.mask = calloc(image_size(&f->im), sizeof *f->im.mask);
	if (f->im.mask != NULL)
		take_mask(values, file->hdu[at].cards, &f->im);
	free(values);
	return f->im.mask != NULL ? 0 : err_raise(ASTRID_E_NO_MEMORY, "no memory for the mask");
}

/* The planes that let the PSF vary, behind the first; any other shape leaves it constant. */
static int
read_psf_terms(struct fits_file *file, struct frame *f, struct frame_info *info)
{
	const size_t n = (size_t) f->psf_size * (size_t) f->psf_size;
	bool failed = false;
	int at;
	float *more = read_companion(file, "PSF_VARY", info, NULL, &info->notes, &at, &failed), *all;
	long long planes;

	f->psf_terms = 1;
	if (more == NULL)
		return failed ? -1 : 0;
	planes = file->hdu[at].axis[1] / f->psf_size;
	if (file->hdu[at].axis[0] == f->psf_size && file->hdu[at].axis[1] % f->psf_size == 0 &&
		(planes == 2 || planes == 5))
	{
		all = realloc(f->psf, sizeof *all * n * (size_t) (planes + 1));
		if (all == NULL)
		{
			free(more);
			return err_raise(ASTRID_E_NO_MEMORY, "no memory for a PSF");
		}
		memcpy(all + n, more, sizeof *all * n * (size_t) planes);
		f->psf = all;
		f->psf_terms = (int) planes + 1;
	}
	else
		note_add(&info->notes, "HDU %d (PSF_VARY) does not fit the PSF; it is left out", at);
	free(more);
	return 0;
}

static int
read_psf(struct fits_file *file, struct frame *f, struct frame_info *info)
{
	bool failed = false;
	int at;
	float *psf = read_companion(file, "PSF", info, NULL, &info->notes, &at, &failed);
	double sum = 0;

	if (psf == NULL)
		return failed ? -1 : 0;
	f->psf_size = (int) file->hdu[at].axis[0];
	for (long long i = 0; i < file->hdu[at].axis[0] * file->hdu[at].axis[1]; i++)
		sum += psf[i];
	if (file->hdu[at].axis[0] != file->hdu[at].axis[1] || f->psf_size % 2 == 0 || !isfinite(sum) ||
		sum <= 0)
	{
		free(psf);
		f->psf_size = 0;
		note_add(&info->notes, "HDU %d (PSF) is no square of odd size with a sum; it is left out",
				 at);
		return 0;
	}
	f->psf = psf;
	return read_psf_terms(file, f, info);
}

int
fits_read_companions(struct fits_file *file, struct frame *f, struct frame_info *info)
{
	bool failed = false;
	int at;

	if (info->plane > 0)
		return 0;
	f->im.var = read_companion(file, "VAR", info, &f->im, &info->notes, &at, &failed);
	if (failed || read_mask(file, f, info) < 0)
		return -1;
	return read_psf(file, f, info);
}
