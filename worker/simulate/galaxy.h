/*
 * Galaxies: Sersic profiles seen through the PSF, drawn as sums of Gaussians.
 * SPDX-License-Identifier: PostgreSQL
 *
 * A Sersic profile (Ciotti & Bertin 1999, A&A 352, 447, eq. 1) and the PSF are each a mixture of
 * round Gaussians of fixed widths (after Hogg & Lang 2013, PASP 125, 719), whose convolution is
 * again a mixture: no grid, no transform.
 */
#ifndef SIMULATE_GALAXY_H
#define SIMULATE_GALAXY_H

#include "simulate/psf.h"

#define MIXTURE_PARTS 12

struct mixture
{
	int n;
	double sigma[MIXTURE_PARTS], weight[MIXTURE_PARTS]; /* weights sum to 1 */
};

/* Radial profiles per unit area of a round source of unit width, not normalised. */
typedef double (*radial_profile)(double r, double parameter);
double sersic_profile(double r, double n);    /* r in effective radii */
double moffat_profile(double r, double beta); /* r in core widths */

/* The mixture nearest to a profile: widths log-spaced between low and high, weights by expectation
 * maximisation on the flux in rings out to `reach`. */
struct mixture mixture_fit(radial_profile profile, double parameter, double low, double high,
						   double reach);

struct galaxy
{
	double xi, eta;  /* arcsec from the field's centre */
	double flux;     /* electrons at full transparency */
	double n;        /* Sersic index */
	double re;       /* arcsec, effective radius along the major axis */
	double q, angle; /* axis ratio; rad, East of North */
	struct mixture profile;
};

void galaxy_set_profile(struct galaxy *galaxy);

/* Add it at its place on the detector; core and halo are the mixtures of the PSF's two parts. */
struct psf_mixture
{
	struct mixture core, halo;
};
struct psf_mixture psf_mixture_fit(const struct seeing *seeing);
void galaxy_draw(const struct galaxy *galaxy, const struct camera *cam, const struct seeing *seeing,
				 const struct psf_mixture *mix, struct canvas *canvas, double transparency);

#endif
