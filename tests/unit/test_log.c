/* Log lines are whole, parseable, and carry the context; systemd's datagrams too.
 * SPDX-License-Identifier: PostgreSQL */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/log.h"
#include "core/sdnotify.h"
#include "core/utf8.h"

static char line[8192];
static int fds[2], saved;

/* stderr goes into a pipe while a test logs. */
static int
catch_stderr(void **state)
{
	(void) state;
	saved = dup(STDERR_FILENO);
	log_context = (struct log_context){0};
	return pipe2(fds, O_NONBLOCK) < 0 || dup2(fds[1], STDERR_FILENO) < 0 ? -1 : 0;
}

static int
release_stderr(void **state)
{
	(void) state;
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static const char *
logged(void)
{
	ssize_t n = read(fds[0], line, sizeof line - 1);

	line[n > 0 ? n : 0] = '\0';
	return line;
}

static json_t *
logged_json(void)
{
	json_t *doc = json_loads(logged(), 0, NULL);

	assert_non_null(doc);
	return doc;
}

static void
test_logfmt(void **state)
{
	char expected[256];

	(void) state;
	log_setup(LOG_AT_INFO, false);
	log_context =
		(struct log_context){.slot = 2, .queue = "q", .job_id = 7, .attempt = 1, .stage = "align"};
	log_timed(LOG_AT_WARNING, 0.0125, "say \"%s\"", "hi");
	snprintf(expected, sizeof expected,
			 " level=\"warning\" pid=%d slot=2 queue=\"q\" job=7 attempt=1 stage=\"align\" ms=12.5 "
			 "msg=\"say "
			 "\\\"hi\\\"\"\n",
			 (int) getpid());
	assert_int_equal(strncmp(logged(), "ts=\"2", 5), 0);
	assert_string_equal(strchr(line, ' '), expected);
}

static void
test_level(void **state)
{
	(void) state;
	log_setup(LOG_AT_WARNING, false);
	log_event(LOG_AT_INFO, "not this");
	assert_string_equal(logged(), "");
	log_event(LOG_AT_ERROR, "this");
	assert_non_null(strstr(logged(), "msg=\"this\"\n"));
}

static void
test_json_escapes_what_would_break_a_line(void **state)
{
	json_t *doc;

	(void) state;
	log_setup(LOG_AT_INFO, true);
	log_context.job_id = 123456789012345;
	log_event(LOG_AT_INFO, "a\nb\t\"c\\d\x01 \xc3\xa9");
	doc = logged_json();
	assert_string_equal(json_string_value(json_object_get(doc, "msg")),
						"a\nb\t\"c\\d\x01 \xc3\xa9");
	assert_true(json_integer_value(json_object_get(doc, "job")) == 123456789012345);
	assert_null(json_object_get(doc, "ms"));
	json_decref(doc);
}

static void
test_long_message_is_cut_to_a_whole_line(void **state)
{
	char text[6000];
	json_t *doc;

	(void) state;
	memset(text, '"', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	log_setup(LOG_AT_INFO, true);
	log_event(LOG_AT_INFO, "%s", text);
	doc = logged_json();
	assert_true(strlen(line) <= 4096 && line[strlen(line) - 1] == '\n');
	json_decref(doc);
}

static void
test_bytes_that_are_no_text(void **state)
{
	static const struct
	{
		const char *given, *scrubbed;
	} cases[] = {{"caf\xc3\xa9", "caf\xc3\xa9"},
				 {"caf\xe9!", "caf?!"},
				 {"\xc0\xaf", "??"},
				 {"\xed\xa0\x80", "???"},
				 {"\xf0\x9f\x94\xad", "\xf0\x9f\x94\xad"},
				 {"\xf4\x90\x80\x80", "????"},
				 {"cut\xf0\x9f\x94", "cut???"},
				 {"", ""}};
	char text[32];
	json_t *doc;

	(void) state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
	{
		snprintf(text, sizeof text, "%s", cases[i].given);
		utf8_scrub(text);
		assert_string_equal(text, cases[i].scrubbed);
		log_setup(LOG_AT_INFO, true);
		log_event(LOG_AT_INFO, "%s", cases[i].given);
		doc = logged_json();
		assert_string_equal(json_string_value(json_object_get(doc, "msg")), cases[i].scrubbed);
		json_decref(doc);
	}
}

static void
test_sdnotify(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[64] = "";

	(void) state;
	snprintf(address.sun_path, sizeof address.sun_path, "/tmp/astrid-notify.%d", (int) getpid());
	assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof address), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	sdnotify("STATUS=%d slots", 3);
	assert_int_equal(recv(fd, text, sizeof text - 1, MSG_DONTWAIT), 14);
	assert_string_equal(text, "STATUS=3 slots");
	unlink(address.sun_path);
	sdnotify("READY=1"); /* nobody there: no harm */
	unsetenv("NOTIFY_SOCKET");
	sdnotify("READY=1");
	close(fd);
}

static void
test_watchdog_interval(void **state)
{
	char pid[32];

	(void) state;
	snprintf(pid, sizeof pid, "%d", (int) getpid());
	assert_true(sdnotify_watchdog_interval() == 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_true(sdnotify_watchdog_interval() == 15);
	setenv("WATCHDOG_PID", pid, 1);
	assert_true(sdnotify_watchdog_interval() == 15);
	setenv("WATCHDOG_PID", "1", 1);
	assert_true(sdnotify_watchdog_interval() == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_logfmt, catch_stderr, release_stderr),
		cmocka_unit_test_setup_teardown(test_level, catch_stderr, release_stderr),
		cmocka_unit_test_setup_teardown(test_json_escapes_what_would_break_a_line, catch_stderr,
										release_stderr),
		cmocka_unit_test_setup_teardown(test_long_message_is_cut_to_a_whole_line, catch_stderr,
										release_stderr),
		cmocka_unit_test_setup_teardown(test_bytes_that_are_no_text, catch_stderr, release_stderr),
		cmocka_unit_test(test_sdnotify),
		cmocka_unit_test(test_watchdog_interval),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
