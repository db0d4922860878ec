/* SPDX-License-Identifier: MIT */
/* How much of its stack a client's thread touches with TLS: see test_stack_use.c. */
#include "server_support.h"
#include "stack_support.h"
#include "tls_support.h"

#include "yodel/base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct pki {
	char folder[64], server[TLS_PATH_BYTES], client[TLS_PATH_BYTES];
};

static struct config *config_for(const struct pki *pki, bool has_client)
{
	char certificate[256], authority[256];

	snprintf(certificate, sizeof certificate, "-otls.certificate=%s", pki->server);
	snprintf(authority, sizeof authority, "-otls.client_ca=%s", pki->client);
	return CONFIG(certificate, authority, has_client ? "-otls.verify=require" : "-oport=0",
		"-oport=0", "-oname=listener-with-a-32-character-nam", "-otimeouts.idle=10s",
		"-otimeouts.lifetime=10s", "-otimeouts.linger=1s");
}

/* A round trip with a large and a small message, and an orderly end. */
static void talk(SSL *ssl)
{
	char bytes[16384] = "";
	int left = sizeof bytes;

	assert_int_equal(SSL_write(ssl, bytes, sizeof bytes), sizeof bytes);
	while (left > 0) {
		int got = SSL_read(ssl, bytes, left);

		assert_true(got > 0);
		left -= got;
	}
	assert_int_equal(SSL_shutdown(ssl), 0);
	assert_int_equal(SSL_read(ssl, bytes, sizeof bytes), 0);
}

static size_t measure(const struct pki *pki, bool has_client)
{
	struct running running;

	stack_paint();
	running_start(&running, config_for(pki, has_client));
	int client = running_connect(&running, 0), plain = running_connect(&running, 0);
	send_all(plain, "GET / HTTP/1.0\r\n\r\n", 18);
	shutdown(plain, SHUT_WR);
	SSL *ssl = tls_connect(client, has_client ? pki->client : NULL);
	assert_non_null(ssl);
	talk(ssl);
	SSL_free(ssl);
	close(client);
	close(plain);
	running_stop(&running);
	return stack_touched();
}

static void a_handshake_needs_less_than_half_of_the_stack(void **state)
{
	static const char *const kinds[] = {"rsa", "ec"};
	struct pki pki;
	size_t most = 0;

	(void)state;
	if (support_is_under_valgrind())
		skip();
	log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	support_make_folder(pki.folder);
	for (size_t i = 0; i < 4; i++) {
		bool has_client = i >= 2;

		tls_make_pair(pki.folder, "server.pem", kinds[i % 2], pki.server);
		tls_make_pair(pki.folder, "client.pem", kinds[i % 2], pki.client);
		size_t bytes = measure(&pki, has_client);
		print_message("%-3s %s: %6zu of %zu bytes of stack\n", kinds[i % 2],
			has_client ? "with a client's certificate" : "alone", bytes,
			stack_default());
		most = bytes > most ? bytes : most;
	}
	support_remove_folder(pki.folder);
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	assert_true(most > 4096); /* else nothing was measured */
	if (!SUPPORT_IS_SANITIZED)
		assert_true(most < stack_default() / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_needs_less_than_half_of_the_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
