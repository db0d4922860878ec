/* SPDX-License-Identifier: MIT */
#include "yodel/transport/address.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static_assert(ADDRESS_FAMILY_PROCESS > AF_MAX && ADDRESS_FAMILY_PROCESS <= UINT8_MAX,
	"a family of its own, which fits into a prefix");

/* The kernel may write to all that is behind the length. */
enum { CAPACITY = sizeof(struct address) - offsetof(struct address, any) };

static bool is_listed(const struct address *list, size_t count, const struct addrinfo *entry)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].length == entry->ai_addrlen &&
			memcmp(&list[i].any, entry->ai_addr, entry->ai_addrlen) == 0)
			return true;
	return false;
}

/* Names may come from anywhere: what could trick a terminal is escaped. Returns -1. */
static int set_not_found(struct error *error, const char *host, const char *port, int failure)
{
	char shown_host[ERROR_MESSAGE_BYTES / 2] = "*", shown_port[ERROR_MESSAGE_BYTES / 4] = "";
	const char *why = failure == EAI_SYSTEM ? "the resolver failed" : gai_strerror(failure);

	if (host != NULL)
		text_show(shown_host, sizeof shown_host, host, strlen(host));
	if (port == NULL)
		return error_set(error, EX_NOHOST, "host \"%s\": %s", shown_host, why);
	text_show(shown_port, sizeof shown_port, port, strlen(port));
	return error_set(
		error, EX_NOHOST, "host \"%s\" port \"%s\": %s", shown_host, shown_port, why);
}

int address_resolve(const char *host, const char *port, int family, int type, int flags,
	struct address *list, size_t capacity, size_t *count, struct error *error)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = type, .ai_flags = flags};
	struct addrinfo *found;
	size_t filled = 0;
	int failure = getaddrinfo(host, port, &hints, &found);

	if (failure != 0)
		return set_not_found(error, host, port, failure);
	for (struct addrinfo *entry = found; entry != NULL && filled < capacity;
		entry = entry->ai_next) {
		if (entry->ai_addrlen > sizeof list->v6 || is_listed(list, filled, entry))
			continue;
		list[filled].length = entry->ai_addrlen;
		memcpy(&list[filled].any, entry->ai_addr, entry->ai_addrlen);
		filled++;
	}
	freeaddrinfo(found);
	CHECK(filled > 0);
	*count = filled;
	return 0;
}

bool address_from_path(const char *path, struct address *address)
{
	size_t length = strlen(path);
	bool is_abstract = path[0] == '@';
	/* A file's name has its NUL; an abstract one has its length, and NUL for the '@'. */
	size_t needed = is_abstract ? length : length + 1;

	if (length == 0 || needed > sizeof address->un.sun_path)
		return false;
	*address = (struct address){.un.sun_family = AF_UNIX};
	memcpy(address->un.sun_path, path, length);
	if (is_abstract)
		address->un.sun_path[0] = '\0';
	address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + needed);
	return true;
}

const char *address_path_of_host(const char *host)
{
	static const char prefix[] = "unix:";

	return strncmp(host, prefix, strlen(prefix)) == 0 ? host + strlen(prefix) : NULL;
}

struct address address_of_socket(int fd)
{
	struct address address = {.length = CAPACITY};

	if (getsockname(fd, &address.any, &address.length) != 0)
		return (struct address){.length = 0};
	return address;
}

struct address address_of_peer(int fd)
{
	struct address address = {.length = CAPACITY};

	if (getpeername(fd, &address.any, &address.length) != 0)
		return (struct address){.length = 0};
	return address;
}

struct address address_of_process(int fd)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t length = sizeof peer;

	/* Fails for no Unix socket. */
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	return (struct address){
		.length = sizeof(struct address_process),
		.process = {ADDRESS_FAMILY_PROCESS, peer.pid, peer.uid},
	};
}

void address_normalize(struct address *address)
{
	if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
		return;
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = address->v6.sin6_port};

	memcpy(&v4.sin_addr, &address->v6.sin6_addr.s6_addr[12], sizeof v4.sin_addr);
	address->v4 = v4;
	address->length = sizeof v4;
}

bool address_is_internet(const struct address *address)
{
	return address->any.sa_family == AF_INET || address->any.sa_family == AF_INET6;
}

bool address_is_local(const struct address *address)
{
	switch (address->any.sa_family) {
	case AF_INET:
		return ntohl(address->v4.sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
	default:
		return address->any.sa_family == AF_UNIX;
	}
}

unsigned address_port(const struct address *address)
{
	switch (address->any.sa_family) {
	case AF_INET:
		return ntohs(address->v4.sin_port);
	case AF_INET6:
		return ntohs(address->v6.sin6_port);
	default:
		return 0;
	}
}

void address_set_port(struct address *address, unsigned port)
{
	CHECK(port <= UINT16_MAX);
	if (address->any.sa_family == AF_INET)
		address->v4.sin_port = htons((uint16_t)port);
	else if (address->any.sa_family == AF_INET6)
		address->v6.sin6_port = htons((uint16_t)port);
}

/* An address without a name is that of an end that was never bound. */
static void format_path(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
	size_t header = offsetof(struct sockaddr_un, sun_path), used = strlen("unix:");
	size_t length = address->length > header ? address->length - header : 0;
	const char *path = address->un.sun_path;

	snprintf(text, ADDRESS_TEXT_BYTES, "unix:");
	for (size_t i = 0; i < length; i++) {
		if (i > 0 && path[i] == '\0' && path[0] != '\0')
			break;
		char shown = i == 0 && path[i] == '\0' ? '@' : path[i];
		text[used++] = isprint((unsigned char)shown) ? shown : '?';
	}
	text[used] = '\0';
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
	char host[INET6_ADDRSTRLEN] = "?";
	char scope[sizeof "%4294967295"] = "";

	switch (address->any.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof host);
		snprintf(text, ADDRESS_TEXT_BYTES, "%s:%u", host, address_port(address));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof host);
		if (address->v6.sin6_scope_id != 0)
			snprintf(scope, sizeof scope, "%%%u", (unsigned)address->v6.sin6_scope_id);
		snprintf(text, ADDRESS_TEXT_BYTES, "[%s%s]:%u", host, scope, address_port(address));
		break;
	case AF_UNIX:
		format_path(address, text);
		break;
	case ADDRESS_FAMILY_PROCESS:
		snprintf(text, ADDRESS_TEXT_BYTES, "unix:pid:%d,uid:%u", (int)address->process.pid,
			(unsigned)address->process.uid);
		break;
	default:
		snprintf(text, ADDRESS_TEXT_BYTES, "unknown");
	}
}

static void copy_bits(uint8_t *dst, const void *src, unsigned bits)
{
	memcpy(dst, src, bits / 8);
	if (bits % 8 != 0)
		dst[bits / 8] = ((const uint8_t *)src)[bits / 8] & (uint8_t)(0xff00 >> bits % 8);
}

struct address_prefix address_prefix(
	const struct address *address, unsigned v4_bits, unsigned v6_bits)
{
	struct address_prefix prefix = {.bytes = {(uint8_t)address->any.sa_family}};

	CHECK(v4_bits <= 32 && v6_bits <= 128);
	if (address->any.sa_family == AF_INET)
		copy_bits(prefix.bytes + 1, &address->v4.sin_addr, v4_bits);
	else if (address->any.sa_family == AF_INET6)
		copy_bits(prefix.bytes + 1, &address->v6.sin6_addr, v6_bits);
	else if (address->any.sa_family == ADDRESS_FAMILY_PROCESS)
		memcpy(prefix.bytes + 1, &address->process.uid, sizeof address->process.uid);
	return prefix;
}
