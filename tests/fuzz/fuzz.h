/* SPDX-License-Identifier: MIT */
/*
 * What a fuzz target is: one function, called again and again with bytes that nobody meant. It calls
 * what it tries, and CHECKs what must hold whatever the bytes are; a crash, a failed CHECK, a leak
 * or a sanitizer's report is a finding. It keeps nothing from one call to the next.
 * Threads: one. Source: "libFuzzer - a library for coverage-guided fuzz testing", llvm.org.
 */
#ifndef YODEL_TESTS_FUZZ_FUZZ_H
#define YODEL_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The target. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
