/* SPDX-License-Identifier: MIT */
/*
 * Ports as a command line lists them: "22", "80,443", "8000-8010", "ssh,http".
 * The caller owns the storage. Threads: one per struct. Source: services(5).
 */
#ifndef YODEL_CLIENT_PORT_LIST_H
#define YODEL_CLIENT_PORT_LIST_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PORT_LIST_MAX = UINT16_MAX };

/* The ports in the order they were named, each once. Zero is an empty list. */
struct port_list {
	size_t count;
	uint16_t ports[PORT_LIST_MAX];
	bool is_listed[PORT_LIST_MAX + 1];
};

/*
 * Appends the ports of one word: numbers from 1 to 65535, ranges of them and names of TCP services,
 * between commas. What is in the list already is not appended again.
 * Returns 0, or -1 with error (EX_USAGE), which names the part that is wrong, and a part of the ports
 * appended.
 */
int port_list_add(struct port_list *list, const char *word, struct error *error) MUST_USE;

#endif
