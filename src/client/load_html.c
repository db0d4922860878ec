/* SPDX-License-Identifier: MIT */
#include "yodel/client/load_print.h"

int load_write_html(const struct load_plan *plan, const struct load_result *result, FILE *out)
{
	(void)plan;
	(void)result;
	(void)out;
	return 0;
}
