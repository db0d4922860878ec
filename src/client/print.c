/* SPDX-License-Identifier: MIT */
#include "yodel/client/print.h"

#include "yodel/base/check.h"

#include <stdio.h>

void print_json(json_t *value)
{
	CHECK(value != NULL);
	json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(value);
}

void format_ms(char text[PRINT_TEXT_BYTES], double ns)
{
	double ms = ns / 1e6;
	int digits = ms < 10 ? 3 : ms < 100 ? 2 : ms < 1000 ? 1 : 0;

	snprintf(text, PRINT_TEXT_BYTES, "%.*f", digits, ms);
}

void format_bytes(char text[PRINT_TEXT_BYTES], double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < sizeof units / sizeof *units) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, PRINT_TEXT_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}
