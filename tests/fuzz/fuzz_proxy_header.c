/* SPDX-License-Identifier: MIT */
/* Headers of the PROXY protocol: no part of a good one is bad, and what is announced can be written. */
#include "fuzz.h"

#include "yodel/base/check.h"
#include "yodel/transport/proxy_header.h"

#include <string.h>

/* As it comes over a stream: as many bytes as are wanted. Returns the length of a good one, or 0. */
static size_t read_stepwise(const uint8_t *data, size_t size, struct proxy_header *header)
{
	size_t length = 0, missing = 0;
	const char *why = NULL;
	enum proxy_result result;

	while ((result = proxy_header_read(data, length, PROXY_ANY, header, &missing, &why)) ==
		PROXY_MORE) {
		CHECK(missing > 0 && missing <= PROXY_HEADER_MAX_BYTES - length);
		if (missing > size - length)
			return 0;
		length += missing;
	}
	CHECK((result == PROXY_BAD) == (why != NULL));
	return result == PROXY_WHOLE ? length : 0;
}

static void write_and_read(const struct proxy_header *header)
{
	uint8_t bytes[PROXY_HEADER_MAX_BYTES];
	struct proxy_header again;
	size_t length = proxy_header_write_v2(
		bytes, sizeof bytes, &header->source, &header->destination, NULL, 0);
	bool is_internet = header->source.any.sa_family != AF_UNIX;

	CHECK(length > 0 && read_stepwise(bytes, length, &again) == length);
	CHECK(again.is_local == !is_internet);
	CHECK(!is_internet ||
		memcmp(&again.source.v6, &header->source.v6, header->source.length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header;

	if (read_stepwise(data, size, &header) > 0 && !header.is_local)
		write_and_read(&header);
	return 0;
}
