/* SPDX-License-Identifier: MIT */
#include "yodel/transport/datagram_batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>

/* An IPv4 datagram on an IPv6 socket comes with both. */
enum {
	CONTROL_BYTES = CMSG_SPACE(sizeof(struct in_pktinfo)) +
			CMSG_SPACE(sizeof(struct in6_pktinfo))
};

/* The buffers are not touched before they are needed, so that small datagrams take little memory. */
struct datagram_memory {
	struct mmsghdr headers[DATAGRAM_BATCH_MAX];
	struct mmsghdr answers[DATAGRAM_BATCH_MAX];
	size_t answered[DATAGRAM_BATCH_MAX]; /* the items that the answers belong to */
	struct iovec pieces[DATAGRAM_BATCH_MAX];
	struct sockaddr_in6 sources[DATAGRAM_BATCH_MAX]; /* as the socket's family has them */
	union {
		struct cmsghdr aligned;
		char bytes[CONTROL_BYTES];
	} controls[DATAGRAM_BATCH_MAX];
	char bytes[DATAGRAM_BATCH_MAX][DATAGRAM_BYTES_MAX];
};

static int family_of(int fd)
{
	int family = AF_UNSPEC;
	socklen_t length = sizeof family;

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
	return family;
}

int datagram_batch_prepare_socket(int fd, struct error *error)
{
	const int on = 1;

	/* On an IPv6 socket as well: only this tells a broadcast from an address of ours. */
	if (setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0 &&
		(family_of(fd) != AF_INET6 ||
			setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0))
		return 0;
	return error_set_errno(
		error, EX_OSERR, errno, "the kernel does not tell where datagrams are sent to");
}

int datagram_batch_init(struct datagram_batch *batch, int fd)
{
	*batch = (struct datagram_batch){.fd = fd, .memory = malloc(sizeof *batch->memory)};
	return batch->memory != NULL ? 0 : -1;
}

void datagram_batch_fini(struct datagram_batch *batch)
{
	free(batch->memory);
	batch->memory = NULL;
}

static void prepare_headers(struct datagram_memory *memory)
{
	for (size_t i = 0; i < DATAGRAM_BATCH_MAX; i++) {
		memory->pieces[i] = (struct iovec){memory->bytes[i], DATAGRAM_BYTES_MAX};
		memory->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &memory->sources[i],
			.msg_namelen = sizeof memory->sources[i],
			.msg_iov = &memory->pieces[i],
			.msg_iovlen = 1,
			.msg_control = memory->controls[i].bytes,
			.msg_controllen = CONTROL_BYTES,
		};
	}
}

static void set_v4_destination(struct datagram *item, const struct in_pktinfo *info)
{
	item->destination = (struct address){
		.length = sizeof item->destination.v4,
		.v4 = {.sin_family = AF_INET, .sin_addr = info->ipi_addr},
	};
	/* Of a datagram for us alone, the address that we answer from is the one it was sent to. */
	item->is_for_many = info->ipi_addr.s_addr != info->ipi_spec_dst.s_addr ||
			    IN_MULTICAST(ntohl(info->ipi_addr.s_addr));
}

static void set_v6_destination(struct datagram *item, const struct in6_pktinfo *info)
{
	item->destination = (struct address){
		.length = sizeof item->destination.v6,
		.v6 = {.sin6_family = AF_INET6, .sin6_addr = info->ipi6_addr},
	};
	item->is_for_many = IN6_IS_ADDR_MULTICAST(&info->ipi6_addr);
}

/* Without a word from the kernel on where it was sent, it is taken as sent to many. */
static void read_control(struct msghdr *header, struct datagram *item)
{
	struct in_pktinfo v4;
	struct in6_pktinfo v6;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL;
		part = CMSG_NXTHDR(header, part)) {
		if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(part), sizeof v4);
			set_v4_destination(item, &v4);
			return;
		}
		if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(part), sizeof v6);
			set_v6_destination(item, &v6);
		}
	}
}

static void read_header(struct msghdr *header, struct datagram *item)
{
	*item = (struct datagram){.is_for_many = true};
	item->source.length = header->msg_namelen;
	memcpy(&item->source.any, header->msg_name, header->msg_namelen);
	address_normalize(&item->source);
	item->is_cut = (header->msg_flags & MSG_TRUNC) != 0;
	read_control(header, item);
}

int datagram_batch_receive(struct datagram_batch *batch)
{
	struct datagram_memory *memory = batch->memory;

	prepare_headers(memory);
	batch->count = 0;
	int count = recvmmsg(batch->fd, memory->headers, DATAGRAM_BATCH_MAX, MSG_DONTWAIT, NULL);
	if (count < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : errno;
	for (int i = 0; i < count; i++)
		read_header(&memory->headers[i].msg_hdr, &batch->items[i]);
	batch->count = (size_t)count;
	return 0;
}

/* Writes one control message. Returns the length of all. */
static size_t write_control(
	struct cmsghdr *part, int level, int type, const void *info, size_t info_bytes)
{
	*part = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(info_bytes), .cmsg_level = level, .cmsg_type = type};
	memcpy(CMSG_DATA(part), info, info_bytes);
	return CMSG_SPACE(info_bytes);
}

/* The address to answer from. The way there is the routing table's: no interface is asked for. */
static size_t write_origin(const struct datagram *item, struct cmsghdr *part)
{
	if (item->destination.any.sa_family == AF_INET) {
		struct in_pktinfo v4 = {.ipi_spec_dst = item->destination.v4.sin_addr};

		return write_control(part, IPPROTO_IP, IP_PKTINFO, &v4, sizeof v4);
	}
	struct in6_pktinfo v6 = {.ipi6_addr = item->destination.v6.sin6_addr};

	return write_control(part, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof v6);
}

/* Lists the wanted ones for sendmmsg(2). Returns how many. */
static size_t list_answers(struct datagram_batch *batch)
{
	struct datagram_memory *memory = batch->memory;
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++) {
		if (!batch->items[i].is_wanted)
			continue;
		struct msghdr *header = &memory->headers[i].msg_hdr;

		memory->pieces[i].iov_len = memory->headers[i].msg_len;
		header->msg_controllen = write_origin(
			&batch->items[i], &memory->controls[i].aligned);
		memory->answered[count] = i;
		memory->answers[count++].msg_hdr = *header;
	}
	return count;
}

void datagram_batch_answer(struct datagram_batch *batch)
{
	struct datagram_memory *memory = batch->memory;
	size_t count = list_answers(batch);

	/* It stops at the first that fails, and tells the reason when that comes first. */
	for (size_t at = 0; at < count;) {
		int sent = sendmmsg(batch->fd, memory->answers + at, (unsigned)(count - at),
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0)
			at += (size_t)sent;
		else if (errno != EINTR)
			batch->items[memory->answered[at++]].error_number = errno;
	}
}
