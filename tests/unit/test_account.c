/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/account.h"

static const char *const unknown[] = {"no-such-name-here", "4294967295", "-1", " root"};

static void users_and_groups_are_names_or_numbers(void **state)
{
	uid_t user = 7;
	gid_t group = 7;

	(void)state;
	assert_true(account_read_user("root", &user));
	assert_int_equal(user, 0);
	assert_true(account_read_user("4294967294", &user));
	assert_int_equal(user, 4294967294);
	assert_true(account_read_group("root", &group));
	assert_int_equal(group, 0);
	assert_true(account_read_group("1234", &group));
	assert_int_equal(group, 1234);
}

static void what_is_neither_leaves_the_value_alone(void **state)
{
	uid_t user = 7;
	gid_t group = 7;

	(void)state;
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		assert_false(account_read_user(unknown[i], &user));
		assert_false(account_read_group(unknown[i], &group));
	}
	assert_false(account_read_user("", &user));
	assert_false(account_read_group("", &group));
	assert_int_equal(user, 7);
	assert_int_equal(group, 7);
}

static void an_option_may_be_empty_too_and_else_says_what_it_takes(void **state)
{
	char why[OPTION_WHY_BYTES];

	(void)state;
	assert_true(account_check_user("", why));
	assert_true(account_check_user("root", why));
	assert_true(account_check_group("", why));
	assert_true(account_check_group("1234", why));
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		assert_false(account_check_user(unknown[i], why));
		assert_string_equal(why, "the name or number of a user of this machine, or \"\"");
		assert_false(account_check_group(unknown[i], why));
		assert_string_equal(why, "the name or number of a group of this machine, or \"\"");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_and_groups_are_names_or_numbers),
		cmocka_unit_test(what_is_neither_leaves_the_value_alone),
		cmocka_unit_test(an_option_may_be_empty_too_and_else_says_what_it_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
