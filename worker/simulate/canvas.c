/* See canvas.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/canvas.h"

#include <math.h>

struct box
canvas_box(const struct canvas *canvas, double x, double y, double radius)
{
	struct box box = {0, 0, 0, 0};

	if (!(x + radius > -1 && y + radius > -1 && x - radius < canvas->width &&
		  y - radius < canvas->height))
		return box;
	box.x0 = (int) fmax(0, ceil(x - radius));
	box.y0 = (int) fmax(0, ceil(y - radius));
	box.x1 = (int) fmin(canvas->width, floor(x + radius) + 1);
	box.y1 = (int) fmin(canvas->height, floor(y + radius) + 1);
	return box;
}
