/* SPDX-License-Identifier: MIT */
/*
 * What the compiler is told about a function, under names that read as prose.
 * Owns nothing. Source: GCC "Common Function Attributes", clang "Attribute Reference".
 */
#ifndef YODEL_BASE_ATTRIBUTES_H
#define YODEL_BASE_ATTRIBUTES_H

/* The result carries the outcome; a call that drops it is a mistake. */
#define MUST_USE __attribute__((warn_unused_result))

/* Argument number `string` is a printf format, checked against those from `first` on. */
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))

/* Not merged into its caller, whose stack would grow by its large frame. */
#define SEPARATE_FRAME __attribute__((noinline))

#endif
