/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/session/access.h"

#include <arpa/inet.h>

enum { TEXTS_MAX = 8 };

static struct option_list list_of(const char *const *texts)
{
	struct option_list list = {.items = (void *)(uintptr_t)texts};

	while (texts[list.count] != NULL)
		list.count++;
	return list;
}

#define LIST(...) list_of((const char *const[TEXTS_MAX]){__VA_ARGS__})
#define NOBODY    LIST(NULL)

static bool is_allowed(struct option_list allow, struct option_list deny, const char *host)
{
	struct address peer = {.any.sa_family = AF_INET};
	struct access access;

	if (inet_pton(AF_INET, host, &peer.v4.sin_addr) != 1) {
		peer.any.sa_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, host, &peer.v6.sin6_addr), 1);
	}
	assert_int_equal(access_init(&access, &allow, &deny), 0);
	bool result = access_is_allowed(&access, &peer);
	access_fini(&access);
	return result;
}

static void without_rules_all_are_allowed(void **state)
{
	(void)state;
	assert_true(is_allowed(NOBODY, NOBODY, "203.0.113.9"));
	assert_true(is_allowed(NOBODY, NOBODY, "2001:db8::1"));
}

static void who_is_not_denied_is_allowed(void **state)
{
	(void)state;
	assert_false(is_allowed(NOBODY, LIST("10.0.0.0/8"), "10.1.2.3"));
	assert_true(is_allowed(NOBODY, LIST("10.0.0.0/8"), "11.1.2.3"));
	assert_true(is_allowed(NOBODY, LIST("10.0.0.0/8"), "2001:db8::1"));
}

static void once_somebody_is_allowed_others_are_denied(void **state)
{
	(void)state;
	assert_true(is_allowed(LIST("10.0.0.0/8"), NOBODY, "10.1.2.3"));
	assert_false(is_allowed(LIST("10.0.0.0/8"), NOBODY, "11.1.2.3"));
	assert_false(is_allowed(LIST("10.0.0.0/8"), NOBODY, "2001:db8::1"));
}

static void the_longest_network_decides(void **state)
{
	const struct option_list allow = LIST("10.0.0.0/8", "10.1.2.3");
	const struct option_list deny = LIST("10.1.0.0/16", "0.0.0.0/0");

	(void)state;
	assert_true(is_allowed(allow, deny, "10.2.0.1"));
	assert_false(is_allowed(allow, deny, "10.1.0.1"));
	assert_true(is_allowed(allow, deny, "10.1.2.3"));
	assert_false(is_allowed(allow, deny, "11.1.2.3"));
}

static void of_two_as_long_the_one_to_deny_decides(void **state)
{
	(void)state;
	assert_false(is_allowed(LIST("::1", "10.0.0.0/8"), LIST("10.0.0.0/8", "::1"), "10.1.2.3"));
	assert_false(is_allowed(LIST("::1", "10.0.0.0/8"), LIST("10.0.0.0/8", "::1"), "::1"));
}

static void peers_on_unix_sockets_are_allowed(void **state)
{
	const struct option_list allow = LIST("10.0.0.0/8"), deny = LIST("0.0.0.0/0", "::/0");
	struct address peer = {.any.sa_family = AF_UNIX};
	struct access access;

	(void)state;
	assert_int_equal(access_init(&access, &allow, &deny), 0);
	assert_true(access_is_allowed(&access, &peer));
	access_fini(&access);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rules_all_are_allowed),
		cmocka_unit_test(who_is_not_denied_is_allowed),
		cmocka_unit_test(once_somebody_is_allowed_others_are_denied),
		cmocka_unit_test(the_longest_network_decides),
		cmocka_unit_test(of_two_as_long_the_one_to_deny_decides),
		cmocka_unit_test(peers_on_unix_sockets_are_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
