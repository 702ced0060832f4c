/*
 * A slow coordinate map on a coarse grid, interpolated in between. Of resample.c.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_MAP_GRID_H
#define IMAGE_MAP_GRID_H

#include <stdbool.h>
#include "image/resample.h"

struct map_node
{
	double u, v;
	double area; /* |det J|; NaN where the map has no value */
};

struct map_grid
{
	struct map_node *node;
	int step, nx,
		ny; /* node (i, j) lies at (i * step - step, j * step - step): one step beyond the image */
};

/* Nodes for a width x height grid, halving the step until interpolation errs by less than tolerance
 * px. 0 or -1. */
int map_grid_build(struct map_grid *g, int width, int height, double tolerance, resample_map map,
				   void *arg);
void map_grid_free(struct map_grid *g);

/* One output row: u, v and area per pixel, NaN where the map has no value. */
void map_grid_row(const struct map_grid *g, int y, int width, float *restrict u_fraction,
				  int *restrict u_whole, float *restrict v_fraction, int *restrict v_whole,
				  float *restrict area);

#endif
