/* Header words and dates of the forms that real files have. SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "image/header.h"
#include "image/meta.h"

#define NEAR(a, b, e) assert_true(fabs((a) - (b)) <= (e))
#define SECOND        (1 / 86400.0)
#define LEAP_2017     37 /* TAI - UTC since 2017, s */

static char cards[40 * CARD + 1];

static struct meta
read_cards(const char *const *lines, const char *instrument, struct frame_notes *notes)
{
	struct meta m;
	char raw[72];
	json_t *row = instrument != NULL ? json_loads(instrument, 0, NULL) : NULL;
	size_t n = 0;

	for (; lines[n] != NULL; n++)
		snprintf(cards + n * CARD, CARD + 1, "%-80.80s", lines[n]);
	*notes = (struct frame_notes){0};
	meta_read(cards, NULL, row, &m, raw, notes);
	json_decref(row);
	return m;
}

/* 2000-01-01T12:00 UTC is MJD 51544.5; TAI was 32 s ahead. */
static void
dates_in_all_their_forms(void **state)
{
	static const struct
	{
		const char *date, *time, *system;
		double mjd, tai_minus;
	} cases[] = {{"2000-01-01T12:00:00", "", "", 51544.5, 32},
				 {"2000-01-01", "12:00:00.0", "UTC", 51544.5, 32},
				 {"01/01/00", "12:00:00", "", 15020.5, 0}, /* 1900: before UTC */
				 {"01/01/100", "12:00:00", "", 51544.5, 32},
				 {"29/11/99", "12:00:00", "", 51511.5, 32},
				 {"2000-01-01T12:00:00", "", "TAI", 51544.5, 0},
				 {"2000-01-01T12:00:00", "", "TT", 51544.5, -32.184},
				 {"2000-01-01T12:00:00", "", "GPS", 51544.5, 19},
				 {"2022-01-28T08:37:47.742Z", "", "", 59607.35958034722, LEAP_2017}};
	struct frame_notes notes = {0};

	(void) state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		NEAR(time_parse(cases[i].date, cases[i].time, cases[i].system, &notes),
			 cases[i].mjd + cases[i].tai_minus * SECOND, 1e-3 * SECOND);
}

static void
what_is_no_date_is_said(void **state)
{
	struct frame_notes notes = {0};

	(void) state;
	assert_true(isnan(time_parse("yesterday", "", "", &notes)));
	assert_true(isnan(time_parse("2022-13-41T00:00:00", "", "", &notes)));
	assert_true(isnan(time_parse("2022-01-01", "", "", &notes)));
	assert_int_equal(notes.n, 3);
}

static void
middle_of_exposure(void **state)
{
	static const char *const lines[] = {"DATE-OBS= '2020-08-30T21:46:59.509'", "EXPTIME =  60.0",
										NULL};
	struct frame_notes notes;
	struct meta m = read_cards(lines, NULL, &notes);

	(void) state;
	NEAR(m.mjd_mid_tai, 59091 + (21 * 3600 + 46 * 60 + 59.509 + 30 + LEAP_2017) * SECOND,
		 1e-3 * SECOND);
	assert_string_equal(m.date_obs, "2020-08-30T21:46:59.509");
}

static void
decimal_commas_are_repaired_and_noted(void **state)
{
	static const char *const lines[] = {"EXPTIME =              3,2E-05 / Total", "GAIN    = '1,5'",
										NULL};
	struct frame_notes notes;
	struct meta m = read_cards(lines, NULL, &notes);

	(void) state;
	NEAR(m.exptime, 3.2e-5, 1e-12);
	NEAR(m.gain, 1.5, 1e-12);
	assert_int_equal(notes.n, 2);
}

/* ESO's CONAD is e-/ADU, its GAIN is the inverse. */
static void
eso_gain_is_conad(void **state)
{
	static const char *const lines[] = {
		"HIERARCH ESO DET OUT1 CONAD  =         1.10 / to electrons",
		"HIERARCH ESO DET OUT1 GAIN   =         0.91 / to ADU",
		"HIERARCH ESO DET OUT1 RON    =         7.80", NULL};
	struct frame_notes notes;
	struct meta m = read_cards(lines, NULL, &notes);

	(void) state;
	NEAR(m.gain, 1.10, 0);
	NEAR(m.read_noise, 7.80, 0);
}

static void
gain_zero_is_unknown(void **state)
{
	static const char *const lines[] = {"GAIN    = 0", "BUNIT   = 'counts'", NULL};
	struct frame_notes notes;
	struct meta m = read_cards(lines, NULL, &notes);

	(void) state;
	assert_true(isnan(m.gain));
	assert_string_equal(m.bunit, "adu");
	assert_int_equal(notes.n, 1);
}

static void
the_instrument_goes_before_the_header(void **state)
{
	static const char *const lines[] = {
		"EXPTIME = 1",       "SHUTTIME= 30",       "GAIN    = 2", "FILTER  = 'SDSS-R'",
		"IMAGETYP= 'STARE'", "INSTRUME= 'XCAM-2'", NULL};
	struct frame_notes notes;
	struct meta m =
		read_cards(lines,
				   "{\"name\": \"XCAM\", \"keywords\": {\"exptime\": \"SHUTTIME\"}, \"gain\": 4.5, "
				   "\"band_map\": {\"SDSS-R\": \"rr\"}, \"kind_map\": {\"stare\": \"science\"}}",
				   &notes);

	(void) state;
	assert_string_equal(m.instrument, "XCAM");
	NEAR(m.exptime, 30, 0);
	NEAR(m.gain, 4.5, 0);
	assert_string_equal(m.band, "rr");
	assert_string_equal(m.imagetyp, "science");
}

static void
bands_of_filter_names(void **state)
{
	static const char *const pairs[][2] = {
		{"SDSS-R", "R"},  {"g#782", "g"},    {"i DECam SDSS c0003 7835.0 1470.0", "i"},
		{"r'", "r"},      {"og515+kg5", ""}, {"Bessell V", "V"},
		{"r.MP9601", "r"}};

	(void) state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
	{
		char line[CARD + 1];
		const char *const lines[] = {line, NULL};
		struct frame_notes notes;
		struct meta m;

		/* an apostrophe is doubled inside a FITS string */
		snprintf(line, sizeof line, "FILTER  = '%s'",
				 strcmp(pairs[i][0], "r'") == 0 ? "r''" : pairs[i][0]);
		m = read_cards(lines, NULL, &notes);
		assert_string_equal(m.band, pairs[i][1]);
	}
}

static void
a_dark_of_no_duration_is_a_bias(void **state)
{
	static const char *const lines[] = {"HIERARCH ESO DPR TYPE = 'DARK'", "EXPTIME = 0.0", NULL};
	static const char *const longer[] = {"IMAGETYP= 'Dark Frame'", "EXPTIME = 10", NULL};
	struct frame_notes notes;

	(void) state;
	assert_string_equal(read_cards(lines, NULL, &notes).imagetyp, "bias");
	assert_string_equal(read_cards(longer, NULL, &notes).imagetyp, "dark");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_in_all_their_forms),
		cmocka_unit_test(what_is_no_date_is_said),
		cmocka_unit_test(middle_of_exposure),
		cmocka_unit_test(decimal_commas_are_repaired_and_noted),
		cmocka_unit_test(eso_gain_is_conad),
		cmocka_unit_test(gain_zero_is_unknown),
		cmocka_unit_test(the_instrument_goes_before_the_header),
		cmocka_unit_test(bands_of_filter_names),
		cmocka_unit_test(a_dark_of_no_duration_is_a_bias),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
