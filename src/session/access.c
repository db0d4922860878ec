/* SPDX-License-Identifier: MIT */
#include "yodel/session/access.h"

#include "yodel/base/check.h"
#include "yodel/transport/cidr.h"

#include <stdlib.h>

struct access_rule {
	struct cidr network;
	bool is_allowed;
};

static void add(struct access *access, const struct option_list *list, bool is_allowed)
{
	char *const *texts = list->items;

	for (size_t i = 0; i < list->count; i++) {
		struct access_rule *rule = &access->rules[access->count++];

		CHECK(cidr_parse(texts[i], &rule->network));
		rule->is_allowed = is_allowed;
	}
}

/* So that the first rule that fits decides. */
static int by_length(const void *one, const void *other)
{
	const struct access_rule *left = one, *right = other;

	if (left->network.bits != right->network.bits)
		return left->network.bits > right->network.bits ? -1 : 1;
	return left->is_allowed - right->is_allowed;
}

int access_init(
	struct access *access, const struct option_list *allow, const struct option_list *deny)
{
	size_t count = allow->count + deny->count;

	*access = (struct access){.has_allowed = allow->count > 0};
	if (count == 0)
		return 0;
	access->rules = calloc(count, sizeof *access->rules);
	if (access->rules == NULL)
		return -1;
	add(access, allow, true);
	add(access, deny, false);
	qsort(access->rules, count, sizeof *access->rules, by_length);
	return 0;
}

static const struct access_rule *find_rule(const struct access *access, const struct address *peer)
{
	for (size_t i = 0; i < access->count; i++)
		if (cidr_contains(&access->rules[i].network, peer))
			return &access->rules[i];
	return NULL;
}

bool access_is_allowed(const struct access *access, const struct address *peer)
{
	if (!address_is_internet(peer))
		return true;
	const struct access_rule *rule = find_rule(access, peer);

	return rule != NULL ? rule->is_allowed : !access->has_allowed;
}

bool access_is_listed(const struct access *access, const struct address *peer)
{
	const struct access_rule *rule = find_rule(access, peer);

	return rule != NULL && rule->is_allowed;
}

void access_fini(struct access *access)
{
	free(access->rules);
	*access = (struct access){.count = 0};
}
