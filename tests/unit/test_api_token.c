/* Tokens of the gateway: the header, the file, a new one. SPDX-License-Identifier: PostgreSQL */
// LINK: api/token.o
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "api/token.h"

/* sha256 of "abc" (FIPS 180) and of "b" */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define B   "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"

static int
read_text(const char *text, struct tokens *tokens)
{
	FILE *in = fmemopen((void *) text, strlen(text), "r");
	int status = tokens_read(in, "test", tokens);

	fclose(in);
	return status;
}

static void
token_is_taken_from_the_header(void **state)
{
	static const struct
	{
		const char *header, *token;
	} cases[] = {
		{"Bearer abc", "abc"},
		{"bearer abc", "abc"},
		{"BEARER   abc  ", "abc"},
		{"Bearer a.b_c-d~e+f/g==", "a.b_c-d~e+f/g=="},
		{NULL, NULL},
		{"", NULL},
		{"Bearer", NULL},
		{"Bearer ", NULL},
		{"Bearer  ", NULL},
		{"Bearerabc", NULL},
		{"Basic abc", NULL},
		{"Bearer abc def", NULL},
		{"Bearer abc,", NULL},
		{"Bearer \"abc\"", NULL},
		{"Bearer a=b", NULL},
		{"Bearer \xc3\xa9", NULL},
		{"Bearer abc\tdef", NULL},
	};

	(void) state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
	{
		size_t length = 0;
		const char *token = token_of_header(cases[i].header, &length);

		if (cases[i].token == NULL)
			assert_null(token);
		else
		{
			assert_int_equal(length, strlen(cases[i].token));
			assert_memory_equal(token, cases[i].token, length);
		}
	}
}

static void
header_is_checked_against_every_line(void **state)
{
	struct tokens tokens;

	(void) state;
	assert_int_equal(read_text("one write " ABC "\ntwo write " B "\n", &tokens), 0);
	assert_int_equal(tokens.n, 2);
	assert_string_equal(tokens_check(&tokens, "Bearer abc"), "one");
	assert_string_equal(tokens_check(&tokens, "Bearer b"), "two");
	assert_null(tokens_check(&tokens, "Bearer ab"));
	assert_null(tokens_check(&tokens, "Bearer abcd"));
	assert_null(tokens_check(&tokens, "Bearer " ABC));
	assert_null(tokens_check(&tokens, "Basic abc"));
	assert_null(tokens_check(&tokens, NULL));
}

static void
without_a_line_nothing_is_right(void **state)
{
	struct tokens tokens;

	(void) state;
	assert_int_equal(read_text("# none yet\n\n  \t\n", &tokens), 0);
	assert_int_equal(tokens.n, 0);
	assert_null(tokens_check(&tokens, "Bearer abc"));
	assert_null(tokens_check(&tokens, "Bearer "));
}

static void
blanks_and_the_last_line_end_do_not_matter(void **state)
{
	struct tokens tokens;

	(void) state;
	assert_int_equal(read_text(" \tone\t write  " ABC " \r\n#x\nt.w-o_2 write " B, &tokens), 0);
	assert_int_equal(tokens.n, 2);
	assert_string_equal(tokens_check(&tokens, "Bearer b"), "t.w-o_2");
}

static void
wrong_lines_are_refused(void **state)
{
	static const char *const lines[] = {
		"one\n",
		"one write\n",
		"one " ABC "\n",
		"one read " ABC "\n",
		"one writes " ABC "\n",
		"one write " ABC "00\n",
		"one write " ABC " more\n",
		"one write ba7816\n",
		"one write zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n",
		"o\"ne write " ABC "\n",
		"one/two write " ABC "\n",
		"a23456789012345678901234567890123 write " ABC "\n",
		"one write " ABC "\none write\n",
	};
	struct tokens tokens;
	char line[700];

	(void) state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		assert_int_equal(read_text(lines[i], &tokens), -1);
	memset(line, ' ', sizeof line);
	line[sizeof line - 1] = '\0';
	assert_int_equal(read_text(line, &tokens), -1);
}

static void
longest_name_and_most_tokens_fit(void **state)
{
	static char text[(TOKENS_MAX + 1) * 120];
	struct tokens tokens;

	(void) state;
	for (int i = 0; i < TOKENS_MAX; i++)
		snprintf(text + strlen(text), 120, "%032d write " ABC "\n", i);
	assert_int_equal(read_text(text, &tokens), 0);
	assert_int_equal(tokens.n, TOKENS_MAX);
	assert_int_equal(strlen(tokens_check(&tokens, "Bearer abc")), TOKEN_NAME_MAX);
	strcat(text, "more write " ABC "\n");
	assert_int_equal(read_text(text, &tokens), -1);
}

static void
new_token_is_let_in_by_its_line(void **state)
{
	char text[512] = "", header[128], *line;
	FILE *out = fmemopen(text, sizeof text, "w");
	struct tokens tokens;

	(void) state;
	assert_int_equal(token_make("a23456789012345678901234567890.2", out), 0);
	fclose(out);
	line = strchr(text, '\n') + 1;
	snprintf(header, sizeof header, "Bearer %.*s", (int) (line - text - 1), text);
	assert_int_equal(read_text(line, &tokens), 0);
	assert_string_equal(tokens_check(&tokens, header), "a23456789012345678901234567890.2");
	assert_int_equal(token_make("", stdout), -1);
	assert_int_equal(token_make("a b", stdout), -1);
	assert_int_equal(token_make("a23456789012345678901234567890.23", stdout), -1);
}

static void
file_that_others_may_touch_is_refused(void **state)
{
	static const struct
	{
		mode_t mode;
		int status;
	} cases[] = {{0600, 0},  {0400, 0},  {0640, 0},  {0440, 0},  {0644, -1},
				 {0660, -1}, {0602, -1}, {0601, -1}, {0620, -1}, {0666, -1}};
	char path[] = "/tmp/test_api_token.XXXXXX", fifo[sizeof path + 5];
	int fd = mkstemp(path);
	struct tokens tokens;

	(void) state;
	assert_true(fd >= 0 && write(fd, "one write " ABC "\n", 75) == 75);
	close(fd);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
	{
		assert_int_equal(chmod(path, cases[i].mode), 0);
		assert_int_equal(tokens_load(path, &tokens), cases[i].status);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(tokens_load(path, &tokens), -1);
	snprintf(fifo, sizeof fifo, "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(tokens_load(fifo, &tokens), -1);
	unlink(fifo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_is_taken_from_the_header),
		cmocka_unit_test(header_is_checked_against_every_line),
		cmocka_unit_test(without_a_line_nothing_is_right),
		cmocka_unit_test(blanks_and_the_last_line_end_do_not_matter),
		cmocka_unit_test(wrong_lines_are_refused),
		cmocka_unit_test(longest_name_and_most_tokens_fit),
		cmocka_unit_test(new_token_is_let_in_by_its_line),
		cmocka_unit_test(file_that_others_may_touch_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
