/* Settings: sources in their order, values and their errors, sections. SPDX-License-Identifier:
 * PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/config.h"
#include "core/err.h"

static char file[] = "/tmp/astrid-config.XXXXXX";
static struct config config;
static int n_rest;

static void
put(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int
load(const char *text)
{
	char *argv[] = {"astrid-worker", NULL};

	put(text);
	err_clear();
	return config_load(&config, file, 1, argv, &n_rest);
}

static void
assert_loads(const char *text)
{
	if (load(text) < 0)
		fail_msg("%s", err_message());
}

static void
assert_error(const char *text, const char *message)
{
	char expected[256];

	assert_int_equal(load(text), -1);
	snprintf(expected, sizeof expected, "%s:%s", file, message);
	assert_string_equal(err_message(), expected);
}

static int
make_file(void **state)
{
	int fd = mkstemp(file);

	(void) state;
	return fd < 0 ? -1 : close(fd);
}

static int
remove_file(void **state)
{
	(void) state;
	return unlink(file);
}

static int
forget(void **state)
{
	(void) state;
	config_free(&config);
	return unsetenv("ASTRID_CONCURRENCY");
}

static void
test_defaults(void **state)
{
	(void) state;
	assert_loads("# nothing\n\n; at all\n");
	assert_int_equal(config.concurrency, 2);
	assert_true(config.lease == 60);
	assert_true(config.isolate);
	assert_int_equal(config.wake, WAKE_AUTO);
	assert_string_equal(config.data_dir, "");
	assert_null(config.handlers);
}

static void
test_order_of_sources(void **state)
{
	char *argv[] = {
		"astrid-worker", "--max-memory=1GiB", "word", "--isolate", "--lease", "5min", NULL};

	(void) state;
	put("concurrency = 3\nmax_memory = 512\nisolate = off\nlease = 9\n");
	setenv("ASTRID_CONCURRENCY", "4", 1);
	setenv("ASTRID_MAX_MEMORY", "700", 1);
	assert_int_equal(config_load(&config, file, 6, argv, &n_rest), 0);
	unsetenv("ASTRID_MAX_MEMORY");
	assert_int_equal(config.concurrency, 4); /* environment over file */
	assert_true(config.max_memory == 1024);  /* flag over environment */
	assert_true(config.isolate);             /* a flag without a value is on */
	assert_true(config.lease == 300);        /* a value of its own word, with a unit */
	assert_int_equal(n_rest, 1);
	assert_string_equal(argv[1], "word");
}

static void
test_earlier_names_are_understood(void **state)
{
	char *argv[] = {"astrid-worker", "--slots=6", NULL};

	(void) state;
	assert_loads("slots = 3\n");
	assert_int_equal(config.concurrency, 3);
	config_free(&config);
	setenv("ASTRID_SLOTS", "5", 1);
	assert_loads("slots = 3\n");
	assert_int_equal(config.concurrency, 5);
	config_free(&config);
	assert_int_equal(config_load(&config, file, 2, argv, &n_rest), 0);
	assert_int_equal(config.concurrency, 6);
	unsetenv("ASTRID_SLOTS");
}

static void
test_values(void **state)
{
	(void) state;
	assert_loads("grace = 500ms\nlease = 2 min\nsweep_age = 1h\nmax_file_size = 2GiB\nwake = "
				 "poll\nisolate = No\n");
	assert_true(config.grace == 0.5);
	assert_true(config.lease == 120);
	assert_true(config.sweep_age == 3600);
	assert_true(config.max_file_size == 2048);
	assert_int_equal(config.wake, WAKE_POLL);
	assert_false(config.isolate);
}

static void
test_errors_name_file_and_line(void **state)
{
	(void) state;
	assert_error("lease = 1\nleaze = 2\n", "2: unknown setting 'leaze'; did you mean 'lease'?");
	assert_error("entirely_else = 2\n", "1: unknown setting 'entirely_else'");
	assert_error("\nconcurrency = 0\n", "2: concurrency: '0' is not within 1..256");
	assert_error("concurrency = 1.5\n", "1: concurrency: '1.5' is not an integer");
	assert_error("concurrency = nan\n", "1: concurrency: 'nan' is not an integer");
	assert_error("lease = 5 weeks\n",
				 "1: lease: '5 weeks' is not a duration such as 30, 500ms, 5min or 1h");
	assert_error("max_memory = inf\n",
				 "1: max_memory: 'inf' is not a size such as 512 (MiB) or 4GiB");
	assert_error("wake = loud\n", "1: wake: 'loud' is not one of: auto latch listen poll");
	assert_error("isolate = maybe\n", "1: isolate: 'maybe' is not on or off");
	assert_error("lease 2\n", "1: 'lease 2' is not NAME = VALUE");
	assert_error("[queue.a]\n", "1: '[queue.a]' is no section; sections are [handler.QUEUE]");
	assert_error("[handler.]\n", "1: '[handler.]' is no section; sections are [handler.QUEUE]");
	assert_error("[handler.a]\n[handler.a]\n", "2: a second section for queue 'a'");
	assert_error("[handler.a]\nslots = 2\n", "2: unknown setting 'slots'");
}

static void
test_handlers(void **state)
{
	(void) state;
	assert_loads("queues = a b\n[handler.a]\ntype = exec\nprogram = /bin/true\n[handler.b.c]\ntype "
				 "= stage\n");
	assert_int_equal(config_handler(&config, "a")->type, HANDLER_EXEC);
	assert_string_equal(config_handler(&config, "a")->program, "/bin/true");
	assert_int_equal(config_handler(&config, "b.c")->type, HANDLER_STAGE);
	assert_null(config_handler(&config, "b"));
	assert_int_equal(config_check(&config), -1);
	assert_string_equal(err_message(), "[handler.b.c]: type stage needs stage");
}

static void
test_check(void **state)
{
	static const char *const bad[] = {"",
									  "queues = ,\n",
									  "queues = a\ndata_dir = out\n",
									  "queues = a\nread_roots = /a, b\n",
									  "queues = a\n[handler.a]\ntype = exec\nprogram = true\n",
									  "queues = a\n[handler.a]\nplugin = x.so\n"};

	(void) state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
	{
		assert_loads(bad[i]);
		assert_int_equal(config_check(&config), -1);
		config_free(&config);
	}
	assert_loads("queues = a\nread_roots = /a, /b\n");
	assert_int_equal(config_check(&config), 0);
}

static void
test_printed_file_loads_alike(void **state)
{
	char *first = NULL, *second = NULL;
	size_t size;
	FILE *out = open_memstream(&first, &size);

	(void) state;
	assert_loads("queues = a, b\nlease = 1h\n[handler.a]\ntype = exec\nprogram = "
				 "/x\n[handler.b]\nstage = s\n");
	config_print(&config, out);
	fclose(out);
	config_free(&config);
	assert_loads(first);
	out = open_memstream(&second, &size);
	config_print(&config, out);
	fclose(out);
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void
test_reload_keeps_what_is_fixed(void **state)
{
	struct config running;

	(void) state;
	assert_loads("concurrency = 2\nlease = 10\n");
	running = config;
	assert_loads("concurrency = 5\nlease = 20\n");
	assert_string_equal(config_keep_fixed(&config, &running), "concurrency");
	assert_int_equal(config.concurrency, 2);
	assert_true(config.lease == 20);
	assert_null(config_keep_fixed(&config, &running));
	config_free(&running);
}

static void
test_words(void **state)
{
	char **words = config_words(" a, b\tc,,d ");

	(void) state;
	assert_string_equal(words[0], "a");
	assert_string_equal(words[3], "d");
	assert_null(words[4]);
	free(words);
	words = config_words("");
	assert_null(words[0]);
	free(words);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_defaults, forget),
		cmocka_unit_test_teardown(test_order_of_sources, forget),
		cmocka_unit_test_teardown(test_earlier_names_are_understood, forget),
		cmocka_unit_test_teardown(test_values, forget),
		cmocka_unit_test_teardown(test_errors_name_file_and_line, forget),
		cmocka_unit_test_teardown(test_handlers, forget),
		cmocka_unit_test_teardown(test_check, forget),
		cmocka_unit_test_teardown(test_printed_file_loads_alike, forget),
		cmocka_unit_test_teardown(test_reload_keeps_what_is_fixed, forget),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("config", tests, make_file, remove_file);
}
