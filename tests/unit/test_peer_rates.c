/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/session/peer_rates.h"

#include <string.h>

static struct address_prefix peer_number(unsigned number)
{
	struct address_prefix peer = {.bytes = {2}};

	memcpy(peer.bytes + 1, &number, sizeof number);
	return peer;
}

/* How many a peer gets now, up to 100000. */
static int take_all(struct peer_rates *rates, unsigned number, int64_t now_ms)
{
	struct address_prefix peer = peer_number(number);
	int count = 0;

	while (count < 100000 && peer_rates_take(rates, &peer, now_ms))
		count++;
	return count;
}

static bool take(struct peer_rates *rates, unsigned number, int64_t now_ms)
{
	struct address_prefix peer = peer_number(number);

	return peer_rates_take(rates, &peer, now_ms);
}

static void each_peer_has_the_rate_for_itself(void **state)
{
	struct peer_rates rates;

	(void)state;
	assert_int_equal(peer_rates_init(&rates, (struct rate){20, 1000}), 0);
	assert_int_equal(take_all(&rates, 1, 5000), 20);
	assert_int_equal(take_all(&rates, 2, 5000), 20);
	assert_int_equal(take_all(&rates, 1, 5000), 0);
	assert_int_equal(take_all(&rates, 1, 5500), 10);
	assert_int_equal(take_all(&rates, 2, 9000), 20);
	peer_rates_fini(&rates);
}

static void a_rate_of_0_limits_nobody(void **state)
{
	struct peer_rates rates;

	(void)state;
	assert_int_equal(peer_rates_init(&rates, (struct rate){0, 1000}), 0);
	assert_int_equal(take_all(&rates, 1, 0), 100000);
	peer_rates_fini(&rates);
}

/* A flood with invented sources that each come once. */
static void strangers_do_not_make_a_busy_peer_be_forgotten(void **state)
{
	struct peer_rates rates;

	(void)state;
	assert_int_equal(peer_rates_init(&rates, (struct rate){10, 3600000}), 0);
	assert_int_equal(take_all(&rates, 0, 0), 10);
	for (unsigned i = 1; i < 20 * PEER_RATES_PLACES; i++)
		(void)take(&rates, i, 1);
	assert_int_equal(take_all(&rates, 0, 2), 0);
	peer_rates_fini(&rates);
}

static void where_all_places_are_taken_newcomers_get_nothing_until_they_are_free(void **state)
{
	struct peer_rates rates;
	unsigned served = 0;

	(void)state;
	assert_int_equal(peer_rates_init(&rates, (struct rate){10, 1000}), 0);
	for (unsigned i = 0; i < 20 * PEER_RATES_PLACES; i++)
		served += take(&rates, i, 0);
	assert_int_equal(served, PEER_RATES_PLACES);
	assert_false(take(&rates, 1000000, 99));
	/* One of ten in a second is back after 100 ms. */
	assert_true(take(&rates, 1000000, 100));
	peer_rates_fini(&rates);
}

static void places_suffice_for_many_peers(void **state)
{
	struct peer_rates rates;

	(void)state;
	assert_int_equal(peer_rates_init(&rates, (struct rate){1, 3600000}), 0);
	for (unsigned i = 0; i < PEER_RATES_PLACES / 8; i++)
		assert_true(take(&rates, i, 0));
	peer_rates_fini(&rates);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_peer_has_the_rate_for_itself),
		cmocka_unit_test(a_rate_of_0_limits_nobody),
		cmocka_unit_test(strangers_do_not_make_a_busy_peer_be_forgotten),
		cmocka_unit_test(
			where_all_places_are_taken_newcomers_get_nothing_until_they_are_free),
		cmocka_unit_test(places_suffice_for_many_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
