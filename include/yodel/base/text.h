/* SPDX-License-Identifier: MIT */
/*
 * Small work on strings: making hostile bytes visible, reading UTF-8 and C escapes, finding the
 * name that was meant. Owns nothing. Threads: any.
 */
#ifndef YODEL_BASE_TEXT_H
#define YODEL_BASE_TEXT_H

#include "yodel/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes bytes so that a terminal and a log reader can trust them: printable ASCII as it is,
 * `"` and `\` after a backslash, the rest as \n, \r, \t or \xNN. What does not fit is cut, never
 * inside an escape.
 *   dst     capacity bytes, at least 1; NUL-terminated on return
 *   bytes   length bytes, any values
 * Returns the length of the text in dst.
 */
size_t text_escape(char *dst, size_t capacity, const void *bytes, size_t length);

/*
 * Writes bytes for a person at a terminal to read: printable ASCII and printable well-formed UTF-8 as
 * they are, `\` after a backslash, the rest as \n, \r, \t or \xNN, each byte of it. Escaped are
 * control characters (C0, DEL, C1), bytes that are no UTF-8, and code points that turn the direction
 * of the text, separate lines, are invisible or have no agreed meaning. Joiners and variation
 * selectors, which emoji, Persian and Indic words are made with, stay. What does not fit is cut,
 * never inside an escape or a character.
 *   dst     capacity bytes, at least 1; NUL-terminated on return
 *   bytes   length bytes, any values
 * Returns the length of the text in dst. Source: Unicode 15.0, Bidi_Control and
 * Default_Ignorable_Code_Point.
 */
size_t text_show(char *dst, size_t capacity, const void *bytes, size_t length);

/*
 * Writes bytes as they stand between the quotes of a string in the configuration file: as text_show
 * does, and `"` after a backslash.
 */
size_t text_quote(char *dst, size_t capacity, const void *bytes, size_t length);

/*
 * Reads one character of UTF-8.
 *   bytes   length bytes, any values
 *   code    the code point; untouched where there is none; may be NULL
 * Returns how many bytes it takes, 1 to 4, or 0 where none is well-formed: overlong, a surrogate,
 * above U+10FFFF or cut off. Source: RFC 3629, section 4.
 */
size_t text_read_utf8(const void *bytes, size_t length, uint32_t *code);

/* Whether all of it is well-formed UTF-8. */
bool text_is_utf8(const void *bytes, size_t length) MUST_USE;

/* The length without a last character of UTF-8 whose end is missing. */
size_t text_whole_utf8(const void *bytes, size_t length) MUST_USE;

/*
 * Reads one C escape behind a backslash.
 *   at       the character behind the backslash, NUL-terminated string
 *   byte     the byte it stands for
 * Knows \a \b \f \n \r \t \v \\ \" \' \? \$, \NNN octal (up to three digits, up to \377) and \xNN
 * (two digits).
 * Returns how many characters were read, 0 where there is no valid escape.
 * Source: C17 6.4.4.4; `\$` is ours.
 */
size_t text_read_escape(const char *at, unsigned char *byte) MUST_USE;

/* Whether bytes are this word, in any case, with nothing but white space around it. */
bool text_is_word(const void *bytes, size_t length, const char *word) MUST_USE;

/*
 * The edit distance of two words: insertions, deletions, changes and swaps of neighbours count one
 * each. Words longer than 63 characters are compared by their first 63. Source:
 * Damerau-Levenshtein, "optimal string alignment".
 */
size_t text_distance(const char *one, const char *other);

/*
 * Whether candidate is near enough to word, and nearer than *best, to be what was meant.
 *   best   the smallest distance so far, SIZE_MAX at first; updated when true is returned
 */
bool text_is_nearer(const char *word, const char *candidate, size_t *best);

#endif
