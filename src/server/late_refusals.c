/* SPDX-License-Identifier: MIT */
#include "yodel/server/late_refusals.h"

#include "yodel/base/check.h"

#include <stdlib.h>

int late_refusals_init(struct late_refusals *late, size_t capacity)
{
	*late = (struct late_refusals){.entries = calloc(capacity, sizeof *late->entries)};
	if (late->entries == NULL)
		return -1;
	lock_init(&late->lock);
	return 0;
}

void late_refusals_fini(struct late_refusals *late)
{
	lock_take(&late->lock);
	CHECK(late->count == 0);
	lock_give(&late->lock);
	lock_fini(&late->lock);
	free(late->entries);
}

void late_refusals_add(
	struct late_refusals *late, struct connection *connection, enum close_reason reason)
{
	lock_take(&late->lock);
	late->entries[late->count++] = (struct late_refusal){connection, reason};
	lock_give(&late->lock);
}

bool late_refusals_take(struct late_refusals *late, struct late_refusal *refusal)
{
	lock_take(&late->lock);
	bool has_one = late->count > 0;
	if (has_one)
		*refusal = late->entries[--late->count];
	lock_give(&late->lock);
	return has_one;
}
