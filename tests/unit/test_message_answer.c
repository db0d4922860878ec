/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/service/message.h"

#include <stdlib.h>
#include <string.h>

static char morpheus[] = "morpheus", rabbit[] = "Follow the white rabbit. \xf0\x9f\x90\xb0",
	    dog[] = "\xf0\x9f\x90\xb6", ball[] = "\xf0\x9f\x90\xbe Playing ball!", none[] = "";

static struct message_entry entries[] = {{morpheus, rabbit}, {dog, ball}, {none, none}};
static const struct message_settings settings = {.entries = {entries, 3}};
static const struct frame_bounds bounds = {4096, 100000};

static void read_whole(struct frame *frame, const char *message, size_t length)
{
	struct frame_fault fault;
	size_t taken;

	frame_init(frame, &bounds);
	assert_int_equal(frame_take(frame, message, length, &taken, &fault), 0);
	assert_int_equal(taken, length);
	assert_int_equal(frame->stage, FRAME_WHOLE);
}

/* The content of the answer to a request with this content, a string to be freed; NULL: fault. */
static char *answer_to(enum frame_kind kind, const char *content, size_t length,
	struct frame_fault *fault, size_t *answer_length)
{
	size_t bytes;
	char *message = frame_encode(kind, content, length, &bytes), *copy;
	struct frame frame;

	assert_non_null(message);
	read_whole(&frame, message, bytes);
	free(message);
	message = message_answer(&settings, &frame, &bytes, fault);
	frame_fini(&frame);
	if (message == NULL)
		return NULL;
	read_whole(&frame, message, bytes);
	assert_int_equal(frame.is_text, kind == FRAME_TEXT);
	*answer_length = frame.content_length;
	copy = strndup(frame_content(&frame), frame.content_length);
	assert_non_null(copy);
	frame_fini(&frame);
	free(message);
	return copy;
}

static void expect_answer(const char *request, const char *expected)
{
	struct frame_fault fault;
	size_t length;
	char *answer = answer_to(FRAME_TEXT, request, strlen(request), &fault, &length);

	assert_non_null(answer);
	assert_string_equal(answer, expected);
	free(answer);
}

static void expect_fault(const char *request, enum frame_fault_kind kind, const char *text)
{
	struct frame_fault fault;
	size_t length;

	assert_null(answer_to(FRAME_TEXT, request, strlen(request), &fault, &length));
	assert_string_equal(fault.text, text);
	assert_int_equal(fault.kind, kind);
}

static void a_search_finds_the_text_of_its_key(void **state)
{
	(void)state;
	expect_answer("{\"action\": \"search\", \"value\": \"morpheus\"}",
		"{\"result\": \"Follow the white rabbit. \xf0\x9f\x90\xb0\"}");
	expect_answer("{\"value\":\"\\ud83d\\udc36\",\"x\":[],\"action\":\"search\"}",
		"{\"result\": \"\xf0\x9f\x90\xbe Playing ball!\"}");
	expect_answer("{\"action\": \"search\", \"value\": \"\"}", "{\"result\": \"\"}");
}

static void a_key_is_matched_exactly(void **state)
{
	(void)state;
	expect_answer("{\"action\": \"search\", \"value\": \"Morpheus\"}",
		"{\"result\": \"No match for 'Morpheus'.\"}");
	expect_answer("{\"action\": \"search\", \"value\": \"morph\"}",
		"{\"result\": \"No match for 'morph'.\"}");
	expect_answer("{\"action\": \"search\", \"value\": \"morpheus\\u0000\"}",
		"{\"result\": \"No match for 'morpheus\\u0000'.\"}");
	expect_answer("{\"action\": \"search\", \"value\": \"'\\\"\\n\xc3\xa4\"}",
		"{\"result\": \"No match for ''\\\"\\n\xc3\xa4'.\"}");
}

static void another_action_is_an_answer_too(void **state)
{
	(void)state;
	expect_answer("{\"action\": \"find\", \"value\": \"morpheus\"}",
		"{\"result\": \"Error: invalid action 'find'.\"}");
	expect_answer(
		"{\"action\": \"Search\"}", "{\"result\": \"Error: invalid action 'Search'.\"}");
	expect_answer("{\"action\": \"search\\u0000\", \"value\": \"morpheus\"}",
		"{\"result\": \"Error: invalid action 'search\\u0000'.\"}");
	expect_answer(
		"{\"action\": \"\", \"value\": 1}", "{\"result\": \"Error: invalid action ''.\"}");
}

static void a_request_without_its_strings_is_refused(void **state)
{
	(void)state;
	expect_fault("{}", FRAME_FAULT_FORM, "request: action: expected a string, got nothing");
	expect_fault(
		"{\"action\": 1}", FRAME_FAULT_FORM, "request: action: expected a string, got 1");
	expect_fault("{\"action\": \"search\"}", FRAME_FAULT_FORM,
		"request: value: expected a string, got nothing");
	expect_fault("{\"action\": \"search\", \"value\": null}", FRAME_FAULT_FORM,
		"request: value: expected a string, got null");
	expect_fault("[]", FRAME_FAULT_FORM, "request: expected a JSON object, got another value");
	expect_fault("{\"action\": \"\xff\"}", FRAME_FAULT_UTF8,
		"request: expected UTF-8, got byte 0xff at offset 12");
	expect_fault("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", FRAME_FAULT_DEPTH,
		"request: expected JSON nested at most 32 deep, got more at offset 36");
}

static void of_other_bytes_the_first_ten_come_back(void **state)
{
	static const char bytes[] = "\0\xff"
				    "23456789abc";
	static const char front[] = "First 10 bytes of request: ";
	struct frame_fault fault;

	(void)state;
	for (size_t length = 0; length < sizeof bytes; length++) {
		size_t answer_length, expected = length < 10 ? length : 10;
		char *answer = answer_to(
			FRAME_CLIENT_BINARY, bytes, length, &fault, &answer_length);

		assert_non_null(answer);
		assert_int_equal(answer_length, strlen(front) + expected);
		assert_memory_equal(answer, front, strlen(front));
		free(answer);
	}
}

static void the_bytes_are_those_of_the_request(void **state)
{
	size_t length;
	char *message = frame_encode(FRAME_CLIENT_BINARY, "\0\xff{}", 4, &length);
	struct frame_fault fault;
	struct frame frame;

	(void)state;
	read_whole(&frame, message, length);
	free(message);
	message = message_answer(&settings, &frame, &length, &fault);
	frame_fini(&frame);
	read_whole(&frame, message, length);
	assert_memory_equal(
		frame_content(&frame), "First 10 bytes of request: \0\xff{}", frame.content_length);
	frame_fini(&frame);
	free(message);
}

static void a_refusal_is_a_result(void **state)
{
	struct frame frame;
	size_t length;
	char *message = message_refusal("header: expected \"little\" or \"big\"", &length);

	(void)state;
	assert_non_null(message);
	read_whole(&frame, message, length);
	assert_true(frame.is_text);
	assert_memory_equal(frame_content(&frame),
		"{\"result\": \"Error: header: expected \\\"little\\\" or \\\"big\\\".\"}",
		frame.content_length);
	frame_fini(&frame);
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_search_finds_the_text_of_its_key),
		cmocka_unit_test(a_key_is_matched_exactly),
		cmocka_unit_test(another_action_is_an_answer_too),
		cmocka_unit_test(a_request_without_its_strings_is_refused),
		cmocka_unit_test(of_other_bytes_the_first_ten_come_back),
		cmocka_unit_test(the_bytes_are_those_of_the_request),
		cmocka_unit_test(a_refusal_is_a_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
