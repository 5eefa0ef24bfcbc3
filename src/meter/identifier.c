#include "meter/identifier.h"

#include <string.h>

#define RUN_MIN           5
#define HEX_MIN           8
#define TURNS_MIN         4
#define TURNS_BYTES_MIN   8
#define MIXED_BYTES_MIN   16
#define UUID_LEN          36
#define UUID_URN          "urn:uuid:"
#define UUID_DASH_COUNT   4
#define ESCAPE_TAIL_BYTES 2

/* Rows of sixteen by the byte's upper half; the bits are those of enum byte_class. */
/* clang-format off */
const uint8_t byte_classes[256] = {
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x00, 0x00, 0x40, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x40,
    0x09, 0x09, 0x09, 0x09, 0x09, 0x09, 0x09, 0x09, 0x09, 0x09, 0x00, 0x40, 0x00, 0x10, 0x00, 0x40,
    0x00, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02,
    0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x10,
    0x00, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04,
    0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x00, 0x00, 0x00, 0x00, 0x40,
    0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60,
    0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60,
    0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60,
    0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60,
    0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60,
    0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60,
    0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60,
    0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60, 0x60,
};
/* clang-format on */

/* What one pass over a text counts. */
struct shape {
    uint8_t any;       /* classes that occur */
    uint8_t all;       /* classes that every byte has */
    size_t run_max;    /* digits in a row */
    size_t turn_count; /* a letter beside a digit */
    bool escaped;
};

static struct shape shape_of(const char *text, size_t len)
{
    struct shape shape = {.all = UINT8_MAX};
    size_t run = 0;
    uint8_t before = 0;
    for (size_t at = 0; at < len; at++) {
        uint8_t class = byte_classes[(uint8_t)text[at]];
        if (text[at] == '%' && len - at > ESCAPE_TAIL_BYTES) {
            at += ESCAPE_TAIL_BYTES;
            class = BYTE_HIGH;
        }
        bool is_digit = (class & BYTE_DIGIT) != 0;
        run = is_digit ? run + 1 : 0;
        shape.run_max = run > shape.run_max ? run : shape.run_max;
        uint8_t other = is_digit ? BYTE_UPPER | BYTE_LOWER : BYTE_DIGIT;
        bool joins = (class & (BYTE_DIGIT | BYTE_UPPER | BYTE_LOWER)) != 0;
        shape.turn_count += joins && (before & other) != 0;
        shape.any |= class;
        shape.all &= class;
        before = class;
    }
    return shape;
}

/* Eight hexadecimal digits, three times four, twelve, with dashes between. */
static bool is_uuid(const char *text, size_t len)
{
    static const uint8_t dashes[UUID_DASH_COUNT] = {8, 13, 18, 23};
    if (len > 2 && text[0] == '{' && text[len - 1] == '}') {
        text++;
        len -= 2;
    }
    size_t urn_len = sizeof(UUID_URN) - 1;
    if (len > urn_len && memcmp(text, UUID_URN, urn_len) == 0) {
        text += urn_len;
        len -= urn_len;
    }
    if (len != UUID_LEN) {
        return false;
    }
    size_t dash = 0;
    for (size_t at = 0; at < len; at++) {
        if (dash < UUID_DASH_COUNT && at == dashes[dash]) {
            if (text[at] != '-') {
                return false;
            }
            dash++;
        } else if ((byte_classes[(uint8_t)text[at]] & BYTE_HEX) == 0) {
            return false;
        }
    }
    return true;
}

static bool is_hex(const struct shape *shape, const char *text, size_t len)
{
    if ((shape->all & BYTE_HEX) != 0) {
        return len >= HEX_MIN;
    }
    if (len < HEX_MIN + 2 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) {
        return false;
    }
    return (shape_of(text + 2, len - 2).all & BYTE_HEX) != 0;
}

bool identifier_likely(const char *text, size_t len)
{
    const uint8_t letters = BYTE_UPPER | BYTE_LOWER | BYTE_HIGH;
    const uint8_t mixed = BYTE_UPPER | BYTE_LOWER | BYTE_DIGIT;
    struct shape shape = shape_of(text, len);
    if ((shape.any & BYTE_DIGIT) == 0) {
        return false;
    }
    if ((shape.any & letters) == 0 || shape.run_max >= RUN_MIN || is_hex(&shape, text, len)) {
        return true;
    }
    if (len >= TURNS_BYTES_MIN && shape.turn_count >= TURNS_MIN) {
        return true;
    }
    bool is_word = (shape.any & ~(mixed | BYTE_JOINT | BYTE_HEX)) == 0;
    return (is_word && len >= MIXED_BYTES_MIN && (shape.any & mixed) == mixed) ||
           is_uuid(text, len);
}
