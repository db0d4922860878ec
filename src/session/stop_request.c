/* SPDX-License-Identifier: MIT */
#include "yodel/session/stop_request.h"

#include "yodel/base/check.h"

#include <sys/eventfd.h>

enum { STOP_NOT_ASKED, STOP_ASKED, STOP_TAKEN };

static bool advance(struct stop_request *request, int from, int to)
{
	return atomic_compare_exchange_strong(&request->stage, &from, to);
}

void stop_request_init(struct stop_request *request, int event_fd)
{
	atomic_init(&request->stage, STOP_NOT_ASKED);
	request->event_fd = event_fd;
}

void stop_request_make(struct stop_request *request)
{
	if (advance(request, STOP_NOT_ASKED, STOP_ASKED))
		CHECK(eventfd_write(request->event_fd, 1) == 0);
}

bool stop_request_take(struct stop_request *request)
{
	return advance(request, STOP_ASKED, STOP_TAKEN);
}
