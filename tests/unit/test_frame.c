/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/transport/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER(type, encoding, length)                                                             \
	"{\"byteorder\": \"little\", \"content-type\": " type ", \"content-encoding\": " encoding  \
	", \"content-length\": " length "}"
#define TEXT_HEADER(length) HEADER("\"text/json\"", "\"utf-8\"", length)

enum { ROOM_BYTES = 128 * 1024 };

static const struct frame_bounds bounds = {4096, 1000};

/* Puts a message together; returns its length. */
static size_t compose(char *message, size_t header_length, const char *header, const char *content)
{
	message[0] = (char)(header_length >> 8);
	message[1] = (char)header_length;
	memcpy(message + 2, header, strlen(header));
	memcpy(message + 2 + strlen(header), content, strlen(content));
	return 2 + strlen(header) + strlen(content);
}

/* Hands bytes over in pieces of so many; returns how many were taken. Expects no fault. */
static size_t hand_over(struct frame *frame, const char *bytes, size_t length, size_t piece)
{
	struct frame_fault fault = {.text = ""};
	size_t at = 0, taken = piece;

	while (at < length && taken > 0 && frame->stage != FRAME_WHOLE) {
		size_t count = length - at < piece ? length - at : piece;

		assert_int_equal(frame_take(frame, bytes + at, count, &taken, &fault), 0);
		at += taken;
	}
	assert_string_equal(fault.text, "");
	return at;
}

static void expect_fault_within(const struct frame_bounds *within, const char *header,
	enum frame_fault_kind kind, const char *text)
{
	struct frame_fault fault = {.text = ""};
	struct frame frame;
	char message[2048];
	size_t taken, length = compose(message, strlen(header), header, "");

	frame_init(&frame, within);
	assert_int_equal(frame_take(&frame, message, length, &taken, &fault), -1);
	assert_string_equal(fault.text, text);
	assert_int_equal(fault.kind, kind);
	frame_fini(&frame);
}

static void expect_fault(const char *header, enum frame_fault_kind kind, const char *text)
{
	expect_fault_within(&bounds, header, kind, text);
}

static void a_message_is_read_in_pieces_of_every_size(void **state)
{
	static const char content[] = "{\"action\": \"search\"}";
	char message[512];
	size_t length = compose(message, strlen(TEXT_HEADER("20")), TEXT_HEADER("20"), content);

	(void)state;
	for (size_t piece = 1; piece <= length; piece++) {
		struct frame frame;

		frame_init(&frame, &bounds);
		assert_int_equal(hand_over(&frame, message, length, piece), length);
		assert_int_equal(frame.stage, FRAME_WHOLE);
		assert_true(frame.is_text);
		assert_int_equal(frame.content_length, 20);
		assert_memory_equal(frame_content(&frame), content, 20);
		frame_fini(&frame);
	}
}

static void what_follows_a_message_is_not_taken(void **state)
{
	char message[1024];
	size_t length = compose(message, strlen(TEXT_HEADER("2")), TEXT_HEADER("2"), "{}behind");
	struct frame frame;

	(void)state;
	frame_init(&frame, &bounds);
	assert_int_equal(hand_over(&frame, message, length, length), length - strlen("behind"));
	assert_int_equal(frame.stage, FRAME_WHOLE);
	assert_int_equal(hand_over(&frame, "more", 4, 4), 0);
	frame_fini(&frame);
}

static void a_content_may_be_empty(void **state)
{
	char message[512];
	size_t length = compose(message, strlen(TEXT_HEADER("0")), TEXT_HEADER("0"), "");
	struct frame frame;

	(void)state;
	frame_init(&frame, &bounds);
	assert_int_equal(hand_over(&frame, message, length, length), length);
	assert_int_equal(frame.stage, FRAME_WHOLE);
	assert_int_equal(frame.content_length, 0);
	frame_fini(&frame);
}

static void any_other_type_is_binary(void **state)
{
	static const char *const headers[] = {
		HEADER("\"binary/custom-client-binary-type\"", "\"binary\"", "3"),
		HEADER("\"text/html\"", "\"latin-1\"", "3"),
		HEADER("\"\"", "\"\"", "3"),
		HEADER("\"text/json\\u0000\"", "\"binary\"", "3"),
		HEADER("\"Text/JSON\"", "\"binary\"", "3"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		struct frame frame;
		char message[512];
		size_t length = compose(message, strlen(headers[i]), headers[i], "\xff\x01z");

		frame_init(&frame, &bounds);
		assert_int_equal(hand_over(&frame, message, length, length), length);
		assert_false(frame.is_text);
		assert_memory_equal(frame_content(&frame), "\xff\x01z", 3);
		frame_fini(&frame);
	}
}

static void order_spacing_escapes_and_further_members_are_free(void **state)
{
	static const char *const headers[] = {
		"{\"content-length\":1,\"content-encoding\":\"UTF-8\",\"content-type\":\"text/json\",\"byteorder\":\"big\"}",
		"\n{ \"x\" : [1, {}] ,\t\"content-length\" : 1 , \"content-encoding\" : \"utf8\" , \"content-type\" : \"\\u0074ext/json\" , \"byteorder\" : \"little\" }  ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		struct frame frame;
		char message[512];
		size_t length = compose(message, strlen(headers[i]), headers[i], "0");

		frame_init(&frame, &bounds);
		assert_int_equal(hand_over(&frame, message, length, length), length);
		assert_true(frame.is_text);
		frame_fini(&frame);
	}
}

static void a_header_has_a_length_within_its_bound(void **state)
{
	static const struct {
		char prefix[2];
		const char *text;
	} cases[] = {
		{"\0\0", "header: expected a length from 1 to 4096 bytes, got 0"},
		{"\x10\x01", "header: expected a length from 1 to 4096 bytes, got 4097"},
		{"\xff\xff", "header: expected a length from 1 to 4096 bytes, got 65535"},
		{"GE", "header: expected a length from 1 to 4096 bytes, got 18245"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct frame_fault fault;
		struct frame frame;
		size_t taken;

		frame_init(&frame, &bounds);
		assert_int_equal(frame_take(&frame, cases[i].prefix, 2, &taken, &fault), -1);
		assert_int_equal(fault.kind, FRAME_FAULT_HEADER_LENGTH);
		assert_string_equal(fault.text, cases[i].text);
		frame_fini(&frame);
	}
}

static void the_longest_header_is_read(void **state)
{
	const struct frame_bounds wide = {FRAME_HEADER_MAX_BYTES, 10};
	char *message = malloc(2 + FRAME_HEADER_MAX_BYTES + 1);
	struct frame frame;

	(void)state;
	assert_non_null(message);
	memset(message, ' ', 2 + FRAME_HEADER_MAX_BYTES);
	memset(message, 0xff, 2);
	memcpy(message + 2, TEXT_HEADER("1"), strlen(TEXT_HEADER("1")));
	message[2 + FRAME_HEADER_MAX_BYTES] = '7';
	frame_init(&frame, &wide);
	assert_int_equal(hand_over(&frame, message, 2 + FRAME_HEADER_MAX_BYTES + 1, 1000),
		2 + FRAME_HEADER_MAX_BYTES + 1);
	assert_int_equal(*frame_content(&frame), '7');
	frame_fini(&frame);
	free(message);
}

static void a_member_that_is_missing_or_wrong_is_named(void **state)
{
	static const struct {
		const char *header, *text;
	} cases[] = {
		{"{}", "header: byteorder: expected a string, got nothing"},
		{"{\"byteorder\": \"little\"}",
			"header: content-type: expected a string, got nothing"},
		{"{\"byteorder\": \"little\", \"content-type\": \"text/json\"}",
			"header: content-encoding: expected a string, got nothing"},
		{"{\"byteorder\": \"little\", \"content-type\": \"text/json\", \"content-encoding\": \"utf-8\"}",
			"header: content-length: expected an integer from 0 to 1000, got nothing"},
		{"{\"byteorder\": \"middle\"}",
			"header: byteorder: expected \"little\" or \"big\", got \"middle\""},
		{"{\"byteorder\": \"little\\u0000\"}",
			"header: byteorder: expected \"little\" or \"big\", got \"little\\x00\""},
		{"{\"byteorder\": 1}", "header: byteorder: expected a string, got 1"},
		{HEADER("null", "\"utf-8\"", "1"),
			"header: content-type: expected a string, got null"},
		{HEADER("\"text/json\"", "[]", "1"),
			"header: content-encoding: expected a string, got an array"},
		{HEADER("\"text/json\"", "\"utf-16\"", "1"),
			"header: content-encoding: expected \"utf-8\" for text/json, got \"utf-16\""},
		{TEXT_HEADER("\"20\""),
			"header: content-length: expected an integer from 0 to 1000, got \"20\""},
		{TEXT_HEADER("1.5"),
			"header: content-length: expected an integer from 0 to 1000, got 1.5"},
		{TEXT_HEADER("2e1"),
			"header: content-length: expected an integer from 0 to 1000, got 20.0"},
		{TEXT_HEADER("true"),
			"header: content-length: expected an integer from 0 to 1000, got true"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_fault(cases[i].header, FRAME_FAULT_FORM, cases[i].text);
}

static void a_content_has_a_length_within_its_bound(void **state)
{
	const struct frame_bounds widest = {4096, SIZE_MAX / 2};

	(void)state;
	expect_fault(TEXT_HEADER("1001"), FRAME_FAULT_CONTENT_LENGTH,
		"header: content-length: expected an integer from 0 to 1000, got 1001");
	expect_fault(TEXT_HEADER("-1"), FRAME_FAULT_CONTENT_LENGTH,
		"header: content-length: expected an integer from 0 to 1000, got -1");
	expect_fault(TEXT_HEADER("9223372036854775807"), FRAME_FAULT_CONTENT_LENGTH,
		"header: content-length: expected an integer from 0 to 1000, got 9223372036854775807");
	expect_fault_within(&widest, TEXT_HEADER("-9223372036854775808"),
		FRAME_FAULT_CONTENT_LENGTH,
		"header: content-length: expected an integer from 0 to 9223372036854775807, got -9223372036854775808");
}

static void an_announced_length_takes_no_memory(void **state)
{
	const struct frame_bounds wide = {FRAME_HEADER_MAX_BYTES, (size_t)1 << 40};
	static const char header[] = TEXT_HEADER("1000000000000");
	char *message = malloc(ROOM_BYTES);
	struct frame frame;

	(void)state;
	assert_non_null(message);
	memset(message, 'x', ROOM_BYTES);
	(void)compose(message, strlen(header), header, "");
	frame_init(&frame, &wide);
	assert_int_equal(hand_over(&frame, message, 2 + strlen(header), 1), 2 + strlen(header));
	assert_int_equal(frame.content_length, 1000000000000);
	assert_true(frame.capacity <= 1024);
	for (size_t at = 2 + strlen(header); at + 1000 <= ROOM_BYTES; at += 1000) {
		assert_int_equal(hand_over(&frame, message + at, 1000, 1000), 1000);
		assert_true(frame.capacity <= 2 * frame.length);
	}
	frame_fini(&frame);
	free(message);
}

static void a_known_length_is_not_exceeded(void **state)
{
	const struct frame_bounds wide = {4096, 100000};
	static const char header[] = TEXT_HEADER("100000");
	char *message = malloc(ROOM_BYTES);
	struct frame frame;

	(void)state;
	assert_non_null(message);
	memset(message, 'x', ROOM_BYTES);
	(void)compose(message, strlen(header), header, "");
	frame_init(&frame, &wide);
	(void)hand_over(&frame, message, ROOM_BYTES, 70000);
	assert_int_equal(frame.stage, FRAME_WHOLE);
	assert_int_equal(frame.capacity, strlen(header) + 100000);
	frame_fini(&frame);
	free(message);
}

static void progress_tells_which_part_is_missing(void **state)
{
	static const char header[] = TEXT_HEADER("20");
	char message[512], text[FRAME_PROGRESS_BYTES], expected[80];
	size_t length = compose(message, strlen(header), header, "{\"a\"");
	struct frame frame;

	(void)state;
	frame_init(&frame, &bounds);
	assert_true(frame_is_empty(&frame));
	frame_describe_progress(&frame, text);
	assert_string_equal(text, "0 of 2 bytes of the length of the header");
	(void)hand_over(&frame, message, 1, 1);
	assert_false(frame_is_empty(&frame));
	(void)hand_over(&frame, message + 1, 11, 11);
	frame_describe_progress(&frame, text);
	snprintf(expected, sizeof expected, "10 of %zu bytes of the header", strlen(header));
	assert_string_equal(text, expected);
	(void)hand_over(&frame, message + 12, length - 12, length);
	frame_describe_progress(&frame, text);
	assert_string_equal(text, "4 of 20 bytes of the content");
	frame_fini(&frame);
}

static void what_is_encoded_is_read_back(void **state)
{
	static const struct {
		enum frame_kind kind;
		const char *words;
	} cases[] = {
		{FRAME_TEXT, "\"content-type\": \"text/json\", \"content-encoding\": \"utf-8\""},
		{FRAME_CLIENT_BINARY,
			"\"content-type\": \"binary/custom-client-binary-type\", \"content-encoding\": \"binary\""},
		{FRAME_SERVER_BINARY,
			"\"content-type\": \"binary/custom-server-binary-type\", \"content-encoding\": \"binary\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct frame frame;
		size_t length;
		char *message = frame_encode(cases[i].kind, "\0\xff{}", 4, &length);

		assert_non_null(message);
		frame_init(&frame, &bounds);
		assert_int_equal(hand_over(&frame, message, length, length), length);
		assert_int_equal(frame.stage, FRAME_WHOLE);
		assert_int_equal(frame.is_text, cases[i].kind == FRAME_TEXT);
		assert_memory_equal(frame_content(&frame), "\0\xff{}", 4);
		assert_non_null(memmem(message, length, cases[i].words, strlen(cases[i].words)));
		frame_fini(&frame);
		free(message);
	}
}

static void json_is_encoded_as_it_is(void **state)
{
	struct frame frame;
	size_t length;
	char *message = frame_encode_json(
		json_pack("{ss}", "result", "\xf0\x9f\x90\xbe \"\n"), &length);

	(void)state;
	assert_non_null(message);
	frame_init(&frame, &bounds);
	assert_int_equal(hand_over(&frame, message, length, length), length);
	assert_int_equal(
		frame.content_length, strlen("{\"result\": \"\xf0\x9f\x90\xbe \\\"\\n\"}"));
	assert_memory_equal(frame_content(&frame), "{\"result\": \"\xf0\x9f\x90\xbe \\\"\\n\"}",
		frame.content_length);
	frame_fini(&frame);
	free(message);
	assert_null(frame_encode_json(NULL, &length));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_read_in_pieces_of_every_size),
		cmocka_unit_test(what_follows_a_message_is_not_taken),
		cmocka_unit_test(a_content_may_be_empty),
		cmocka_unit_test(any_other_type_is_binary),
		cmocka_unit_test(order_spacing_escapes_and_further_members_are_free),
		cmocka_unit_test(a_header_has_a_length_within_its_bound),
		cmocka_unit_test(the_longest_header_is_read),
		cmocka_unit_test(a_member_that_is_missing_or_wrong_is_named),
		cmocka_unit_test(a_content_has_a_length_within_its_bound),
		cmocka_unit_test(an_announced_length_takes_no_memory),
		cmocka_unit_test(a_known_length_is_not_exceeded),
		cmocka_unit_test(progress_tells_which_part_is_missing),
		cmocka_unit_test(what_is_encoded_is_read_back),
		cmocka_unit_test(json_is_encoded_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
