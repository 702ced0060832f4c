/*
 * Memory of images and frames. Called by everything that holds pixels; all sizes pass
 * image_alloc(), so that one place checks them. SPDX-License-Identifier: PostgreSQL
 */
#include "image/image.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/wcs.h"

static int
allocate(struct image *im, bool mask, bool var)
{
	size_t n = image_size(im);

	im->sci = calloc(n, sizeof *im->sci);
	im->mask = mask ? calloc(n, sizeof *im->mask) : NULL;
	im->var = var ? calloc(n, sizeof *im->var) : NULL;
	if (im->sci != NULL && (im->mask != NULL || !mask) && (im->var != NULL || !var))
		return 0;
	image_free(im);
	return err_raise(ASTRID_E_NO_MEMORY, "no memory for an image of %zu pixels", n);
}

static int
check_size(int width, int height)
{
	if (width <= 0 || height <= 0)
		return err_raise(ASTRID_E_NO_IMAGE, "an image of %d x %d pixels", width, height);
	if ((size_t) width > IMAGE_MAX_PIXELS / (size_t) height)
		return err_raise(ASTRID_E_TOO_LARGE, "%d x %d pixels exceed the limit of %zu", width,
						 height, IMAGE_MAX_PIXELS);
	return 0;
}

int
image_alloc(struct image *im, int width, int height, bool planes)
{
	memset(im, 0, sizeof *im);
	if (check_size(width, height) < 0)
		return -1;
	im->width = width;
	im->height = height;
	return allocate(im, planes, planes);
}

int
image_copy(struct image *dst, const struct image *src)
{
	size_t n = image_size(src);

	*dst = (struct image){.width = src->width, .height = src->height};
	if (check_size(src->width, src->height) < 0 ||
		allocate(dst, src->mask != NULL, src->var != NULL) < 0)
		return -1;
	memcpy(dst->sci, src->sci, n * sizeof *src->sci);
	if (src->mask != NULL)
		memcpy(dst->mask, src->mask, n * sizeof *src->mask);
	if (src->var != NULL)
		memcpy(dst->var, src->var, n * sizeof *src->var);
	return 0;
}

void
image_free(struct image *im)
{
	free(im->sci);
	free(im->mask);
	free(im->var);
	memset(im, 0, sizeof *im);
}

void
frame_free(struct frame *f)
{
	image_free(&f->im);
	wcs_free(f->wcs);
	free(f->psf);
	free(f->header);
	memset(f, 0, sizeof *f);
}
