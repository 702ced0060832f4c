/*
 * Server settings astrid.*: the one table of names, defaults, ranges and texts.
 *
 * _PG_init calls guc_init; everything else reads the variables. A setting sized into shared memory
 * is PGC_POSTMASTER; without preload it can no longer be defined as such and is unused, so it is
 * then defined as PGC_SIGHUP, only to keep a line in postgresql.conf from being taken for a
 * misspelt name.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "guc.h"

bool guc_claim_floor;
bool guc_maintenance;
int guc_maintenance_interval;
int guc_maintenance_timeout;
int guc_max_databases;
int guc_max_payload_size;
int guc_max_stat_queues;
int guc_max_waiters;
int guc_notify_interval;
bool guc_notify_without_preload;
char *guc_test_clock;
int guc_wait_max;

typedef struct BoolSetting
{
	const char *name;
	bool *value;
	bool initial;
	GucContext context;
	const char *summary;
	const char *detail;
} BoolSetting;

typedef struct IntSetting
{
	const char *name;
	int *value;
	int initial;
	int min;
	int max;
	GucContext context;
	int flags;
	const char *summary;
	const char *detail;
} IntSetting;

static const BoolSetting bool_settings[] = {
	{"astrid.claim_floor", &guc_claim_floor, true, PGC_USERSET,
	 "Lets claims skip index entries of jobs that are long gone.",
	 "Off: the same jobs in the same order, but slower while an old snapshot is held."},
	{"astrid.maintenance", &guc_maintenance, true, PGC_SIGHUP,
	 "Runs astrid's maintenance in background workers.",
	 "Off: somebody must call astrid_maintain(), as workers do when astrid is not preloaded."},
	{"astrid.notify_without_preload", &guc_notify_without_preload, true, PGC_USERSET,
	 "Sends NOTIFY at commit where astrid is not preloaded.",
	 "One per transaction. When preloaded, a background worker sends it instead."},
};

static const IntSetting int_settings[] = {
	{"astrid.maintenance_interval", &guc_maintenance_interval, 1000, 100, 3600 * 1000, PGC_SIGHUP,
	 GUC_UNIT_MS, "Longest pause between two maintenance passes over a database.",
	 "A scheduled job that falls due sooner shortens it."},
	{"astrid.maintenance_timeout", &guc_maintenance_timeout, 30 * 1000, 1000, 3600 * 1000,
	 PGC_SIGHUP, GUC_UNIT_MS, "Cancels a maintenance pass that takes longer.", NULL},
	{"astrid.max_databases", &guc_max_databases, 64, 1, 10000, PGC_POSTMASTER, 0,
	 "Number of databases that background maintenance can keep track of.", NULL},
	{"astrid.max_payload_size", &guc_max_payload_size, 1024, 1, 256 * 1024, PGC_SUSET, GUC_UNIT_KB,
	 "Largest payload of a job.",
	 "Larger data belongs into files or tables of its own; the payload names them."},
	{"astrid.max_stat_queues", &guc_max_stat_queues, 1024, 1, 1000000, PGC_POSTMASTER, 0,
	 "Number of queues whose jobs are counted in shared memory.",
	 "The jobs of further ones are counted by reading their tables."},
	{"astrid.max_waiters", &guc_max_waiters, 0, 0, 262143, PGC_POSTMASTER, 0,
	 "Number of sessions that can be woken from astrid_wait() at the same time.",
	 "Sessions beyond it look for themselves ten times a second. 0: as many as connections are "
	 "allowed."},
	{"astrid.notify_interval", &guc_notify_interval, 50, 10, 60 * 1000, PGC_SIGHUP, GUC_UNIT_MS,
	 "Shortest pause between two NOTIFY that tell of new jobs.", NULL},
	{"astrid.wait_max", &guc_wait_max, 60 * 1000, 100, 3600 * 1000, PGC_SUSET, GUC_UNIT_MS,
	 "Longest time that one astrid_wait() sleeps, whatever its timeout argument says.", NULL},
};

typedef struct StringSetting
{
	const char *name;
	char **value;
	const char *initial;
	GucContext context;
	int flags;
	const char *summary;
	const char *detail;
} StringSetting;

static const StringSetting string_settings[] = {
	{"astrid.test_clock", &guc_test_clock, "", PGC_SUSET, GUC_NOT_IN_SAMPLE,
	 "Time that the queue takes for the present; empty: the real one.",
	 "For tests: lets time pass without sleeping."},
};

static GucContext
usable_context(GucContext context)
{
	if (context == PGC_POSTMASTER && !process_shared_preload_libraries_in_progress)
		return PGC_SIGHUP;
	return context;
}

void
guc_init(void)
{
	for (int i = 0; i < lengthof(bool_settings); i++)
	{
		const BoolSetting *s = &bool_settings[i];

		DefineCustomBoolVariable(s->name, s->summary, s->detail, s->value, s->initial,
								 usable_context(s->context), 0, NULL, NULL, NULL);
	}
	for (int i = 0; i < lengthof(int_settings); i++)
	{
		const IntSetting *s = &int_settings[i];

		DefineCustomIntVariable(s->name, s->summary, s->detail, s->value, s->initial, s->min,
								s->max, usable_context(s->context), s->flags, NULL, NULL, NULL);
	}
	for (int i = 0; i < lengthof(string_settings); i++)
	{
		const StringSetting *s = &string_settings[i];

		DefineCustomStringVariable(s->name, s->summary, s->detail, s->value, s->initial,
								   usable_context(s->context), s->flags, NULL, NULL, NULL);
	}
	MarkGUCPrefixReserved("astrid");
}
