/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/session/peer_table.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

ssize_t __wrap_getrandom(void *buffer, size_t length, unsigned flags);

static uint64_t seed;

/* The seed is the test's, so that a run can be repeated. */
ssize_t __wrap_getrandom(void *buffer, size_t length, unsigned flags)
{
	(void)flags;
	assert_int_equal(length, sizeof seed);
	memcpy(buffer, &seed, sizeof seed);
	return sizeof seed;
}

enum { KEYS = 40 };

static struct peer_key key_number(unsigned number)
{
	struct peer_key key = {.prefix.bytes = {number % 2 == 0 ? 2 : 10}};

	key.prefix.bytes[number % 3 == 0 ? 1 : 16] = (uint8_t)number;
	key.listener = (int32_t)(number % 4) - 1;
	return key;
}

static void an_unknown_key_counts_nothing(void **state)
{
	struct peer_key key = key_number(1);
	struct peer_table table;

	(void)state;
	assert_int_equal(peer_table_init(&table, 1), 0);
	assert_int_equal(peer_table_count(&table, &key), 0);
	peer_table_fini(&table);
}

static void keys_that_differ_in_any_byte_are_counted_apart(void **state)
{
	const struct peer_key plain = {.prefix.bytes = {2}, .listener = 0};
	struct peer_table table;

	(void)state;
	assert_int_equal(peer_table_init(&table, 64), 0);
	peer_table_add(&table, &plain);
	for (size_t i = 0; i < ADDRESS_PREFIX_BYTES; i++) {
		struct peer_key other = plain;

		other.prefix.bytes[i] ^= 0x80;
		assert_int_equal(peer_table_count(&table, &other), 0);
		peer_table_add(&table, &other);
		peer_table_add(&table, &other);
		assert_int_equal(peer_table_count(&table, &other), 2);
	}
	const struct peer_key everywhere = {.prefix.bytes = {2}, .listener = -1};
	assert_int_equal(peer_table_count(&table, &everywhere), 0);
	assert_int_equal(peer_table_count(&table, &plain), 1);
	peer_table_fini(&table);
}

/*
 * Forty keys in a table of 128 or of 16 places, whatever the seed: many share a home or a run, and
 * runs go around the end. The model is an array.
 */
static void run_against_model(size_t max_keys, size_t live_max)
{
	int64_t model[KEYS] = {0};
	struct peer_table table;
	size_t live = 0;

	assert_int_equal(peer_table_init(&table, max_keys), 0);
	for (int step = 0; step < 5000; step++) {
		unsigned number = support_random() % KEYS;
		struct peer_key key = key_number(number);
		bool is_removal = support_random() % 2 == 0;

		if (is_removal && model[number] > 0) {
			peer_table_remove(&table, &key);
			live -= --model[number] == 0;
		} else if (!is_removal && (model[number] > 0 || live < live_max)) {
			peer_table_add(&table, &key);
			live += model[number]++ == 0;
		}
		for (unsigned i = 0; i < KEYS; i++) {
			key = key_number(i);
			assert_true(peer_table_count(&table, &key) == model[i]);
		}
	}
	peer_table_fini(&table);
}

static void random_operations_agree_with_a_model(void **state)
{
	(void)state;
	for (seed = 0; seed < 8; seed++) {
		run_against_model(KEYS, KEYS);
		run_against_model(8, 8); /* 16 places: as full as it may get */
	}
}

static void every_key_fits_at_once_and_leaves_nothing_behind(void **state)
{
	enum { MANY = 1000 };
	struct peer_table table;

	(void)state;
	seed = 99;
	assert_int_equal(peer_table_init(&table, MANY), 0);
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			struct peer_key key = {.listener = (int32_t)i};

			peer_table_add(&table, &key);
		}
		for (unsigned i = 0; i < MANY; i++) {
			struct peer_key key = {.listener = (int32_t)i};

			assert_int_equal(peer_table_count(&table, &key), 1);
			peer_table_remove(&table, &key);
			assert_int_equal(peer_table_count(&table, &key), 0);
		}
	}
	peer_table_fini(&table);
}

static int remove_unknown(void *context)
{
	struct peer_key key = key_number(1);

	peer_table_remove(context, &key);
	return 0;
}

static void removing_what_was_not_counted_is_a_bug(void **state)
{
	struct peer_table table;

	(void)state;
	assert_int_equal(peer_table_init(&table, 4), 0);
	capture_start();
	int status = in_child(remove_unknown, &table);
	free(capture_end());
	assert_int_equal(status, 128 + SIGABRT);
	peer_table_fini(&table);
}

static void fini_is_fine_twice(void **state)
{
	struct peer_table table;

	(void)state;
	assert_int_equal(peer_table_init(&table, 4), 0);
	peer_table_fini(&table);
	peer_table_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_key_counts_nothing),
		cmocka_unit_test(keys_that_differ_in_any_byte_are_counted_apart),
		cmocka_unit_test(random_operations_agree_with_a_model),
		cmocka_unit_test(every_key_fits_at_once_and_leaves_nothing_behind),
		cmocka_unit_test(removing_what_was_not_counted_is_a_bug),
		cmocka_unit_test(fini_is_fine_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
