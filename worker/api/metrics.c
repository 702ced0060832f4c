/* See metrics.h; the families are in metrics.def. SPDX-License-Identifier: PostgreSQL */
#include "api/metrics.h"

#include <string.h>

#include "api/query.h"

static const struct
{
	const char *name, *type, *help, *statement;
} families[] = {
#define METRIC(name, type, help, statement) {name, type, help, statement},
#include "api/metrics.def"
#undef METRIC
};

static void
add_header(struct text *out, const char *name, const char *type, const char *help)
{
	text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Label values: backslash, quote and line feed are escaped (exposition format 0.0.4). */
static void
add_escaped(struct text *out, const char *s)
{
	for (; *s != '\0'; s++)
	{
		if (*s == '\\' || *s == '"')
			text_add(out, "\\", 1);
		if (*s == '\n')
			text_add(out, "\\n", 2);
		else
			text_add(out, s, 1);
	}
}

static void
add_sample(struct text *out, const char *name, const PGresult *r, int row)
{
	int n_labels = PQnfields(r) - 1;

	text_add(out, name, strlen(name));
	for (int i = 0; i < n_labels; i++)
	{
		text_printf(out, "%s%s=\"", i == 0 ? "{" : ",", PQfname(r, i));
		add_escaped(out, PQgetvalue(r, row, i));
		text_add(out, "\"", 1);
	}
	text_printf(out, "%s %s\n", n_labels > 0 ? "}" : "", PQgetvalue(r, row, n_labels));
}

static void
add_rows(struct text *out, const char *name, const PGresult *r)
{
	for (int row = 0; row < PQntuples(r); row++)
		if (!PQgetisnull(r, row, PQnfields(r) - 1))
			add_sample(out, name, r, row);
}

/* The database's versions; a family of its own because its failure is what astrid_up tells. */
static bool
add_up(struct text *out)
{
	PGresult *r =
		query_run("SELECT '" ASTRID_VERSION "' AS version, current_setting('server_version') AS "
				  "pg_version, 1 FROM pg_extension WHERE extname = 'astrid'",
				  NULL);
	bool up = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1;

	add_header(out, "astrid_up", "gauge", "1 while the database answers and has the extension.");
	text_printf(out, "astrid_up %d\n", up);
	if (up)
	{
		add_header(out, "astrid_build_info", "gauge", "Versions of astrid and PostgreSQL.");
		add_rows(out, "astrid_build_info", r);
	}
	PQclear(r);
	return up;
}

void
metrics_collect(struct text *out)
{
	int failed = 0;
	bool up = add_up(out);

	for (size_t i = 0; up && i < sizeof families / sizeof families[0]; i++)
	{
		PGresult *r = query_run(families[i].statement, NULL);

		if (PQresultStatus(r) != PGRES_TUPLES_OK)
			failed++;
		else if (PQntuples(r) > 0)
		{
			add_header(out, families[i].name, families[i].type, families[i].help);
			add_rows(out, families[i].name, r);
		}
		PQclear(r);
	}
	add_header(out, "astrid_metrics_failed_families", "gauge",
			   "Families whose query failed in this very scrape.");
	text_printf(out, "astrid_metrics_failed_families %d\n", failed);
}
