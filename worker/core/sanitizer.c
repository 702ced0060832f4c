/*
 * Leaks inside Debian's libraries that the leak checker (make asan) must not count as ours:
 * SEP 1.2.1 forgets two small lists in sep_extract(), cfitsio 4.2 a tile whose stream is damaged.
 * Linked into every program; empty without the sanitizer. SPDX-License-Identifier: PostgreSQL
 */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libsep.so\nleak:imcomp_decompress_tile\n";
}
