/*
 * astrid contact_sheet: candidates side by side in one PNG, science, reference and difference of
 * each. SPDX-License-Identifier: PostgreSQL
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "core/err.h"
#include "image/cutout.h"
#include "image/fits.h"

#define MOST_ENTRIES 400
#define FIELDS       6
#define COLUMNS      2
#define ZOOM         2

static const struct option options[] = {{"list", required_argument, NULL, 'l'},
										{"out", required_argument, NULL, 'o'},
										{"title", required_argument, NULL, 't'},
										{"help", no_argument, NULL, 'h'},
										{NULL, 0, NULL, 0}};

struct sheet
{
	struct cutout cutouts[MOST_ENTRIES];
	char captions[MOST_ENTRIES][64];
	size_t n;
};

static int
usage(FILE *out)
{
	fputs("Usage: astrid contact_sheet --list FILE --out SHEET.png [--title TEXT]\n\n"
		  "FILE has a line per candidate, its fields separated by tabs: paths of science, "
		  "reference (aligned)\n"
		  "and difference, x and y (0-based pixels), caption.\n",
		  out);
	return out == stderr ? EXIT_USAGE : 0;
}

/* The stamp around (x, y) of one list line's three frames. */
static int
take_stamps(char *const paths[3], double x, double y, struct cutout *cutout)
{
	const struct frame_request request = {.hdu = -1, .plane = -1, .need_planes = true};
	struct frame frames[3] = {0};
	const struct image *images[3];
	struct frame_info info;
	int result = 0;

	for (int i = 0; i < 3 && result == 0; i++)
	{
		result = frame_read(paths[i], &request, &frames[i], &info);
		images[i] = &frames[i].im;
	}
	if (result == 0)
		result = cutout_take(images, x, y, CUTOUT_SIZE, cutout);
	for (int i = 0; i < 3; i++)
		frame_free(&frames[i]);
	return result;
}

static int
add_line(struct sheet *sheet, char *line)
{
	char *field[FIELDS], *end[2], *rest = line;
	double x, y;
	int n = 0;

	line[strcspn(line, "\n")] = '\0';
	while (n < FIELDS && (field[n] = strsep(&rest, "\t")) != NULL)
		n++;
	if (n != FIELDS || sheet->n == MOST_ENTRIES)
		return err_raise(ASTRID_E_BAD_TABLE, "line %zu: six fields, and at most %d lines",
						 sheet->n + 1, MOST_ENTRIES);
	x = strtod(field[3], &end[0]);
	y = strtod(field[4], &end[1]);
	if (*end[0] != '\0' || *end[1] != '\0')
		return err_raise(ASTRID_E_BAD_TABLE, "line %zu: '%s', '%s' is no position", sheet->n + 1,
						 field[3], field[4]);
	if (take_stamps(field, x, y, &sheet->cutouts[sheet->n]) < 0)
		return -1;
	snprintf(sheet->captions[sheet->n], sizeof sheet->captions[0], "%s", field[5]);
	sheet->n++;
	return 0;
}

static int
read_list(struct sheet *sheet, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t capacity = 0;
	int result = 0;

	if (file == NULL)
		return astrid_raise(ASTRID_E_NOT_FOUND, path, -1, NULL, "cannot open: %s", strerror(errno));
	while (result == 0 && getline(&line, &capacity, file) >= 0)
		result = add_line(sheet, line);
	free(line);
	fclose(file);
	return result;
}

static int
write_sheet(const struct sheet *sheet, const char *title, const char *path)
{
	struct sheet_entry *entries = calloc(sheet->n + 1, sizeof *entries);
	int result;

	if (entries == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu entries", sheet->n);
	for (size_t i = 0; i < sheet->n; i++)
		entries[i] = (struct sheet_entry){&sheet->cutouts[i], sheet->captions[i], {90, 90, 90}};
	result = contact_sheet_write(entries, sheet->n, COLUMNS, ZOOM, title, path);
	free(entries);
	return result;
}

static int
run(const char *list, const char *title, const char *path)
{
	struct sheet *sheet = calloc(1, sizeof *sheet);
	int status = 0;

	if (sheet == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for a contact sheet");
	if (sheet == NULL || read_list(sheet, list) < 0 || write_sheet(sheet, title, path) < 0)
	{
		status = command_fail("contact_sheet");
	}
	else
		printf("%s\n", path);
	for (size_t i = 0; sheet != NULL && i < sheet->n; i++)
		cutout_free(&sheet->cutouts[i]);
	free(sheet);
	return status;
}

int
command_contact_sheet(int argc, char **argv)
{
	const char *list = NULL, *path = NULL, *title = "astrid";
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (opt)
		{
			case 'l':
				list = optarg;
				break;
			case 'o':
				path = optarg;
				break;
			case 't':
				title = optarg;
				break;
			case 'h':
				return usage(stdout);
			default:
				return usage(stderr);
		}
	if (list == NULL || path == NULL || optind < argc)
		return usage(stderr);
	return run(list, title, path);
}
