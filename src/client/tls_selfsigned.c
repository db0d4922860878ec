/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"
#include "yodel/client/failure.h"
#include "yodel/client/print.h"
#include "yodel/transport/tls_selfsigned.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { NAMES_MAX = 32, DAYS_MAX = 3650 };

struct selfsigned_settings {
	int64_t days;
};

static const struct command_option options[] = {
	{.argument = "N",
		.row = {.path = "days",
			.type = OPTION_INTEGER,
			.offset = offsetof(struct selfsigned_settings, days),
			.min = 1,
			.max = DAYS_MAX,
			.default_value = "365",
			.help = "how long it is valid"}},
	COMMAND_OPTIONS_END,
};

static int check(const struct request *request, const void *settings, struct error *error)
{
	char why[OPTION_WHY_BYTES], shown[64];

	(void)settings;
	for (size_t i = 1; i < request->operand_count; i++) {
		const char *name = request->operands[i];

		if (tls_selfsigned_check_name(name, why))
			continue;
		text_show(shown, sizeof shown, name, strlen(name));
		return error_set(error, EX_USAGE, "NAME: expected %s, got \"%s\"", why, shown);
	}
	return 0;
}

/* --- The files ------------------------------------------------------------------------------- */

/* A file that was not there before. */
struct new_file {
	char path[PATH_MAX];
	FILE *file; /* NULL: it could not be made */
};

/* Returns 0, or -1 with failure. */
static int make_file(struct new_file *made, const char *folder, const char *name, mode_t mode,
	struct failure *failure)
{
	if (snprintf(made->path, sizeof made->path, "%s/%s", folder, name) >=
		(int)sizeof made->path)
		return failure_set(failure, FAILURE_OTHER, "the name of the folder is too long");
	int fd = open(made->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return failure_set_errno(failure, errno, "cannot make %s", made->path);
	made->file = fdopen(fd, "w");
	CHECK(made->file != NULL);
	return 0;
}

/* is_good: or else it goes away again. */
static void end_file(struct new_file *made, bool is_good)
{
	if (made->file == NULL)
		return;
	fclose(made->file);
	if (!is_good)
		(void)unlink(made->path);
}

struct pair {
	struct new_file certificate, key;
	bool has_made_folder;
};

static int make_pair(struct pair *pair, const char *folder, const char *const *names, size_t count,
	int64_t days, struct failure *failure)
{
	struct error error;

	pair->has_made_folder = mkdir(folder, 0755) == 0;
	if (!pair->has_made_folder && errno != EEXIST)
		return failure_set_errno(failure, errno, "cannot make %s", folder);
	if (make_file(&pair->key, folder, "key.pem", 0600, failure) != 0 ||
		make_file(&pair->certificate, folder, "cert.pem", 0644, failure) != 0)
		return -1;
	if (tls_selfsigned_write(
		    names, count, days, pair->certificate.file, pair->key.file, &error) != 0)
		return failure_set(failure, FAILURE_OTHER, "%s", error.message);
	return 0;
}

/* --- The command ----------------------------------------------------------------------------- */

static void print_object(const struct request *request, const struct pair *pair,
	const char *const *names, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		CHECK(json_array_append_new(list, json_string(names[i])) == 0);
	json_t *object = json_pack("{ss so}", "command", request->command, "names", list);
	CHECK(object != NULL);
	print_set_bytes(
		object, "certificate", pair->certificate.path, strlen(pair->certificate.path));
	print_set_bytes(object, "key", pair->key.path, strlen(pair->key.path));
	print_json(object);
}

static void print_text(
	const struct pair *pair, const char *const *names, size_t count, int64_t days)
{
	const char *certificate = pair->certificate.path, *key = pair->key.path;

	printf("%s is for", certificate);
	for (size_t i = 0; i < count; i++)
		printf(" %s", names[i]);
	printf(", %" PRId64 " days; its key is %s. To try it:\n", days, key);
	printf("  yodeld -o tls.certificate=%s -o tls.key=%s\n", certificate, key);
	printf("  yodel check %s 65432 --tls --ca %s\n", names[0], certificate);
}

static int run(const struct request *request, const void *settings)
{
	const struct selfsigned_settings *own = settings;
	char host[HOST_NAME_MAX + 1] = "";
	const char *usual[] = {"localhost", "127.0.0.1", "::1", host};
	const char *const *names = usual;
	size_t count = sizeof usual / sizeof *usual;
	char why[OPTION_WHY_BYTES];
	struct pair pair = {.key.file = NULL};
	struct failure failure;

	if (gethostname(host, sizeof host) != 0 || !tls_selfsigned_check_name(host, why))
		count--;
	if (request->operand_count > 1) {
		names = (const char *const *)request->operands + 1;
		count = request->operand_count - 1;
	}
	bool is_made = make_pair(&pair, request->operands[0], names, count, own->days, &failure) ==
		       0;
	end_file(&pair.key, is_made);
	end_file(&pair.certificate, is_made);
	if (!is_made && pair.has_made_folder)
		(void)rmdir(request->operands[0]);
	if (!is_made)
		return failure_report(request, &failure);
	if (request->is_json)
		print_object(request, &pair, names, count);
	else if (!request->is_quiet)
		print_text(&pair, names, count, own->days);
	return CLIENT_OK;
}

const struct command command_tls_selfsigned = {
	.name = "tls-selfsigned",
	.arguments = "DIR [NAME...]",
	.help = "make a certificate and a key to try TLS with",
	.manual = "A certificate to try",
	.options = options,
	.settings_bytes = sizeof(struct selfsigned_settings),
	.min_operands = 1,
	.max_operands = 1 + NAMES_MAX,
	.check = check,
	.run = run,
};
