/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/session/hub.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int __real_eventfd(unsigned start, int flags);
int __wrap_eventfd(unsigned start, int flags);

static bool has_no_descriptor;

int __wrap_eventfd(unsigned start, int flags)
{
	if (!has_no_descriptor)
		return __real_eventfd(start, flags);
	errno = EMFILE;
	return -1;
}

enum { TALKERS = 3 };

/* A hub with three talkers, whose numbers are 1, 2 and 3, and an operator who is not attached. */
struct conversations {
	struct hub hub;
	struct talker talkers[TALKERS];
	int operator_fd;
};

static int set_up(void **state)
{
	struct conversations *all = calloc(1, sizeof *all);

	assert_non_null(all);
	hub_init(&all->hub);
	for (size_t i = 0; i < TALKERS; i++)
		assert_int_equal(hub_join(&all->hub, &all->talkers[i], i + 1), 0);
	all->operator_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*state = all;
	return 0;
}

static int tear_down(void **state)
{
	struct conversations *all = *state;

	hub_detach(&all->hub);
	for (size_t i = 0; i < TALKERS; i++)
		if (all->talkers[i].wake_fd >= 0)
			hub_leave(&all->hub, &all->talkers[i]);
	hub_fini(&all->hub);
	close(all->operator_fd);
	free(all);
	return 0;
}

static void attach(struct conversations *all)
{
	assert_true(hub_attach(&all->hub, all->operator_fd));
}

static struct talker *talker(struct conversations *all, size_t number)
{
	return &all->talkers[number - 1];
}

static struct talker_view look(struct conversations *all, size_t number)
{
	return hub_look(&all->hub, talker(all, number));
}

/* With a line end. */
static void offer(struct conversations *all, size_t number, const char *text)
{
	hub_offer(&all->hub, talker(all, number), text, strlen(text), true, false);
}

static void leave(struct conversations *all, size_t number)
{
	hub_leave(&all->hub, talker(all, number));
	talker(all, number)->wake_fd = -1;
}

static void expect_news(
	struct conversations *all, enum hub_news news, uint64_t number, const char *text)
{
	struct hub_message message;

	assert_true(hub_take(&all->hub, &message));
	assert_int_equal(message.news, news);
	assert_int_equal(message.number, number);
	assert_int_equal(message.length, strlen(text));
	assert_memory_equal(message.text, text, message.length);
}

static void expect_no_news(struct conversations *all)
{
	struct hub_message message;

	assert_false(hub_take(&all->hub, &message));
}

static enum hub_say say(struct conversations *all, uint64_t number, const char *text)
{
	return hub_say(&all->hub, number, text, strlen(text));
}

/* What the client has still to get. */
static void expect_out(struct conversations *all, size_t number, const char *text)
{
	struct talker_view view = look(all, number);

	assert_int_equal(view.out_length, strlen(text));
	assert_memory_equal(view.out, text, view.out_length);
}

static bool is_awake(int fd)
{
	return wait_readable(fd, 0);
}

/* --- messages --------------------------------------------------------------------------------- */

static void a_message_wakes_the_operator_and_its_taking_the_talker(void **state)
{
	struct conversations *all = *state;

	attach(all);
	(void)!eventfd_read(all->operator_fd, &(eventfd_t){0});
	(void)look(all, 1);
	assert_false(look(all, 2).has_message);
	assert_false(is_awake(talker(all, 2)->wake_fd));
	offer(all, 2, "hello");
	assert_true(is_awake(all->operator_fd));
	assert_true(look(all, 2).has_message);
	expect_news(all, HUB_MESSAGE, 2, "hello");
	assert_true(is_awake(talker(all, 2)->wake_fd));
	assert_false(is_awake(talker(all, 1)->wake_fd));
	assert_false(look(all, 2).has_message);
	expect_no_news(all);
}

static void messages_are_taken_in_the_order_in_which_they_came(void **state)
{
	struct conversations *all = *state;

	attach(all);
	offer(all, 2, "first");
	offer(all, 1, "second");
	offer(all, 3, "third");
	expect_news(all, HUB_MESSAGE, 2, "first");
	offer(all, 2, "fourth");
	expect_news(all, HUB_MESSAGE, 1, "second");
	expect_news(all, HUB_MESSAGE, 3, "third");
	expect_news(all, HUB_MESSAGE, 2, "fourth");
	expect_no_news(all);
}

static void a_message_of_any_bytes_and_the_longest_arrive_whole(void **state)
{
	struct conversations *all = *state;
	static char longest[HUB_TEXT_BYTES];
	struct hub_message message;

	attach(all);
	for (size_t i = 0; i < sizeof longest; i++)
		longest[i] = (char)i;
	hub_offer(&all->hub, talker(all, 1), longest, sizeof longest, true, false);
	assert_true(hub_take(&all->hub, &message));
	assert_int_equal(message.length, sizeof longest);
	assert_memory_equal(message.text, longest, sizeof longest);
	assert_int_equal(message.talkers, TALKERS);
	hub_offer(&all->hub, talker(all, 1), longest, 0, true, false);
	expect_news(all, HUB_MESSAGE, 1, "");
}

static int offer_twice(void *context)
{
	struct conversations *all = *(struct conversations **)context;

	offer(all, 1, "a");
	offer(all, 1, "b");
	return 0;
}

static void a_second_message_before_the_first_is_taken_is_a_bug(void **state)
{
	assert_int_equal(in_child(offer_twice, state), 128 + 6);
}

static void a_message_of_a_talker_that_leaves_is_taken_back(void **state)
{
	struct conversations *all = *state;

	attach(all);
	offer(all, 1, "one");
	offer(all, 2, "two");
	leave(all, 1);
	expect_news(all, HUB_MESSAGE, 2, "two");
	expect_no_news(all);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void an_answer_reaches_the_one_it_is_for(void **state)
{
	struct conversations *all = *state;

	attach(all);
	(void)look(all, 1);
	(void)look(all, 2);
	assert_int_equal(say(all, 2, "hello"), HUB_SAID);
	assert_true(is_awake(talker(all, 2)->wake_fd));
	assert_false(is_awake(talker(all, 1)->wake_fd));
	expect_out(all, 2, "hello\n");
	expect_out(all, 1, "");
}

static void answers_end_as_the_last_message_did(void **state)
{
	struct conversations *all = *state;

	attach(all);
	assert_int_equal(say(all, 1, "a"), HUB_SAID);
	hub_offer(&all->hub, talker(all, 1), "x", 1, false, false);
	assert_int_equal(say(all, 1, "b"), HUB_SAID);
	expect_news(all, HUB_MESSAGE, 1, "x");
	hub_offer(&all->hub, talker(all, 1), "x", 1, true, false);
	assert_int_equal(say(all, 1, "c"), HUB_SAID);
	expect_out(all, 1, "a\nbc\n");
}

static void what_is_sent_makes_room_and_the_rest_stays(void **state)
{
	struct conversations *all = *state;

	attach(all);
	assert_int_equal(say(all, 1, "hello"), HUB_SAID);
	struct talker_view view = look(all, 1);
	assert_int_equal(say(all, 1, "again"), HUB_SAID); /* while the thread sends */
	assert_memory_equal(view.out, "hello\n", view.out_length);
	hub_sent(&all->hub, talker(all, 1), view.out_length);
	expect_out(all, 1, "again\n");
	hub_sent(&all->hub, talker(all, 1), 2);
	expect_out(all, 1, "ain\n");
	hub_sent(&all->hub, talker(all, 1), 4);
	expect_out(all, 1, "");
}

static void a_client_that_does_not_read_gets_whole_answers_or_none(void **state)
{
	struct conversations *all = *state;
	static char text[HUB_TEXT_BYTES];

	attach(all);
	memset(text, 'x', sizeof text);
	assert_int_equal(hub_say(&all->hub, 1, text, sizeof text), HUB_SAID);
	assert_int_equal(hub_say(&all->hub, 1, text, sizeof text), HUB_NO_ROOM);
	assert_int_equal(hub_say(&all->hub, 1, text, sizeof text - 2), HUB_SAID);
	assert_int_equal(say(all, 1, ""), HUB_NO_ROOM);
	assert_int_equal(look(all, 1).out_length, HUB_OUTBOX_BYTES);
	assert_int_equal(say(all, 2, "others are not held up"), HUB_SAID);
	hub_sent(&all->hub, talker(all, 1), 3);
	assert_int_equal(say(all, 1, "yo"), HUB_SAID);
}

static void nobody_is_told_apart_from_somebody(void **state)
{
	struct conversations *all = *state;

	attach(all);
	assert_int_equal(say(all, 4, "hello"), HUB_NOBODY);
	assert_int_equal(say(all, 0, "hello"), HUB_NOBODY);
	leave(all, 2);
	assert_int_equal(say(all, 2, "hello"), HUB_NOBODY);
	assert_int_equal(say(all, 3, "hello"), HUB_SAID);
}

static void all_are_told_but_those_who_do_not_read(void **state)
{
	struct conversations *all = *state;
	static char text[HUB_TEXT_BYTES];
	size_t unheard;

	attach(all);
	while (hub_say(&all->hub, 2, text, sizeof text) == HUB_SAID)
		continue;
	memset(text, 'x', sizeof text);
	assert_int_equal(hub_say_all(&all->hub, text, sizeof text, &unheard), TALKERS);
	assert_int_equal(unheard, 1);
	leave(all, 2);
	assert_int_equal(hub_say_all(&all->hub, "hello", 5, &unheard), TALKERS - 1);
	assert_int_equal(unheard, 0);
	assert_int_equal(look(all, 1).out_length, sizeof text + 1 + 6);
}

static void a_client_waits_from_the_taking_of_its_message_to_the_answer(void **state)
{
	struct conversations *all = *state;

	attach(all);
	offer(all, 1, "hello");
	assert_false(look(all, 1).is_waiting);
	assert_int_equal(say(all, 1, "this does not answer what was not heard"), HUB_SAID);
	expect_news(all, HUB_MESSAGE, 1, "hello");
	assert_true(look(all, 1).is_waiting);
	assert_int_equal(say(all, 1, "this does"), HUB_SAID);
	assert_false(look(all, 1).is_waiting);
}

/* --- bye, and leaving ------------------------------------------------------------------------- */

static void bye_of_the_operator_ends_a_conversation(void **state)
{
	struct conversations *all = *state;
	size_t unheard;

	attach(all);
	assert_int_equal(say(all, 1, " Bye "), HUB_SAID);
	assert_true(look(all, 1).is_over);
	expect_out(all, 1, " Bye \n");
	assert_int_equal(say(all, 1, "more"), HUB_NOBODY);
	assert_false(look(all, 2).is_over);
	assert_int_equal(hub_say_all(&all->hub, "bye", 3, &unheard), TALKERS - 1);
	assert_true(look(all, 2).is_over && look(all, 3).is_over);
	assert_int_equal(hub_say_all(&all->hub, "bye", 3, &unheard), 0);
}

static void bye_of_a_client_is_the_last_message(void **state)
{
	struct conversations *all = *state;

	attach(all);
	hub_offer(&all->hub, talker(all, 1), "BYE", 3, true, true);
	assert_int_equal(say(all, 1, "stay"), HUB_SAID);
	expect_news(all, HUB_BYE, 1, "BYE");
	assert_int_equal(say(all, 1, "stay"), HUB_NOBODY);
	leave(all, 1);
	expect_no_news(all);
}

static void a_message_from_before_the_operators_bye_is_still_heard(void **state)
{
	struct conversations *all = *state;

	attach(all);
	offer(all, 1, "wait");
	assert_int_equal(say(all, 1, "bye"), HUB_SAID);
	expect_news(all, HUB_BYE, 1, "wait");
}

static void the_operator_is_told_of_those_that_leave_without_a_bye(void **state)
{
	struct conversations *all = *state;

	attach(all);
	offer(all, 1, "hello");
	expect_news(all, HUB_MESSAGE, 1, "hello");
	offer(all, 2, "hello");
	expect_news(all, HUB_MESSAGE, 2, "hello");
	assert_int_equal(say(all, 2, "bye"), HUB_SAID);
	offer(all, 1, "last words");
	expect_news(all, HUB_MESSAGE, 1, "last words");
	(void)!eventfd_read(all->operator_fd, &(eventfd_t){0});
	leave(all, 3); /* has never said a word */
	leave(all, 2); /* is known to be over */
	assert_false(is_awake(all->operator_fd));
	leave(all, 1);
	assert_true(is_awake(all->operator_fd));
	expect_news(all, HUB_LEFT, 1, "");
	expect_no_news(all);
}

static void of_more_than_the_bound_the_operator_is_not_told(void **state)
{
	struct conversations *all = *state;
	struct talker *extra = calloc(1, sizeof *extra);
	struct hub_message message;
	size_t told = 0;

	assert_non_null(extra);
	attach(all);
	for (uint64_t i = 0; i < HUB_LEFT_MAX + 3; i++) {
		assert_int_equal(hub_join(&all->hub, extra, 100 + i), 0);
		hub_offer(&all->hub, extra, "x", 1, true, false);
		assert_true(hub_take(&all->hub, &message));
		assert_int_equal(message.news, HUB_MESSAGE);
		hub_leave(&all->hub, extra);
	}
	for (; hub_take(&all->hub, &message); told++) {
		assert_int_equal(message.news, HUB_LEFT);
		assert_int_equal(message.number, 100 + told);
	}
	assert_int_equal(told, HUB_LEFT_MAX);
	free(extra);
}

/* --- the operator ----------------------------------------------------------------------------- */

static void there_is_one_operator(void **state)
{
	struct conversations *all = *state;

	assert_false(look(all, 1).has_operator);
	attach(all);
	assert_false(hub_attach(&all->hub, all->operator_fd));
	assert_true(look(all, 1).has_operator);
	hub_detach(&all->hub);
	assert_false(look(all, 1).has_operator);
	attach(all);
}

static void talkers_hear_of_an_operator_who_comes_or_goes(void **state)
{
	struct conversations *all = *state;

	attach(all);
	assert_true(is_awake(talker(all, 1)->wake_fd) && is_awake(talker(all, 3)->wake_fd));
	(void)look(all, 1);
	assert_false(is_awake(talker(all, 1)->wake_fd));
	hub_detach(&all->hub);
	assert_true(is_awake(talker(all, 1)->wake_fd));
}

static void what_was_said_before_an_operator_came_waits_for_one(void **state)
{
	struct conversations *all = *state;

	offer(all, 1, "is anybody there?");
	attach(all);
	assert_true(is_awake(all->operator_fd));
	hub_detach(&all->hub);
	assert_true(look(all, 1).has_message);
	attach(all);
	expect_news(all, HUB_MESSAGE, 1, "is anybody there?");
}

static void a_new_operator_does_not_hear_who_left_before(void **state)
{
	struct conversations *all = *state;

	attach(all);
	offer(all, 1, "hello");
	expect_news(all, HUB_MESSAGE, 1, "hello");
	offer(all, 2, "hello");
	expect_news(all, HUB_MESSAGE, 2, "hello");
	leave(all, 1);
	hub_detach(&all->hub);
	leave(all, 2);
	attach(all);
	expect_no_news(all);
}

static void without_a_descriptor_nobody_joins(void **state)
{
	struct conversations *all = *state;
	struct talker *extra = calloc(1, sizeof *extra);
	struct hub_message message;

	assert_non_null(extra);
	attach(all);
	has_no_descriptor = true;
	assert_int_equal(hub_join(&all->hub, extra, 4), -1);
	has_no_descriptor = false;
	assert_int_equal(say(all, 4, "hello"), HUB_NOBODY);
	offer(all, 1, "hello");
	assert_true(hub_take(&all->hub, &message));
	assert_int_equal(message.talkers, TALKERS);
	free(extra);
}

/* --- threads ---------------------------------------------------------------------------------- */

enum { CROWD = 8, ROUNDS = 200 };

/* One of many that each say a number of things and leave when all were answered. */
struct crowd {
	struct hub *hub;
	pthread_t thread;
	uint64_t number;
	atomic_uint answers;
};

/* Says "0", "1", ... and waits for an answer to each. */
static void *talk_on(void *argument)
{
	struct crowd *one = argument;
	struct talker *talker = calloc(1, sizeof *talker);
	char text[16];

	if (talker == NULL || hub_join(one->hub, talker, one->number) != 0)
		abort();
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct talker_view view;

		snprintf(text, sizeof text, "%u", round);
		hub_offer(one->hub, talker, text, strlen(text), true, round == ROUNDS - 1);
		do {
			if (!wait_readable(talker->wake_fd, SUPPORT_PATIENCE_MS))
				abort();
			view = hub_look(one->hub, talker);
			for (size_t i = 0; i < view.out_length; i++)
				one->answers += view.out[i] == '\n';
			hub_sent(one->hub, talker, view.out_length);
		} while (view.has_message || (view.is_waiting && !view.is_over));
	}
	hub_leave(one->hub, talker);
	free(talker);
	return NULL;
}

static void many_talkers_and_an_operator_lose_nothing(void **state)
{
	struct conversations *all = *state;
	struct crowd crowd[CROWD] = {{.hub = NULL}};
	unsigned taken[CROWD] = {0}, byes = 0;
	struct hub_message message;

	attach(all);
	for (size_t i = 0; i < CROWD; i++) {
		crowd[i].hub = &all->hub;
		crowd[i].number = 100 + i;
		assert_int_equal(pthread_create(&crowd[i].thread, NULL, talk_on, &crowd[i]), 0);
	}
	while (byes < CROWD) {
		assert_true(wait_readable(all->operator_fd, SUPPORT_PATIENCE_MS));
		(void)!eventfd_read(all->operator_fd, &(eventfd_t){0});
		while (hub_take(&all->hub, &message)) {
			char expected[16];
			unsigned *count = &taken[message.number - 100];

			snprintf(expected, sizeof expected, "%u", (*count)++);
			assert_int_equal(message.length, strlen(expected));
			assert_memory_equal(message.text, expected, message.length);
			byes += message.news == HUB_BYE;
			if (message.news == HUB_MESSAGE)
				assert_int_equal(
					hub_say(&all->hub, message.number, "yes", 3), HUB_SAID);
		}
	}
	for (size_t i = 0; i < CROWD; i++) {
		pthread_join(crowd[i].thread, NULL);
		assert_int_equal(taken[i], ROUNDS);
		assert_int_equal(crowd[i].answers, ROUNDS - 1);
	}
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(a_message_wakes_the_operator_and_its_taking_the_talker),
		ROW(messages_are_taken_in_the_order_in_which_they_came),
		ROW(a_message_of_any_bytes_and_the_longest_arrive_whole),
		ROW(a_second_message_before_the_first_is_taken_is_a_bug),
		ROW(a_message_of_a_talker_that_leaves_is_taken_back),
		ROW(an_answer_reaches_the_one_it_is_for),
		ROW(answers_end_as_the_last_message_did),
		ROW(what_is_sent_makes_room_and_the_rest_stays),
		ROW(a_client_that_does_not_read_gets_whole_answers_or_none),
		ROW(nobody_is_told_apart_from_somebody),
		ROW(all_are_told_but_those_who_do_not_read),
		ROW(a_client_waits_from_the_taking_of_its_message_to_the_answer),
		ROW(bye_of_the_operator_ends_a_conversation),
		ROW(bye_of_a_client_is_the_last_message),
		ROW(a_message_from_before_the_operators_bye_is_still_heard),
		ROW(the_operator_is_told_of_those_that_leave_without_a_bye),
		ROW(of_more_than_the_bound_the_operator_is_not_told),
		ROW(there_is_one_operator),
		ROW(talkers_hear_of_an_operator_who_comes_or_goes),
		ROW(what_was_said_before_an_operator_came_waits_for_one),
		ROW(a_new_operator_does_not_hear_who_left_before),
		ROW(without_a_descriptor_nobody_joins),
		ROW(many_talkers_and_an_operator_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
