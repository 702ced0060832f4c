/* See night.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/night.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/err.h"
#include "image/image.h"
#include "image/wcs.h"
#include "simulate/cosmics.h"
#include "simulate/field.h"
#include "simulate/output.h"

#define COSMICS_PER_MPIX 45
#define COSMICS_ON_STARS 3
#define FLAT_LEVEL       45000.0 /* electrons */
#define VISIBLE_TRAIL    0.3     /* in sigma of the sky */

struct night
{
	const struct night_options *options;
	struct detector det;
	struct truth truth;
	FILE *frames; /* frames.csv */
	int next_id;
};

static int
make_folder(const char *path)
{
	if (mkdir(path, 0777) == 0 || errno == EEXIST)
		return 0;
	err_raise(ASTRID_E_IO, "cannot make the folder: %s", strerror(errno));
	return err_at(path, -1, NULL);
}

static int
write_calibration(struct night *night, const char *kind, int n, const struct canvas *light,
				  double exptime)
{
	const struct cosmic_list none = {NULL, 0};

	for (int i = 1; i <= n; i++)
	{
		struct rng rng =
			rng_make(night->options->seed, STREAM_CALIBRATION, (uint64_t) kind[0], (uint64_t) i);
		struct raw_header header = {
			kind, "", "2026-03-08T20:00:00", exptime, night->det.header_gain, NULL};
		struct readout readout;
		char path[4096], date[40];
		int result;

		snprintf(path, sizeof path, "%s/raw/%s_%d.fits", night->options->dir, kind, i);
		snprintf(date, sizeof date, "2026-03-08T%02d:%02d:00", 20 + (kind[0] == 'd'), 2 * i % 60);
		header.date_obs = date;
		if (detector_expose(&night->det, light, exptime, &none, &rng, &readout) < 0)
			return -1;
		result = output_raw(path, &night->det, &readout, &header);
		readout_free(&readout);
		if (result < 0)
			return -1;
	}
	return 0;
}

static int
write_calibrations(struct night *night)
{
	const size_t n = (size_t) night->det.width * (size_t) night->det.height;
	struct canvas lamp = {night->det.width, night->det.height, malloc(n * sizeof(float))};
	int result;

	if (lamp.e == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a flat");
	for (size_t p = 0; p < n; p++)
		lamp.e[p] = (float) FLAT_LEVEL * night->det.flat_error[p];
	result = write_calibration(night, "bias", 5, NULL, 0);
	if (result == 0)
		result = write_calibration(night, "dark", 3, NULL, EXPOSURE_TIME);
	if (result == 0)
		result = write_calibration(night, "flat", 5, &lamp, 3);
	free(lamp.e);
	return result;
}

/* A few bright but unsaturated stars that a cosmic ray shall hit. */
static size_t
pick_targets(const struct field *field, const struct exposure *exp, struct rng *rng,
			 double targets[2 * COSMICS_ON_STARS])
{
	size_t n = 0;

	for (int tries = 0; tries < 5000 && n < COSMICS_ON_STARS; tries++)
	{
		const size_t i = (size_t) rng_uniform(rng, 0, (double) field->scene.n_sources);
		const struct source *star = &field->scene.sources[i];

		if (star->kind != SOURCE_STAR || star->flux[0] < 3e4 || star->flux[0] > 4e5)
			continue;
		exposure_position(exp, star, &targets[2 * n], &targets[2 * n + 1]);
		n += exposure_contains(exp, targets[2 * n], targets[2 * n + 1]);
	}
	return n;
}

static int
write_exposure(const struct night *night, const struct field *field, struct exposure *exp,
			   const struct readout *readout)
{
	const struct camera *cam = &exp->cam;
	char path[4096];
	struct wcs *wcs =
		wcs_tan(cam->ra0, cam->dec0, cam->x0 + exp->wcs_error[0], cam->y0 + exp->wcs_error[1],
				cam->scale, cam->rotation * 180 / M_PI, -1);
	const struct raw_header header = {
		"science", field->name, exp->date_obs, EXPOSURE_TIME, night->det.header_gain, wcs};
	int result;

	if (wcs == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/raw/%s", night->options->dir, exp->file);
	result = output_raw(path, &night->det, readout, &header);
	wcs_free(wcs);
	fprintf(night->frames, "%s,%s,%d,%s,%.3f,%.3f,%.3f,%.1f,%.4f,%.4f,%.3f,%.3f\n", exp->file,
			field->name, exp->number, exp->number == 0 ? "reference" : "science",
			exp->seeing.fwhm / cam->scale, exp->seeing.beta, exp->transparency, exp->sky,
			night->det.gain, night->det.header_gain, exp->wcs_error[0], exp->wcs_error[1]);
	return result;
}

static int
expose(struct night *night, struct field *field, struct exposure *exp)
{
	const uint64_t seed = night->options->seed, f = (uint64_t) field->index;
	struct rng rays = rng_make(seed, STREAM_COSMICS, f, (uint64_t) exp->number);
	struct rng noise = rng_make(seed, STREAM_NOISE, f, (uint64_t) exp->number);
	const size_t n = (size_t) night->det.width * (size_t) night->det.height;
	double targets[2 * COSMICS_ON_STARS];
	const size_t n_targets = pick_targets(field, exp, &rays, targets);
	struct cosmic_list cosmics;
	struct readout readout;
	int result;

	if (field->kind->trail && exp->number == field->n_exposures - 1)
	{
		const struct trail trail = {rng_uniform(&rays, 0.3, 0.7) * night->det.width,
									rng_uniform(&rays, 0.3, 0.7) * night->det.height,
									rng_uniform(&rays, 0, M_PI), 8 * sqrt(exp->sky)};

		trail_draw(&trail, exp->seeing.fwhm / PIXEL_SCALE, &exp->light,
				   VISIBLE_TRAIL * sqrt(exp->sky), exp->mask);
	}
	if (cosmics_draw(&cosmics, COSMICS_PER_MPIX * n >> 20, targets, n_targets, night->det.width,
					 night->det.height, &rays) < 0)
		return -1;
	result = detector_expose(&night->det, &exp->light, EXPOSURE_TIME, &cosmics, &noise, &readout);
	cosmics_free(&cosmics);
	if (result < 0)
		return -1;
	for (size_t p = 0; p < n; p++)
		exp->mask[p] |= readout.mask[p];
	result = write_exposure(night, field, exp, &readout);
	readout_free(&readout);
	return result;
}

static int
write_masks(struct night *night, struct field *field)
{
	for (int e = 1; e < field->n_exposures; e++)
	{
		char path[4096];

		exposure_merge_mask(&field->exposures[e], &field->exposures[0]);
		snprintf(path, sizeof path, "%s/truth/mask_%s_%d.fits", night->options->dir, field->name,
				 e);
		if (output_truth_mask(path, &field->exposures[e]) < 0)
			return -1;
	}
	return 0;
}

static int
take_field(struct night *night, struct field *field)
{
	const size_t first_row = night->truth.n;

	if (field_render(field, &night->det, night->options->seed) < 0)
		return -1;
	field_set_fluxes(field, &night->det, night->options->seed);
	if (field_list_changes(field, &night->det, &night->next_id, &night->truth) < 0)
		return -1;
	for (int e = 0; e < field->n_exposures; e++)
	{
		for (size_t i = 0; i < field->scene.n_sources; i++)
			if (field->scene.sources[i].kind == SOURCE_TRANSIENT ||
				field->scene.sources[i].kind == SOURCE_MOVING)
				exposure_add(&field->exposures[e], &field->scene.sources[i]);
		if (expose(night, field, &field->exposures[e]) < 0)
			return -1;
	}
	if (write_masks(night, field) < 0)
		return -1;
	field_fill_masked(field, &night->truth, first_row);
	return 0;
}

static int
simulate_field(struct night *night, const struct field_kind *kind, int index, int round)
{
	const double pixels = night->options->size;
	const struct scene_size size = {.half = (pixels / 2 + 24) * PIXEL_SCALE,
									.usable = (pixels / 2 - 40) * PIXEL_SCALE,
									.min_gap = 24 * PIXEL_SCALE,
									.scale = PIXEL_SCALE,
									.area = pixels * pixels / (1024.0 * 1024)};
	struct field_kind shifted = *kind;
	struct field field = {.kind = &shifted, .index = index, .n_exposures = kind->epochs + 1};
	int result;

	shifted.ra += 2.0 * round;
	if (round == 0)
		snprintf(field.name, sizeof field.name, "%s", kind->name);
	else
		snprintf(field.name, sizeof field.name, "%s%d", kind->name, round + 1);
	if (scene_make(&field.scene, &shifted, &size, night->options->seed, (uint64_t) index) < 0)
		return -1;
	result = take_field(night, &field);
	for (int e = 0; e < MAX_EXPOSURES; e++)
		exposure_free(&field.exposures[e]);
	scene_free(&field.scene);
	return result;
}

static int
open_folders(struct night *night)
{
	static const char *const below[] = {"", "/raw", "/truth"};
	char path[4096];

	for (size_t i = 0; i < sizeof below / sizeof below[0]; i++)
	{
		snprintf(path, sizeof path, "%s%s", night->options->dir, below[i]);
		if (make_folder(path) < 0)
			return -1;
	}
	snprintf(path, sizeof path, "%s/frames.csv", night->options->dir);
	night->frames = fopen(path, "w");
	if (night->frames == NULL)
		return astrid_raise(ASTRID_E_IO, path, -1, NULL, "cannot write: %s", strerror(errno));
	fputs("file,field,epoch,kind,fwhm,beta,transparency,sky,gain,header_gain,wcs_dx,wcs_dy\n",
		  night->frames);
	return 0;
}

static int
take_night(struct night *night)
{
	const int kinds = n_field_kinds - 1; /* the last is the null field */

	if (write_calibrations(night) < 0)
		return -1;
	for (int f = 0; f < night->options->fields; f++)
		if (simulate_field(night, &field_kinds[f % kinds], f, f / kinds) < 0)
			return -1;
	if (night->options->null_field &&
		simulate_field(night, &field_kinds[kinds], night->options->fields, 0) < 0)
		return -1;
	return truth_write(&night->truth, night->options->dir, night->options->seed);
}

int
night_simulate(const struct night_options *options, int *n_transients)
{
	struct night night = {.options = options};
	int result, last = 0;

	if (open_folders(&night) < 0)
		return -1;
	result = detector_make(&night.det, options->size, options->size, options->seed);
	if (result == 0)
		result = take_night(&night);
	if (fclose(night.frames) != 0 && result == 0)
		result = err_raise(ASTRID_E_IO, "cannot write frames.csv: %s", strerror(errno));
	*n_transients = 0;
	for (size_t r = 0; r < night.truth.n; r++)
		if (night.truth.rows[r].id != last && strcmp(night.truth.rows[r].kind, "transient") == 0)
		{
			last = night.truth.rows[r].id;
			++*n_transients;
		}
	truth_free(&night.truth);
	detector_free(&night.det);
	return result;
}
