/* See meta.h. Called by frame_read(). SPDX-License-Identifier: PostgreSQL */
#include "image/meta.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/header.h"

#define MAX_NAMES 10

/* Concepts (the keys of sky.instruments.keywords) and the keywords that name them, the surest
 * first. Astrid's own come before all. ESO's CONAD is e-/ADU, while ESO's GAIN is its inverse and
 * is therefore not here. */
static const struct concept {
	const char *name;
	const char *keyword[MAX_NAMES];
}
concepts[] = {
	{"instrument", {"INSTRUME", "DETECTOR", "TELESCOP"}},
	{"object", {"OBJECT", "OBJNAME", "TARGET", "TARGNAME"}},
	{"imagetyp",
	 {"IMAGETYP", "OBSTYPE", "IMAGETYPE", "IMGTYPE", "ESO DPR TYPE", "FRAMETYP", "FRAME"}},
	{"filter",
	 {"FILTER", "FILTER1", "FILTNAM", "FILTNAM1", "ESO INS FILT1 NAME", "FILTERS", "FILTER2",
	  "FILT1", "FILTID"}},
	{"band", {"BAND"}},
	{"date_obs", {"DATE-OBS", "DATEOBS", "DATE_OBS", "UTDATE", "DATE-BEG"}},
	{"time_obs", {"TIME-OBS", "UT-OBS", "UTSTART", "UT", "TIMEOBS", "UTC", "UTSHUT"}},
	{"mjd_obs", {"MJD-OBS", "MJD_OBS", "MJDOBS", "MJD-BEG", "MJD"}},
	{"jd", {"JD", "JD-OBS", "JD_OBS"}},
	{"timesys", {"TIMESYS"}},
	{"exptime", {"EXPTIME", "EXPOSURE", "EXP_TIME", "ITIME", "TEXP", "ELAPTIME", "XPOSURE"}},
	{"gain",
	 {"ESO DET OUT1 CONAD", "GAIN", "EGAIN", "CCDGAIN", "GAINEFF", "CCDSENS", "GAINA", "ATODGAIN"}},
	{"read_noise",
	 {"RDNOISE", "READNOIS", "READNOISE", "RON", "ENOISE", "RDNOISEA", "ESO DET OUT1 RON",
	  "READNSE"}},
	{"saturation", {"SATURATE", "SATURATN", "ESATUR", "SATLEVEL", "SATURATA", "MAXLIN"}},
	{"bunit", {"BUNIT"}},
	{"zero_point", {"MAGZP", "MAGZERO", "MAGZPT"}},
	{"fwhm", {"FWHM_PX"}},
	{"mjd_mid_tai", {"MJDMIDT"}},
};

static const struct concept *
concept_of(const char *name)
{
	size_t i = 0;

	while (strcmp(concepts[i].name, name) != 0)
		i++;
	return &concepts[i];
}

struct reader
{
	const char *cards, *primary;
	const json_t *instrument;
	struct frame_notes *notes;
};

/* The first card that carries a concept and has a value: the instrument's keyword, then the usual
 * ones; in the image's header, then in the primary one. */
static const char *
find_card(const struct reader *r, const char *name, char keyword[72])
{
	const struct concept *c = concept_of(name);
	const char *mapped =
		json_string_value(json_object_get(json_object_get(r->instrument, "keywords"), name));
	char value[CARD + 1];

	for (int i = mapped != NULL ? -1 : 0; i < MAX_NAMES && (i < 0 || c->keyword[i] != NULL); i++)
	{
		const char *word = i < 0 ? mapped : c->keyword[i];
		const char *card = header_card(r->cards, word);

		if (card == NULL && r->primary != NULL)
			card = header_card(r->primary, word);
		if (card != NULL && card_string(card, value, sizeof value))
		{
			snprintf(keyword, 72, "%s", word);
			return card;
		}
	}
	if (mapped != NULL)
		note_add(r->notes, "%s: keyword %.60s of sky.instruments is not in the header", name,
				 mapped);
	return NULL;
}

static bool
read_text(const struct reader *r, const char *name, char *value, size_t size)
{
	char keyword[72];
	const char *card = find_card(r, name, keyword);

	value[0] = '\0';
	return card != NULL && card_string(card, value, size);
}

static double
read_number(const struct reader *r, const char *name)
{
	char keyword[72];
	const char *card = find_card(r, name, keyword);
	bool repaired;
	double v;

	if (card == NULL)
		return NAN;
	if (!card_number(card, &v, &repaired))
	{
		note_add(r->notes, "%s is not a number", keyword);
		return NAN;
	}
	if (repaired)
		note_add(r->notes, "%s is not written as a FITS number; read as %g", keyword, v);
	return v;
}

/* The instrument's own value, else the header's where it is positive (GAIN = 0 means unknown). */
static double
read_positive(const struct reader *r, const char *name)
{
	const json_t *own = json_object_get(r->instrument, name);
	double v = json_is_number(own) ? json_number_value(own) : read_number(r, name);

	if (v <= 0 && strcmp(name, "exptime") != 0)
	{
		note_add(r->notes, "%s is %g: taken for unknown", name, v);
		return NAN;
	}
	return v;
}

/* ---- words ---- */

static const struct word
{
	const char *start, *meaning;
} kinds[] = {{"bias", "bias"},
			 {"zero", "bias"},
			 {"dark", "dark"},
			 {"flat", "flat"},
			 {"sky flat", "flat"},
			 {"skyflat", "flat"},
			 {"twilight", "flat"},
			 {"dome", "flat"},
			 {"master bias", "bias"},
			 {"object", "science"},
			 {"light", "science"},
			 {"sci", "science"},
			 {"expose", "science"},
			 {"exposure", "science"},
			 {"target", "science"},
			 {"image", "science"},
			 {NULL, NULL}},
  units[] = {{"adu", "adu"},           {"count", "adu"},   {"dn", "adu"}, {"data number", "adu"},
			 {"electron", "electron"}, {"e-", "electron"}, {NULL, NULL}};

/* "SDSS-R", "r'", "r.MP9601", "DECam SDSS c0003 6470.0 1500.0": the words that hold a one-letter
 * band. */
static void
band_of_filter(const char *filter, char band[16])
{
	static const char *const prefixes[] = {"sdss",    "sloan",   "ps1",  "bessell",   "bessel",
										   "johnson", "cousins", "lsst", "panstarrs", NULL};
	char text[72];
	const char *p = text;
	size_t n = 0;

	for (; filter[n] != '\0' && n + 1 < sizeof text; n++)
		text[n] = (char) tolower((unsigned char) filter[n]);
	text[n] = '\0';
	for (int i = 0; prefixes[i] != NULL && p == text; i++)
		if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
			p += strlen(prefixes[i]);
	p += strspn(p, " -_.#");
	n = strcspn(p, " -_.#,'");
	if (n != 1 || strchr("ugrizyubvwhjk", p[0]) == NULL)
		return;
	/* u g r i z y w are lower case in every survey; U B V R I J H K keep the case they were written
	 * in */
	snprintf(band, 16, "%c", filter[p - text]);
}

static const char *
meaning_of(const struct word *words, const char *text)
{
	for (; words->start != NULL; words++)
		if (strncasecmp(text, words->start, strlen(words->start)) == 0)
			return words->meaning;
	return NULL;
}

static void
read_kind(const struct reader *r, struct meta *m, char raw[72])
{
	const char *mapped, *meaning;
	const char *key;
	json_t *value;

	read_text(r, "imagetyp", raw, 72);
	meaning = meaning_of(kinds, raw);
	json_object_foreach (json_object_get(r->instrument, "kind_map"), key, value)
		if (strcasecmp(key, raw) == 0 && (mapped = json_string_value(value)) != NULL)
			meaning = mapped;
	/* a dark of no duration is a bias */
	if (meaning != NULL && strcmp(meaning, "dark") == 0 && m->exptime <= 0.001)
		meaning = "bias";
	snprintf(m->imagetyp, sizeof m->imagetyp, "%s", meaning != NULL ? meaning : "");
}

static void
read_band(const struct reader *r, struct meta *m)
{
	const char *mapped;

	read_text(r, "filter", m->filter, sizeof m->filter);
	mapped =
		json_string_value(json_object_get(json_object_get(r->instrument, "band_map"), m->filter));
	if (mapped != NULL)
		snprintf(m->band, sizeof m->band, "%.15s", mapped);
	else if (!read_text(r, "band", m->band, sizeof m->band))
		band_of_filter(m->filter, m->band);
}

static void
read_time(const struct reader *r, struct meta *m)
{
	char date[72], clock[72], system[72];
	double start, mid = read_number(r, "mjd_mid_tai"), half = m->exptime > 0 ? m->exptime / 2 : 0;
	struct frame_notes odd = {0};

	read_text(r, "date_obs", date, sizeof date);
	read_text(r, "time_obs", clock, sizeof clock);
	read_text(r, "timesys", system, sizeof system);
	start = date[0] != '\0' ? time_parse(date, clock, system, &odd) : NAN;
	if (!isfinite(start))
		start = time_to_tai(read_number(r, "mjd_obs"), system, &odd);
	if (!isfinite(start))
		start = time_to_tai(read_number(r, "jd") - 2400000.5, system, &odd);
	for (int i = 0; !isfinite(start) && i < odd.n; i++)
		note_add(r->notes, "%s", odd.text[i]);
	m->mjd_mid_tai = isfinite(mid) ? mid : start + half / 86400;
	time_iso(start, m->date_obs, sizeof m->date_obs);
	if (!isfinite(start) && date[0] != '\0')
		snprintf(m->date_obs, sizeof m->date_obs, "%.39s", date);
}

void
meta_read(const char *cards, const char *primary, const json_t *instrument, struct meta *m,
		  char imagetyp_raw[72], struct frame_notes *notes)
{
	struct reader r = {cards, primary, instrument, notes};
	const char *name = json_string_value(json_object_get(instrument, "name")), *unit;
	char text[72];

	memset(m, 0, sizeof *m);
	read_text(&r, "instrument", m->instrument, sizeof m->instrument);
	if (name != NULL)
		snprintf(m->instrument, sizeof m->instrument, "%.71s", name);
	read_text(&r, "object", m->object, sizeof m->object);
	m->exptime = read_positive(&r, "exptime");
	if (m->exptime < 0)
		m->exptime = NAN;
	read_kind(&r, m, imagetyp_raw);
	read_band(&r, m);
	read_time(&r, m);
	m->gain = read_positive(&r, "gain");
	m->read_noise = read_positive(&r, "read_noise");
	m->saturation = read_positive(&r, "saturation");
	m->zero_point = read_number(&r, "zero_point");
	m->fwhm = read_number(&r, "fwhm");
	read_text(&r, "bunit", text, sizeof text);
	unit = strchr(text, '/') == NULL ? meaning_of(units, text) : NULL;
	snprintf(m->bunit, sizeof m->bunit, "%.23s", unit != NULL ? unit : text[0] ? text : "adu");
	if (strcmp(m->bunit, "electron") == 0 && m->gain != 1)
	{
		if (isfinite(m->gain))
			note_add(notes, "BUNIT is electron: GAIN %g is not applied again", m->gain);
		m->gain = 1;
	}
}

/* Keywords that a new file says anew or that would be wrong in it: structure, scaling, checksums,
 * WCS; # as in wcs_cards.c. */
bool
meta_is_own_keyword(const char *keyword)
{
	static const char *const prefixes[] = {
		"SIMPLE",   "XTENSION", "BITPIX",   "NAXIS",    "EXTEND",   "PCOUNT",   "GCOUNT",
		"GROUPS",   "EXTNAME",  "EXTVER",   "EXTLEVEL", "BSCALE",   "BZERO",    "BLANK",
		"CHECKSUM", "DATASUM",  "ZIMAGE",   "ZTENSION", "ZBITPIX",  "ZNAXIS",   "ZPCOUNT",
		"ZGCOUNT",  "ZTILE",    "ZCMPTYPE", "ZNAME",    "ZVAL",     "ZQUANTIZ", "ZDITHER",
		"ZSIMPLE",  "ZEXTEND",  "ZBLOCKED", "ZHECKSUM", "ZDATASUM", "ZBLANK",   "TFIELDS",
		"TTYPE",    "TFORM",    "TUNIT",    "TNULL",    "TSCAL",    "TZERO",    "THEAP",
		"INHERIT",  "MP_",      "DATAMAX",  "DATAMIN",  "DATE-OBS", "TIMESYS",  "CTYPE",
		"CRVAL",    "CRPIX",    "CDELT",    "CUNIT",    "CROTA",    "CD1_",     "CD2_",
		"PC1_",     "PC2_",     "PV1_",     "PV2_",     "PS1_",     "PS2_",     "LONPOLE",
		"LATPOLE",  "RADESYS",  "RADECSYS", "EQUINOX",  "WCSAXES",  "A_",       "B_",
		"AP_",      "BP_",      "WAT",      "PLTRA",    "PLTDEC",   "PLTSCALE", "XPIXELSZ",
		"YPIXELSZ", "CNPIX",    "PPO",      "AMDX",     "AMDY",     "WCSAPPRX", "END",
		"BKGLEVEL", "BKGRMS"};

	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
		if (strncmp(keyword, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	for (size_t i = 0; i < sizeof concepts / sizeof concepts[0]; i++)
		for (int k = 0; k < MAX_NAMES && concepts[i].keyword[k] != NULL; k++)
			if (strcmp(concepts[i].keyword[k], keyword) == 0)
				return true;
	return false;
}
