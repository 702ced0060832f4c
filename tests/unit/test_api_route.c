/* Routes of the gateway. SPDX-License-Identifier: PostgreSQL */
// LINK: api/route.o api/text.o
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "api/route.h"
#include "api/text.h"

static void
literal_path_matches_itself_only(void **state)
{
	char segment[16];

	(void) state;
	assert_true(route_match("/workers/status", "/workers/status", segment, sizeof segment));
	assert_string_equal(segment, "");
	assert_false(route_match("/workers/status", "/workers/statu", segment, sizeof segment));
	assert_false(route_match("/workers/status", "/workers/status/", segment, sizeof segment));
}

static void
segment_is_taken_from_the_path(void **state)
{
	char segment[16];

	(void) state;
	assert_true(
		route_match("/workers/{t}/metrics", "/workers/detection/metrics", segment, sizeof segment));
	assert_string_equal(segment, "detection");
}

static void
segment_is_never_empty_nor_crosses_a_slash(void **state)
{
	char segment[16];

	(void) state;
	assert_false(route_match("/workers/{t}/metrics", "/workers//metrics", segment, sizeof segment));
	assert_false(
		route_match("/workers/{t}/metrics", "/workers/a/b/metrics", segment, sizeof segment));
}

static void
segment_longer_than_its_buffer_is_refused(void **state)
{
	char segment[4];

	(void) state;
	assert_false(
		route_match("/workers/{t}/metrics", "/workers/abcd/metrics", segment, sizeof segment));
	assert_true(
		route_match("/workers/{t}/metrics", "/workers/abc/metrics", segment, sizeof segment));
}

static void
escapes_of_a_segment_are_undone_after_the_slashes(void **state)
{
	char segment[16];

	(void) state;
	assert_true(route_match("/q/{q}/clear", "/q/a%2fb%20%C3%a9/clear", segment, sizeof segment));
	assert_string_equal(segment, "a/b \xc3\xa9");
}

static void
broken_escape_or_nul_is_no_segment(void **state)
{
	static const char *const paths[] = {"/q/a%/clear",    "/q/a%2/clear", "/q/a%zz/clear", "/q/%",
										"/q/a%00b/clear", "/q/% 1/clear", "/q/%+1/clear",  "/q/%%"};
	char segment[16];

	(void) state;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		assert_false(route_match("/q/{q}/clear", paths[i], segment, sizeof segment));
}

static void
each_endpoint_is_found_by_its_method(void **state)
{
	char segment[SEGMENT_MAX];
	unsigned allowed;
	const struct route *route =
		route_find("/workers/queues/q/clear", METHOD_POST, segment, sizeof segment, &allowed);

	(void) state;
	assert_non_null(route);
	assert_string_equal(segment, "q");
	assert_non_null(route->schema);
	assert_null(
		route_find("/workers/queues/q/clear", METHOD_GET, segment, sizeof segment, &allowed));
	assert_int_equal(allowed, METHOD_POST);
	assert_null(route_find("/workers/queues", METHOD_POST, segment, sizeof segment, &allowed));
	assert_int_equal(allowed, METHOD_GET);
	assert_null(route_find("/workers", METHOD_GET, segment, sizeof segment, &allowed));
	assert_int_equal(allowed, 0);
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
		cmocka_unit_test(escapes_of_a_segment_are_undone_after_the_slashes),
		cmocka_unit_test(broken_escape_or_nul_is_no_segment),
		cmocka_unit_test(each_endpoint_is_found_by_its_method),
		cmocka_unit_test(text_grows_over_many_additions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
