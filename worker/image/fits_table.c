/*
 * Tables of named columns as FITS binary tables or CSV. Called by detect, inject, force and
 * simulate. In CSV an empty field is NaN. SPDX-License-Identifier: PostgreSQL
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/files.h"
#include "image/fits_file.h"

#define MAX_COLUMNS 200
#define MAX_ROWS    ((size_t) 100000000)
#define MAX_WIDTH   4096

static const struct kind
{
	char type;
	size_t size;
	int cfitsio;
} kinds[] = {{'D', sizeof(double), TDOUBLE},
			 {'E', sizeof(float), TFLOAT},
			 {'J', sizeof(int32_t), TINT},
			 {'K', sizeof(int64_t), TLONGLONG},
			 {'A', 1, TSTRING}};

static const struct kind *
kind_of(const struct table_column *c)
{
	size_t i = 0;

	while (kinds[i].type != c->type)
		i++;
	return &kinds[i];
}

static size_t
row_bytes(const struct table_column *c)
{
	return c->type == 'A' ? (size_t) c->width + 1 : kind_of(c)->size;
}

static bool
is_csv(const char *uri)
{
	size_t len = strlen(uri);

	return len > 4 && strcasecmp(uri + len - 4, ".csv") == 0;
}

/* ---- FITS, writing ---- */

static void
write_keys(struct fits_output *out, const json_t *keys)
{
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *) keys, key, v)
	{
		if (json_is_boolean(v))
			fits_write_key_log(out->ff, key, json_is_true(v), NULL, &out->status);
		else if (json_is_integer(v))
			fits_write_key_lng(out->ff, key, json_integer_value(v), NULL, &out->status);
		else if (json_is_real(v))
			fits_write_key_dbl(out->ff, key, json_real_value(v), -15, NULL, &out->status);
		else if (json_is_string(v))
			fits_write_key_longstr(out->ff, key, json_string_value(v), NULL, &out->status);
	}
}

static void
write_strings(struct fits_output *out, int column, const struct table_column *c, size_t n_rows)
{
	for (size_t i = 0; i < n_rows && out->status == 0; i++)
	{
		char *text = (char *) c->data + i * row_bytes(c);

		fits_write_col_str(out->ff, column, (LONGLONG) i + 1, 1, 1, &text, &out->status);
	}
}

static int
write_fits(const char *uri, const char *extname, const struct table_column *columns,
		   size_t n_columns, size_t n_rows, const json_t *keys)
{
	char *names[MAX_COLUMNS], *units[MAX_COLUMNS], form[MAX_COLUMNS][16], *forms[MAX_COLUMNS];
	struct fits_output out;
	size_t width = 0;

	for (size_t i = 0; i < n_columns; i++)
	{
		names[i] = (char *) columns[i].name;
		units[i] = (char *) (columns[i].unit != NULL ? columns[i].unit : "");
		snprintf(form[i], sizeof form[i], "%d%c", columns[i].type == 'A' ? columns[i].width : 1,
				 columns[i].type);
		forms[i] = form[i];
		width += row_bytes(&columns[i]);
	}
	if (fits_output_begin(&out, width * n_rows) < 0)
		return -1;
	fits_create_tbl(out.ff, BINARY_TBL, (LONGLONG) n_rows, (int) n_columns, names, forms, units,
					extname, &out.status);
	write_keys(&out, keys);
	for (size_t i = 0; i < n_columns && n_rows > 0; i++)
		if (columns[i].type == 'A')
			write_strings(&out, (int) i + 1, &columns[i], n_rows);
		else
			fits_write_col(out.ff, kind_of(&columns[i])->cfitsio, (int) i + 1, 1, 1,
						   (LONGLONG) n_rows, columns[i].data, &out.status);
	fits_output_sums(&out);
	return fits_output_store(&out, uri);
}

/* ---- CSV, writing (RFC 4180) ---- */

static void
print_text(FILE *out, const char *text)
{
	if (strpbrk(text, ",\"\r\n") == NULL)
	{
		fputs(text, out);
		return;
	}
	putc('"', out);
	for (; *text != '\0'; text++)
	{
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

static void
print_value(FILE *out, const struct table_column *c, size_t row)
{
	const void *p = (const char *) c->data + row * row_bytes(c);
	double v = c->type == 'D' ? *(const double *) p : c->type == 'E' ? *(const float *) p : 0;

	if (c->type == 'A')
		print_text(out, p);
	else if (c->type == 'J')
		fprintf(out, "%d", *(const int32_t *) p);
	else if (c->type == 'K')
		fprintf(out, "%lld", (long long) *(const int64_t *) p);
	else if (isfinite(v))
		fprintf(out, c->type == 'D' ? "%.15g" : "%.8g", v);
}

static int
write_csv(const char *uri, const struct table_column *columns, size_t n_columns, size_t n_rows)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int status;

	if (out == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a table of %zu rows", n_rows);
	for (size_t i = 0; i < n_columns; i++)
		fprintf(out, "%s%s", i > 0 ? "," : "", columns[i].name);
	putc('\n', out);
	for (size_t row = 0; row < n_rows; row++)
		for (size_t i = 0; i < n_columns; i++)
		{
			print_value(out, &columns[i], row);
			putc(i + 1 < n_columns ? ',' : '\n', out);
		}
	status = fclose(out) == 0
				 ? files_write(uri, text, size)
				 : err_raise(ASTRID_E_NO_MEMORY, "no memory for a table of %zu rows", n_rows);
	free(text);
	return status;
}

int
table_write(const char *uri, const char *extname, const struct table_column *columns,
			size_t n_columns, size_t n_rows, const json_t *keys)
{
	if (n_columns > MAX_COLUMNS)
		return err_raise(ASTRID_E_INTERNAL, "more than %d columns", MAX_COLUMNS);
	return is_csv(uri) ? write_csv(uri, columns, n_columns, n_rows)
					   : write_fits(uri, extname, columns, n_columns, n_rows, keys);
}

/* ---- reading ---- */

static int
allocate_column(struct table_column *c, size_t n_rows)
{
	c->data = calloc(n_rows + 1, row_bytes(c));
	return c->data != NULL ? 0 : err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu rows", n_rows);
}

static int
read_fits_column(fitsfile *ff, const char *uri, int hdu, struct table_column *c, size_t n_rows)
{
	double null = NAN;
	int number, type, any, status = 0;
	long repeat = 0, width = 0;
	float null_f = NAN;

	fits_get_colnum(ff, CASEINSEN, (char *) c->name, &number, &status);
	fits_get_coltype(ff, number, &type, &repeat, &width, &status);
	if (status != 0 || repeat < 1 || repeat > MAX_WIDTH || (type == TSTRING) != (c->type == 'A'))
	{
		fits_clear_errmsg();
		return astrid_raise(ASTRID_E_BAD_TABLE, uri, hdu, c->name,
							"the table has no usable column %s", c->name);
	}
	if (c->type == 'A')
		c->width = (int) repeat;
	if (allocate_column(c, n_rows) < 0)
		return -1;
	for (size_t i = 0; c->type == 'A' && i < n_rows && status == 0; i++)
	{
		char *text = (char *) c->data + i * row_bytes(c);

		fits_read_col_str(ff, number, (LONGLONG) i + 1, 1, 1, "", &text, &any, &status);
	}
	if (c->type != 'A' && n_rows > 0)
		fits_read_col(ff, kind_of(c)->cfitsio, number, 1, 1, (LONGLONG) n_rows,
					  c->type == 'D'   ? (void *) &null
					  : c->type == 'E' ? (void *) &null_f
									   : NULL,
					  c->data, &any, &status);
	return status == 0 ? 0 : fits_raise(status, uri, hdu, "cannot read a column");
}

static int
find_table(const struct fits_file *file)
{
	for (int i = 1; i < file->n_hdu; i++)
		if (!file->hdu[i].image)
			return i;
	return astrid_raise(ASTRID_E_BAD_TABLE, file->uri, -1, NULL, "the file holds no table");
}

static int
read_fits(const char *uri, struct table_column *columns, size_t n_columns, size_t *n_rows)
{
	struct frame_notes notes = {0};
	struct fits_file file;
	fitsfile *ff = NULL;
	LONGLONG rows = 0;
	int hdu = -1, status = fits_file_open(uri, &file, &notes), cstatus = 0;

	if (status == 0)
		status = hdu = find_table(&file);
	if (hdu >= 0)
		status = (ff = fits_file_cfitsio(&file, hdu)) != NULL ? 0 : -1;
	if (ff != NULL && (fits_get_num_rowsll(ff, &rows, &cstatus) != 0 || rows > (LONGLONG) MAX_ROWS))
		status =
			astrid_raise(ASTRID_E_BAD_TABLE, uri, hdu, "NAXIS2", "%lld rows", (long long) rows);
	*n_rows = (size_t) rows;
	for (size_t i = 0; status == 0 && i < n_columns; i++)
		status = read_fits_column(ff, uri, hdu, &columns[i], *n_rows);
	if (ff != NULL)
		fits_close_file(ff, &(int){0});
	fits_file_close(&file);
	return status < 0 ? -1 : 0;
}

/* One field, unquoted in place; *text moves past its comma. NULL at the end of the line. */
static char *
next_field(char **text)
{
	char *field = *text, *out = field, *p = field;
	bool quoted;

	if (field == NULL)
		return NULL;
	quoted = *p == '"';
	for (p += quoted; *p != '\0' && (quoted || *p != ','); p++)
	{
		if (quoted && *p == '"' && *++p != '"')
		{
			quoted = false;
			if (*p == '\0' || *p == ',')
				break;
		}
		*out++ = *p;
	}
	*text = *p == ',' ? p + 1 : NULL;
	*out = '\0';
	while (isspace((unsigned char) *field))
		field++;
	while (out > field && isspace((unsigned char) out[-1]))
		*--out = '\0';
	return field;
}

static int
store_field(const char *uri, struct table_column *c, size_t row, const char *field)
{
	void *p = (char *) c->data + row * row_bytes(c);
	char *end;
	double v;

	if (c->type == 'A')
	{
		snprintf(p, (size_t) c->width + 1, "%s", field);
		return 0;
	}
	v = strtod(field, &end);
	if (*end != '\0')
		return astrid_raise(ASTRID_E_BAD_TABLE, uri, -1, c->name, "row %zu: '%.40s' is no number",
							row + 1, field);
	if (end == field)
		v = NAN;
	if ((c->type == 'J' && !(fabs(v) <= INT32_MAX)) || (c->type == 'K' && !(fabs(v) < 9.2e18)))
		return astrid_raise(ASTRID_E_BAD_TABLE, uri, -1, c->name, "row %zu: '%.40s' is no integer",
							row + 1, field);
	if (c->type == 'D')
		*(double *) p = v;
	else if (c->type == 'E')
		*(float *) p = (float) v;
	else if (c->type == 'J')
		*(int32_t *) p = (int32_t) v;
	else
		*(int64_t *) p = strtoll(field, NULL, 10);
	return 0;
}

static int
csv_places(const char *uri, char *header, const struct table_column *columns, size_t n_columns,
		   int *place)
{
	char *field;

	for (size_t i = 0; i < n_columns; i++)
		place[i] = -1;
	for (int n = 0; (field = next_field(&header)) != NULL; n++)
		for (size_t i = 0; i < n_columns; i++)
			if (strcasecmp(field, columns[i].name) == 0)
				place[i] = n;
	for (size_t i = 0; i < n_columns; i++)
		if (place[i] < 0)
			return astrid_raise(ASTRID_E_BAD_TABLE, uri, -1, columns[i].name,
								"the table has no column %s", columns[i].name);
	return 0;
}

static int
csv_row(const char *uri, char *line, struct table_column *columns, size_t n_columns,
		const int *place, size_t row)
{
	char *field;
	int n = 0, filled = 0;

	while ((field = next_field(&line)) != NULL)
	{
		for (size_t i = 0; i < n_columns; i++)
			if (place[i] == n)
			{
				if (store_field(uri, &columns[i], row, field) < 0)
					return -1;
				filled++;
			}
		n++;
	}
	return (size_t) filled == n_columns ? 0
										: astrid_raise(ASTRID_E_BAD_TABLE, uri, -1, NULL,
													   "row %zu has %d fields only", row + 1, n);
}

static int
parse_csv(const char *uri, char *text, struct table_column *columns, size_t n_columns,
		  size_t *n_rows)
{
	int place[MAX_COLUMNS];
	size_t lines = 0;
	char *save, *line;

	for (const char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	line = strtok_r(text, "\r\n", &save);
	if (line == NULL)
		return astrid_raise(ASTRID_E_BAD_TABLE, uri, -1, NULL, "the table is empty");
	if (csv_places(uri, line, columns, n_columns, place) < 0)
		return -1;
	for (size_t i = 0; i < n_columns; i++)
	{
		if (columns[i].type == 'A' && columns[i].width <= 0)
			columns[i].width = 64;
		if (allocate_column(&columns[i], lines + 1) < 0)
			return -1;
	}
	for (*n_rows = 0; (line = strtok_r(NULL, "\r\n", &save)) != NULL; ++*n_rows)
		if (csv_row(uri, line, columns, n_columns, place, *n_rows) < 0)
			return -1;
	return 0;
}

static int
read_csv(const char *uri, struct table_column *columns, size_t n_columns, size_t *n_rows)
{
	int fd = files_open(uri), status = -1;
	FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
	char *text = NULL;
	size_t size = 0;

	if (in == NULL)
		return fd < 0 ? -1 : err_raise(ASTRID_E_NO_MEMORY, "no memory to read a table");
	if (getdelim(&text, &size, '\0', in) < 0)
		astrid_raise(ferror(in) ? ASTRID_E_IO : ASTRID_E_BAD_TABLE, uri, -1, NULL,
					 "the table cannot be read or is empty");
	else
		status = parse_csv(uri, text, columns, n_columns, n_rows);
	free(text);
	fclose(in);
	return status;
}

int
table_read(const char *uri, struct table_column *columns, size_t n_columns, size_t *n_rows)
{
	int status;

	*n_rows = 0;
	if (n_columns > MAX_COLUMNS)
		return err_raise(ASTRID_E_INTERNAL, "more than %d columns", MAX_COLUMNS);
	for (size_t i = 0; i < n_columns; i++)
		columns[i].data = NULL;
	status = is_csv(uri) ? read_csv(uri, columns, n_columns, n_rows)
						 : read_fits(uri, columns, n_columns, n_rows);
	for (size_t i = 0; status < 0 && i < n_columns; i++)
	{
		free(columns[i].data);
		columns[i].data = NULL;
	}
	return status;
}
