/* SPDX-License-Identifier: MIT */
/*
 * What the command line says, for every command: where to, how, and what to print.
 * Owns nothing. Threads: any; nobody changes it once the command runs.
 */
#ifndef YODEL_CLIENT_REQUEST_H
#define YODEL_CLIENT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes. */
enum { CLIENT_OK = 0, CLIENT_NETWORK = 1, CLIENT_USAGE = 2 };

/* Room for a long name and a port; what is longer, as a name full of escapes may be, is cut. */
enum { TARGET_BYTES = 640 };

struct tls_client;

struct request {
	const char *command; /* its name */
	const char *host;    /* NULL where there is a path */
	const char *port;    /* NULL where there is a path */
	const char *path;    /* of a Unix socket, "@NAME" for an abstract one; NULL for TCP */
	char **operands;     /* what follows on the command line */
	size_t operand_count;
	/* All of it as messages name it, safe to print: "localhost port 7", "localhost UDP port 7",
	 * "unix:/path". */
	char target[TARGET_BYTES];

	/* The shared options; strings are "" where they were not given. */
	bool is_ipv4_only;
	bool is_ipv6_only;
	char *source;       /* ADDR[/BITS][:PORT] */
	char *send_proxy;   /* as proxy_spec_parse reads it */
	int64_t timeout_ms; /* for connecting, and for an answer; 0 waits for ever */
	bool is_tls;
	char *ca;
	char *certificate;
	char *key;
	char *server_name;
	char *alpn;
	bool is_insecure;
	char *unix_path;
	bool is_udp; /* of the commands that may send datagrams */
	bool is_json;
	bool is_quiet;
	bool is_colorless;
	bool is_verbose;
	bool wants_version;
	bool wants_help;

	/* Made of them where there is to be TLS, lent as long as the command runs; or NULL. */
	struct tls_client *tls;
};

#endif
