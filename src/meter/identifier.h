/* Telling an identifier (a number, a UUID, a hash, a token) from a word. */
#ifndef METER_IDENTIFIER_H
#define METER_IDENTIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDENTIFIER_TEXT ":id"
#define IDENTIFIER_LEN  3

enum byte_class {
    BYTE_DIGIT = 1 << 0,
    BYTE_UPPER = 1 << 1,
    BYTE_LOWER = 1 << 2,
    BYTE_HEX = 1 << 3,
    BYTE_JOINT = 1 << 4,   /* - _ = */
    BYTE_HIGH = 1 << 5,    /* not ASCII */
    BYTE_SPECIAL = 1 << 6, /* means something in a path */
};

extern const uint8_t byte_classes[256];

/*
 * True if the text looks like an identifier, as slu_label_normalise says, but for its length.
 *
 * An escape (%XX) counts as a letter that is no hexadecimal digit.
 */
bool identifier_likely(const char *text, size_t len);

#endif
