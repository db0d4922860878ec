/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/clock.h"
#include "yodel/base/log.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STAMP = CLOCK_UTC_TEXT_BYTES - 1 };

static int reset(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	return 0;
}

/* Logs one line with one text field and returns all that came of it. */
static char *line_with(enum log_level level, const char *value)
{
	struct log_line line;

	capture_start();
	log_begin(&line, level, "close");
	log_number(&line, "conn", 17);
	log_text(&line, "peer", value);
	log_end(&line);
	return capture_end();
}

static void assert_stamp(const char *text)
{
	static const char pattern[] = "0000-00-00T00:00:00.000Z";

	for (size_t i = 0; i < STAMP; i++)
		assert_true(pattern[i] == '0' ? isdigit((unsigned char)text[i])
					      : text[i] == pattern[i]);
}

static void expect_text_line(const char *value, const char *tail)
{
	char *text = line_with(LOG_LEVEL_INFO, value);

	assert_stamp(text);
	assert_string_equal(text + STAMP, tail);
	free(text);
}

static void a_text_line_has_time_level_event_and_fields(void **state)
{
	(void)state;
	expect_text_line("127.0.0.1:7", " info close conn=17 peer=127.0.0.1:7\n");
}

static void text_values_are_quoted_when_a_reader_could_misread_them(void **state)
{
	(void)state;
	expect_text_line("", " info close conn=17 peer=\"\"\n");
	expect_text_line("a b", " info close conn=17 peer=\"a b\"\n");
	expect_text_line("a=b", " info close conn=17 peer=\"a=b\"\n");
	expect_text_line("a\"b", " info close conn=17 peer=\"a\\\"b\"\n");
	expect_text_line("a\\b", " info close conn=17 peer=\"a\\\\b\"\n");
	expect_text_line("x\n2026 info fake", " info close conn=17 peer=\"x\\n2026 info fake\"\n");
	expect_text_line("\x1b[31m\xff", " info close conn=17 peer=\"\\x1b[31m\\xff\"\n");
}

static void bytes_are_logged_with_their_nul_bytes(void **state)
{
	static const char *const lines[] = {
		" info talk text=\"a\\x00b\"\n", "\"text\":\"a\\u0000b\"}\n"};
	struct log_line line;

	(void)state;
	for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
		log_configure(LOG_LEVEL_INFO, (enum log_format)format);
		capture_start();
		log_begin(&line, LOG_LEVEL_INFO, "talk");
		log_bytes(&line, "text", "a\0bc", 3);
		log_end(&line);
		char *text = capture_end();
		assert_non_null(strstr(text, lines[format]));
		free(text);
	}
}

static void lines_below_the_wanted_level_are_not_written(void **state)
{
	(void)state;
	for (int wanted = LOG_LEVEL_ERROR; wanted <= LOG_LEVEL_DEBUG; wanted++) {
		log_configure((enum log_level)wanted, LOG_FORMAT_TEXT);
		for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
			char *text = line_with((enum log_level)level, "x");

			assert_int_equal(*text != '\0', level <= wanted);
			assert_int_equal(log_is_wanted((enum log_level)level), level <= wanted);
			if (level <= wanted)
				assert_non_null(strstr(text, log_level_names[level]));
			free(text);
		}
	}
}

static void before_configuration_info_is_written_and_debug_is_not(void **state)
{
	(void)state;
	assert_true(log_is_wanted(LOG_LEVEL_INFO));
	assert_false(log_is_wanted(LOG_LEVEL_DEBUG));
}

static void message_is_formatted_into_one_field(void **state)
{
	(void)state;
	capture_start();
	log_message(LOG_LEVEL_WARN, "start", "%d of %s", 3, "many");
	log_message(LOG_LEVEL_DEBUG, "start", "unseen");
	char *text = capture_end();
	assert_string_equal(text + STAMP, " warn start message=\"3 of many\"\n");
	free(text);
}

/* --- JSON: a strict reader of one flat object ------------------------------------------------- */

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c == '\0' ? NULL : strchr(digits, c);

	return found == NULL ? -1 : (int)(found - digits);
}

/* RFC 8259 7; decodes code points up to 255 into bytes. Returns what follows, NULL if malformed. */
static const char *read_json_string(const char *at, char *out)
{
	if (*at++ != '"')
		return NULL;
	while (*at != '"') {
		if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
			return NULL;
		if (*at != '\\') {
			*out++ = *at++;
		} else if (at[1] == '"' || at[1] == '\\') {
			*out++ = at[1];
			at += 2;
		} else if (at[1] == 'u' && at[2] == '0' && at[3] == '0' && hex_value(at[4]) >= 0 &&
			   hex_value(at[5]) >= 0) {
			*out++ = (char)(hex_value(at[4]) * 16 + hex_value(at[5]));
			at += 6;
		} else {
			return NULL;
		}
	}
	*out = '\0';
	return at + 1;
}

/* The value of the last field called name. Returns false where the line is not one JSON object. */
static bool read_json_line(const char *line, const char *name, char *value)
{
	char separator = '{';

	for (const char *at = line; *at == separator; separator = ',') {
		char key[4096], text[4096];

		at = read_json_string(at + 1, key);
		if (at == NULL || *at++ != ':')
			return false;
		if (isdigit((unsigned char)*at)) {
			size_t length = strspn(at, "0123456789");

			snprintf(text, sizeof text, "%.*s", (int)length, at);
			at += length;
		} else if ((at = read_json_string(at, text)) == NULL) {
			return false;
		}
		if (strcmp(key, name) == 0)
			memcpy(value, text, strlen(text) + 1);
		if (strcmp(at, "}\n") == 0)
			return true;
		line = at;
	}
	return false;
}

static void a_json_line_is_one_object_with_time_level_event_and_fields(void **state)
{
	(void)state;
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	char *text = line_with(LOG_LEVEL_WARN, "127.0.0.1:7");
	assert_memory_equal(text, "{\"time\":\"", 9);
	assert_stamp(text + 9);
	assert_string_equal(text + 9 + STAMP,
		"\",\"level\":\"warn\",\"event\":\"close\",\"conn\":17,\"peer\":\"127.0.0.1:7\"}\n");
	free(text);
}

static void every_byte_makes_valid_json_and_is_read_back(void **state)
{
	(void)state;
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (int byte = 1; byte < 256; byte++) {
		char value[] = {'<', (char)byte, '>', '\0'}, back[4096] = "";
		char *text = line_with(LOG_LEVEL_INFO, value);

		assert_true(read_json_line(text, "peer", back));
		assert_string_equal(back, value);
		free(text);
	}
}

static void random_bytes_make_valid_json(void **state)
{
	(void)state;
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (int i = 0; i < 300; i++) {
		char value[2001], back[4096] = "";
		size_t length = support_random() % sizeof value;

		for (size_t j = 0; j < length; j++)
			value[j] = (char)(1 + support_random() % 255);
		value[length] = '\0';
		char *text = line_with(LOG_LEVEL_INFO, value);
		assert_true(read_json_line(text, "peer", back));
		assert_memory_equal(back, value, strlen(back));
		free(text);
	}
}

static void the_largest_number_is_written_in_full(void **state)
{
	struct log_line line;

	(void)state;
	capture_start();
	log_begin(&line, LOG_LEVEL_INFO, "stop");
	log_number(&line, "in", UINT64_MAX);
	log_end(&line);
	char *text = capture_end();
	assert_string_equal(text + STAMP, " info stop in=18446744073709551615\n");
	free(text);
}

static char *overfull_line(enum log_format format)
{
	char value[3 * LOG_LINE_BYTES];
	struct log_line line;

	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	log_configure(LOG_LEVEL_INFO, format);
	capture_start();
	log_begin(&line, LOG_LEVEL_INFO, "close");
	for (int i = 0; i < 5; i++)
		log_text(&line, "peer", value);
	for (int i = 0; i < 400; i++)
		log_number(&line, "n", (uint64_t)i);
	log_end(&line);
	return capture_end();
}

static void an_overfull_text_line_is_cut_and_still_one_line(void **state)
{
	(void)state;
	char *text = overfull_line(LOG_FORMAT_TEXT);
	size_t length = strlen(text);
	assert_true(length <= LOG_LINE_BYTES && length > LOG_LINE_BYTES / 2);
	assert_ptr_equal(strchr(text, '\n'), text + length - 1);
	/* Cut at a whole field: the last one is a number from the sequence, entire. */
	const char *last = strrchr(text, ' ');
	char expected[32];
	int count = 0;
	for (const char *at = text; (at = strstr(at, " n=")) != NULL; at++)
		count++;
	snprintf(expected, sizeof expected, " n=%d\n", count - 1);
	assert_string_equal(last, expected);
	free(text);
}

static void an_overfull_json_line_is_cut_and_still_valid(void **state)
{
	char back[4096] = "";

	(void)state;
	char *text = overfull_line(LOG_FORMAT_JSON);
	assert_true(strlen(text) <= LOG_LINE_BYTES && strlen(text) > LOG_LINE_BYTES / 2);
	assert_true(read_json_line(text, "peer", back));
	assert_true(strlen(back) > 500);
	free(text);
}

static void lines_of_every_length_up_to_the_end_stay_whole(void **state)
{
	char value[LOG_LINE_BYTES];

	(void)state;
	for (size_t length = LOG_LINE_BYTES / 2 - 200; length < LOG_LINE_BYTES / 2 + 20; length++) {
		for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
			struct log_line line;

			memset(value, 'v', length);
			value[length] = '\0';
			log_configure(LOG_LEVEL_INFO, (enum log_format)format);
			capture_start();
			log_begin(&line, LOG_LEVEL_INFO, "close");
			log_text(&line, "one", value);
			log_text(&line, "two", value);
			log_end(&line);
			char *text = capture_end();
			char *end = strchr(text, '\n');
			assert_true(end != NULL && end[1] == '\0');
			assert_true(strlen(text) <= LOG_LINE_BYTES);
			if (format == LOG_FORMAT_JSON)
				assert_true(read_json_line(text, "one", value));
			free(text);
		}
	}
}

static void lines_for_the_journal_carry_their_priority(void **state)
{
	static const int priorities[] = {3, 4, 6, 7};
	struct stat status;
	char stream[64];

	(void)state;
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		struct log_line line;
		char prefix[8];

		capture_start();
		fstat(STDERR_FILENO, &status);
		snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev,
			(uintmax_t)status.st_ino);
		setenv("JOURNAL_STREAM", stream, 1);
		log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
		log_begin(&line, (enum log_level)level, "x");
		log_end(&line);
		char *text = capture_end();
		snprintf(prefix, sizeof prefix, "<%d>", priorities[level]);
		assert_memory_equal(text, prefix, 3);
		assert_stamp(text + 3);
		free(text);
	}
}

static void lines_for_another_file_than_the_journal_carry_no_priority(void **state)
{
	static const char *const streams[] = {"1:1", "", "nonsense", "8:"};

	(void)state;
	for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
		setenv("JOURNAL_STREAM", streams[i], 1);
		log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
		expect_text_line("x", " info close conn=17 peer=x\n");
	}
}

/* --- many threads ----------------------------------------------------------------------------- */

enum { WRITERS = 8, LINES = 300, PAYLOAD = 900 };

static void *write_lines(void *argument)
{
	int number = *(int *)argument;
	char payload[PAYLOAD + 1];

	memset(payload, 'a' + number, PAYLOAD);
	payload[PAYLOAD] = '\0';
	for (uint64_t i = 0; i < LINES; i++) {
		struct log_line line;

		log_begin(&line, LOG_LEVEL_INFO, "close");
		log_number(&line, "thread", (uint64_t)number);
		log_number(&line, "line", i);
		log_text(&line, "payload", payload);
		log_end(&line);
	}
	return NULL;
}

struct seen {
	FILE *from;
	int whole, broken;
	uint64_t next[WRITERS];
};

static void look_at(struct seen *seen, const char *line)
{
	int number, length = 0;
	uint64_t sequence;

	if (sscanf(line + STAMP, " info close thread=%d line=%lu payload=%n", &number, &sequence,
		    &length) == 2 &&
		length > 0 && number >= 0 && number < WRITERS && sequence == seen->next[number]) {
		const char *payload = line + STAMP + length;
		const char run[] = {(char)('a' + number), '\0'};

		seen->next[number]++;
		if (strspn(payload, run) == PAYLOAD && strcmp(payload + PAYLOAD, "\n") == 0) {
			seen->whole++;
			return;
		}
	}
	seen->broken++;
}

static void *read_lines(void *argument)
{
	struct seen *seen = argument;
	char line[2 * LOG_LINE_BYTES];

	while (fgets(line, sizeof line, seen->from) != NULL) {
		if (strlen(line) > STAMP)
			look_at(seen, line);
		else
			seen->broken++;
	}
	return NULL;
}

static void lines_of_eight_threads_arrive_whole_through_a_pipe(void **state)
{
	pthread_t writers[WRITERS], reader;
	int numbers[WRITERS], ends[2], saved = dup(STDERR_FILENO);
	struct seen seen = {.whole = 0};

	(void)state;
	assert_int_equal(pipe(ends), 0);
	seen.from = fdopen(ends[0], "r");
	assert_non_null(seen.from);
	assert_int_equal(pthread_create(&reader, NULL, read_lines, &seen), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	for (int i = 0; i < WRITERS; i++) {
		numbers[i] = i;
		if (pthread_create(&writers[i], NULL, write_lines, &numbers[i]) != 0)
			abort();
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	dup2(saved, STDERR_FILENO); /* the last writing end: the reader sees the end */
	close(saved);
	pthread_join(reader, NULL);
	fclose(seen.from);
	assert_int_equal(seen.broken, 0);
	assert_int_equal(seen.whole, WRITERS * LINES);
}

/* Nobody reads: a line waits once, the others are dropped and counted; then the reader is back. */
static void a_reader_that_does_not_read_costs_lines_and_not_the_writer(void **state)
{
	char bytes[65536];
	int ends[2], saved = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	dup2(ends[1], STDERR_FILENO);
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	int64_t before = clock_monotonic_ms();
	for (int i = 0; i < 3000; i++) /* more than any pipe of the default size holds */
		log_message(LOG_LEVEL_INFO, "flood", "line %d", i);
	int64_t took = clock_monotonic_ms() - before;
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	while (read(ends[0], bytes, sizeof bytes) > 0)
		continue;
	log_message(LOG_LEVEL_INFO, "back", "again");
	ssize_t length = read(ends[0], bytes, sizeof bytes - 1);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[0]);
	close(ends[1]);
	assert_in_range(took, 900, 20000);
	assert_in_range(length, 1, sizeof bytes - 1);
	bytes[length] = '\0';
	static const char expected[] = " info back message=again lost=";
	char *lost = strstr(bytes, expected);
	assert_non_null(lost);
	assert_in_range(strtol(lost + strlen(expected), NULL, 10), 1, 3000);
}

static void a_full_line_is_written_whole_by_the_kernel(void **state)
{
	(void)state;
	assert_true(LOG_LINE_BYTES <= PIPE_BUF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_configuration_info_is_written_and_debug_is_not),
		cmocka_unit_test_setup(a_text_line_has_time_level_event_and_fields, reset),
		cmocka_unit_test_setup(
			text_values_are_quoted_when_a_reader_could_misread_them, reset),
		cmocka_unit_test_setup(bytes_are_logged_with_their_nul_bytes, reset),
		cmocka_unit_test_setup(lines_below_the_wanted_level_are_not_written, reset),
		cmocka_unit_test_setup(message_is_formatted_into_one_field, reset),
		cmocka_unit_test_setup(
			a_json_line_is_one_object_with_time_level_event_and_fields, reset),
		cmocka_unit_test_setup(every_byte_makes_valid_json_and_is_read_back, reset),
		cmocka_unit_test_setup(random_bytes_make_valid_json, reset),
		cmocka_unit_test_setup(the_largest_number_is_written_in_full, reset),
		cmocka_unit_test_setup(an_overfull_text_line_is_cut_and_still_one_line, reset),
		cmocka_unit_test_setup(an_overfull_json_line_is_cut_and_still_valid, reset),
		cmocka_unit_test_setup(lines_of_every_length_up_to_the_end_stay_whole, reset),
		cmocka_unit_test_setup(lines_for_the_journal_carry_their_priority, reset),
		cmocka_unit_test_setup(
			lines_for_another_file_than_the_journal_carry_no_priority, reset),
		cmocka_unit_test_setup(lines_of_eight_threads_arrive_whole_through_a_pipe, reset),
		cmocka_unit_test_setup(
			a_reader_that_does_not_read_costs_lines_and_not_the_writer, reset),
		cmocka_unit_test(a_full_line_is_written_whole_by_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
