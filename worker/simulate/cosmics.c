/* See cosmics.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/cosmics.h"

#include <math.h>
#include <stdlib.h>

#include "core/err.h"
#include "image/image.h"

#define STEPS_PER_PIXEL 8

static struct cosmic
draw_one(struct rng *rng, double x, double y)
{
	const struct cosmic c = {.x = x,
							 .y = y,
							 .length = fmin(1 + rng_exponential(rng, 5), 40),
							 .angle = rng_uniform(rng, 0, 2 * M_PI),
							 /* thick silicon: a long tail above the most probable loss (Landau) */
							 .per_pixel = 400 + rng_exponential(rng, 1200)};

	return c;
}

int
cosmics_draw(struct cosmic_list *list, size_t n, const double *targets, size_t n_targets, int width,
			 int height, struct rng *rng)
{
	list->n = 0;
	list->v = malloc((n + n_targets + 1) * sizeof *list->v);
	if (list->v == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for cosmic rays");
	for (size_t i = 0; i < n; i++)
	{
		const double x = rng_uniform(rng, 0, width), y = rng_uniform(rng, 0, height);

		list->v[list->n++] = draw_one(rng, x, y);
	}
	for (size_t i = 0; i < n_targets; i++)
		list->v[list->n++] = draw_one(rng, targets[2 * i], targets[2 * i + 1]);
	return 0;
}

void
cosmics_free(struct cosmic_list *list)
{
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

void
cosmics_deposit(const struct cosmic_list *list, struct canvas *charge)
{
	for (size_t k = 0; k < list->n; k++)
	{
		const struct cosmic *c = &list->v[k];
		const int steps = (int) ceil(c->length * STEPS_PER_PIXEL);

		for (int s = 0; s < steps; s++)
		{
			const double along = (s + 0.5) / STEPS_PER_PIXEL;
			const long x = lround(c->x + along * cos(c->angle));
			const long y = lround(c->y + along * sin(c->angle));

			if (x >= 0 && x < charge->width && y >= 0 && y < charge->height)
				charge->e[(size_t) y * (size_t) charge->width + (size_t) x] +=
					(float) (c->per_pixel / STEPS_PER_PIXEL);
		}
	}
}

void
trail_draw(const struct trail *t, double fwhm, struct canvas *canvas, double visible, int32_t *mask)
{
	const double nx = -sin(t->angle), ny = cos(t->angle), sigma = fwhm / 2.3548;

	for (int j = 0; j < canvas->height; j++)
		for (int i = 0; i < canvas->width; i++)
		{
			const double d = ((i - t->x) * nx + (j - t->y) * ny) / sigma;
			const size_t p = (size_t) j * (size_t) canvas->width + (size_t) i;
			/* a Gaussian ridge with Lorentzian feet: what a Moffat star leaves when it moves */
			const double light = t->peak * (0.95 * exp(-d * d / 2) + 0.05 / (1 + d * d / 4));

			canvas->e[p] += (float) light;
			if (light > visible)
				mask[p] |= MASK_STREAK;
		}
}
