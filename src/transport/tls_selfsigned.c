/* SPDX-License-Identifier: MIT */
#include "yodel/transport/tls_selfsigned.h"

#include "yodel/base/check.h"
#include "yodel/transport/tls_error.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sysexits.h>

enum {
	NAME_MAX_BYTES = 253,
	COMMON_NAME_MAX_BYTES = 64, /* RFC 5280, appendix A: ub-common-name */
	SERIAL_BYTES = 16,
	EARLIER_S = 3600, /* for those whose clock is behind */
};

static bool is_host_letter(char letter)
{
	return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
	       (letter >= '0' && letter <= '9') || strchr("-._*", letter) != NULL;
}

static bool is_address(const char *text)
{
	ASN1_OCTET_STRING *bytes = a2i_IPADDRESS(text);

	ASN1_OCTET_STRING_free(bytes);
	return bytes != NULL;
}

bool tls_selfsigned_check_name(const char *text, char why[OPTION_WHY_BYTES])
{
	size_t length = strlen(text);

	snprintf(why, OPTION_WHY_BYTES, "a host name of 1 to %d bytes, or an address",
		NAME_MAX_BYTES);
	if (is_address(text))
		return true;
	for (size_t i = 0; i < length; i++)
		if (!is_host_letter(text[i]))
			return false;
	return length > 0 && length <= NAME_MAX_BYTES;
}

/* --- What stands in it ------------------------------------------------------------------------- */

static bool set_serial(X509 *x509)
{
	unsigned char bytes[SERIAL_BYTES];

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return false;
	bytes[0] &= 0x7f; /* RFC 5280 4.1.2.2: a positive number */
	BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool is_set = number != NULL &&
		      BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;
	BN_free(number);
	return is_set;
}

static bool set_times(X509 *x509, int64_t days)
{
	return X509_gmtime_adj(X509_getm_notBefore(x509), -(long)EARLIER_S) != NULL &&
	       X509_time_adj_ex(X509_getm_notAfter(x509), (int)days, 0, NULL) != NULL;
}

static bool set_subject(X509 *x509, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(x509);
	const char *common = strlen(name) <= COMMON_NAME_MAX_BYTES ? name : "yodel";

	return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
		       (const unsigned char *)common, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(x509, subject) == 1;
}

static GENERAL_NAME *make_name(const char *text)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
	ASN1_IA5STRING *host = ASN1_IA5STRING_new();

	CHECK(name != NULL && host != NULL && ASN1_STRING_set(host, text, -1) == 1);
	if (address != NULL) {
		GENERAL_NAME_set0_value(name, GEN_IPADD, address);
		ASN1_IA5STRING_free(host);
	} else {
		GENERAL_NAME_set0_value(name, GEN_DNS, host);
	}
	return name;
}

static bool add_names(X509 *x509, const char *const *names, size_t count)
{
	GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();

	CHECK(list != NULL);
	for (size_t i = 0; i < count; i++)
		CHECK(sk_GENERAL_NAME_push(list, make_name(names[i])) > 0);
	bool is_added = X509_add1_ext_i2d(x509, NID_subject_alt_name, list, 0, 0) == 1;
	GENERAL_NAMES_free(list);
	return is_added;
}

static bool add_extension(X509 *x509, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool is_added = extension != NULL && X509_add_ext(x509, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return is_added;
}

static bool fill(X509 *x509, EVP_PKEY *key, const char *const *names, size_t count, int64_t days)
{
	return X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509) &&
	       set_times(x509, days) && set_subject(x509, names[0]) &&
	       X509_set_pubkey(x509, key) == 1 && add_names(x509, names, count) &&
	       add_extension(x509, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(x509, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(x509, NID_ext_key_usage, "serverAuth,clientAuth") &&
	       add_extension(x509, NID_subject_key_identifier, "hash") &&
	       X509_sign(x509, key, EVP_sha256()) > 0;
}

/* --- The whole --------------------------------------------------------------------------------- */

int tls_selfsigned_write(const char *const *names, size_t count, int64_t days, FILE *certificate,
	FILE *key, struct error *error)
{
	EVP_PKEY *made = EVP_EC_gen("P-256");
	X509 *x509 = X509_new();
	int result = 0;

	if (made == NULL || x509 == NULL || !fill(x509, made, names, count, days) ||
		PEM_write_PrivateKey(key, made, NULL, NULL, 0, NULL, NULL) != 1 ||
		PEM_write_X509(certificate, x509) != 1)
		result = error_set(
			error, EX_OSERR, "cannot make a certificate: %s", tls_error_take());
	else if (fflush(key) != 0 || fflush(certificate) != 0)
		result = error_set_errno(
			error, EX_IOERR, errno, "cannot write the certificate and its key");
	X509_free(x509);
	EVP_PKEY_free(made);
	return result;
}
