/* SPDX-License-Identifier: MIT */
/* A context where OpenSSL's providers lack something; for all else see tests/system/test_tls.py. */
#include "tls_support.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <string.h>

long __real_SSL_CTX_ctrl(SSL_CTX *ctx, int command, long number, void *argument);
long __wrap_SSL_CTX_ctrl(SSL_CTX *ctx, int command, long number, void *argument);

static const char *missing; /* a curve; "": all of them */

/* SSL_CTX_set1_groups_list is a macro. It refuses a list as a whole for one that is missing. */
long __wrap_SSL_CTX_ctrl(SSL_CTX *ctx, int command, long number, void *argument)
{
	if (command == SSL_CTRL_SET_GROUPS_LIST && missing != NULL &&
		strstr(argument, missing) != NULL)
		return 0;
	return __real_SSL_CTX_ctrl(ctx, command, number, argument);
}

struct trial {
	char folder[64], path[TLS_PATH_BYTES];
	struct tls_context context;
};

static int set_up(void **state)
{
	static struct trial trial;

	support_make_folder(trial.folder);
	tls_make_pair(trial.folder, "server.pem", "ec", trial.path);
	*state = &trial;
	return 0;
}

static int tear_down(void **state)
{
	struct trial *trial = *state;

	missing = NULL;
	tls_context_fini(&trial->context);
	support_remove_folder(trial->folder);
	return 0;
}

/* Both ends of a handshake in turns, until one has failed or both are through. */
static bool shake_hands(SSL *server, SSL *client)
{
	int server_result, client_result;

	ERR_clear_error(); /* SSL_get_error looks at what is left of others */
	do {
		client_result = SSL_do_handshake(client);
		server_result = SSL_do_handshake(server);
	} while (SSL_get_error(client, client_result) == SSL_ERROR_WANT_READ &&
		 SSL_get_error(server, server_result) == SSL_ERROR_WANT_READ);
	return client_result == 1 && server_result == 1;
}

/* Whether a client that offers this group alone is served. */
static bool agrees(struct tls_context *context, int group)
{
	SSL_CTX *server_ctx = tls_context_take(context);
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
	BIO *server_end, *client_end;

	assert_int_equal(BIO_new_bio_pair(&server_end, 0, &client_end, 0), 1);
	SSL_set_bio(server, server_end, server_end);
	SSL_set_bio(client, client_end, client_end);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	assert_int_equal(SSL_set1_groups(client, &group, 1), 1);
	bool result = shake_hands(server, client);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(client_ctx);
	SSL_CTX_free(server_ctx);
	return result;
}

static void keys_are_exchanged_on_curves_alone(void **state)
{
	struct trial *trial = *state;

	tls_make_context(&trial->context, trial->path, TLS_VERIFY_NONE);
	assert_true(agrees(&trial->context, NID_X25519));
	assert_true(agrees(&trial->context, NID_secp384r1));
	assert_false(agrees(&trial->context, NID_ffdhe2048));
}

static void a_curve_that_is_missing_leaves_the_others_and_no_finite_field(void **state)
{
	struct trial *trial = *state;

	missing = "X25519";
	tls_make_context(&trial->context, trial->path, TLS_VERIFY_NONE);
	assert_false(agrees(&trial->context, NID_X25519));
	assert_true(agrees(&trial->context, NID_X9_62_prime256v1));
	assert_true(agrees(&trial->context, NID_secp384r1));
	assert_false(agrees(&trial->context, NID_ffdhe2048));
}

static void without_any_curve_there_is_an_error(void **state)
{
	struct trial *trial = *state;
	struct error error;

	missing = "";
	assert_int_equal(
		tls_load_context(&trial->context, trial->path, TLS_VERIFY_NONE, &error), -1);
	assert_string_equal(error.message,
		"TLS: expected OpenSSL's providers to have an elliptic curve (X25519, P-256, X448, P-521 or P-384), got none");
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(keys_are_exchanged_on_curves_alone),
		ROW(a_curve_that_is_missing_leaves_the_others_and_no_finite_field),
		ROW(without_any_curve_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
