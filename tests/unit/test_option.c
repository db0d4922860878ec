/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/option.h"

#include <stdlib.h>
#include <string.h>

struct values {
	bool flag;
	int64_t number, duration, size;
	struct rate rate;
	int choice;
	char *string, *port;
};

static const char *const colours[] = {"red", "green", "blue", NULL};

static bool check_short(const char *text, char why[OPTION_WHY_BYTES])
{
	snprintf(why, OPTION_WHY_BYTES, "at most 5 bytes");
	return strlen(text) <= 5;
}

#define ROW(member, kind) .path = #member, .type = (kind), .offset = offsetof(struct values, member)

static const struct option_row rows[] = {
	{ROW(flag, OPTION_BOOL), .default_value = "true"},
	{ROW(number, OPTION_INTEGER), .min = -5, .max = 100, .default_value = "7"},
	{ROW(duration, OPTION_DURATION), .min = 1000, .max = 3600000, .default_value = "5m"},
	{ROW(size, OPTION_SIZE), .max = 1048576, .default_value = "64k"},
	{ROW(rate, OPTION_RATE), .max = 1000, .default_value = "50/s"},
	{ROW(choice, OPTION_CHOICE), .choices = colours, .default_value = "green"},
	{ROW(string, OPTION_STRING), .check = check_short, .default_value = "abc"},
	{ROW(port, OPTION_PORT), .default_value = "7"},
	OPTION_END,
};

static void expect_good(const char *path, enum value_kind kind, const char *text)
{
	char why[OPTION_WHY_BYTES] = "";

	if (!option_check(option_find(rows, path), kind, text, why))
		fail_msg("%s = %s: %s", path, text, why);
}

static void expect_bad(
	const char *path, enum value_kind kind, const char *text, const char *expected)
{
	char why[OPTION_WHY_BYTES];

	if (option_check(option_find(rows, path), kind, text, why))
		fail_msg("%s = %s was accepted", path, text);
	assert_string_equal(why, expected);
}

static void find_knows_the_rows_by_their_whole_path(void **state)
{
	(void)state;
	assert_ptr_equal(option_find(rows, "flag"), &rows[0]);
	assert_ptr_equal(option_find(rows, "port"), &rows[7]);
	assert_null(option_find(rows, "por"));
	assert_null(option_find(rows, "ports"));
	assert_null(option_find(rows, ""));
}

static void a_boolean_is_true_or_false(void **state)
{
	(void)state;
	expect_good("flag", VALUE_BOOL, "true");
	expect_good("flag", VALUE_WORD, "false");
	expect_good("flag", VALUE_WORD, "TRUE");
	expect_bad("flag", VALUE_WORD, "yes", "expected true or false, got \"yes\"");
	expect_bad("flag", VALUE_WORD, "", "expected true or false, got \"\"");
	expect_bad("flag", VALUE_INTEGER, "1", "expected true or false, got 1");
	expect_bad("flag", VALUE_STRING, "true", "expected true or false, got \"true\"");
}

static void an_integer_has_bounds(void **state)
{
	(void)state;
	expect_good("number", VALUE_INTEGER, "-5");
	expect_good("number", VALUE_WORD, "100");
	expect_bad("number", VALUE_INTEGER, "101", "expected an integer from -5 to 100, got 101");
	expect_bad("number", VALUE_INTEGER, "-6", "expected an integer from -5 to 100, got -6");
	expect_bad("number", VALUE_WORD, "1x", "expected an integer from -5 to 100, got \"1x\"");
	expect_bad("number", VALUE_STRING, "1", "expected an integer from -5 to 100, got \"1\"");
	expect_bad("number", VALUE_BOOL, "true",
		"expected an integer from -5 to 100, got the boolean true");
	expect_bad("number", VALUE_FLOAT, "1.5",
		"expected an integer from -5 to 100, got the floating-point number 1.5");
	expect_bad(
		"number", VALUE_LIST, "2", "expected an integer from -5 to 100, got a list of 2");
	expect_bad("number", VALUE_GROUP, "", "expected an integer from -5 to 100, got a group");
}

static void a_duration_has_units_and_bounds(void **state)
{
	static const char allowed[] = "expected a duration like 500ms, 30s, 5m or 2h from 1s to 1h";
	char expected[OPTION_WHY_BYTES];

	(void)state;
	expect_good("duration", VALUE_STRING, "1s");
	expect_good("duration", VALUE_STRING, "1000ms");
	expect_good("duration", VALUE_INTEGER, "30");
	expect_good("duration", VALUE_WORD, "1h");
	snprintf(expected, sizeof expected, "%s, got \"999ms\"", allowed);
	expect_bad("duration", VALUE_STRING, "999ms", expected);
	snprintf(expected, sizeof expected, "%s, got 3601", allowed);
	expect_bad("duration", VALUE_INTEGER, "3601", expected);
	snprintf(expected, sizeof expected, "%s, got \"5 m\"", allowed);
	expect_bad("duration", VALUE_WORD, "5 m", expected);
	snprintf(expected, sizeof expected, "%s, got the boolean true", allowed);
	expect_bad("duration", VALUE_BOOL, "true", expected);
}

static void a_size_has_units_and_bounds(void **state)
{
	(void)state;
	expect_good("size", VALUE_STRING, "1M");
	expect_good("size", VALUE_INTEGER, "512");
	expect_bad("size", VALUE_STRING, "2M",
		"expected a size like 512, 64k or 1M from 0 to 1M, got \"2M\"");
	expect_bad("size", VALUE_STRING, "1m",
		"expected a size like 512, 64k or 1M from 0 to 1M, got \"1m\"");
}

static void a_rate_has_units_and_bounds(void **state)
{
	(void)state;
	expect_good("rate", VALUE_STRING, "1000/h");
	expect_good("rate", VALUE_INTEGER, "5");
	expect_bad("rate", VALUE_STRING, "1001/s",
		"expected a rate like 50/s or 100/m of 0 to 1000, got \"1001/s\"");
	expect_bad("rate", VALUE_STRING, "5/d",
		"expected a rate like 50/s or 100/m of 0 to 1000, got \"5/d\"");
}

static void a_choice_suggests_what_was_meant(void **state)
{
	(void)state;
	expect_good("choice", VALUE_STRING, "blue");
	expect_good("choice", VALUE_WORD, "red");
	expect_bad("choice", VALUE_STRING, "geen",
		"expected one of red, green, blue, got \"geen\" (did you mean \"green\"?)");
	expect_bad("choice", VALUE_STRING, "purple",
		"expected one of red, green, blue, got \"purple\"");
	expect_bad("choice", VALUE_STRING, "Red",
		"expected one of red, green, blue, got \"Red\" (did you mean \"red\"?)");
	expect_bad("choice", VALUE_INTEGER, "1", "expected one of red, green, blue, got 1");
	expect_bad("choice", VALUE_LIST, "2", "expected one of red, green, blue, got a list of 2");
}

static void a_string_is_checked_by_its_row(void **state)
{
	(void)state;
	expect_good("string", VALUE_STRING, "");
	expect_good("string", VALUE_WORD, "12345");
	expect_bad("string", VALUE_STRING, "123456", "expected at most 5 bytes, got \"123456\"");
	expect_bad("string", VALUE_INTEGER, "1", "expected a string, got 1");
	expect_bad("string", VALUE_BOOL, "true", "expected a string, got the boolean true");
}

static void a_port_is_a_number_or_a_service_name(void **state)
{
	static const char *const bad[] = {"", "-1", "65536", "99999999999999999999", "7x", "a b",
		"a/b", " 7", "http:", "\xff"};
	char why[OPTION_WHY_BYTES];

	(void)state;
	expect_good("port", VALUE_INTEGER, "0");
	expect_good("port", VALUE_INTEGER, "65535");
	expect_good("port", VALUE_STRING, "7");
	expect_good("port", VALUE_STRING, "http-alt");
	expect_good("port", VALUE_WORD, "x11");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(option_check(option_find(rows, "port"), VALUE_WORD, bad[i], why));
	expect_bad("port", VALUE_INTEGER, "65536",
		"expected a port from 0 to 65535 or a service name, got 65536");
}

static void hostile_bytes_are_escaped_and_cut_in_messages(void **state)
{
	char text[1000], why[OPTION_WHY_BYTES];

	(void)state;
	expect_bad("number", VALUE_WORD, "\x1b[2J\n\"",
		"expected an integer from -5 to 100, got \"\\x1b[2J\\n\\\"\"");
	memset(text, '\n', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_false(option_check(&rows[1], VALUE_WORD, text, why));
	assert_true(strlen(why) < 140);
	assert_null(strchr(why, '\n'));
}

static void defaults_are_stored(void **state)
{
	struct values values;

	(void)state;
	memset(&values, 0, sizeof values);
	option_store_defaults(rows, &values);
	assert_true(values.flag);
	assert_int_equal(values.number, 7);
	assert_int_equal(values.duration, 300000);
	assert_int_equal(values.size, 65536);
	assert_int_equal(values.rate.count, 50);
	assert_int_equal(values.rate.period_ms, 1000);
	assert_int_equal(values.choice, 1);
	assert_string_equal(values.string, "abc");
	assert_string_equal(values.port, "7");
	option_free_values(rows, &values);
	assert_null(values.string);
	assert_null(values.port);
	option_free_values(rows, &values);
}

static void a_stored_value_replaces_the_one_before(void **state)
{
	struct values values;

	(void)state;
	memset(&values, 0, sizeof values);
	option_store_defaults(rows, &values);
	option_store(option_find(rows, "flag"), "false", &values);
	option_store(option_find(rows, "string"), "xyz", &values);
	option_store(option_find(rows, "string"), "uvw", &values);
	option_store(option_find(rows, "rate"), "3/h", &values);
	option_store(option_find(rows, "choice"), "red", &values);
	assert_false(values.flag);
	assert_string_equal(values.string, "uvw");
	assert_int_equal(values.rate.count, 3);
	assert_int_equal(values.rate.period_ms, 3600000);
	assert_int_equal(values.choice, 0);
	option_free_values(rows, &values);
}

static char *printed(const char *path, const char *text)
{
	const struct option_row *row = option_find(rows, path);
	struct values values;
	char *out = NULL;
	size_t bytes;

	memset(&values, 0, sizeof values);
	option_store(row, text, &values);
	FILE *stream = open_memstream(&out, &bytes);
	assert_non_null(stream);
	option_print_value(stream, row, &values);
	fclose(stream);
	option_free_values(rows, &values);
	return out;
}

static void expect_printed(const char *path, const char *text, const char *expected)
{
	char *out = printed(path, text);

	assert_string_equal(out, expected);
	free(out);
}

static void values_are_printed_as_the_file_has_them(void **state)
{
	(void)state;
	expect_printed("flag", "TRUE", "true");
	expect_printed("flag", "false", "false");
	expect_printed("number", "-5", "-5");
	expect_printed("duration", "3600", "\"1h\"");
	expect_printed("duration", "1500ms", "\"1500ms\"");
	expect_printed("size", "65536", "\"64k\"");
	expect_printed("size", "0", "\"0\"");
	expect_printed("rate", "5", "\"5/s\"");
	expect_printed("rate", "0/h", "\"0\"");
	expect_printed("choice", "blue", "\"blue\"");
	expect_printed("string", "a\"b\\\n", "\"a\\\"b\\\\\\n\"");
	expect_printed("string", "", "\"\"");
	expect_printed("port", "65535", "65535");
	expect_printed("port", "http", "\"http\"");
}

static void what_is_printed_is_a_good_value_again(void **state)
{
	static const struct {
		const char *path, *text;
	} values[] = {{"flag", "true"}, {"number", "42"}, {"duration", "90"},
		{"duration", "1001ms"}, {"size", "1000"}, {"size", "1024"}, {"rate", "7/m"},
		{"choice", "red"}, {"port", "9"}, {"port", "ftp"}};

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char *first = printed(values[i].path, values[i].text);
		size_t length = strlen(first);
		bool is_quoted = first[0] == '"';
		char *plain = strndup(first + is_quoted, length - 2 * is_quoted);

		assert_non_null(plain);
		expect_good(values[i].path, VALUE_WORD, plain);
		char *second = printed(values[i].path, plain);
		assert_string_equal(second, first);
		free(first);
		free(plain);
		free(second);
	}
}

static void rows_are_described_for_messages(void **state)
{
	static const struct {
		const char *path, *text;
	} expected[] = {
		{"flag", "true or false"},
		{"number", "an integer from -5 to 100"},
		{"duration", "a duration like 500ms, 30s, 5m or 2h from 1s to 1h"},
		{"size", "a size like 512, 64k or 1M from 0 to 1M"},
		{"rate", "a rate like 50/s or 100/m of 0 to 1000"},
		{"choice", "one of red, green, blue"},
		{"string", "a string"},
		{"port", "a port from 0 to 65535 or a service name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		char text[OPTION_WHY_BYTES];

		option_describe(option_find(rows, expected[i].path), text);
		assert_string_equal(text, expected[i].text);
	}
}

static void a_description_that_is_too_long_is_cut(void **state)
{
	static const char word[] = "a-choice-with-a-name-of-forty-characters";
	const char *const many[] = {word, word, word, word, word, word, word, word, NULL};
	const struct option_row row = {.type = OPTION_CHOICE, .choices = many};
	char why[OPTION_WHY_BYTES];

	(void)state;
	assert_false(option_check(&row, VALUE_WORD, "x", why));
	assert_int_equal(strlen(why), OPTION_WHY_BYTES - 1);
}

/* --- Lists ------------------------------------------------------------------------------------ */

struct animal {
	char *name;
	int64_t legs;
	char *sound;
};

struct lists {
	bool before;
	struct option_list animals, delays;
};

#define MEMBER(member, kind)                                                                       \
	.path = #member, .type = (kind), .offset = offsetof(struct animal, member)

static const struct option_row animal_rows[] = {
	{MEMBER(name, OPTION_STRING), .check = check_short},
	{MEMBER(legs, OPTION_INTEGER), .max = 8, .default_value = "4"},
	{MEMBER(sound, OPTION_STRING), .default_value = "none"},
	OPTION_END,
};

static const struct option_row delay_rows[] = {
	{.path = "", .type = OPTION_DURATION, .max = 3600000},
	OPTION_END,
};

static const char *const default_animals[] = {
	"cat", "4", "meow", "\U0001f436", "4", "\"wuff\"", NULL};

static const struct option_row list_rows[] = {
	{.path = "before",
		.type = OPTION_BOOL,
		.offset = offsetof(struct lists, before),
		.default_value = "true"},
	{.path = "animals",
		.type = OPTION_LIST,
		.offset = offsetof(struct lists, animals),
		.min = 1,
		.max = 3,
		.elements = animal_rows,
		.element_bytes = sizeof(struct animal),
		.default_elements = default_animals},
	{.path = "delays",
		.type = OPTION_LIST,
		.offset = offsetof(struct lists, delays),
		.max = 5,
		.elements = delay_rows,
		.element_bytes = sizeof(int64_t)},
	OPTION_END,
};

static const struct option_row *const animals = &list_rows[1], *const delays = &list_rows[2];

static void expect_bad_list(
	const struct option_row *row, enum value_kind kind, const char *text, const char *expected)
{
	char why[OPTION_WHY_BYTES];

	assert_false(option_check(row, kind, text, why));
	assert_string_equal(why, expected);
}

static void a_list_is_checked_by_the_number_of_its_elements(void **state)
{
	static const char allowed[] =
		"expected a list of 1 to 3 groups ( { name = ...; legs = ...; sound = ...; }, ... )";
	char why[OPTION_WHY_BYTES], expected[OPTION_WHY_BYTES];

	(void)state;
	assert_true(option_check(animals, VALUE_LIST, "1", why));
	assert_true(option_check(animals, VALUE_LIST, "3", why));
	assert_true(option_check(delays, VALUE_LIST, "0", why));
	snprintf(expected, sizeof expected, "%s, got a list of 0", allowed);
	expect_bad_list(animals, VALUE_LIST, "0", expected);
	snprintf(expected, sizeof expected, "%s, got a list of 4", allowed);
	expect_bad_list(animals, VALUE_LIST, "4", expected);
	snprintf(expected, sizeof expected, "%s, got a group", allowed);
	expect_bad_list(animals, VALUE_GROUP, "", expected);
	snprintf(expected, sizeof expected, "%s, got \"2\"", allowed);
	expect_bad_list(animals, VALUE_STRING, "2", expected);
	expect_bad_list(delays, VALUE_INTEGER, "2",
		"expected a list of 0 to 5 values ( ..., ... ), each a duration like 500ms, 30s, 5m or 2h from 0 to 1h, got 2");
	expect_bad_list(delays, VALUE_WORD, "2",
		"expected a list, which can only be set in the file, got \"2\"");
}

static void elements_are_groups_or_single_values(void **state)
{
	(void)state;
	assert_true(option_has_groups(animals));
	assert_false(option_has_groups(delays));
}

static void lists_have_defaults_element_by_element(void **state)
{
	struct lists lists;

	(void)state;
	memset(&lists, 0, sizeof lists);
	option_store_defaults(list_rows, &lists);
	assert_int_equal(lists.animals.count, 2);
	const struct animal *animal = option_element(animals, &lists, 0);
	assert_ptr_equal(animal, lists.animals.items);
	assert_string_equal(animal->name, "cat");
	assert_int_equal(animal->legs, 4);
	assert_string_equal(animal->sound, "meow");
	animal = option_element(animals, &lists, 1);
	assert_string_equal(animal->name, "\U0001f436");
	assert_string_equal(animal->sound, "\"wuff\"");
	assert_int_equal(lists.delays.count, 0);
	assert_null(lists.delays.items);
	option_free_values(list_rows, &lists);
	assert_int_equal(lists.animals.count, 0);
	assert_null(lists.animals.items);
	option_free_values(list_rows, &lists);
}

static void a_stored_list_replaces_the_one_before_and_has_the_defaults_of_its_rows(void **state)
{
	struct lists lists;

	(void)state;
	memset(&lists, 0, sizeof lists);
	option_store_defaults(list_rows, &lists);
	option_store(animals, "3", &lists);
	assert_int_equal(lists.animals.count, 3);
	struct animal *animal = option_element(animals, &lists, 2);
	assert_null(animal->name);
	assert_int_equal(animal->legs, 4);
	assert_string_equal(animal->sound, "none");
	option_store(&animal_rows[0], "bird", animal);
	option_store(&animal_rows[1], "2", animal);
	assert_string_equal(animal->name, "bird");
	assert_int_equal(animal->legs, 2);
	option_store(delays, "2", &lists);
	option_store(&delay_rows[0], "2s", option_element(delays, &lists, 1));
	assert_int_equal(((const int64_t *)lists.delays.items)[1], 2000);
	option_store(delays, "0", &lists);
	assert_int_equal(lists.delays.count, 0);
	assert_null(lists.delays.items);
	option_free_values(list_rows, &lists);
}

static void expect_written(
	void (*write)(FILE *out, const void *context), const void *context, const char *expected)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	write(out, context);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void write_animals(FILE *out, const void *lists)
{
	option_print_value(out, animals, lists);
}

static void write_delays(FILE *out, const void *lists)
{
	option_print_value(out, delays, lists);
}

static void write_default(FILE *out, const void *row)
{
	option_print_default(out, row, "\n  ");
}

static void lists_are_printed_as_the_file_has_them(void **state)
{
	struct lists lists;

	(void)state;
	memset(&lists, 0, sizeof lists);
	option_store_defaults(list_rows, &lists);
	expect_written(write_animals, &lists,
		"( { name = \"cat\"; legs = 4; sound = \"meow\"; },"
		" { name = \"\U0001f436\"; legs = 4; sound = \"\\\"wuff\\\"\"; } )");
	expect_written(write_delays, &lists, "()");
	option_store(delays, "2", &lists);
	option_store(&delay_rows[0], "60", option_element(delays, &lists, 0));
	option_store(&delay_rows[0], "1500ms", option_element(delays, &lists, 1));
	expect_written(write_delays, &lists, "( \"1m\", \"1500ms\" )");
	option_free_values(list_rows, &lists);
}

static void defaults_are_printed_as_the_file_has_them(void **state)
{
	(void)state;
	expect_written(write_default, option_find(rows, "duration"), "\"5m\"");
	expect_written(write_default, option_find(rows, "port"), "7");
	expect_written(write_default, option_find(rows, "choice"), "\"green\"");
	expect_written(write_default, option_find(rows, "string"), "\"abc\"");
	expect_written(write_default, delays, "()");
	expect_written(write_default, animals,
		"(\n  { name = \"cat\"; legs = 4; sound = \"meow\"; },"
		"\n  { name = \"\U0001f436\"; legs = 4; sound = \"\\\"wuff\\\"\"; } )");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find_knows_the_rows_by_their_whole_path),
		cmocka_unit_test(a_boolean_is_true_or_false),
		cmocka_unit_test(an_integer_has_bounds),
		cmocka_unit_test(a_duration_has_units_and_bounds),
		cmocka_unit_test(a_size_has_units_and_bounds),
		cmocka_unit_test(a_rate_has_units_and_bounds),
		cmocka_unit_test(a_choice_suggests_what_was_meant),
		cmocka_unit_test(a_string_is_checked_by_its_row),
		cmocka_unit_test(a_port_is_a_number_or_a_service_name),
		cmocka_unit_test(hostile_bytes_are_escaped_and_cut_in_messages),
		cmocka_unit_test(defaults_are_stored),
		cmocka_unit_test(a_stored_value_replaces_the_one_before),
		cmocka_unit_test(values_are_printed_as_the_file_has_them),
		cmocka_unit_test(what_is_printed_is_a_good_value_again),
		cmocka_unit_test(rows_are_described_for_messages),
		cmocka_unit_test(a_description_that_is_too_long_is_cut),
		cmocka_unit_test(a_list_is_checked_by_the_number_of_its_elements),
		cmocka_unit_test(elements_are_groups_or_single_values),
		cmocka_unit_test(lists_have_defaults_element_by_element),
		cmocka_unit_test(
			a_stored_list_replaces_the_one_before_and_has_the_defaults_of_its_rows),
		cmocka_unit_test(lists_are_printed_as_the_file_has_them),
		cmocka_unit_test(defaults_are_printed_as_the_file_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
