/* SPDX-License-Identifier: MIT */
/* A greeting as configured: what greeting_check accepts can be filled in, within its room. */
#include "fuzz.h"

#include "yodel/base/check.h"
#include "yodel/service/greeting.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static void fill(const char *text)
{
	static char name[] = "door";
	const struct listener_settings listener = {.name = name};
	struct connection connection = {.listener = &listener, .open_at_accept = 42};
	char *dst = malloc(GREETING_MAX_BYTES);

	CHECK(dst != NULL);
	connection.peer.length = sizeof connection.peer.v4;
	connection.peer.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(4711)};
	CHECK(greeting_fill(text, &connection, dst) <= GREETING_MAX_BYTES);
	free(dst);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[OPTION_WHY_BYTES], *text = strndup((const char *)data, size);

	CHECK(text != NULL);
	if (greeting_check(text, why))
		fill(text);
	else
		CHECK(*why != '\0');
	free(text);
	return 0;
}
