/* SPDX-License-Identifier: MIT */
#include "yodel/client/check_tls.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"
#include "yodel/client/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_BYTES = 4 * TLS_SUBJECT_BYTES + 1 };

static void print_shown(const char *before, const char *bytes, size_t length)
{
	char shown[SHOWN_BYTES];

	text_show(shown, sizeof shown, bytes, length);
	printf("%s%s", before, shown);
}

static void print_agreement(const struct scan_tls *tls)
{
	const struct tls_summary *summary = &tls->summary;
	char ms[PRINT_TEXT_BYTES];

	format_ms(ms, (double)tls->handshake_ns);
	printf("%s, %s", summary->version, summary->cipher);
	if (summary->protocol_length > 0)
		print_shown(", ALPN ", summary->protocol, summary->protocol_length);
	printf(", handshake in %s ms\n", ms);
}

static void print_certificate(const struct tls_certificate *certificate)
{
	print_shown("", certificate->subject, strlen(certificate->subject));
	if (certificate->names[0] != '\0')
		printf(" for %s", certificate->names);
	if (certificate->is_expired)
		printf(", expired at %s\n", certificate->expires);
	else
		printf(", %" PRId64 " days until it expires at %s%s\n", certificate->days_left,
			certificate->expires, certificate->is_early ? ", not valid yet" : "");
}

void check_tls_print(const struct scan_tls *tls, int indent)
{
	if (tls->is_agreed) {
		printf("%*s", indent, "");
		print_agreement(tls);
	}
	for (size_t i = 0; i < tls->peer.count; i++) {
		printf("%*s", indent, "");
		print_certificate(&tls->peer.chain[i]);
	}
	if (tls->peer.more > 0)
		printf("%*sand %zu more\n", indent, "", tls->peer.more);
	if (tls->peer.fault != NULL && tls->peer.count > 0)
		printf("%*snot trusted: %s\n", indent, "", tls->peer.fault);
}

static json_t *names_to_json(const char *names)
{
	json_t *list = json_array();

	while (*names != '\0') {
		size_t length = strcspn(names, " ");

		CHECK(json_array_append_new(list, json_stringn(names, length)) == 0);
		names += length;
		names += strspn(names, " ");
	}
	return list;
}

static json_t *certificate_to_json(const struct tls_certificate *certificate)
{
	json_t *object = json_pack("{so ss sI sb sb ss}", "names",
		names_to_json(certificate->names), "expires", certificate->expires, "days_left",
		(json_int_t)certificate->days_left, "is_early", certificate->is_early, "is_expired",
		certificate->is_expired, "sha256", certificate->sha256);

	CHECK(object != NULL);
	print_set_bytes(object, "subject", certificate->subject, strlen(certificate->subject));
	print_set_bytes(object, "issuer", certificate->issuer, strlen(certificate->issuer));
	return object;
}

json_t *check_tls_to_json(const struct scan_tls *tls)
{
	json_t *chain = json_array();

	for (size_t i = 0; i < tls->peer.count; i++)
		CHECK(json_array_append_new(chain, certificate_to_json(&tls->peer.chain[i])) == 0);
	json_t *object = json_pack("{so sI ss? ss? sf sb ss?}", "chain", chain, "chain_more",
		(json_int_t)tls->peer.more, "version", tls->is_agreed ? tls->summary.version : NULL,
		"cipher", tls->is_agreed ? tls->summary.cipher : NULL, "handshake_ms",
		(double)tls->handshake_ns / 1e6, "is_trusted",
		tls->peer.count > 0 && tls->peer.fault == NULL, "fault", tls->peer.fault);
	CHECK(object != NULL);
	print_set_bytes(object, "alpn", tls->summary.protocol, tls->summary.protocol_length);
	return object;
}
