/* Expected light of one frame, in electrons per pixel. SPDX-License-Identifier: PostgreSQL */
#ifndef SIMULATE_CANVAS_H
#define SIMULATE_CANVAS_H

#include <stddef.h>

/* Electrons per pixel below which light is not drawn: far below any read noise. */
#define FAINTEST_LIGHT 0.05

struct canvas
{
	int width, height;
	float *e; /* [y * width + x] */
};

/* The pixels of a canvas within radius of (x, y): x0 <= x < x1, y0 <= y < y1; empty where they do
 * not meet. */
struct box
{
	int x0, x1, y0, y1;
};
struct box canvas_box(const struct canvas *canvas, double x, double y, double radius);

#endif
