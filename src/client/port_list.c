/* SPDX-License-Identifier: MIT */
#include "yodel/client/port_list.h"

#include "yodel/base/parse.h"
#include "yodel/base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum {
	PART_BYTES = 64,     /* longer than any name of a service */
	SERVICE_BYTES = 4096 /* for what the name service knows about one */
};

static int refuse(const char *part, size_t length, struct error *error)
{
	char shown[80];

	text_escape(shown, sizeof shown, part, length);
	return error_set(error, EX_USAGE,
		"ports: expected numbers from 1 to 65535, ranges or names of TCP services, like "
		"22,80,8000-8010 or ssh,http, got \"%s\"",
		shown);
}

static bool read_number(const char *text, int64_t *number)
{
	return isdigit((unsigned char)*text) && parse_integer(text, number) && *number >= 1 &&
	       *number <= PORT_LIST_MAX;
}

/* Reads "FIRST-LAST"; changes the text. */
static bool read_range(char *text, int64_t *first, int64_t *last)
{
	char *dash = strchr(text, '-');

	if (dash == NULL)
		return false;
	*dash = '\0';
	bool is_range = read_number(text, first) && read_number(dash + 1, last) && *first <= *last;
	*dash = '-';
	return is_range;
}

static bool find_service(const char *name, int64_t *number)
{
	struct servent service, *found;
	char strings[SERVICE_BYTES];

	if (!isalnum((unsigned char)*name) || strspn(name, "0123456789-") == strlen(name) ||
		getservbyname_r(name, "tcp", &service, strings, sizeof strings, &found) != 0 ||
		found == NULL)
		return false;
	*number = ntohs((uint16_t)service.s_port);
	return *number > 0;
}

static void add(struct port_list *list, int64_t port)
{
	if (list->is_listed[port])
		return;
	list->is_listed[port] = true;
	list->ports[list->count++] = (uint16_t)port;
}

/* Adds what stands between two commas. */
static int add_part(struct port_list *list, const char *part, size_t length, struct error *error)
{
	char text[PART_BYTES];
	int64_t first, last;

	if (length == 0 || length >= sizeof text)
		return refuse(part, length, error);
	snprintf(text, sizeof text, "%.*s", (int)length, part);
	if (read_number(text, &first) || find_service(text, &first))
		last = first;
	else if (!read_range(text, &first, &last))
		return refuse(part, length, error);
	for (int64_t port = first; port <= last; port++)
		add(list, port);
	return 0;
}

int port_list_add(struct port_list *list, const char *word, struct error *error)
{
	for (;;) {
		size_t length = strcspn(word, ",");

		if (add_part(list, word, length, error) != 0)
			return -1;
		if (word[length] == '\0')
			return 0;
		word += length + 1;
	}
}
