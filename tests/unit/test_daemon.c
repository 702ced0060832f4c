/* Parts of the daemon that need no process: throttle, lines, verdicts, names.
 * SPDX-License-Identifier: PostgreSQL */
// LINK: daemon/throttle.o daemon/lines.o daemon/verdict.o daemon/steps.o daemon/sweep.o
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/err.h"
#include "daemon/attempt.h"
#include "daemon/runner.h"
#include "daemon/sweep.h"
#include "daemon/throttle.h"
#include "db/queue.h"

/* The steps report through this; here nobody listens. */
void
runner_say(json_t *line)
{
	json_decref(line);
}

static void
test_throttle_doubles_to_its_limit(void **state)
{
	static const double expected[] = {1, 2, 4, 8, 16, 32, 60, 60};
	struct throttle throttle = {0};

	(void) state;
	for (size_t i = 0; i < 8; i++)
		assert_true(throttle_next(&throttle, false) == expected[i]);
	assert_true(throttle_next(&throttle, true) == 1);
	assert_true(throttle_next(&throttle, false) == 2);
}

static char seen[64];

static void
on_line(void *arg, char *line, size_t len)
{
	(void) arg;
	assert_int_equal(strlen(line), len);
	strcat(seen, line);
	strcat(seen, "|");
}

static void
test_lines_across_reads(void **state)
{
	struct lines lines;
	int fds[2];

	(void) state;
	seen[0] = '\0';
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	lines_init(&lines, 20, on_line, NULL);
	assert_int_equal(write(fds[1], "one\ntw", 6), 6);
	assert_int_equal(lines_read(&lines, fds[0]), 1);
	assert_string_equal(seen, "one|");
	assert_int_equal(write(fds[1], "o\n\nthree", 8), 8);
	assert_int_equal(lines_read(&lines, fds[0]), 1);
	assert_string_equal(seen, "one|two||");
	close(fds[1]);
	assert_int_equal(lines_read(&lines, fds[0]), 0);
	lines_finish(&lines);
	assert_string_equal(seen, "one|two||three|");
	close(fds[0]);
}

static void
test_lines_over_the_limit(void **state)
{
	struct lines lines;
	int fds[2];

	(void) state;
	seen[0] = '\0';
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	lines_init(&lines, 5, on_line, NULL);
	assert_int_equal(write(fds[1], "123456", 6), 6);
	assert_int_equal(lines_read(&lines, fds[0]), -1);
	lines_finish(&lines);
	assert_string_equal(seen, "");
	close(fds[0]);
	close(fds[1]);
}

#define EXITED(status) ((status) << 8)

static void
test_verdicts(void **state)
{
	static const struct
	{
		int status;
		enum attempt_stop stop;
		const char *error; /* code */
		long maxrss_kib;
		bool needs_result, ok;
		const char *cause;
		bool retryable;
	} cases[] = {
		{EXITED(0), STOP_NONE, NULL, 0, false, true, NULL, false},
		{EXITED(0), STOP_NONE, NULL, 0, true, false, "error", true},
		{EXITED(3), STOP_NONE, NULL, 0, false, false, "exit", true},
		{EXITED(65), STOP_NONE, "not_fits", 0, true, false, "error", false},
		{EXITED(71), STOP_NONE, "out_of_memory", 0, true, false, "memory", true},
		{EXITED(65), STOP_NONE, NULL, 0, false, false, "exit", false},
		{EXITED(64), STOP_NONE, NULL, 0, false, false, "exit", false},
		{EXITED(75), STOP_NONE, NULL, 0, false, false, "exit", true},
		{EXITED(1), STOP_NONE, NULL, 95 * 1024, false, false, "memory", true},
		{SIGSEGV, STOP_NONE, NULL, 0, true, false, "crash", true},
		{SIGSEGV, STOP_NONE, NULL, 95 * 1024, true, false, "memory", true},
		{SIGABRT | 0x80, STOP_NONE, NULL, 0, true, false, "crash", true},
		{SIGKILL, STOP_NONE, NULL, 0, true, false, "signal", true},
		{SIGXCPU, STOP_NONE, NULL, 0, true, false, "timeout", true},
		{SIGKILL, STOP_TIMEOUT, NULL, 0, true, false, "timeout", true},
		{EXITED(0), STOP_TIMEOUT, NULL, 0, false, false, "timeout", true},
		{SIGTERM, STOP_CANCEL, NULL, 0, true, false, "cancel", false},
		{SIGTERM, STOP_DEADLINE, NULL, 0, true, false, "deadline", false},
		{SIGTERM, STOP_OUTPUT, NULL, 0, true, false, "error", false},
	};

	(void) state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
	{
		struct attempt a = {.status = cases[i].status, .stop = cases[i].stop};
		struct verdict v;

		a.spec.limits.memory_mib = 100;
		a.spec.needs_result = cases[i].needs_result;
		a.usage.ru_maxrss = cases[i].maxrss_kib;
		a.error = cases[i].error != NULL ? json_pack("{s:s}", "code", cases[i].error) : NULL;
		attempt_verdict(&a, &v);
		assert_int_equal(v.ok, cases[i].ok);
		if (!v.ok)
		{
			assert_string_equal(v.cause, cases[i].cause);
			assert_int_equal(v.retryable, cases[i].retryable);
			assert_string_equal(json_string_value(json_object_get(v.info, "cause")),
								cases[i].cause);
			assert_true(v.error[0] != '\0');
		}
		json_decref(v.info);
		json_decref(a.error);
	}
}

/* What the program says of its error stands above its exit status; a cgroup's word above both. */
static void
test_verdict_of_errors_and_cgroups(void **state)
{
	struct attempt a = {.status = EXITED(65), .class = CLASS_RETRYABLE};
	struct verdict v;

	(void) state;
	a.error = json_pack("{s:s}", "message", "no stars yet");
	attempt_verdict(&a, &v);
	assert_string_equal(v.cause, "error");
	assert_true(v.retryable);
	json_decref(v.info);
	a.status = EXITED(0);
	a.class = CLASS_PERMANENT;
	attempt_verdict(&a, &v);
	assert_false(v.retryable);
	json_decref(v.info);
	json_decref(a.error);
	a.error = NULL;
	a.oom = true;
	a.status = SIGKILL;
	attempt_verdict(&a, &v);
	assert_string_equal(v.cause, "memory");
	assert_true(v.retryable);
	json_decref(v.info);
	a.status = EXITED(1);
	attempt_verdict(&a, &v);
	assert_string_equal(v.cause, "memory");
	json_decref(v.info);
}

static void
test_output_names(void **state)
{
	static const struct
	{
		const char *name, *path;
	} cases[] = {{"12.fits", "/d/12-j7-l9.fits"},
				 {"a/b.c/12.fits.fz", "/d/a/b.c/12-j7-l9.fits.fz"},
				 {"a.b/plain", "/d/a.b/plain-j7-l9"},
				 {".hidden", "/d/.hidden-j7-l9"},
				 {"x.tar.gz", "/d/x-j7-l9.tar.gz"},
				 {"x.gz", "/d/x-j7-l9.gz"},
				 {"v1.2.fits", "/d/v1.2-j7-l9.fits"},
				 {"/tmp/x", NULL},
				 {"file:///tmp/x", NULL}};

	(void) state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
	{
		char *path = runner_output_path("/d", cases[i].name, 7, 9);

		if (cases[i].path == NULL)
			assert_null(path);
		else
			assert_string_equal(path, cases[i].path);
		free(path);
	}
	assert_null(runner_output_path("", "x", 7, 9));
}

static void
test_names_tell_job_and_lease(void **state)
{
	long long job = 0, lease = 0;

	(void) state;
	assert_true(sweep_ids("12-j7-l9.fits", &job, &lease));
	assert_true(job == 7 && lease == 9);
	assert_true(sweep_ids(".12-j70-l90.fits.tmp-12-0", &job, &lease));
	assert_true(job == 70 && lease == 90);
	assert_true(sweep_ids("a-j1-l2-j3-l4", &job, &lease));
	assert_true(job == 3 && lease == 4);
	assert_false(sweep_ids("12.fits", &job, &lease));
	assert_false(sweep_ids("12-j7.fits", &job, &lease));
	assert_false(sweep_ids("12-j7-l9x.fits", &job, &lease));
	assert_false(sweep_ids("12-j0-l9.fits", &job, &lease));
	assert_false(sweep_ids("12-j-7-l9.fits", &job, &lease));
}

static void
test_array_literal(void **state)
{
	char text[32], *words[] = {"a", "b c", "d\"e\\", NULL},
				   *long_words[] = {"0123456789abcdef", "x", NULL};

	(void) state;
	assert_int_equal(queue_array(text, sizeof text, words), 0);
	assert_string_equal(text, "{\"a\",\"b c\",\"d\\\"e\\\\\"}");
	assert_int_equal(queue_array(text, sizeof text, long_words), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_throttle_doubles_to_its_limit),
		cmocka_unit_test(test_lines_across_reads),
		cmocka_unit_test(test_lines_over_the_limit),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_verdict_of_errors_and_cgroups),
		cmocka_unit_test(test_output_names),
		cmocka_unit_test(test_names_tell_job_and_lease),
		cmocka_unit_test(test_array_literal),
	};

	return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
