/* UTF-8, read strictly: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_INVALID     UINT32_MAX
#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD in UTF-8 */
#define UTF8_BYTES_MAX   4

/*
 * Read the character at `bytes`.
 *
 * len      bytes that may be read, above 0
 * code     its number, or UTF8_INVALID
 * Returns  the bytes it takes. For an ill-formed one: the longest beginning of a well-formed
 *          character, at least 1, so that each UTF8_INVALID stands for one U+FFFD.
 * Source   The Unicode Standard 15.0, table 3-7 and "U+FFFD Substitution of Maximal Subparts"
 */
size_t utf8_decode(const char *bytes, size_t len, uint32_t *code);

#endif
