/*
 * An image in memory: pixels, mask and variance on one grid, and the frame around it (metadata,
 * WCS, header). SPDX-License-Identifier: PostgreSQL
 *
 * Pixel (x, y) is [y * width + x]; positions are 0-based pixel centres (FITS minus 1). sci is
 * float32, NaN allowed only where mask has NO_DATA. var is the per-pixel variance in sci^2,
 * covariance excluded. Mask bits: mask_plane.def.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mask_bit
{
#define ASTRID_MASK_PLANE(name, bit, excludes, text) MASK_##name = 1 << (bit),
#include "astrid/mask_plane.def"
#undef ASTRID_MASK_PLANE
};

/* All bits that exclude a pixel from measurements. */
#define MASK_EXCLUDED (MASK_BAD | MASK_SAT | MASK_CR | MASK_EDGE | MASK_NO_DATA | MASK_STREAK)

#define IMAGE_MAX_PIXELS ((size_t) 1 << 29)

struct image
{
	int width, height;
	float *sci;
	int32_t *mask; /* NULL until made */
	float *var;    /* NULL until measured */
};

static inline size_t
image_size(const struct image *im)
{
	return (size_t) im->width * (size_t) im->height;
}

/* Allocate sci (zero), and with planes mask (zero) and var (zero). Checks limits. 0 or -1. */
int image_alloc(struct image *im, int width, int height, bool planes);
int image_copy(struct image *dst, const struct image *src);
void image_free(struct image *im);

/* What the header told, in astrid's units; NaN or "" where unknown. */
struct meta
{
	char instrument[72], object[72], band[16], filter[72]; /* band: short; filter: as written */
	char bunit[24];     /* "adu" as read, "electron" after calibrate */
	char imagetyp[24];  /* science, bias, dark, flat or "" */
	double mjd_mid_tai; /* days */
	char date_obs[40];  /* UTC start, ISO 8601 */
	double exptime;     /* s */
	double gain;        /* e-/adu; 1 when bunit is electron */
	double read_noise;  /* e- rms */
	double saturation;  /* in the image's unit */
	double zero_point;  /* AB mag of 1 unit of sci */
	double fwhm;        /* px, where measured */
};

struct wcs;

struct frame
{
	struct image im;
	struct meta meta;
	struct wcs *wcs; /* NULL: none */
	bool wcs_approx; /* from the payload, good to arcseconds at best */
	float *psf;      /* psf_size^2, sums to 1, and what psf_terms says; NULL: none */
	int psf_terms;   /* planes of psf: 0 or 1 a constant one; 3 or 6 the terms of polynomial.h */
	int psf_size;    /* odd */
	char *header;    /* cards worth keeping, 80 bytes each, NUL-terminated; NULL: none */
};

void frame_free(struct frame *f);

#endif
