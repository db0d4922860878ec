/* SPDX-License-Identifier: MIT */
/* What befalls a file while it is read; what files say: tests/system/test_tls_configuration.py. */
#include "tls_support.h"

#include "yodel/base/error.h"
#include "yodel/transport/tls_pair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

FILE *__real_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);

static bool has_bad_end;

static ssize_t read_cookie(void *cookie, char *dst, size_t capacity)
{
	ssize_t count = read(*(int *)cookie, dst, capacity);

	if (count != 0)
		return count;
	errno = EIO;
	return -1;
}

static int close_cookie(void *cookie)
{
	return close(*(int *)cookie);
}

/* A file whose end cannot be read, as on a failing disk. */
FILE *__wrap_fdopen(int fd, const char *mode)
{
	static int cookie;

	if (!has_bad_end || mode[0] != 'r')
		return __real_fdopen(fd, mode);
	cookie = fd;
	return fopencookie(
		&cookie, mode, (cookie_io_functions_t){.read = read_cookie, .close = close_cookie});
}

static void a_chain_that_cannot_be_read_to_its_end_is_refused(void **state)
{
	char folder[64], path[TLS_PATH_BYTES], none[] = "", expected[256];
	struct tls_files files = {.certificate = path, .key = none};
	struct tls_pair pair;
	struct error error;

	(void)state;
	support_make_folder(folder);
	tls_make_pair(folder, "server.pem", "ec", path);
	assert_int_equal(tls_pair_load(&pair, &files, getuid(), &error), 0);
	tls_pair_free(&pair);
	has_bad_end = true;
	assert_int_equal(tls_pair_load(&pair, &files, getuid(), &error), -1);
	snprintf(expected, sizeof expected, "cannot read certificate %s: Input/output error", path);
	assert_string_equal(error.message, expected);
	support_remove_folder(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_that_cannot_be_read_to_its_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
