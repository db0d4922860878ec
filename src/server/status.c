/* SPDX-License-Identifier: MIT */
#include "yodel/server/status.h"

#include "yodel/base/clock.h"
#include "yodel/server/notify.h"

enum { PERIOD_MS = 1000 };

static void tell(struct status *status, const char *news, size_t open)
{
	status->told_open = open;
	notify_send(
		"%sSTATUS=%s%zu connection%s", news, status->prefix, open, open == 1 ? "" : "s");
}

void status_begin(
	struct status *status, const char *news, const char *prefix, struct registry *registry)
{
	*status = (struct status){.prefix = prefix};
	if (notify_is_wanted())
		status->tell_at_ms = clock_monotonic_ms() + PERIOD_MS;
	tell(status, news, registry_open_count(registry));
}

void status_tell(struct status *status, struct registry *registry, int64_t now_ms)
{
	if (!notify_is_wanted() || now_ms < status->tell_at_ms)
		return;
	size_t open = registry_open_count(registry);
	bool is_quiet = open == 0 && open == status->told_open;
	status->tell_at_ms = is_quiet ? 0 : now_ms + PERIOD_MS;
	if (open != status->told_open)
		tell(status, "", open);
}
