/* SPDX-License-Identifier: MIT */
/*
 * Stands in for libFuzzer where there is none: runs the target once on each file of a folder.
 *   fuzz_NAME FOLDER
 */
#include "fuzz.h"

#include "yodel/base/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The memory is as large as the file, so that a sanitizer sees a read beyond its end. */
static void run_seed(const char *path)
{
	struct stat status;
	FILE *file = fopen(path, "rb");

	CHECK(file != NULL && fstat(fileno(file), &status) == 0);
	size_t size = (size_t)status.st_size;
	uint8_t *data = malloc(size);
	CHECK(data != NULL || size == 0);
	CHECK(fread(data, 1, size, file) == size);
	fclose(file);
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int seeds = 0;

	if (argc != 2) {
		fprintf(stderr, "Usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	int count = scandir(argv[1], &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
		if (entries[i]->d_type == DT_REG) {
			run_seed(path);
			seeds++;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (seeds == 0)
		fprintf(stderr, "expected seeds in %s, found none\n", argv[1]);
	return seeds == 0;
}
