/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/transport/peer_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Expects the bytes to be refused with this kind and text. */
static void expect_fault_of(
	const char *bytes, size_t length, enum frame_fault_kind kind, const char *text)
{
	struct frame_fault fault;

	assert_null(peer_json_read("header", bytes, length, &fault));
	assert_string_equal(fault.text, text);
	assert_int_equal(fault.kind, kind);
}

static void expect_fault(const char *json, enum frame_fault_kind kind, const char *text)
{
	expect_fault_of(json, strlen(json), kind, text);
}

static json_t *expect_object(const char *json, size_t length)
{
	struct frame_fault fault = {.text = ""};
	json_t *object = peer_json_read("header", json, length, &fault);

	assert_string_equal(fault.text, "");
	assert_non_null(object);
	return object;
}

static void an_object_is_read(void **state)
{
	static const char json[] =
		" {\"a\": \"\xf0\x9f\x90\xb0 \\ud83d\\udc30\", \"b\": [1, 2.5, {}]} ";
	struct frame_fault fault;

	(void)state;
	json_t *object = expect_object(json, strlen(json));
	const json_t *string = peer_json_string("header", object, "a", &fault);
	assert_string_equal(json_string_value(string), "\xf0\x9f\x90\xb0 \xf0\x9f\x90\xb0");
	assert_int_equal(json_array_size(json_object_get(object, "b")), 3);
	json_decref(object);
}

static void a_string_may_hold_an_escaped_nul(void **state)
{
	static const char json[] = "{\"a\": \"x\\u0000y\"}";
	struct frame_fault fault;

	(void)state;
	json_t *object = expect_object(json, strlen(json));
	const json_t *string = peer_json_string("header", object, "a", &fault);
	assert_int_equal(json_string_length(string), 3);
	json_decref(object);
}

static void what_is_no_utf8_is_refused(void **state)
{
	(void)state;
	expect_fault("{\"a\": \"\xc3\x28\"}", FRAME_FAULT_UTF8,
		"header: expected UTF-8, got byte 0xc3 at offset 7");
	expect_fault("\xed\xa0\x80", FRAME_FAULT_UTF8,
		"header: expected UTF-8, got byte 0xed at offset 0");
	expect_fault("{}\xf0\x9f\x90", FRAME_FAULT_UTF8,
		"header: expected UTF-8, got byte 0xf0 at offset 2");
}

static void a_nul_byte_is_refused(void **state)
{
	(void)state;
	expect_fault_of("{\"a\": \"\0\"}", 10, FRAME_FAULT_FORM,
		"header: expected text, got a NUL byte at offset 7");
	expect_fault_of(
		"{}\0", 3, FRAME_FAULT_FORM, "header: expected text, got a NUL byte at offset 2");
}

/* {"a":[[[0]]]} with so many levels in all. */
static char *nested(size_t levels, const char *open, const char *close)
{
	size_t capacity = 16 + levels * (strlen(open) + strlen(close));
	char *json = calloc(1, capacity);

	assert_non_null(json);
	append_text(json, capacity, "{\"a\":");
	for (size_t i = 1; i < levels; i++)
		append_text(json, capacity, open);
	append_text(json, capacity, "0");
	for (size_t i = 1; i < levels; i++)
		append_text(json, capacity, close);
	append_text(json, capacity, "}");
	return json;
}

static void nesting_has_a_bound(void **state)
{
	static const struct {
		const char *open, *close;
		const char *text;
	} kinds[] = {
		{"[", "]", "header: expected JSON nested at most 32 deep, got more at offset 36"},
		{"{\"a\":", "}",
			"header: expected JSON nested at most 32 deep, got more at offset 160"},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *deepest = nested(PEER_JSON_DEPTH_MAX, kinds[i].open, kinds[i].close);
		char *deeper = nested(PEER_JSON_DEPTH_MAX + 1, kinds[i].open, kinds[i].close);

		json_decref(expect_object(deepest, strlen(deepest)));
		expect_fault(deeper, FRAME_FAULT_DEPTH, kinds[i].text);
		free(deepest);
		free(deeper);
	}
}

static void brackets_in_a_string_do_not_nest(void **state)
{
	char json[256] = "{\"\\\\\\\"";

	(void)state;
	memset(json + strlen(json), '[', 100);
	append_text(json, sizeof json, "\": \"\\\\\", \"b\": \"\\\"");
	append_text(json, sizeof json, "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{\"}");
	json_decref(expect_object(json, strlen(json)));
}

static void levels_beside_each_other_do_not_nest(void **state)
{
	char json[1024] = "{\"a\": [[]";

	(void)state;
	for (int i = 0; i < 100; i++)
		append_text(json, sizeof json, ",[{}]");
	append_text(json, sizeof json, "]}");
	json_decref(expect_object(json, strlen(json)));
}

static void values_have_a_bound(void **state)
{
	char json[4096] = "{\"a\": [0";

	(void)state;
	/* The object and the array count, too, and so the last comma is the thousandth. */
	for (int i = 2; i < PEER_JSON_VALUES_MAX; i++)
		append_text(json, sizeof json, ",0");
	size_t length = strlen(json);
	append_text(json, sizeof json, "]}");
	json_decref(expect_object(json, strlen(json)));
	json[length] = '\0';
	append_text(json, sizeof json, ",0]}");
	expect_fault(json, FRAME_FAULT_FORM,
		"header: expected at most 1000 values, got more at offset 2004");
}

/* What the parser says is its own: only that it is passed on is ours. */
static void what_is_no_json_is_refused(void **state)
{
	static const struct {
		const char *json, *words;
	} cases[] = {
		{"", "end of file"},
		{"{", "expected"},
		{"{} x", "'x'"},
		{"]]", "']'"},
		{"{\"a\": 1,}", "'}'"},
		{"{\"a\": 1, \"a\": 2}", "duplicate"},
		{"{\"a\": \"\\ud800\"}", "\\\\uD800"},
		{"{\"a\": 1e999}", "overflow"},
		{"{\"a\": 9223372036854775808}", "too big"},
		{"{\"a\": NaN}", "'NaN'"},
		{"{\"a\": '1'}", "'"},
		{"\x1b[2J", "'\\x1b'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct frame_fault fault;

		assert_null(peer_json_read("header", cases[i].json, strlen(cases[i].json), &fault));
		assert_int_equal(fault.kind, FRAME_FAULT_FORM);
		assert_non_null(strstr(fault.text, cases[i].words));
		assert_true(strncmp(fault.text, "header: no JSON: ", 17) == 0);
		assert_non_null(strstr(fault.text, ", at offset "));
	}
}

static void another_value_than_an_object_is_refused(void **state)
{
	static const char *const texts[] = {"[]", "\"text\"", "null", "1", " true "};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		expect_fault(texts[i], FRAME_FAULT_FORM,
			"header: expected a JSON object, got another value");
}

static void a_member_that_is_no_string_is_named(void **state)
{
	static const char json[] = "{\"a\": 1, \"b\": 1.5, \"c\": {}, \"d\": [], \"e\": true, "
				   "\"f\": false, \"g\": null}";
	static const char *const seen[] = {
		"1", "1.5", "an object", "an array", "true", "false", "null", "nothing"};

	(void)state;
	json_t *object = expect_object(json, strlen(json));
	for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
		char name[] = {(char)('a' + i), '\0'}, expected[80];
		struct frame_fault fault;

		snprintf(expected, sizeof expected, "header: %s: expected a string, got %s", name,
			seen[i]);
		assert_null(peer_json_string("header", object, name, &fault));
		assert_string_equal(fault.text, expected);
		assert_int_equal(fault.kind, FRAME_FAULT_FORM);
	}
	json_decref(object);
}

static void a_number_with_a_point_or_exponent_is_told_from_an_integer(void **state)
{
	static const struct {
		const char *json, *shown;
	} cases[] = {
		{"{\"a\": 1.0}", "got 1.0"},
		{"{\"a\": -0.0}", "got -0.0"},
		{"{\"a\": 1e0}", "got 1.0"},
		{"{\"a\": 0.1}", "got 0.1"},
		{"{\"a\": 4294967296.5}", "got 4294967296.5"},
		{"{\"a\": 1e300}", "got 1e+300"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *object = expect_object(cases[i].json, strlen(cases[i].json));
		struct frame_fault fault;

		assert_null(peer_json_string("header", object, "a", &fault));
		assert_string_equal(strstr(fault.text, "got "), cases[i].shown);
		json_decref(object);
	}
}

static void a_strange_string_is_shown_and_cut(void **state)
{
	char text[200] = "\x1b[31m\n";
	struct frame_fault fault;

	(void)state;
	memset(text + strlen(text), 'x', 100);
	text[106] = '\0';
	json_t *string = json_string(text);
	assert_int_equal(
		peer_json_refuse(&fault, FRAME_FAULT_FORM, "header", "a", "a word", string), -1);
	json_decref(string);
	assert_string_equal(fault.text,
		"header: a: expected a word, got \"\\x1b[31m\\nxxxxxxxxxxxxxxxxxxxxx\"");
}

static void a_fault_is_cut_between_characters(void **state)
{
	char text[FRAME_FAULT_TEXT_BYTES + 8];
	struct frame_fault fault;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text + FRAME_FAULT_TEXT_BYTES - 3, "\xf0\x9f\x90\xb0", 5);
	assert_int_equal(frame_fault_set(&fault, FRAME_FAULT_FORM, "%s", text), -1);
	assert_int_equal(strlen(fault.text), FRAME_FAULT_TEXT_BYTES - 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_read),
		cmocka_unit_test(a_string_may_hold_an_escaped_nul),
		cmocka_unit_test(what_is_no_utf8_is_refused),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(nesting_has_a_bound),
		cmocka_unit_test(brackets_in_a_string_do_not_nest),
		cmocka_unit_test(levels_beside_each_other_do_not_nest),
		cmocka_unit_test(values_have_a_bound),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(another_value_than_an_object_is_refused),
		cmocka_unit_test(a_member_that_is_no_string_is_named),
		cmocka_unit_test(a_number_with_a_point_or_exponent_is_told_from_an_integer),
		cmocka_unit_test(a_strange_string_is_shown_and_cut),
		cmocka_unit_test(a_fault_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
