/* Reading the numbers of DWARF from bytes that may be cut short or hostile. */
#ifndef PRELOAD_UNWIND_CURSOR_H
#define PRELOAD_UNWIND_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Once a read did not fit, `failed` stays set and everything reads as 0. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline size_t cursor_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

static inline bool cursor_skip(struct cursor *cursor, uint64_t bytes)
{
    if (cursor->failed || bytes > cursor_left(cursor)) {
        cursor->failed = true;
        return false;
    }
    cursor->at += bytes;
    return true;
}

/* A little-endian number of 1, 2, 4 or 8 bytes. */
static inline uint64_t cursor_fixed(struct cursor *cursor, size_t bytes)
{
    uint64_t value = 0;
    const uint8_t *at = cursor->at;
    if (cursor_skip(cursor, bytes)) {
        for (size_t i = 0; i < bytes; i++) {
            value |= (uint64_t)at[i] << 8 * i;
        }
    }
    return value;
}

static inline uint8_t cursor_byte(struct cursor *cursor)
{
    return (uint8_t)cursor_fixed(cursor, 1);
}

static inline int64_t cursor_fixed_signed(struct cursor *cursor, size_t bytes)
{
    unsigned unused_bits = 64 - 8 * (unsigned)bytes;
    return (int64_t)(cursor_fixed(cursor, bytes) << unused_bits) >> unused_bits;
}

/* LEB128 of either sign: the bits, and how many there are. */
static inline uint64_t cursor_leb(struct cursor *cursor, unsigned *bit_count, bool *is_negative)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0x80;
    while ((byte & 0x80) != 0) {
        byte = cursor_byte(cursor);
        if (shift >= 64) {
            cursor->failed = true;
            return 0;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    }
    *bit_count = shift;
    *is_negative = (byte & 0x40) != 0;
    return value;
}

static inline uint64_t cursor_unsigned(struct cursor *cursor)
{
    unsigned bit_count = 0;
    bool is_negative = false;
    return cursor_leb(cursor, &bit_count, &is_negative);
}

static inline int64_t cursor_signed(struct cursor *cursor)
{
    unsigned bit_count = 0;
    bool is_negative = false;
    uint64_t value = cursor_leb(cursor, &bit_count, &is_negative);
    if (is_negative && bit_count < 64) {
        value |= UINT64_MAX << bit_count;
    }
    return (int64_t)value;
}

#endif
