/* SPDX-License-Identifier: MIT */
#include "yodel/transport/tls_text.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <time.h>

void tls_text_subject(const X509 *certificate, char text[TLS_SUBJECT_BYTES])
{
	BIO *bio = BIO_new(BIO_s_mem());
	int length = 0;

	if (bio != NULL && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
				   XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		length = BIO_read(bio, text, TLS_SUBJECT_BYTES - 1);
	text[length > 0 ? length : 0] = '\0';
	BIO_free(bio);
}

void tls_text_sha256(const X509 *certificate, char text[TLS_DIGEST_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	text[0] = '\0';
	if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1)
		return;
	for (unsigned i = 0; i < length; i++)
		snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
}

void tls_text_time(const ASN1_TIME *time, char text[TLS_TIME_BYTES])
{
	struct tm parts;

	text[0] = '\0';
	if (ASN1_TIME_to_tm(time, &parts) == 1)
		(void)strftime(text, TLS_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
