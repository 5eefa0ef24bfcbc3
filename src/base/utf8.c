#include "base/utf8.h"

/* A lead byte's row of table 3-7: how many bytes follow, and the range of the first of them. */
struct lead {
    uint32_t follow_count;
    uint8_t second_min;
    uint8_t second_max;
    uint8_t mask; /* the lead's own bits */
};

static struct lead lead_of(uint8_t byte)
{
    if (byte >= 0xc2 && byte <= 0xdf) {
        return (struct lead){1, 0x80, 0xbf, 0x1f};
    }
    if (byte >= 0xe0 && byte <= 0xef) {
        uint8_t second_min = byte == 0xe0 ? 0xa0 : 0x80; /* no overlong forms */
        uint8_t second_max = byte == 0xed ? 0x9f : 0xbf; /* no surrogates */
        return (struct lead){2, second_min, second_max, 0x0f};
    }
    if (byte >= 0xf0 && byte <= 0xf4) {
        uint8_t second_min = byte == 0xf0 ? 0x90 : 0x80; /* no overlong forms */
        uint8_t second_max = byte == 0xf4 ? 0x8f : 0xbf; /* nothing above U+10FFFF */
        return (struct lead){3, second_min, second_max, 0x07};
    }
    return (struct lead){0, 0, 0, 0};
}

size_t utf8_decode(const char *bytes, size_t len, uint32_t *code)
{
    uint8_t first = (uint8_t)bytes[0];
    if (first < 0x80) {
        *code = first;
        return 1;
    }
    struct lead lead = lead_of(first);
    *code = UTF8_INVALID;
    uint32_t value = first & lead.mask;
    for (size_t at = 1; at <= lead.follow_count; at++) {
        uint8_t byte = at < len ? (uint8_t)bytes[at] : 0;
        uint8_t byte_min = at == 1 ? lead.second_min : 0x80;
        uint8_t byte_max = at == 1 ? lead.second_max : 0xbf;
        if (byte < byte_min || byte > byte_max) {
            return at;
        }
        value = value << 6 | (byte & 0x3f);
    }
    if (lead.follow_count > 0) {
        *code = value;
    }
    return lead.follow_count + 1;
}
