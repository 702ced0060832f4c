/* Points in square cells, for look-ups of the nearest one. Of match.c and match_triangles.c.
 * SPDX-License-Identifier: PostgreSQL */
#ifndef IMAGE_MATCH_GRID_H
#define IMAGE_MATCH_GRID_H

#include "image/match.h"

struct match_grid
{
	const struct point *p; /* borrowed */
	double x_min, y_min, cell;
	int nx, ny;
	int *first, *next; /* chains of indices, -1 ends */
};

int match_grid_build(struct match_grid *g, const struct point *p, size_t n, double cell);
void match_grid_free(struct match_grid *g);
/* Index of the point nearest to (x, y) within radius, -1: none. */
int match_grid_nearest(const struct match_grid *g, double x, double y, double radius);

#endif
