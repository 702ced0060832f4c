/* Cutouts: pixels at borders, stretches, PNG files that decode, FITS files that open.
 * SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fitsio.h>
#include <png.h>

#include "core/err.h"
#include "image/cutout.h"

#define SIZE 40

static char folder[] = "/tmp/astrid-cutout.XXXXXX";

static const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

/* A ramp with a star at (20, 20), a saturated pixel at (20, 21) and a NaN at (18, 20). */
static void
make_frame(struct image *im, float sky, float peak)
{
	*im = (struct image){.width = SIZE, .height = SIZE};
	im->sci = malloc(image_size(im) * sizeof *im->sci);
	im->mask = calloc(image_size(im), sizeof *im->mask);
	assert_true(im->sci != NULL && im->mask != NULL);
	for (int y = 0; y < SIZE; y++)
		for (int x = 0; x < SIZE; x++)
			im->sci[y * SIZE + x] =
				sky + (float) ((x * 7 + y * 13) % 10) +
				peak * expf(-0.5f * (float) ((x - 20) * (x - 20) + (y - 20) * (y - 20)));
	im->mask[21 * SIZE + 20] = MASK_SAT;
	im->sci[20 * SIZE + 18] = NAN;
}

static void
drop_frame(struct image *im)
{
	free(im->sci);
	free(im->mask);
}

static void
test_take(void **unused)
{
	struct image im;
	const struct image *frames[3] = {&im, NULL, &im};
	struct cutout c;

	(void) unused;
	make_frame(&im, 100, 500);
	assert_int_equal(cutout_take(frames, 20.4, 19.6, 11, &c), 0);
	assert_int_equal(c.x0, 15);
	assert_int_equal(c.y0, 15);
	assert_null(c.sci[CUTOUT_REFERENCE]);
	assert_true(c.sci[0][5 * 11 + 5] == im.sci[20 * SIZE + 20]);
	assert_int_equal(c.mask[0][6 * 11 + 5], MASK_SAT);
	assert_true(isnan(c.sci[0][5 * 11 + 3]));
	cutout_free(&c);

	assert_int_equal(cutout_take(frames, 0, 39, 11, &c), 0); /* half outside */
	assert_true(isnan(c.sci[0][0]) && c.mask[0][0] == MASK_NO_DATA);
	assert_true(c.sci[0][5 * 11 + 5] == im.sci[39 * SIZE]);
	assert_true(isnan(c.sci[0][6 * 11 + 5]));
	cutout_free(&c);

	assert_int_equal(cutout_take(frames, NAN, 0, 11, &c), -1);
	assert_int_equal(err_code(), ASTRID_E_BAD_PARAMETER);
	err_clear();
	assert_int_equal(cutout_take(frames, 0, 0, 1 << 20, &c), -1);
	err_clear();
	drop_frame(&im);
}

static void
test_stretch(void **unused)
{
	float flat[1000], empty[3] = {NAN, NAN, NAN};
	struct stretch s;

	(void) unused;
	for (int i = 0; i < 1000; i++)
		flat[i] = 100 + (float) (i % 100) / 10;
	flat[500] = 60000;
	s = stretch_zscale(flat, 1000);
	assert_true(fabs(s.black - 100) < 0.5); /* the star does not move the limits of the sky */
	assert_true(s.soft > 5 && s.soft < 25);
	assert_true(s.white == 60000);
	assert_true(stretch_apply(&s, 60000) == 1 && stretch_apply(&s, 0) == 0);
	assert_true(stretch_apply(&s, 110) > 0.05 && stretch_apply(&s, 110) < 0.3);

	for (int i = 0; i < 1000; i++)
		flat[i] = (float) (i % 2 == 0 ? -1 : 1);
	s = stretch_symmetric(flat, 1000);
	assert_true(s.black == -5 && s.white == 5 && s.soft == 0);
	assert_true(stretch_apply(&s, 0) == 0.5);
	s = stretch_symmetric(empty, 3);
	assert_true(s.white > s.black);
	s = stretch_zscale(empty, 3);
	assert_true(s.white > s.black);
}

static const uint8_t *
dot(const struct picture *p, int x, int y)
{
	return p->rgb + 3 * (y * p->width + x);
}

static void
read_png(const char *path, struct picture *p)
{
	png_image png = {.version = PNG_IMAGE_VERSION};

	assert_int_not_equal(png_image_begin_read_from_file(&png, path), 0);
	png.format = PNG_FORMAT_RGB;
	p->width = (int) png.width;
	p->height = (int) png.height;
	p->rgb = malloc(PNG_IMAGE_SIZE(png));
	assert_int_not_equal(png_image_finish_read(&png, NULL, p->rgb, 0, NULL), 0);
}

static void
test_png(void **unused)
{
	struct image science, reference, difference;
	const struct image *frames[3] = {&science, &reference, &difference};
	const uint8_t *centre, *sky, *saturated, *missing, *zero;
	struct cutout c;
	struct picture p;

	(void) unused;
	make_frame(&science, 100, 500);
	make_frame(&reference, 9000, 500);
	make_frame(&difference, 0, -500);
	assert_int_equal(cutout_take(frames, 20, 20, 21, &c), 0);
	assert_int_equal(cutout_write_png(&c, path_of("a.png"), 2), 0);
	read_png(path_of("a.png"), &p);
	assert_int_equal(p.width, cutout_width(&c, 2));
	assert_int_equal(p.height, 42);
	/* Rows grow upwards: pixel (i, j) of the stamp begins at dot (2 i, 2 (20 - j)). */
	centre = dot(&p, 20, 20);
	sky = dot(&p, 0, 40);
	saturated = dot(&p, 20, 18);
	missing = dot(&p, 16, 20);
	assert_int_equal(centre[0], 255);
	assert_true(sky[0] < 80 && sky[0] == sky[1]);
	assert_true(saturated[0] > saturated[1]);
	assert_true(missing[2] > missing[0] && missing[2] > missing[1]);
	/* Another sky level, the same look. */
	assert_true(abs(dot(&p, 44, 40)[0] - sky[0]) < 3 && dot(&p, 44 + 20, 20)[0] == 255);
	/* The difference: sky in the middle of the greys, the negative star black. */
	zero = dot(&p, 88, 40);
	assert_true(zero[0] > 110 && zero[0] < 150 && dot(&p, 88 + 20, 20)[0] == 0);
	picture_free(&p);
	cutout_free(&c);
	drop_frame(&science);
	drop_frame(&reference);
	drop_frame(&difference);
}

static void
test_fits(void **unused)
{
	struct image im;
	const struct image *frames[3] = {&im, &im, NULL};
	struct cutout c;
	fitsfile *f;
	float pixels[15 * 15];
	int status = 0, n_hdus, data_ok, hdu_ok, any;

	(void) unused;
	make_frame(&im, 100, 500);
	assert_int_equal(cutout_take(frames, 30, 30, 15, &c), 0);
	assert_int_equal(cutout_write_fits(&c, path_of("a.fits")), 0);
	fits_open_diskfile(&f, path_of("a.fits"), READONLY, &status);
	fits_get_num_hdus(f, &n_hdus, &status);
	assert_int_equal(status, 0);
	assert_int_equal(n_hdus, 5);
	fits_movnam_hdu(f, IMAGE_HDU, "REFERENCE", 0, &status);
	fits_verify_chksum(f, &data_ok, &hdu_ok, &status);
	fits_read_img(f, TFLOAT, 1, 15 * 15, NULL, pixels, &any, &status);
	assert_int_equal(status, 0);
	assert_true(data_ok == 1 && hdu_ok == 1);
	assert_true(pixels[7 * 15 + 7] == im.sci[30 * SIZE + 30]);
	fits_close_file(f, &status);
	cutout_free(&c);
	drop_frame(&im);
}

static void
test_sheet(void **unused)
{
	struct image im;
	const struct image *frames[3] = {&im, &im, &im};
	struct cutout c;
	struct sheet_entry entries[5];
	struct picture p;

	(void) unused;
	make_frame(&im, 100, 500);
	assert_int_equal(cutout_take(frames, 20, 20, 21, &c), 0);
	for (int i = 0; i < 5; i++)
		entries[i] = (struct sheet_entry){&c, "S/N 12.5 found", {0, (uint8_t) (50 * i), 0}};
	assert_int_equal(contact_sheet_write(entries, 5, 2, 3, "Best: 5", path_of("sheet.png")), 0);
	read_png(path_of("sheet.png"), &p);
	assert_true(p.width >= 2 * cutout_width(&c, 3) && p.height >= 3 * 63);
	picture_free(&p);
	assert_int_equal(contact_sheet_write(entries, 0, 2, 3, NULL, path_of("none.png")), -1);
	assert_int_equal(err_code(), ASTRID_E_NO_IMAGE);
	err_clear();
	cutout_free(&c);
	drop_frame(&im);
}

static int
make_folder(void **unused)
{
	(void) unused;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
remove_folder(void **unused)
{
	(void) unused;
	unlink(path_of("a.png"));
	unlink(path_of("a.fits"));
	unlink(path_of("sheet.png"));
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take), cmocka_unit_test(test_stretch), cmocka_unit_test(test_png),
		cmocka_unit_test(test_fits), cmocka_unit_test(test_sheet),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
