/* Limits of runners: where cgroups are, what their files say, which processors are picked.
 * SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cgroup.h"
#include "core/proc.h"

#define MOUNT(root, where) "36 24 0:31 " root " " where " rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
#define OTHERS                                                                                     \
	"22 1 0:20 / /proc rw - proc proc rw\n30 24 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw\n"

static void
test_own_cgroup(void **state)
{
	static const struct
	{
		const char *cgroup, *mountinfo, *path;
	} cases[] = {
		{"0::/a.slice/b.service\n", OTHERS MOUNT("/", "/sys/fs/cgroup"),
		 "/sys/fs/cgroup/a.slice/b.service"},
		{"0::/\n", MOUNT("/", "/sys/fs/cgroup"), "/sys/fs/cgroup"},
		{"4:memory:/x\n1:cpu:/\n0::/y\n", OTHERS MOUNT("/", "/sys/fs/cgroup/unified") OTHERS,
		 "/sys/fs/cgroup/unified/y"},
		{"0::/box/job\n", MOUNT("/box", "/cg"), "/cg/job"}, /* a part of the tree is mounted */
		{"0::/box\n", MOUNT("/box", "/cg"), "/cg"},
		{"0::/boxes/job\n", MOUNT("/box", "/cg"), NULL},
		{"0::/other\n", MOUNT("/box", "/cg") MOUNT("/", "/all"), "/all/other"},
		{"4:memory:/x\n", MOUNT("/", "/sys/fs/cgroup"), NULL}, /* version 1 alone */
		{"0::/a\n", OTHERS, NULL},
		{"", "", NULL},
	};

	(void) state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
	{
		char path[CGROUP_PATH] = "";

		assert_int_equal(cgroup_locate(cases[i].cgroup, cases[i].mountinfo, path),
						 cases[i].path != NULL);
		if (cases[i].path != NULL)
			assert_string_equal(path, cases[i].path);
	}
}

static void
test_words_of_controllers(void **state)
{
	(void) state;
	assert_true(cgroup_has_word("cpuset cpu io memory pids\n", "cpu"));
	assert_true(cgroup_has_word("memory\n", "memory"));
	assert_true(cgroup_has_word("io cpu", "cpu"));
	assert_false(cgroup_has_word("cpuset io memory.x\n", "cpu"));
	assert_false(cgroup_has_word("cpuset hugememory\n", "memory"));
	assert_false(cgroup_has_word("\n", "memory"));
}

static void
test_values_of_events(void **state)
{
	static const char events[] = "low 0\nhigh 0\nmax 31\noom 2\noom_kill 1\noom_group_kill 4\n";

	(void) state;
	assert_int_equal(cgroup_value(events, "oom_kill"), 1);
	assert_int_equal(cgroup_value(events, "oom"), 2);
	assert_int_equal(cgroup_value(events, "low"), 0);
	assert_int_equal(cgroup_value(events, "none"), 0);
	assert_int_equal(cgroup_value("", "oom"), 0);
}

/* Slots get neighbouring groups, and begin anew where the processors end. */
static void
test_picked_processors(void **state)
{
	static const int numbers[] = {1, 3, 4, 8, 9};
	static const struct
	{
		int n, first;
		const char *expected; /* 'x' for each of the numbers that is picked */
	} cases[] = {{1, 0, "x...."}, {1, 4, "....x"}, {1, 5, "x...."}, {2, 1, "..xx."},
				 {2, 2, "x...x"}, {5, 3, "xxxxx"}, {9, 3, "xxxxx"}};

	(void) state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
	{
		cpu_set_t allowed, picked;

		CPU_ZERO(&allowed);
		for (size_t k = 0; k < 5; k++)
			CPU_SET(numbers[k], &allowed);
		proc_pick_cpus(&allowed, cases[i].n, cases[i].first, &picked);
		for (size_t k = 0; k < 5; k++)
			assert_int_equal(!!CPU_ISSET(numbers[k], &picked), cases[i].expected[k] == 'x');
		assert_int_equal(CPU_COUNT(&picked), cases[i].n < 5 ? cases[i].n : 5);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_cgroup),
		cmocka_unit_test(test_words_of_controllers),
		cmocka_unit_test(test_values_of_events),
		cmocka_unit_test(test_picked_processors),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
