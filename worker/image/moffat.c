/* See moffat.h. SPDX-License-Identifier: PostgreSQL */
#include "image/moffat.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>

#define MAX_ITERATIONS 30
#define TOLERANCE      1e-5

struct fit
{
	const struct moffat_pixel *pixels;
	struct moffat start; /* what is not free keeps its value from here */
	size_t n_free;
};

static struct moffat
from_vector(const struct fit *fit, const gsl_vector *v)
{
	struct moffat m = fit->start;
	double *const fields[] = {&m.flux,     &m.x,  &m.y,  &m.background,
							  &m.ln_alpha, &m.e1, &m.e2, &m.beta};

	for (size_t i = 0; i < fit->n_free; i++)
		*fields[i] = gsl_vector_get(v, i);
	return m;
}

/* Outside, the profile is not defined; the fit is told so and tries a smaller step. */
static int
is_defined(const struct moffat *m)
{
	return m->e1 * m->e1 + m->e2 * m->e2 < 0.81 && m->beta > 1.05 && m->beta < 50 &&
		   fabs(m->ln_alpha) < 6;
}

static double
form(const struct moffat *m, double dx, double dy)
{
	const double s = sqrt(1 - m->e1 * m->e1 - m->e2 * m->e2);

	return ((1 - m->e1) * dx * dx - 2 * m->e2 * dx * dy + (1 + m->e1) * dy * dy) *
		   exp(-2 * m->ln_alpha) / s;
}

double
moffat_value(const struct moffat *m, double x, double y)
{
	return m->flux * (m->beta - 1) / M_PI * exp(-2 * m->ln_alpha) *
		   pow(1 + form(m, x - m->x, y - m->y), -m->beta);
}

double
moffat_fwhm(const struct moffat *m)
{
	return 2 * exp(m->ln_alpha) * sqrt(exp2(1 / m->beta) - 1);
}

static int
residuals(const gsl_vector *v, void *arg, gsl_vector *f)
{
	const struct fit *fit = arg;
	const struct moffat m = from_vector(fit, v);

	if (!is_defined(&m))
		return GSL_EDOM;
	for (size_t i = 0; i < f->size; i++)
	{
		const struct moffat_pixel *p = &fit->pixels[i];

		gsl_vector_set(f, i,
					   (moffat_value(&m, p->x, p->y) + m.background - p->value) * sqrt(p->weight));
	}
	return GSL_SUCCESS;
}

static void
gradient(const struct moffat *m, const struct moffat_pixel *p, double g[MOFFAT_ALL])
{
	const double dx = p->x - m->x, dy = p->y - m->y;
	const double s2 = 1 - m->e1 * m->e1 - m->e2 * m->e2;
	const double scale = exp(-2 * m->ln_alpha) / sqrt(s2);
	const double q = form(m, dx, dy), f = moffat_value(m, p->x, p->y);
	const double df_dq = -m->beta * f / (1 + q);

	g[0] = m->flux != 0 ? f / m->flux : 0;
	g[1] = -df_dq * 2 * ((1 - m->e1) * dx - m->e2 * dy) * scale;
	g[2] = -df_dq * 2 * ((1 + m->e1) * dy - m->e2 * dx) * scale;
	g[3] = 1;
	g[4] = -2 * f - 2 * q * df_dq;
	g[5] = df_dq * ((dy * dy - dx * dx) * scale + q * m->e1 / s2);
	g[6] = df_dq * (-2 * dx * dy * scale + q * m->e2 / s2);
	g[7] = f * (1 / (m->beta - 1) - log1p(q));
}

static int
jacobian(const gsl_vector *v, void *arg, gsl_matrix *j)
{
	const struct fit *fit = arg;
	const struct moffat m = from_vector(fit, v);
	double g[MOFFAT_ALL];

	for (size_t i = 0; i < j->size1; i++)
	{
		gradient(&m, &fit->pixels[i], g);
		for (size_t k = 0; k < fit->n_free; k++)
			gsl_matrix_set(j, i, k, g[k] * sqrt(fit->pixels[i].weight));
	}
	return GSL_SUCCESS;
}

int
moffat_fit(const struct moffat_pixel *pixels, size_t n, enum moffat_free n_free, struct moffat *m)
{
	struct fit fit = {pixels, *m, n_free};
	const double start[MOFFAT_ALL] = {m->flux,     m->x,  m->y,  m->background,
									  m->ln_alpha, m->e1, m->e2, m->beta};
	gsl_multifit_nlinear_parameters options = gsl_multifit_nlinear_default_parameters();
	gsl_multifit_nlinear_fdf fdf = {
		.f = residuals, .df = jacobian, .n = n, .p = n_free, .params = &fit};
	gsl_vector_const_view x = gsl_vector_const_view_array(start, n_free);
	gsl_multifit_nlinear_workspace *w;
	int info, status;
	double norm;

	if (n < 2 * (size_t) n_free)
		return -1;
	gsl_set_error_handler_off();
	w = gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &options, n, n_free);
	if (w == NULL)
		return -1;
	status = gsl_multifit_nlinear_init(&x.vector, &fdf, w);
	if (status == GSL_SUCCESS)
		status = gsl_multifit_nlinear_driver(MAX_ITERATIONS, TOLERANCE, TOLERANCE, 0, NULL, NULL,
											 &info, w);
	if (status == GSL_SUCCESS || status == GSL_EMAXITER || status == GSL_ENOPROG)
	{
		*m = from_vector(&fit, w->x);
		norm = gsl_blas_dnrm2(w->f);
		m->chi2_dof = norm * norm / (double) (n - n_free);
		status = is_defined(m) && isfinite(m->chi2_dof) && m->flux > 0 ? 0 : -1;
	}
	else
		status = -1;
	gsl_multifit_nlinear_free(w);
	return status;
}
