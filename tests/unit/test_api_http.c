/* Route patterns of the gateway. SPDX-License-Identifier: PostgreSQL */
// LINK: api/http.o api/metrics.o api/query.o api/text.o
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "api/http.h"
#include "api/text.h"

static void
literal_path_matches_itself_only(void **state)
{
	char segment[16];

	(void) state;
	assert_true(http_match("/workers/status", "/workers/status", segment, sizeof segment));
	assert_string_equal(segment, "");
	assert_false(http_match("/workers/status", "/workers/statu", segment, sizeof segment));
	assert_false(http_match("/workers/status", "/workers/status/", segment, sizeof segment));
}

static void
segment_is_taken_from_the_path(void **state)
{
	char segment[16];

	(void) state;
	assert_true(
		http_match("/workers/{t}/metrics", "/workers/detection/metrics", segment, sizeof segment));
	assert_string_equal(segment, "detection");
}

static void
segment_is_never_empty_nor_crosses_a_slash(void **state)
{
	char segment[16];

	(void) state;
	assert_false(http_match("/workers/{t}/metrics", "/workers//metrics", segment, sizeof segment));
	assert_false(
		http_match("/workers/{t}/metrics", "/workers/a/b/metrics", segment, sizeof segment));
}

static void
segment_longer_than_its_buffer_is_refused(void **state)
{
	char segment[4];

	(void) state;
	assert_false(
		http_match("/workers/{t}/metrics", "/workers/abcd/metrics", segment, sizeof segment));
	assert_true(
		http_match("/workers/{t}/metrics", "/workers/abc/metrics", segment, sizeof segment));
}

static void
text_grows_over_many_additions(void **state)
{
	struct text t = {0};

	(void) state;
	for (int i = 0; i < 5000; i++)
		text_printf(&t, "%d,", i % 10);
	assert_false(t.failed);
	assert_int_equal(t.used, 10000);
	assert_int_equal(strlen(t.data), 10000);
	text_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literal_path_matches_itself_only),
		cmocka_unit_test(segment_is_taken_from_the_path),
		cmocka_unit_test(segment_is_never_empty_nor_crosses_a_slash),
		cmocka_unit_test(segment_longer_than_its_buffer_is_refused),
		cmocka_unit_test(text_grows_over_many_additions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
