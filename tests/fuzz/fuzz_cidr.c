/* SPDX-License-Identifier: MIT */
/* Networks: one that is read has the address that it is written with. */
#include "fuzz.h"

#include "yodel/base/check.h"
#include "yodel/transport/cidr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct address address = {.any.sa_family = AF_INET};
	struct cidr cidr;

	CHECK(text != NULL);
	if (cidr_parse(text, &cidr)) {
		text[strcspn(text, "/")] = '\0';
		if (inet_pton(AF_INET, text, &address.v4.sin_addr) != 1) {
			address = (struct address){.any.sa_family = AF_INET6};
			CHECK(inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1);
		}
		CHECK(cidr_contains(&cidr, &address));
	}
	free(text);
	return 0;
}
