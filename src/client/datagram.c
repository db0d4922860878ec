/* SPDX-License-Identifier: MIT */
#include "yodel/client/datagram.h"

#include "yodel/base/error.h"
#include "yodel/client/dial.h"

int datagram_fail(const struct request *request, const struct address *peer, int number,
	struct failure *failure)
{
	enum failure_kind kind = failure_kind_of(number);
	char text[ADDRESS_TEXT_BYTES];

	address_format(peer, text);
	return failure_set(failure, kind, "the datagram to %s came to nothing: %s%s", text,
		error_text(number), kind == FAILURE_REFUSED ? dial_refused_hint(request) : "");
}
