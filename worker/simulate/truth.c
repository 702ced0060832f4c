/* See truth.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/fits.h"

static const struct
{
	const char *name;
	char type;
	size_t offset;
	int width;
	const char *unit;
} layout[] = {
	{"id", 'J', offsetof(struct truth_row, id), 0, ""},
	{"field", 'A', offsetof(struct truth_row, field), sizeof((struct truth_row *) 0)->field - 1,
	 ""},
	{"epoch", 'J', offsetof(struct truth_row, epoch), 0, ""},
	{"file", 'A', offsetof(struct truth_row, file), sizeof((struct truth_row *) 0)->file - 1, ""},
	{"kind", 'A', offsetof(struct truth_row, kind), sizeof((struct truth_row *) 0)->kind - 1, ""},
	{"on_host", 'J', offsetof(struct truth_row, on_host), 0, ""},
	{"x", 'D', offsetof(struct truth_row, x), 0, "pix"},
	{"y", 'D', offsetof(struct truth_row, y), 0, "pix"},
	{"ra", 'D', offsetof(struct truth_row, ra), 0, "deg"},
	{"dec", 'D', offsetof(struct truth_row, dec), 0, "deg"},
	{"flux_e", 'D', offsetof(struct truth_row, flux_e), 0, "electron"},
	{"flux_adu", 'D', offsetof(struct truth_row, flux_adu), 0, "adu"},
	{"flux", 'D', offsetof(struct truth_row, flux), 0, "electron"},
	{"mag", 'D', offsetof(struct truth_row, mag), 0, "mag"},
	{"snr", 'D', offsetof(struct truth_row, snr), 0, ""},
	{"masked", 'D', offsetof(struct truth_row, masked), 0, ""},
};
#define N_COLUMNS (sizeof layout / sizeof layout[0])

int
truth_add(struct truth *truth, const struct truth_row *row)
{
	if (truth->n == truth->capacity)
	{
		const size_t capacity = truth->capacity * 2 + 64;
		struct truth_row *rows = realloc(truth->rows, capacity * sizeof *rows);

		if (rows == NULL)
			return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu rows of truth", capacity);
		truth->rows = rows;
		truth->capacity = capacity;
	}
	truth->rows[truth->n++] = *row;
	return 0;
}

static size_t
cell_size(size_t column)
{
	switch (layout[column].type)
	{
		case 'J':
			return sizeof(int32_t);
		case 'D':
			return sizeof(double);
		default:
			return (size_t) layout[column].width + 1;
	}
}

/* One column of the rows, cells one after the other. */
static void *
gather(const struct truth *truth, size_t column)
{
	const size_t size = cell_size(column);
	char *cells = calloc(truth->n + 1, size);

	for (size_t i = 0; cells != NULL && i < truth->n; i++)
		memcpy(cells + i * size, (const char *) &truth->rows[i] + layout[column].offset, size);
	return cells;
}

static int
write_both(const struct truth *truth, struct table_column *columns, const char *dir, uint64_t seed)
{
	static const char *const name[] = {"truth.csv", "truth.fits"};
	json_t *keys = json_pack("{s:I}", "SIMSEED", (json_int_t) seed);
	int result = 0;

	for (int i = 0; i < 2 && result == 0; i++)
	{
		char path[4096];

		snprintf(path, sizeof path, "%s/%s", dir, name[i]);
		result = table_write(path, "TRUTH", columns, N_COLUMNS, truth->n, keys);
	}
	json_decref(keys);
	return result;
}

int
truth_write(const struct truth *truth, const char *dir, uint64_t seed)
{
	struct table_column columns[N_COLUMNS];
	bool complete = true;
	int result;

	for (size_t c = 0; c < N_COLUMNS; c++)
	{
		columns[c] = (struct table_column){.name = layout[c].name,
										   .type = layout[c].type,
										   .width = layout[c].width,
										   .unit = layout[c].unit,
										   .data = gather(truth, c)};
		complete = complete && columns[c].data != NULL;
	}
	result = complete ? write_both(truth, columns, dir, seed)
					  : err_raise(ASTRID_E_NO_MEMORY, "no memory for the truth table");
	for (size_t c = 0; c < N_COLUMNS; c++)
		free(columns[c].data);
	return result;
}

void
truth_free(struct truth *truth)
{
	free(truth->rows);
	*truth = (struct truth){0};
}
