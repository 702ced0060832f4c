/* Files: what is written is read back; what lies is refused with its place.
 * SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>

#include "core/err.h"
#include "image/fits.h"
#include "image/wcs.h"

#define BLOCK 2880

static char path[] = "/tmp/astrid-test-fits-XXXXXX/file.fits";
static const struct frame_request plain = {.hdu = -1, .plane = -1};

static int
make_folder(void **state)
{
	char *slash = strrchr(path, '/');

	(void) state;
	*slash = '\0';
	if (mkdtemp(path) == NULL)
		return -1;
	*slash = '/';
	return 0;
}

static int
remove_folder(void **state)
{
	(void) state;
	unlink(path);
	*strrchr(path, '/') = '\0';
	return rmdir(path);
}

/* A file of header cards (lines) and n bytes of data, in whole blocks unless `exact`. */
static size_t
build(char *out, const char *const *lines, const void *data, size_t n, bool exact)
{
	size_t at = 0, begin;

	for (; *lines != NULL; lines++, at += 80)
		snprintf(out + at, 81, "%-80.80s", *lines);
	snprintf(out + at, 81, "%-80.80s", "END");
	for (at += 80; at % BLOCK != 0; at++)
		out[at] = ' ';
	begin = at;
	memcpy(out + at, data, n);
	at += n;
	for (; !exact && (at - begin) % BLOCK != 0; at++)
		out[at] = 0;
	return at;
}

static void
store(const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static int
read_lines(const char *const *lines, const void *data, size_t n, const struct frame_request *req,
		   struct frame *f, struct frame_info *info)
{
	static char file[BLOCK * 40];

	store(file, build(file, lines, data, n, false));
	return frame_read(path, req, f, info);
}

static void
refused(const char *const *lines, enum astrid_error_code code, const char *keyword)
{
	static const char nothing[BLOCK];
	struct frame f;
	json_t *error;

	assert_int_equal(read_lines(lines, nothing, 64, &plain, &f, NULL), -1);
	assert_int_equal(err_code(), code);
	error = err_json();
	assert_string_equal(json_string_value(json_object_get(error, "file")), path);
	assert_int_equal(json_integer_value(json_object_get(error, "hdu")), 0);
	assert_string_equal(json_string_value(json_object_get(error, "keyword")), keyword);
	json_decref(error);
}

static void
headers_that_lie_are_refused(void **state)
{
	static const struct
	{
		const char *lines[8];
		enum astrid_error_code code;
		const char *keyword;
	} cases[] = {
		{{"SIMPLE  = T", "BITPIX  = 17", "NAXIS   = 2", "NAXIS1  = 2", "NAXIS2  = 2"},
		 ASTRID_E_BAD_HEADER,
		 "BITPIX"},
		{{"SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = -2", "NAXIS2  = 2"},
		 ASTRID_E_BAD_HEADER,
		 "NAXIS1"},
		{{"SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 2"},
		 ASTRID_E_BAD_HEADER,
		 "NAXIS2"},
		{{"SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1000"}, ASTRID_E_BAD_HEADER, "NAXIS"},
		{{"SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1.5"}, ASTRID_E_BAD_HEADER, "NAXIS"},
		{{"SIMPLE  = X", "BITPIX  = 8", "NAXIS   = 0"}, ASTRID_E_BAD_HEADER, "SIMPLE"},
		{{"SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 3", "NAXIS1  = 2000000000",
		  "NAXIS2  = 2000000000", "NAXIS3  = 2000000000"},
		 ASTRID_E_BAD_HEADER,
		 "NAXIS3"},
		{{"SIMPLE  = T", "BITPIX  = -64", "NAXIS   = 2", "NAXIS1  = 2000000000",
		  "NAXIS2  = 2000000000"},
		 ASTRID_E_BAD_HEADER,
		 "NAXIS"},
		{{"SIMPLE  = T", "BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 30000", "NAXIS2  = 30000"},
		 ASTRID_E_TRUNCATED,
		 "NAXIS"},
		{{"SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 3", "NAXIS1  = 2", "NAXIS2  = 2", "NAXIS3  = 3"},
		 ASTRID_E_NO_IMAGE,
		 "NAXIS3"},
		{{"SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 0", "NAXIS2  = 2", "GROUPS  = T",
		  "GCOUNT  = 1"},
		 ASTRID_E_NO_IMAGE,
		 "GROUPS"},
		{{"SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"}, ASTRID_E_NO_IMAGE, "NAXIS"},
		{{"HELLO   = T", "BITPIX  = 8", "NAXIS   = 0"}, ASTRID_E_NOT_FITS, "SIMPLE"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		refused(cases[i].lines, cases[i].code, cases[i].keyword);
}

static void
every_truncation_is_refused(void **state)
{
	static const char *const lines[] = {"SIMPLE  = T",  "BITPIX  = 16", "NAXIS   = 2",
										"NAXIS1  = 60", "NAXIS2  = 50", NULL};
	static const char data[6000];
	static char file[BLOCK * 8];
	size_t size = build(file, lines, data, sizeof data, true);

	(void) state;
	for (size_t n = 0; n < size; n += 97)
	{
		struct frame f;

		store(file, n);
		assert_int_equal(frame_read(path, &plain, &f, NULL), -1);
		assert_true(err_code() == ASTRID_E_TRUNCATED || (n < 8 && err_code() == ASTRID_E_NOT_FITS));
	}
}

static void
an_unpadded_last_block_is_noted(void **state)
{
	static const char *const lines[] = {"SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2",
										"NAXIS1  = 2", "NAXIS2  = 2", NULL};
	static char file[BLOCK * 2];
	struct frame f;
	struct frame_info info;

	(void) state;
	store(file, build(file, lines, "\1\2\3\4", 4, true));
	assert_int_equal(frame_read(path, &plain, &f, &info), 0);
	assert_int_equal(info.notes.n, 1);
	assert_true(f.im.sci[3] == 4);
	frame_free(&f);
}

static void
integers_are_scaled_and_blanks_are_missing(void **state)
{
	static const char *const lines[] = {"SIMPLE  = T",   "BITPIX  = 16", "NAXIS   = 2",
										"NAXIS1  = 2",   "NAXIS2  = 2",  "BZERO   = 13023.5281",
										"BSCALE  = 0.5", "BLANK   = -1", NULL};
	static const unsigned char data[] = {0,    10, 0xff, 0xff,
										 0x80, 0,  0x7f, 0xff}; /* 10, -1, -32768, 32767 */
	const struct frame_request planes = {.hdu = 0, .plane = -1};
	struct frame f;

	(void) state;
	assert_int_equal(read_lines(lines, data, sizeof data, &planes, &f, NULL), 0);
	assert_true(fabs(f.im.sci[0] - 13028.5281) < 1e-3);
	assert_true(isnan(f.im.sci[1]));
	assert_true(fabs(f.im.sci[2] - (13023.5281 - 16384)) < 1e-3);
	assert_true(fabs(f.im.sci[3] - (13023.5281 + 16383.5)) < 2e-3);
	frame_free(&f);
}

static void
a_plane_of_a_cube_is_chosen(void **state)
{
	static const char *const lines[] = {"SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 3", "NAXIS1  = 2",
										"NAXIS2  = 1", "NAXIS3  = 3", NULL};
	struct frame_request req = {.hdu = -1, .plane = 2};
	struct frame f;

	(void) state;
	assert_int_equal(read_lines(lines, "\1\2\3\4\5\6", 6, &req, &f, NULL), 0);
	assert_true(f.im.sci[0] == 5 && f.im.sci[1] == 6);
	frame_free(&f);
	req.plane = 3;
	assert_int_equal(read_lines(lines, "\1\2\3\4\5\6", 6, &req, &f, NULL), -1);
	assert_int_equal(err_code(), ASTRID_E_NO_IMAGE);
}

static void
gzip_is_known_by_its_first_bytes(void **state)
{
	static const char *const lines[] = {"SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2",
										"NAXIS1  = 2", "NAXIS2  = 1", NULL};
	static char file[BLOCK * 2], packed[BLOCK * 2];
	size_t size = build(file, lines, "\7\10", 2, false);
	z_stream z = {.next_in = (Bytef *) file,
				  .avail_in = (uInt) size,
				  .next_out = (Bytef *) packed,
				  .avail_out = sizeof packed};
	struct frame f;

	(void) state;
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	store(packed, z.total_out);
	assert_int_equal(frame_read(path, &plain, &f, NULL), 0);
	assert_true(f.im.sci[0] == 7 && f.im.sci[1] == 8);
	frame_free(&f);
	store(packed, z.total_out / 2);
	assert_int_equal(frame_read(path, &plain, &f, NULL), -1);
	assert_int_equal(err_code(), ASTRID_E_TRUNCATED);
	deflateEnd(&z);
}

static struct frame
some_frame(void)
{
	struct frame f = {.meta = {.instrument = "CAM",
							   .object = "O'Brien",
							   .band = "r",
							   .filter = "SDSS-R",
							   .bunit = "electron",
							   .imagetyp = "science",
							   .mjd_mid_tai = 59607.36070298765,
							   .date_obs = "2022-01-28T08:37:47.742",
							   .exptime = 120,
							   .gain = 1,
							   .read_noise = 7.8,
							   .saturation = 60000,
							   .zero_point = 27.123456789,
							   .fwhm = 3.25}};

	assert_int_equal(image_alloc(&f.im, 5, 4, true), 0);
	for (int i = 0; i < 20; i++)
	{
		f.im.sci[i] = (float) (i * 1.1);
		f.im.var[i] = (float) (i + 0.5);
		f.im.mask[i] = 1 << (i % 10);
	}
	f.im.sci[8] = NAN;
	f.im.mask[8] = MASK_NO_DATA | MASK_INJECTED | MASK_NOT_DEBLENDED;
	f.wcs = wcs_tan(150, 2, 2, 1.5, 0.5, 12, -1);
	f.wcs_approx = true;
	f.psf = calloc(9, sizeof *f.psf);
	f.psf[4] = 1;
	f.psf_size = 3;
	f.header = malloc(81);
	snprintf(f.header, 81, "%-80s", "AIRMASS =                 1.31");
	return f;
}

static void
a_frame_survives_the_file(void **state)
{
	static const char *const history[] = {"first", "second", NULL};
	const struct frame_request strict = {.hdu = -1, .plane = -1, .checksum = CHECKSUM_REFUSE};
	struct frame f = some_frame(), g;
	struct frame_info info;
	double ra[2], dec[2];

	(void) state;
	assert_int_equal(frame_write(path, &f, history), 0);
	assert_int_equal(frame_read(path, &strict, &g, &info), 0);
	assert_string_equal(info.checksum, "good");
	assert_int_equal(info.notes.n, 0);
	assert_int_equal(g.im.width, 5);
	assert_memory_equal(g.im.sci, f.im.sci, 20 * sizeof(float));
	assert_memory_equal(g.im.var, f.im.var, 20 * sizeof(float));
	assert_memory_equal(g.im.mask, f.im.mask, 20 * sizeof(int32_t));
	assert_memory_equal(g.psf, f.psf, 9 * sizeof(float));
	assert_string_equal(g.meta.object, f.meta.object);
	assert_string_equal(g.meta.filter, f.meta.filter);
	assert_string_equal(g.meta.band, f.meta.band);
	assert_string_equal(g.meta.bunit, f.meta.bunit);
	assert_string_equal(g.meta.date_obs, f.meta.date_obs);
	assert_true(fabs(g.meta.mjd_mid_tai - f.meta.mjd_mid_tai) < 1e-9);
	assert_true(g.meta.gain == 1 && g.meta.read_noise == 7.8 && g.meta.saturation == 60000);
	assert_true(g.meta.zero_point == 27.123456789 && g.meta.fwhm == 3.25);
	assert_non_null(strstr(g.header, "AIRMASS"));
	assert_non_null(strstr(g.header, "HISTORY second"));
	assert_true(g.wcs_approx);
	wcs_pix2sky(f.wcs, 4, 3, &ra[0], &dec[0]);
	wcs_pix2sky(g.wcs, 4, 3, &ra[1], &dec[1]);
	assert_true(fabs(ra[0] - ra[1]) < 1e-10 && fabs(dec[0] - dec[1]) < 1e-10);
	frame_free(&g);
	frame_free(&f);
}

static void
a_wrong_checksum_is_noted_or_refused(void **state)
{
	const struct frame_request strict = {.hdu = -1, .plane = -1, .checksum = CHECKSUM_REFUSE};
	struct frame f = some_frame(), g;
	struct frame_info info;
	FILE *file;

	(void) state;
	assert_int_equal(frame_write(path, &f, NULL), 0);
	frame_free(&f);
	file = fopen(path, "r+b");
	assert_non_null(file);
	fseek(file, 3 * BLOCK + 8, SEEK_SET); /* a pixel of SCI, whose header takes two blocks */
	fputc(0x42, file);
	fclose(file);
	assert_int_equal(frame_read(path, &strict, &g, &info), -1);
	assert_int_equal(err_code(), ASTRID_E_BAD_CHECKSUM);
	assert_int_equal(frame_read(path, &plain, &g, &info), 0);
	assert_string_equal(info.checksum, "wrong");
	frame_free(&g);
}

static void
extended_names_are_not_interpreted(void **state)
{
	static const char *const names[] = {"[0]", "(out.fits)", "[1:2,1:2]"};
	struct frame f = some_frame(), g;
	char name[256];

	(void) state;
	assert_int_equal(frame_write(path, &f, NULL), 0);
	frame_free(&f);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
	{
		snprintf(name, sizeof name, "%s%s", path, names[i]);
		assert_int_equal(frame_read(name, &plain, &g, NULL), -1);
		assert_int_equal(err_code(), ASTRID_E_FORBIDDEN_PATH);
	}
}

static void
tables_survive_both_formats(void **state)
{
	static const char *const endings[] = {".fits", ".csv"};
	double x[] = {1.25, NAN, -3e10};
	int32_t flags[] = {0, -5, 65536};
	int64_t id[] = {1, 9007199254740993, -2};
	char band[3][5] = {"r", "a,\"b", ""};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		struct table_column out[] = {{"x", 'D', 0, "pix", x},
									 {"flags", 'J', 0, NULL, flags},
									 {"id", 'K', 0, NULL, id},
									 {"band", 'A', 4, NULL, band}};
		struct table_column in[] = {{"band", 'A', 4, NULL, NULL},
									{"id", 'K', 0, NULL, NULL},
									{"x", 'D', 0, NULL, NULL},
									{"flags", 'J', 0, NULL, NULL}};
		struct table_column missing = {"y", 'D', 0, NULL, NULL};
		char name[256];
		size_t n;

		snprintf(name, sizeof name, "%s%s", path, endings[i]);
		assert_int_equal(table_write(name, "TEST", out, 4, 3, NULL), 0);
		assert_int_equal(table_read(name, in, 4, &n), 0);
		assert_int_equal(n, 3);
		assert_memory_equal(in[1].data, id, sizeof id);
		assert_memory_equal(in[3].data, flags, sizeof flags);
		assert_true(((double *) in[2].data)[0] == 1.25 && isnan(((double *) in[2].data)[1]));
		assert_string_equal((char *) in[0].data + in[0].width + 1, "a,\"b");
		for (int k = 0; k < 4; k++)
			free(in[k].data);
		assert_int_equal(table_read(name, &missing, 1, &n), -1);
		assert_int_equal(err_code(), ASTRID_E_BAD_TABLE);
		unlink(name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_that_lie_are_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(an_unpadded_last_block_is_noted),
		cmocka_unit_test(integers_are_scaled_and_blanks_are_missing),
		cmocka_unit_test(a_plane_of_a_cube_is_chosen),
		cmocka_unit_test(gzip_is_known_by_its_first_bytes),
		cmocka_unit_test(a_frame_survives_the_file),
		cmocka_unit_test(a_wrong_checksum_is_noted_or_refused),
		cmocka_unit_test(extended_names_are_not_interpreted),
		cmocka_unit_test(tables_survive_both_formats),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
