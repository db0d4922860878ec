/* SPDX-License-Identifier: MIT */
#include "yodel/client/dial.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/error.h"
#include "yodel/base/parse.h"
#include "yodel/client/interrupt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SOURCE_BITS_MAX = 16 /* as many addresses as 2 to the power of this */ };

enum { OTHER_FILES = 16 /* what a command has open beside its connections */ };

const char *dial_refused_hint(const struct request *request)
{
	if (request->path != NULL)
		return "; does the server run (ss -lx)? The file may be left over from one that has gone";
	if (request->is_udp)
		return "; does the server run, and take datagrams on this address and port (ss -lun "
		       "there)? A firewall may refuse, too";
	return "; does the server run, and listen on this address and port (ss -ltn there)? "
	       "A firewall may refuse, too";
}

/* --- Where from ------------------------------------------------------------------------------ */

/* Splits ADDR[/BITS][:PORT] in place; an IPv6 address with a port stands in brackets. */
static void split_source(char *text, char **host, char **bits, char **port)
{
	char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
	bool is_bare_v6 = bracket == NULL && colon != NULL && strchr(text, ':') != colon;

	*port = NULL;
	if (colon != NULL && !is_bare_v6 && (bracket == NULL || colon > bracket)) {
		*colon = '\0';
		*port = colon + 1;
	}
	*bits = strchr(text, '/');
	if (*bits != NULL)
		*(*bits)++ = '\0';
	*host = text;
	if (*text == '[' && bracket != NULL && bracket[1] == '\0') {
		*bracket = '\0';
		++*host;
	}
}

/* How many addresses begin with so many bits; 0 where that is too many or none. */
static uint64_t count_of_bits(const struct address *address, const char *bits)
{
	int64_t width = address->any.sa_family == AF_INET6 ? 128 : 32, number;

	if (bits == NULL)
		return 1;
	if (!parse_integer(bits, &number) || number > width || number < width - SOURCE_BITS_MAX)
		return 0;
	return (uint64_t)1 << (width - number);
}

static bool parse_source(const char *text, struct target *target)
{
	char copy[128], *host, *bits, *port;
	struct address list[1];
	struct error error;
	size_t count;
	int64_t number = 0;

	snprintf(copy, sizeof copy, "%s", text);
	split_source(copy, &host, &bits, &port);
	bool has_good_port = port == NULL ||
			     (parse_integer(port, &number) && number >= 0 && number <= UINT16_MAX);
	if (strlen(text) >= sizeof copy || !has_good_port ||
		address_resolve(host, port != NULL ? port : "0", AF_UNSPEC, SOCK_STREAM,
			AI_NUMERICHOST, list, 1, &count, &error) != 0)
		return false;
	target->source = list[0];
	target->source_count = count_of_bits(&list[0], bits);
	return target->source_count > 0;
}

bool dial_check_source(const char *text, char why[OPTION_WHY_BYTES])
{
	struct target target;

	snprintf(why, OPTION_WHY_BYTES,
		"ADDR[/BITS][:PORT] with an IPv4 or IPv6 address and at most 2^%d of them",
		SOURCE_BITS_MAX);
	return parse_source(text, &target);
}

/* The address that is `turn` behind the first. */
static struct address source_of_turn(const struct target *target, uint64_t turn)
{
	struct address address = target->source;
	uint8_t *last = address.any.sa_family == AF_INET6 ? address.v6.sin6_addr.s6_addr + 15
							  : (uint8_t *)&address.v4.sin_addr + 3;

	uint64_t host = (uint64_t)last[-1] << 8 | last[0], mask = target->source_count - 1;

	/* All of them differ in the last 16 bits alone, and the count is a power of two. */
	host = (host & ~mask) | ((host + turn) & mask);
	last[-1] = (uint8_t)(host >> 8);
	last[0] = (uint8_t)host;
	return address;
}

/* --- Where to -------------------------------------------------------------------------------- */

/* The family that the options leave; -1 where they exclude each other. */
static int family_of(const struct request *request, const struct target *target)
{
	int wanted = request->is_ipv4_only ? AF_INET : request->is_ipv6_only ? AF_INET6 : AF_UNSPEC;
	int source = target->source.length > 0 ? target->source.any.sa_family : AF_UNSPEC;

	if (wanted == AF_UNSPEC || source == AF_UNSPEC)
		return wanted != AF_UNSPEC ? wanted : source;
	return wanted == source ? wanted : -1;
}

int target_resolve(const struct request *request, const char *port, struct target *target,
	struct failure *failure)
{
	struct error error;

	*target = (struct target){
		.type = request->is_udp ? SOCK_DGRAM : SOCK_STREAM,
		.source_count = 1,
		.timeout_ms = request->timeout_ms,
	};
	CHECK(proxy_spec_parse(request->send_proxy, &target->proxy));
	if (request->path != NULL) {
		target->count = 1;
		CHECK(address_from_path(request->path, &target->addresses[0]));
		return 0;
	}
	if (request->source[0] != '\0')
		CHECK(parse_source(request->source, target));
	int family = family_of(request, target);
	if (family < 0)
		return failure_set(failure, FAILURE_DNS,
			"%s: --source \"%s\" is of another family than -4 or -6 asks for",
			request->target, request->source);
	if (address_resolve(request->host, port, family, target->type, 0, target->addresses,
		    TARGET_ADDRESSES_MAX, &target->count, &error) == 0)
		return 0;
	return failure_set(failure, FAILURE_DNS, "%s", error.message);
}

int dial_reserve(size_t connections, size_t others, struct failure *failure)
{
	rlim_t needed = connections + others + OTHER_FILES;
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_cur >= needed)
		return 0;
	limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max >= needed)
		return 0;
	return failure_set(failure, FAILURE_OTHER,
		"%zu connections need %llu open files, the limit is %llu (ulimit -Hn)", connections,
		(unsigned long long)needed, (unsigned long long)limit.rlim_max);
}

/* --- Connecting ------------------------------------------------------------------------------ */

/* Returns 0 or an errno value. */
static int bind_source(const struct target *target, uint64_t turn, int fd)
{
	struct address source = source_of_turn(target, turn);
	int one = 1;

	if (address_port(&source) == 0)
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	else
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	return bind(fd, &source.any, source.length) == 0 ? 0 : errno;
}

/*
 * A non-blocking connect to a Unix socket fails where the queue of the listener is full, and nothing
 * tells when there is room: so this one blocks, for a short while. Returns 0 or an errno value.
 */
static int connect_path(int fd, const struct address *address)
{
	struct timeval timeout = {.tv_usec = (suseconds_t)DIAL_PATH_MS * 1000};
	int flags = fcntl(fd, F_GETFL);

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	int number = connect(fd, &address->any, address->length) == 0 ? 0 : errno;
	(void)fcntl(fd, F_SETFL, flags);
	return number == EINTR ? EAGAIN : number;
}

/* Returns 0, also for a connect that is under way, or an errno value. */
static int connect_inet(
	int fd, const struct target *target, const struct address *address, uint64_t turn)
{
	int one = 1, number = 0;

	if (target->type == SOCK_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (target->source.length > 0)
		number = bind_source(target, turn, fd);
	if (number != 0 || connect(fd, &address->any, address->length) == 0)
		return number;
	return errno == EINPROGRESS ? 0 : errno;
}

int dial_begin(const struct target *target, const struct address *address, uint64_t turn, int *fd)
{
	int family = address->any.sa_family;
	int made = socket(family, target->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (made < 0)
		return errno;
	int number = family == AF_UNIX ? connect_path(made, address)
				       : connect_inet(made, target, address, turn);
	if (number == 0)
		*fd = made;
	else
		close(made);
	return number;
}

bool dial_may_retry(const struct target *target, int number, int64_t *full_since_ms)
{
	if (number != EAGAIN) {
		*full_since_ms = 0;
		return false;
	}
	int64_t now_ms = clock_monotonic_ms();

	if (*full_since_ms == 0)
		*full_since_ms = now_ms;
	return target->timeout_ms == 0 || now_ms - *full_since_ms < target->timeout_ms;
}

/*
 * Where nobody listens, the kernel may give the port that is being connected to to the connecting
 * socket itself: then it meets itself (RFC 9293 3.5, simultaneous open).
 */
static bool is_own_peer(int fd)
{
	struct address own = address_of_socket(fd), peer = address_of_peer(fd);

	return address_is_internet(&own) && own.length == peer.length &&
	       memcmp(&own.any, &peer.any, own.length) == 0;
}

int dial_end(const struct target *target, int fd)
{
	int number = 0;
	socklen_t length = sizeof number;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &length) != 0)
		return errno;
	if (number == 0 && is_own_peer(fd))
		return ECONNREFUSED;
	return number == 0 ? proxy_spec_send(&target->proxy, fd) : number;
}

/*
 * Waits for a connect that was begun. Returns 0 or an errno value; ECANCELED: the interrupt's
 * descriptor became readable.
 */
static int wait_for_connect(const struct target *target, int fd, int interrupt_fd)
{
	struct pollfd wait[] = {
		{.fd = fd, .events = POLLOUT},
		{.fd = interrupt_fd, .events = POLLIN},
	};
	int ready;

	do
		ready = poll(wait, 2, target->timeout_ms == 0 ? -1 : (int)target->timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return errno;
	if (ready == 0)
		return ETIMEDOUT;
	return wait[0].revents != 0 ? dial_end(target, fd) : ECANCELED;
}

/* Appends what came of one address; the kind becomes that which says most. */
static void add_attempt(struct failure *failure, const struct address *address, int number)
{
	size_t used = strlen(failure->message);
	char text[ADDRESS_TEXT_BYTES];

	address_format(address, text);
	snprintf(failure->message + used, sizeof failure->message - used, "%s %s %s",
		failure->kind == FAILURE_KIND_COUNT ? ":" : ",", text, error_text(number));
	if (failure_kind_of(number) < failure->kind)
		failure->kind = failure_kind_of(number);
}

static void say_connected(const struct request *request, const struct address *to, int fd)
{
	char to_text[ADDRESS_TEXT_BYTES], from_text[ADDRESS_TEXT_BYTES];

	if (!request->is_verbose)
		return;
	struct address from = address_of_socket(fd);
	address_format(to, to_text);
	address_format(&from, from_text);
	fprintf(stderr, "connected to %s from %s\n", to_text, from_text);
}

/*
 * Begins to connect, with the target's timeout for room in the queue of a Unix socket; ECANCELED: the
 * interrupt's descriptor became readable.
 */
static int begin_patiently(const struct target *target, const struct address *address,
	uint64_t turn, int interrupt_fd, int *fd)
{
	int64_t full_since_ms = 0;
	int number;

	do
		number = dial_begin(target, address, turn, fd);
	while (dial_may_retry(target, number, &full_since_ms) &&
		!interrupt_is_waiting(interrupt_fd));
	if (number != EAGAIN)
		return number;
	return interrupt_is_waiting(interrupt_fd) ? ECANCELED : ETIMEDOUT;
}

/* Connects to the address with this index. Returns 0 and the descriptor, or an errno value. */
static int connect_one(
	const struct target *target, size_t i, uint64_t turn, int interrupt_fd, int *fd)
{
	int made = -1;
	int number = begin_patiently(target, &target->addresses[i], turn, interrupt_fd, &made);

	if (number != 0)
		return number;
	number = wait_for_connect(target, made, interrupt_fd);
	if (number == 0)
		*fd = made;
	else
		close(made);
	return number;
}

int dial_measured(const struct request *request, const struct target *target, uint64_t turn,
	int interrupt_fd, struct dialed *dialed, struct failure *failure)
{
	struct failure failed = {.kind = FAILURE_KIND_COUNT};
	int number = 0;

	CHECK(target->count > 0);
	snprintf(failed.message, sizeof failed.message, "cannot connect to %s", request->target);
	for (size_t i = 0; i < target->count && number != ECANCELED; i++) {
		int64_t begun_ns = clock_monotonic_ns();
		int fd;

		number = connect_one(target, i, turn + i, interrupt_fd, &fd);
		if (number == 0) {
			dialed->connect_ns = clock_monotonic_ns() - begun_ns;
			dialed->index = i;
			dialed->peer = target->addresses[i];
			say_connected(request, &dialed->peer, fd);
			return fd;
		}
		add_attempt(&failed, &target->addresses[i], number);
	}
	size_t used = strlen(failed.message);
	if (failed.kind == FAILURE_REFUSED)
		snprintf(failed.message + used, sizeof failed.message - used, "%s",
			dial_refused_hint(request));
	*failure = failed;
	return -1;
}

int dial(const struct request *request, const struct target *target, struct address *peer,
	struct failure *failure)
{
	struct dialed dialed;
	int fd = dial_measured(request, target, 0, -1, &dialed, failure);

	if (fd >= 0 && peer != NULL)
		*peer = dialed.peer;
	return fd;
}

int dial_target(const struct request *request, struct address *peer, struct failure *failure)
{
	struct target target;

	if (target_resolve(request, request->port, &target, failure) != 0)
		return -1;
	return dial(request, &target, peer, failure);
}
