/*
 * Dates of headers. Forms that real files hold: ISO 8601 (FITS 4.0, section 9.1.1), DD/MM/YY of
 * before 1998, its heirs with a year of 100 and more, and dates whose time of day stands in another
 * card. Time scales by ERFA, whose table of leap seconds ends with its release: later dates use the
 * last value. SPDX-License-Identifier: PostgreSQL
 */
#include <erfa.h>
#include <erfam.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "image/header.h"
#include "image/meta.h"

#define TT_MINUS_TAI  (32.184 / ERFA_DAYSEC)
#define TAI_MINUS_GPS (19.0 / ERFA_DAYSEC)

static bool
parse_date(const char *text, int *year, int *month, int *day, const char **rest)
{
	int a, b, c, n = 0;

	if (sscanf(text, "%4d-%2d-%2d%n", &a, &b, &c, &n) == 3 && n >= 8)
	{
		*year = a, *month = b, *day = c;
		*rest = text + n;
		return true;
	}
	n = 0;
	if (sscanf(text, "%d/%d/%d%n", &a, &b, &c, &n) != 3 || n == 0)
		return false;
	*rest = text + n;
	if (a > 31)
		*year = a, *month = b, *day = c; /* YYYY/MM/DD */
	else
		*year = c < 1000 ? 1900 + c : c, *month = b, *day = a;
	return true;
}

/* "T21:46:59.509", "21:46:59", or nothing; hours in *hours. */
static bool
parse_time(const char *text, double *hours)
{
	char plain[32];
	size_t n;

	text += *text == 'T' || *text == ' ';
	n = strcspn(text, "Zz");
	if (n == 0 || n >= sizeof plain)
		return false;
	memcpy(plain, text, n);
	plain[n] = '\0';
	return strchr(plain, ':') != NULL && text_sexagesimal(plain, hours) && *hours >= 0 &&
		   *hours <= 24;
}

static bool
scale_is(const char *timesys, const char *names)
{
	char padded[32];

	snprintf(padded, sizeof padded, " %.16s ", timesys);
	return strstr(names, padded) != NULL;
}

double
time_to_tai(double mjd, const char *timesys, struct frame_notes *notes)
{
	double tai1, tai2;

	if (!isfinite(mjd) || mjd < -100000 || mjd > 200000)
		return NAN;
	if (scale_is(timesys, " TAI IAT "))
		return mjd;
	if (scale_is(timesys, " TT TDT ET TDB TCB TCG ")) /* TDB differs from TT by 2 ms at most */
		return mjd - TT_MINUS_TAI;
	if (scale_is(timesys, " GPS "))
		return mjd + TAI_MINUS_GPS;
	if (timesys[0] != '\0' && !scale_is(timesys, " UTC GMT UT UT1 LOCAL ZULU "))
		note_add(notes, "TIMESYS '%.20s' is not known, taken for UTC", timesys);
	if (mjd < 36934) /* before 1960 there was no UTC; UT1 stands for it */
		return mjd;
	return eraUtctai(ERFA_DJM0, mjd, &tai1, &tai2) < 0 ? NAN : tai1 - ERFA_DJM0 + tai2;
}

double
time_parse(const char *date, const char *time, const char *timesys, struct frame_notes *notes)
{
	int year, month, day;
	const char *rest;
	double djm0, djm, hours = 0;

	if (!parse_date(date, &year, &month, &day, &rest) || year < 1800 || year > 2200 ||
		eraCal2jd(year, month, day, &djm0, &djm) != 0)
	{
		note_add(notes, "DATE-OBS '%.30s' is not a date", date);
		return NAN;
	}
	if (!parse_time(rest, &hours) && !parse_time(time, &hours))
	{
		note_add(notes, "DATE-OBS '%.30s' has no time of day", date);
		return NAN;
	}
	return time_to_tai(djm + hours / 24, timesys, notes);
}

void
time_iso(double mjd_tai, char *text, size_t size)
{
	double utc1 = ERFA_DJM0, utc2 = mjd_tai;
	int year, month, day, part[4];

	text[0] = '\0';
	if (!isfinite(mjd_tai) || eraTaiutc(ERFA_DJM0, mjd_tai, &utc1, &utc2) < 0 ||
		eraD2dtf("UTC", 3, utc1, utc2, &year, &month, &day, part) < 0)
		return;
	snprintf(text, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03d", year, month, day, part[0], part[1],
			 part[2], part[3]);
}
