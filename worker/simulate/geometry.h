/*
 * Where the sky falls on the detector: gnomonic projection and a distortion polynomial of the
 * simulator's own. SPDX-License-Identifier: PostgreSQL
 *
 * Shares nothing with image/wcs.h on purpose: an error there must show up as a misplaced transient
 * here. Pixels are 0-based centres. Tangent-plane coordinates (xi East, eta North) are arcsec from
 * the field's centre.
 */
#ifndef SIMULATE_GEOMETRY_H
#define SIMULATE_GEOMETRY_H

#define DISTORTION_TERMS 7 /* u^2, uv, v^2, u^3, u^2 v, u v^2, v^3 */

struct camera
{
	double ra0, dec0;                       /* deg; tangent point */
	double x0, y0;                          /* px; where the tangent point falls */
	double scale;                           /* arcsec per px at the centre */
	double rotation;                        /* rad, East of North of +y */
	double half;                            /* px; u = (x - x0) / half */
	double distortion[2][DISTORTION_TERMS]; /* px in x and in y */
};

/* Calabretta & Greisen 2002, A&A 395, 1077, eqs. 12-17 and 54-55. Degrees to arcsec and back. */
void gnomonic_project(double ra0, double dec0, double ra, double dec, double *xi, double *eta);
void gnomonic_deproject(double ra0, double dec0, double xi, double eta, double *ra, double *dec);

void camera_project(const struct camera *cam, double xi, double eta, double *x, double *y);
void camera_unproject(const struct camera *cam, double x, double y, double *xi, double *eta);

/* jacobian[i][j]: d(x, y)_i / d(xi, eta)_j in px per arcsec, at (xi, eta). */
void camera_jacobian(const struct camera *cam, double xi, double eta, double jacobian[2][2]);

#endif
