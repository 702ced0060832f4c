/* World coordinates through wcslib: ICRS degrees, 0-based pixels. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef IMAGE_WCS_H
#define IMAGE_WCS_H

#include <stdbool.h>
#include <stddef.h>

struct wcs;

/* From header cards (n * 80 bytes). NULL with the error unset: no celestial WCS there; with it set:
 * bad_wcs. Applies the PV/SIP rule (astronomy.md 1.8). */
struct wcs *wcs_from_header(const char *cards, int n_cards);
/* A gnomonic (TAN) WCS with the pixel (x0, y0) at (ra, dec): degrees, arcsec/px, degrees East of
 * North of +y, parity -1: East left. */
struct wcs *wcs_tan(double ra, double dec, double x0, double y0, double scale, double rotation,
					int parity);
struct wcs *wcs_copy(const struct wcs *w);
void wcs_free(struct wcs *w);

/* 0, or -1 where the point has no image (no error is raised). */
int wcs_pix2sky(struct wcs *w, double x, double y, double *ra, double *dec);
int wcs_sky2pix(struct wcs *w, double ra, double dec, double *x, double *y);

double wcs_pixel_scale(struct wcs *w, double x, double y); /* arcsec/px, geometric mean */
int wcs_parity(struct wcs *w);                             /* -1: East left of North */
/* Corners (ra, dec) of a width x height image, in the order (0,0) (w,0) (w,h) (0,h), pixel edges.
 */
int wcs_footprint(struct wcs *w, int width, int height, double corners[4][2]);

/* A WCS that equals w at the pixel that the affine map sends there: new(x, y) = w(a0 + a1 x + a2 y,
 * b0 + b1 x + b2 y). Distortion terms are kept. */
struct wcs *wcs_refine(const struct wcs *w, const double a[3], const double b[3]);

/* Cards (80 bytes each, NUL-terminated, caller frees) that describe w. */
char *wcs_to_header(const struct wcs *w, int *n_cards);

#endif
