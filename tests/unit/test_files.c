/* Paths cannot leave their roots, and outputs appear whole or not at all. SPDX-License-Identifier:
 * PostgreSQL */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/files.h"

static char base[] = "/tmp/astrid-files.XXXXXX";
static char path[4096];

static const char *
in_base(const char *rel)
{
	snprintf(path, sizeof path, "%s/%s", base, rel);
	return path;
}

static void
put(const char *rel, const char *text)
{
	FILE *f = fopen(in_base(rel), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int
make_tree(void **state)
{
	char raw[4096], out[4096];
	const char *read_roots[] = {raw};

	(void) state;
	assert_non_null(mkdtemp(base));
	mkdir(in_base("raw"), 0755);
	mkdir(in_base("raw/night"), 0755);
	mkdir(in_base("out"), 0755);
	mkdir(in_base("rawhide"), 0755);
	put("raw/a.fits", "abc");
	put("raw/night/b c.fits", "");
	put("secret", "secret");
	put("rawhide/x", "secret");
	assert_int_equal(symlink("../secret", in_base("raw/link")), 0);
	assert_int_equal(symlink("/etc/passwd", in_base("raw/absolute")), 0);
	assert_int_equal(symlink("..", in_base("raw/up")), 0);
	assert_int_equal(symlink("a.fits", in_base("raw/inside")), 0);
	assert_int_equal(symlink("../raw", in_base("out/side")), 0);
	assert_int_equal(mkfifo(in_base("raw/fifo"), 0600), 0);
	snprintf(raw, sizeof raw, "%s/raw/", base);
	snprintf(out, sizeof out, "%s/out", base);
	return files_set_roots(read_roots, 1, out);
}

static int
remove_tree(void **state)
{
	char command[64];

	(void) state;
	snprintf(command, sizeof command, "rm -rf %s", base);
	return system(command);
}

static void
assert_opens(const char *uri)
{
	int fd = files_open(uri);

	if (fd < 0)
		print_error("%s: %s\n", uri, err_message());
	assert_true(fd >= 0);
	close(fd);
}

static void
assert_refused(const char *uri, enum astrid_error_code code)
{
	err_clear();
	assert_int_equal(files_open(uri), -1);
	if (err_code() != code)
		print_error("%s: %s\n", uri, err_message());
	assert_int_equal(err_code(), code);
}

static void
test_reads_below_roots(void **state)
{
	char uri[5000];

	(void) state;
	assert_opens(in_base("raw/a.fits"));
	assert_opens(in_base("raw/inside"));
	assert_opens(in_base("raw/night/../a.fits"));
	snprintf(uri, sizeof uri, "file://%s/raw/night/b%%20c.fits", base);
	assert_opens(uri);
	snprintf(uri, sizeof uri, "file://localhost%s/raw/a.fits", base);
	assert_opens(uri);
	assert_refused(in_base("raw/none.fits"), ASTRID_E_NOT_FOUND);
}

static void
test_refuses_what_leaves(void **state)
{
	static const char *const names[] = {"raw/../secret",
										"secret",
										"raw/link",
										"raw/absolute",
										"raw/up/secret",
										"rawhide/x",
										"raw/night/../../secret",
										"raw",
										"raw/fifo",
										"raw/night"};

	(void) state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_refused(in_base(names[i]), ASTRID_E_FORBIDDEN_PATH);
	assert_refused("/etc/passwd", ASTRID_E_FORBIDDEN_PATH);
	assert_refused("/proc/self/environ", ASTRID_E_FORBIDDEN_PATH);
	assert_refused("a.fits", ASTRID_E_FORBIDDEN_PATH);
	assert_refused("", ASTRID_E_FORBIDDEN_PATH);
}

static void
test_refuses_extended_names(void **state)
{
	(void) state;
	assert_refused(in_base("raw/a.fits[1]"), ASTRID_E_FORBIDDEN_PATH);
	assert_refused(in_base("raw/a.fits[1][pix = X]"), ASTRID_E_FORBIDDEN_PATH);
	assert_refused(in_base("raw/a.fits(out.fits)"), ASTRID_E_FORBIDDEN_PATH);
	assert_refused("!/tmp/x.fits", ASTRID_E_FORBIDDEN_PATH);
	assert_refused("http://localhost/a.fits", ASTRID_E_FORBIDDEN_PATH);
	assert_refused("root://localhost/a.fits", ASTRID_E_FORBIDDEN_PATH);
	assert_refused("mem://", ASTRID_E_FORBIDDEN_PATH);
	assert_refused("file://otherhost/a.fits", ASTRID_E_FORBIDDEN_PATH);
	assert_refused("file:///%00", ASTRID_E_FORBIDDEN_PATH);
	assert_refused("-", ASTRID_E_FORBIDDEN_PATH);
}

static void
test_writes_below_write_root_only(void **state)
{
	static const char *const names[] = {"raw/new.fits",  "out/../secret", "out/side/new.fits",
										"out/x/../../y", "out/",          "out/.."};
	long long size;
	char sha[65];

	(void) state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
	{
		err_clear();
		assert_null(files_create(in_base(names[i])));
		assert_int_equal(err_code(), ASTRID_E_FORBIDDEN_PATH);
	}
	assert_int_equal(files_write(in_base("out/deep/er/c.fits"), "abc", 3), 0);
	assert_int_equal(files_digest(in_base("out/deep/er/c.fits"), sha, &size), 0);
	assert_int_equal(size, 3);
	/* FIPS 180-2 appendix B.1 */
	assert_string_equal(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
test_output_is_whole_or_absent(void **state)
{
	struct files_output *out = files_create(in_base("out/half/d.fits"));

	(void) state;
	assert_non_null(out);
	assert_int_equal(write(files_output_fd(out), "half", 4), 4);
	assert_int_equal(access(in_base("out/half/d.fits"), F_OK), -1);
	files_abort(out);
	assert_int_equal(access(in_base("out/half/d.fits"), F_OK), -1);
	/* a folder that holds nothing can be removed */
	assert_int_equal(rmdir(in_base("out/half")), 0);

	out = files_create(in_base("out/half/d.fits"));
	assert_int_equal(write(files_output_fd(out), "whole", 5), 5);
	assert_int_equal(files_commit(out), 0);
	assert_opens(in_base("out/half/d.fits"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_below_roots),
		cmocka_unit_test(test_refuses_what_leaves),
		cmocka_unit_test(test_refuses_extended_names),
		cmocka_unit_test(test_writes_below_write_root_only),
		cmocka_unit_test(test_output_is_whole_or_absent),
	};

	return cmocka_run_group_tests_name("files", tests, make_tree, remove_tree);
}
