/* A TAN-SIP WCS fitted to any smooth map from pixels to the sky. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef IMAGE_WCS_SIP_H
#define IMAGE_WCS_SIP_H

#include "image/wcs.h"

/* 0-based pixel -> ICRS degrees; -1 where there is no sky. */
typedef int (*wcs_sky_map)(void *arg, double x, double y, double *ra, double *dec);

/* Third order over a width x height image (Shupe et al. 2005, ASP Conf. 347, 491). NULL with the
 * error set. */
struct wcs *wcs_fit_sip(wcs_sky_map sky, void *arg, int width, int height);

#endif
