/* SPDX-License-Identifier: MIT */
/*
 * The scan of a configuration file's text that runs before libconfig reads it. libconfig itself is
 * not called: it ends the program on a folder that is included, and its faults are not ours.
 */
#include "fuzz.h"

#include "yodel/base/check.h"
#include "yodel/config/literals.h"

#include <stdlib.h>
#include <string.h>

static void check_name(void *context, const char *place, const char *name)
{
	(void)context;
	CHECK(strchr(name, '"') == NULL);
	CHECK(strncmp(place, "file:", 5) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct literals_visitor visitor = {.visit_include = check_name};
	struct problems problems;
	char *text = strndup((const char *)data, size);

	CHECK(text != NULL);
	problems_init(&problems);
	literals_check("file", text, &problems, &visitor);
	CHECK((problems.count == 0) == (*problems_text(&problems) == '\0'));
	problems_fini(&problems);
	free(text);
	return 0;
}
