/* SPDX-License-Identifier: MIT */
#include "yodel/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *condition, const char *file, int line, const char *function)
{
	fprintf(stderr, "%s:%d: %s: CHECK(%s) failed\n", file, line, function, condition);
	abort();
}
