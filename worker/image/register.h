/*
 * Registration: the map from the pixels of one frame to those of another of the same sky, from
 * their stars. Called by the stages align and coadd. SPDX-License-Identifier: PostgreSQL
 *
 * Three ways, each tried where the one before finds no convincing match: the headers' WCS; the WCS
 * but for a common offset; without WCS, the offset of one camera's pixels; the star pattern alone.
 * What is fitted is small: a map on the science grid that brings the science stars to where the
 * reference's stars fall through both WCS (so all distortion stays with wcslib); without WCS the
 * map to the reference's pixels itself.
 */
#ifndef IMAGE_REGISTER_H
#define IMAGE_REGISTER_H

#include "image/image.h"
#include "image/source.h"
#include "image/transform.h"

struct register_params
{
	int max_order;   /* of the polynomial, 0..3 */
	int min_stars;   /* matched, or too_few_stars */
	bool ignore_wcs; /* match by the star pattern only */
};

enum register_method
{
	REGISTER_WCS,    /* header WCS, refined */
	REGISTER_OFFSET, /* header WCS but for an offset of many pixels */
	REGISTER_SHIFT,  /* no WCS used: a common offset in pixels */
	REGISTER_PATTERN /* no WCS used: the shape of triangles */
};

struct registration
{
	enum register_method method;
	struct wcs *science,
		*reference; /* borrowed from the frames; both NULL where the map is one of pixels */
	struct transform t;
	struct fit_quality quality;
	struct star_pair *pairs; /* i, j: indices into the source lists */
	size_t n_pairs;
	double matched_fraction; /* of the brightest stars that could have a partner */
	double moved_px;         /* how far off the header WCS was, at the image's centre */
};

const char *register_method_name(enum register_method method);

int register_frames(const struct frame *science, const struct source_list *science_stars,
					const struct frame *reference, const struct source_list *reference_stars,
					const struct register_params *params, struct registration *r);
void registration_free(struct registration *r);

/* Science pixel -> reference pixel; a resample_map, arg is the struct registration. */
int registration_map(void *arg, double x, double y, double *u, double *v);

/* The refined WCS of the science grid into *out; NULL there where neither frame has one. 0 or -1.
 */
int registration_wcs(const struct registration *r, const struct frame *science,
					 const struct frame *reference, struct wcs **out);

#endif
