/* See detect_output.h. SPDX-License-Identifier: PostgreSQL */
#include "stages/detect_output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/cutout.h"
#include "image/wcs.h"
#include "stages/frame_params.h"

#define PATH_ROOM 4096
#define ZOOM      3

/* One row: what the list has and what is added here. Column by column in the table below. */
struct row
{
	double x, y, ra, dec, flux, flux_err, snr, score, fwhm, ellipticity, peak, chi2_dof, ap_flux,
		ap_flux_err, forced[2][2];
	int flags, npix;
	bool cut; /* has cutouts */
};

static const struct column
{
	const char *name, *unit;
	char type;
	size_t offset;
} columns[] = {
	{"x", "pix", 'D', offsetof(struct row, x)},
	{"y", "pix", 'D', offsetof(struct row, y)},
	{"ra", "deg", 'D', offsetof(struct row, ra)},
	{"dec", "deg", 'D', offsetof(struct row, dec)},
	{"flux", NULL, 'D', offsetof(struct row, flux)},
	{"flux_err", NULL, 'D', offsetof(struct row, flux_err)},
	{"snr", "", 'D', offsetof(struct row, snr)},
	{"flags", "", 'J', offsetof(struct row, flags)},
	{"score", "", 'D', offsetof(struct row, score)},
	{"fwhm", "pix", 'D', offsetof(struct row, fwhm)},
	{"ellipticity", "", 'D', offsetof(struct row, ellipticity)},
	{"peak", "", 'D', offsetof(struct row, peak)},
	{"npix", "pix", 'J', offsetof(struct row, npix)},
	{"chi2_dof", "", 'D', offsetof(struct row, chi2_dof)},
	{"ap_flux", NULL, 'D', offsetof(struct row, ap_flux)},
	{"ap_flux_err", NULL, 'D', offsetof(struct row, ap_flux_err)},
	{"sci_flux", NULL, 'D', offsetof(struct row, forced[0][0])},
	{"sci_flux_err", NULL, 'D', offsetof(struct row, forced[0][1])},
	{"ref_flux", NULL, 'D', offsetof(struct row, forced[1][0])},
	{"ref_flux_err", NULL, 'D', offsetof(struct row, forced[1][1])},
};
#define N_COLUMNS (sizeof columns / sizeof columns[0])

static void
place_on_sky(struct detect_job *job, struct row *r)
{
	struct frame *with = &job->frame[DETECT_DIFFERENCE];

	/* align puts the refined WCS into the reference; difference copies it. */
	if (with->wcs == NULL && job->have[DETECT_REFERENCE])
		with = &job->frame[DETECT_REFERENCE];
	if (with->wcs == NULL || wcs_pix2sky(with->wcs, r->x, r->y, &r->ra, &r->dec) < 0)
		r->ra = r->dec = NAN;
}

static struct row *
make_rows(struct detect_job *job)
{
	struct row *rows = calloc(job->list.n + 1, sizeof *rows);

	if (rows == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu detections", job->list.n);
	for (size_t i = 0; rows != NULL && i < job->list.n; i++)
	{
		const struct detection *d = &job->list.v[i];
		struct row *r = &rows[i];

		*r = (struct row){.x = d->x,
						  .y = d->y,
						  .flux = d->flux,
						  .flux_err = d->flux_err,
						  .snr = d->snr,
						  .score = NAN, /* no model has judged it */
						  .fwhm = d->fwhm,
						  .ellipticity = d->ellipticity,
						  .peak = d->peak,
						  .chi2_dof = d->chi2_dof,
						  .ap_flux = d->ap_flux,
						  .ap_flux_err = d->ap_flux_err,
						  .flags = d->flags,
						  .npix = d->npix};
		place_on_sky(job, r);
		for (int k = 0; k < 2; k++)
		{
			r->forced[k][0] = d->static_flux[k];
			r->forced[k][1] = d->static_err[k];
		}
	}
	return rows;
}

static void *
gather_column(const struct column *c, const struct row *rows, size_t n)
{
	const size_t width = c->type == 'D' ? sizeof(double) : sizeof(int32_t);
	char *data = malloc(width * (n + 1));

	for (size_t i = 0; data != NULL && i < n; i++)
		memcpy(data + i * width, (const char *) &rows[i] + c->offset, width);
	return data;
}

static json_t *
flag_keys(void)
{
	json_t *keys = json_object();

#define ASTRID_DETECTION_FLAG(name, bit, text)                                                     \
	json_object_set_new(keys, "FL_" #name, json_integer(bit));
#include "astrid/detection_flag.def"
#undef ASTRID_DETECTION_FLAG
	return keys;
}

static int
write_table(struct astrid_ctx *ctx, const struct detect_job *job, const struct row *rows)
{
	struct table_column table[N_COLUMNS];
	json_t *keys = flag_keys();
	int status = 0;

	memset(table, 0, sizeof table);
	json_object_set_new(keys, "SNRSCALE", json_real(job->snr_scale));
	for (size_t k = 0; k < N_COLUMNS; k++)
	{
		table[k] = (struct table_column){.name = columns[k].name,
										 .type = columns[k].type,
										 .unit = columns[k].unit != NULL
													 ? columns[k].unit
													 : job->frame[DETECT_DIFFERENCE].meta.bunit,
										 .data = gather_column(&columns[k], rows, job->list.n)};
		if (table[k].data == NULL)
			status = err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu detections", job->list.n);
	}
	if (status == 0)
		status = table_write(astrid_output(ctx, "detections"), "DETECTIONS", table, N_COLUMNS,
							 job->list.n, keys);
	for (size_t k = 0; k < N_COLUMNS; k++)
		free(table[k].data);
	json_decref(keys);
	return status;
}

/* NAME-0001.fits and .png beside the output NAME.fits. */
static void
cutout_path(struct astrid_ctx *ctx, size_t i, const char *ending, char *path)
{
	const char *base = astrid_output(ctx, "cutouts"), *dot = strrchr(base, '.');
	const char *slash = strrchr(base, '/');
	const int n =
		dot != NULL && (slash == NULL || dot > slash) ? (int) (dot - base) : (int) strlen(base);

	snprintf(path, PATH_ROOM, "%.*s-%04zu.%s", n, base, i + 1, ending);
}

static int
write_cutout(struct astrid_ctx *ctx, const struct detect_job *job, size_t i)
{
	const struct image *const images[3] = {
		[CUTOUT_SCIENCE] = job->have[DETECT_SCIENCE] ? &job->frame[DETECT_SCIENCE].im : NULL,
		[CUTOUT_REFERENCE] = job->have[DETECT_REFERENCE] ? &job->frame[DETECT_REFERENCE].im : NULL,
		[CUTOUT_DIFFERENCE] = &job->frame[DETECT_DIFFERENCE].im};
	const int size = (int) astrid_param_int(ctx, "cutout_size") | 1;
	struct cutout c;
	char path[PATH_ROOM];
	int status;

	if (cutout_take(images, job->list.v[i].x, job->list.v[i].y, size, &c) < 0)
		return -1;
	cutout_path(ctx, i, "fits", path);
	status = cutout_write_fits(&c, path);
	cutout_path(ctx, i, "png", path);
	if (status == 0)
		status = cutout_write_png(&c, path, ZOOM);
	cutout_free(&c);
	return status;
}

/* Of the clean detections, the strongest first. The table says which row of the detections has
 * which number. */
static int
write_cutouts(struct astrid_ctx *ctx, const struct detect_job *job, struct row *rows)
{
	const long most = astrid_param_int(ctx, "max_cutouts");
	int32_t *number = malloc(sizeof *number * (job->list.n + 1));
	struct table_column column = {.name = "row", .type = 'J', .unit = "", .data = number};
	size_t n = 0;
	int status = 0;

	if (number == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for cutouts");
	for (size_t i = 0; i < job->list.n && status == 0 && (long) n < most; i++)
		if (job->list.v[i].flags == 0)
		{
			status = write_cutout(ctx, job, i);
			rows[i].cut = true;
			number[n++] = (int32_t) i + 1;
		}
	if (status == 0)
		status = table_write(astrid_output(ctx, "cutouts"), "CUTOUTS", &column, 1, n, NULL);
	free(number);
	return status;
}

static int
record_rows(struct astrid_ctx *ctx, const struct detect_job *job, const struct row *rows)
{
	for (size_t i = 0; i < job->list.n; i++)
	{
		json_t *o = json_object();

		for (size_t k = 0; k < N_COLUMNS; k++)
		{
			const char *at = (const char *) &rows[i] + columns[k].offset;

			json_object_set_new(o, columns[k].name,
								columns[k].type == 'D' ? json_number(*(const double *) at)
													   : json_integer(*(const int *) at));
		}
		if (rows[i].cut)
		{
			char fits[PATH_ROOM], png[PATH_ROOM];

			cutout_path(ctx, i, "fits", fits);
			cutout_path(ctx, i, "png", png);
			json_object_set_new(o, "cutouts", json_pack("{s:s, s:s}", "fits", fits, "png", png));
		}
		if (astrid_record(ctx, "detections", o) < 0)
			return -1;
	}
	return 0;
}

static void
tell(struct astrid_ctx *ctx, const struct detect_job *job)
{
	json_t *result = astrid_result(ctx);
	int unflagged = 0, positive = 0;

	for (size_t i = 0; i < job->list.n; i++)
	{
		unflagged += job->list.v[i].flags == 0;
		positive += job->list.v[i].flux > 0;
	}
	json_object_set_new(result, "n", json_integer((json_int_t) job->list.n));
	json_object_set_new(result, "n_unflagged", json_integer(unflagged));
	json_object_set_new(result, "n_positive", json_integer(positive));
	json_object_set_new(result, "n_negative",
						json_integer((json_int_t) job->list.n - (json_int_t) positive));
	json_object_set_new(result, "snr_scale", json_number(job->snr_scale));
	json_object_set_new(result, "fwhm", json_number(job->psf.fwhm));
}

int
detect_output(struct astrid_ctx *ctx, struct detect_job *job)
{
	struct row *rows = make_rows(job);
	int status = rows != NULL ? write_table(ctx, job, rows) : -1;

	if (status == 0 && astrid_output(ctx, "cutouts") != NULL)
		status = write_cutouts(ctx, job, rows);
	if (status == 0)
		status = record_rows(ctx, job, rows);
	if (status == 0)
		tell(ctx, job);
	free(rows);
	return status;
}
