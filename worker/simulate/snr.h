/*
 * The true S/N of a change between two exposures: what the best possible subtraction could reach.
 * SPDX-License-Identifier: PostgreSQL
 *
 * For a point source of flux F (electrons on the science frame) that only the science frame has,
 * over a scene that is the same in both but unknown (Zackay, Ofek & Gal-Yam 2016, ApJ 830, 27, eqs.
 * 12-16):
 *
 *   (S/N)^2 = F^2 / n sum_k |N_k|^2 |R_k|^2 / (v_n |R_k|^2 + s^2 v_r |N_k|^2)
 *
 * N, R: Fourier transforms of the two PSFs on n pixels; s: electrons on the science frame per
 * electron on the reference; v_n, v_r: variance per pixel in electrons^2 of each frame, weighted by
 * the squared PSF around the source (light of the scene, the source's own, sky, dark, read noise,
 * flat-fielded). With a noiseless reference this is F sqrt(sum p_n^2 / v_n), the matched filter.
 */
#ifndef SIMULATE_SNR_H
#define SIMULATE_SNR_H

#define SNR_STAMP 33 /* px, odd */

struct snr_side
{
	double power[SNR_STAMP * SNR_STAMP]; /* |DFT|^2 of the PSF */
	double stamp[SNR_STAMP * SNR_STAMP]; /* the PSF */
	double own;      /* sum p^3 / sum p^2: own light seen by the weighted variance */
	double variance; /* without the source */
};

/* Fill power and own from stamp. */
void snr_prepare(struct snr_side *side);

/* v_n and v_r include the sources' own light. */
double snr_per_electron(const struct snr_side *science, const struct snr_side *reference,
						double v_n, double v_r, double s);

/* Science flux f_n and reference flux f_r (each in its own frame's electrons): S/N of the change
 * f_n - s f_r. */
double snr_of_change(const struct snr_side *science, const struct snr_side *reference, double f_n,
					 double f_r, double s);

/* The flux on the science frame (negative: the flux on the reference, times -s) that reaches
 * `target`. */
double snr_flux_for(const struct snr_side *science, const struct snr_side *reference, double s,
					double target, int sign);

#endif
