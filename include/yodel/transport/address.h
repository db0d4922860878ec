/* SPDX-License-Identifier: MIT */
/*
 * Socket addresses: from host and port, to text, to the prefix that limits count by.
 * Owns nothing: an address is a plain value. Threads: any.
 * Source: getaddrinfo(3), getsockname(2), getpeername(2), ipv6(7), unix(7) SO_PEERCRED, RFC 4291 2.5.5.2 (IPv4-mapped addresses).
 */
#ifndef YODEL_TRANSPORT_ADDRESS_H
#define YODEL_TRANSPORT_ADDRESS_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/* What is spoken at an IP address; over Unix sockets, PROTOCOL_TCP stands for streams. */
enum protocol { PROTOCOL_TCP, PROTOCOL_UDP };

/* The family of a struct address_process; the kernel has none so high. */
enum { ADDRESS_FAMILY_PROCESS = 254 };

/* The peer on a Unix socket, whose own end has no name: the process that connected. */
struct address_process {
	sa_family_t family; /* ADDRESS_FAMILY_PROCESS */
	pid_t pid;          /* 0 where it is of a namespace that we do not see into */
	uid_t uid;
};

struct address {
	socklen_t length;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un un;
		struct address_process process;
	};
};

enum {
	ADDRESS_TEXT_BYTES = sizeof "unix:@" + sizeof((struct sockaddr_un){0}.sun_path),
	ADDRESS_PREFIX_BYTES = 17, /* family, then the 16 bytes of an IPv6 address */
};

/* The first bits of an address, for counting clients; compared with memcmp. */
struct address_prefix {
	uint8_t bytes[ADDRESS_PREFIX_BYTES];
};

/*
 * Finds the addresses to listen on or connect to.
 *   host       a name, an IPv4 or IPv6 address; NULL for any address of this machine
 *   port       a number or a service name; NULL, with a host: 0
 *   family     AF_INET, AF_INET6, or AF_UNSPEC for both
 *   type       SOCK_STREAM, or SOCK_DGRAM: whether the name of a service is one of TCP or of UDP
 *   flags      AI_PASSIVE for listening, 0 for connecting
 *   list       capacity entries; *count of them are filled, in the order to try, each once
 * Returns 0, or -1 with error (EX_NOHOST) where there is none. Source: getaddrinfo(3), RFC 6724.
 */
int address_resolve(const char *host, const char *port, int family, int type, int flags,
	struct address *list, size_t capacity, size_t *count, struct error *error) MUST_USE;

/*
 * Makes the address of a Unix socket.
 *   path   of its file; or "@NAME" for the abstract socket of that name
 * Returns false where path is empty or too long for a sockaddr_un.
 */
bool address_from_path(const char *path, struct address *address) MUST_USE;

/* The "/path" or "@name" of a host "unix:/path" or "unix:@name"; NULL for any other host. */
const char *address_path_of_host(const char *host);

/* The address that a socket is bound to; length 0 and AF_UNSPEC where fd is no socket. */
struct address address_of_socket(int fd);

/* The address of a connected socket's other end; length 0 and AF_UNSPEC where there is none. */
struct address address_of_peer(int fd);

/*
 * The process that has connected to a Unix socket.
 *   fd   the accepted end
 */
struct address address_of_process(int fd);

/* Turns an IPv4-mapped IPv6 address, as a dual-stack listener reports it, into the IPv4 address. */
void address_normalize(struct address *address);

/* Whether it is one of IPv4 or IPv6, and not a Unix socket's, a process or none. */
bool address_is_internet(const struct address *address);

/* Whether only this machine can reach the address: the loopback's, or a Unix socket's. */
bool address_is_local(const struct address *address);

/* The port in host byte order, 0 for another family than IPv4 and IPv6. */
unsigned address_port(const struct address *address);

/* Sets the port of an IPv4 or IPv6 address, in host byte order. */
void address_set_port(struct address *address, unsigned port);

/*
 * Writes "127.0.0.1:7", "[::1]:7" (a scope is given by its number), "unix:/path", "unix:@name" or
 * "unix:pid:1234,uid:1000"; what is unprintable in a name becomes "?".
 */
void address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES]);

/*
 * Cuts an address down to its first bits; a process to its user.
 *   v4_bits   0 .. 32       v6_bits   0 .. 128
 */
struct address_prefix address_prefix(
	const struct address *address, unsigned v4_bits, unsigned v6_bits);

#endif
