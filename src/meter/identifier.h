/* Telling an identifier (a number, a UUID, a hash, a token) from a word. */
#ifndef METER_IDENTIFIER_H
#define METER_IDENTIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDENTIFIER_TEXT    ":id"
#define IDENTIFIER_LEN     3
#define IDENTIFIER_RUN_MIN 5 /* digits in a row that make a text one */

enum byte_class {
    BYTE_DIGIT = 1 << 0,
    BYTE_UPPER = 1 << 1,
    BYTE_LOWER = 1 << 2,
    BYTE_HEX = 1 << 3,
    BYTE_JOINT = 1 << 4,   /* - _ = */
    BYTE_HIGH = 1 << 5,    /* not ASCII, or perhaps an escape of such */
    BYTE_SPECIAL = 1 << 6, /* means something in a path */
};

extern const uint8_t byte_classes[256];

/* The classes that occur in a text. */
static inline uint8_t bytes_classes(const char *text, size_t len)
{
    uint8_t any = 0;
    for (size_t at = 0; at < len; at++) {
        any |= byte_classes[(uint8_t)text[at]];
    }
    return any;
}

/* identifier_likely for a text with a digit and a letter, longer than IDENTIFIER_RUN_MIN. */
bool identifier_shape_likely(const char *text, size_t len);

/*
 * True if the text, whose bytes are of `classes`, looks like an identifier, as slu_label_normalise
 * says, but for its length.
 *
 * An escape (%XX) counts as a letter that is no hexadecimal digit.
 */
static inline bool identifier_likely(const char *text, size_t len, uint8_t classes)
{
    if ((classes & BYTE_DIGIT) == 0) {
        return false;
    }
    if ((classes & (BYTE_UPPER | BYTE_LOWER | BYTE_HIGH)) == 0) {
        return true;
    }
    return len > IDENTIFIER_RUN_MIN && identifier_shape_likely(text, len);
}

#endif
