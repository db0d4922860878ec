/* SPDX-License-Identifier: MIT */
#include "yodel/transport/tls_certificate.h"

#include "yodel/base/check.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void write_name(const X509_NAME *name, char text[TLS_SUBJECT_BYTES])
{
	BIO *bio = BIO_new(BIO_s_mem());
	int length = 0;

	if (bio != NULL &&
		X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		length = BIO_read(bio, text, TLS_SUBJECT_BYTES - 1);
	text[length > 0 ? length : 0] = '\0';
	BIO_free(bio);
}

void tls_certificate_subject(const X509 *x509, char text[TLS_SUBJECT_BYTES])
{
	write_name(X509_get_subject_name(x509), text);
}

void tls_certificate_sha256(const X509 *x509, char text[TLS_DIGEST_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	text[0] = '\0';
	if (X509_digest(x509, EVP_sha256(), digest, &length) != 1)
		return;
	for (unsigned i = 0; i < length; i++)
		snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
}

static void write_time(const ASN1_TIME *time, char text[TLS_TIME_BYTES])
{
	struct tm parts;

	text[0] = '\0';
	if (ASN1_TIME_to_tm(time, &parts) == 1)
		(void)strftime(text, TLS_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

/* Bytes of a name so that no other name looks the same: what is not printable, and blanks, as \xNN. */
static void escape_name(char text[TLS_NAMES_BYTES], const unsigned char *bytes, int length)
{
	size_t used = 0;

	for (int i = 0; i < length && used + sizeof "\\xNN" <= TLS_NAMES_BYTES; i++) {
		if (bytes[i] > ' ' && bytes[i] <= '~' && bytes[i] != '\\')
			text[used++] = (char)bytes[i];
		else
			used += (size_t)snprintf(
				text + used, TLS_NAMES_BYTES - used, "\\x%02x", bytes[i]);
	}
	text[used] = '\0';
}

/* Returns false where it is neither a host nor an address. */
static bool format_general_name(const GENERAL_NAME *name, char text[TLS_NAMES_BYTES])
{
	if (name->type != GEN_DNS && name->type != GEN_IPADD)
		return false;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, NULL);
	const unsigned char *bytes = ASN1_STRING_get0_data(value);
	int length = ASN1_STRING_length(value);
	if (name->type == GEN_DNS)
		escape_name(text, bytes, length);
	else if (length != 4 && length != 16)
		return false;
	else
		CHECK(inet_ntop(length == 4 ? AF_INET : AF_INET6, bytes, text, TLS_NAMES_BYTES) !=
			NULL);
	return true;
}

/* Whole names only; " ..." says that there are more. */
static void write_names(const X509 *x509, char text[TLS_NAMES_BYTES])
{
	static const char more[] = " ...";
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	char one[TLS_NAMES_BYTES];
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		if (!format_general_name(sk_GENERAL_NAME_value(names, i), one) || *one == '\0')
			continue;
		if (used + 1 + strlen(one) + sizeof more > TLS_NAMES_BYTES) {
			memcpy(text + used, more, sizeof more);
			break;
		}
		used += (size_t)snprintf(
			text + used, TLS_NAMES_BYTES - used, "%s%s", used > 0 ? " " : "", one);
	}
	GENERAL_NAMES_free(names);
}

void tls_certificate_read(const X509 *x509, struct tls_certificate *certificate)
{
	const ASN1_TIME *expires = X509_get0_notAfter(x509);
	int days = 0, seconds = 0;

	write_name(X509_get_subject_name(x509), certificate->subject);
	write_name(X509_get_issuer_name(x509), certificate->issuer);
	write_names(x509, certificate->names);
	write_time(expires, certificate->expires);
	tls_certificate_sha256(x509, certificate->sha256);
	(void)ASN1_TIME_diff(&days, &seconds, NULL, expires);
	certificate->days_left = seconds < 0 ? days - 1 : days;
	certificate->is_early = X509_cmp_current_time(X509_get0_notBefore(x509)) > 0;
	certificate->is_expired = X509_cmp_current_time(expires) < 0;
}
