#include "profile/gzip_writer.h"

#include <stdbool.h>
#include <string.h>

#include "base/sink.h"

#define CRC_POLYNOMIAL UINT32_C(0xedb88320)
#define HASHED_BYTES   4  /* shorter matches are not looked for: they hardly pay */
#define CANDIDATES_MAX 4  /* earlier positions that are compared with */
#define GOOD_LENGTH    64 /* a match that is taken without looking for a longer one */

struct match {
    uint32_t length; /* 0: none */
    uint32_t distance;
};

/* Table k: what k more zero bytes make of the CRC of each byte. */
static void crc_tables_init(uint32_t tables[4][256])
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? CRC_POLYNOMIAL : 0);
        }
        tables[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int k = 1; k < 4; k++) {
            uint32_t crc = tables[k - 1][byte];
            tables[k][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
        }
    }
}

void gzip_writer_init(struct gzip_writer *gzip, struct sink *sink)
{
    static const char header[] = {'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 0, '\xff'};
    gzip->bits = (struct deflate_bits){.sink = sink};
    gzip->crc = 0;
    gzip->len = 0;
    gzip->input_base = 0;
    gzip->input_len = 0;
    gzip->block_start = 0;
    crc_tables_init(gzip->crc_tables);
    memset(gzip->heads, 0, sizeof(gzip->heads));
    deflate_block_init(&gzip->block);
    sink_put(sink, header, sizeof(header));
}

/* Four bytes a step: "slicing", M. Kounavis and F. Berry, 2005. */
static uint32_t crc_of(uint32_t tables[4][256], uint32_t crc, const unsigned char *bytes,
                       size_t len)
{
    crc = ~crc;
    for (; len >= 4; len -= 4, bytes += 4) {
        crc ^= bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
               (uint32_t)bytes[3] << 24;
        crc = tables[3][crc & 0xff] ^ tables[2][(crc >> 8) & 0xff] ^ tables[1][(crc >> 16) & 0xff] ^
              tables[0][crc >> 24];
    }
    for (; len > 0; len--, bytes++) {
        crc = (crc >> 8) ^ tables[0][(crc ^ *bytes) & 0xff];
    }
    return ~crc;
}

static uint32_t word_at(const unsigned char *bytes)
{
    uint32_t word = 0;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* How many bytes are equal, up to `max`; both sides have as many. */
static uint32_t equal_len(const unsigned char *left, const unsigned char *right, uint32_t max)
{
    uint32_t len = 0;
    while (len + sizeof(uint64_t) <= max) {
        uint64_t left_word = 0;
        uint64_t right_word = 0;
        memcpy(&left_word, left + len, sizeof(left_word));
        memcpy(&right_word, right + len, sizeof(right_word));
        if (left_word != right_word) {
            break; /* within these eight */
        }
        len += (uint32_t)sizeof(uint64_t);
    }
    while (len < max && left[len] == right[len]) {
        len++;
    }
    return len;
}

/* Make the position the first one of its hash. Returns how far back the one before is. */
static uint32_t enter(struct gzip_writer *gzip, uint32_t at)
{
    uint32_t position = gzip->input_base + at;
    uint32_t hash = (word_at(gzip->input + at) * UINT32_C(0x9e3779b1)) >> (32 - GZIP_HASH_BITS);
    uint32_t back = position - gzip->heads[hash];
    gzip->heads[hash] = position;
    /* 0 ends the chain. Heads that are left from elsewhere do no harm: bytes are compared. */
    back = back <= DEFLATE_DISTANCE_MAX - 1 ? back : 0;
    gzip->chain[position % DEFLATE_DISTANCE_MAX] = (uint16_t)back;
    return back;
}

/* The longest match among the first candidates of the chain that begins `back` bytes before. */
static struct match longest_match(const struct gzip_writer *gzip, uint32_t at, uint32_t back)
{
    const unsigned char *here = gzip->input + at;
    uint32_t position = gzip->input_base + at;
    uint32_t left = gzip->input_len - at;
    uint32_t max = left < DEFLATE_MATCH_MAX ? left : DEFLATE_MATCH_MAX;
    struct match best = {HASHED_BYTES - 1, 0};
    uint32_t distance = 0;
    for (int i = 0; i < CANDIDATES_MAX && back != 0 && best.length < max; i++) {
        distance += back;
        if (distance > at || distance >= DEFLATE_DISTANCE_MAX) {
            break;
        }
        const unsigned char *there = here - distance;
        if (here[best.length] == there[best.length]) {
            uint32_t length = equal_len(here, there, max);
            if (length > best.length) {
                best = (struct match){length, distance};
            }
        }
        back = gzip->chain[(position - distance) % DEFLATE_DISTANCE_MAX];
    }
    return best.distance != 0 ? best : (struct match){0, 0};
}

static struct match match_at(struct gzip_writer *gzip, uint32_t at)
{
    if (at + HASHED_BYTES > gzip->input_len) {
        return (struct match){0, 0};
    }
    return longest_match(gzip, at, enter(gzip, at));
}

/* A match is put off by a byte if there is a longer one from there. */
static void compress(struct gzip_writer *gzip)
{
    uint32_t at = gzip->block_start;
    struct match match = {0, 0};
    if (at < gzip->input_len) {
        match = match_at(gzip, at);
    }
    while (at < gzip->input_len) {
        struct match next = {0, 0};
        bool may_be_put_off = match.length < GOOD_LENGTH && at + 1 < gzip->input_len;
        if (may_be_put_off) {
            next = match_at(gzip, at + 1);
        }
        if (match.length == 0 || next.length > match.length) {
            deflate_literal(&gzip->block, gzip->input[at]);
            at++;
            match = next;
            continue;
        }
        deflate_match(&gzip->block, match.length, match.distance);
        uint32_t end = at + match.length;
        for (at += may_be_put_off ? 2 : 1; at < end; at++) {
            if (at + HASHED_BYTES <= gzip->input_len) {
                (void)enter(gzip, at);
            }
        }
        if (at < gzip->input_len) {
            match = match_at(gzip, at);
        }
    }
}

/* Keep of the input what matches of the next block may reach. */
static void slide(struct gzip_writer *gzip)
{
    uint32_t kept = gzip->input_len < DEFLATE_DISTANCE_MAX ? gzip->input_len : DEFLATE_DISTANCE_MAX;
    uint32_t gone = gzip->input_len - kept;
    memmove(gzip->input, gzip->input + gone, kept);
    gzip->input_base += gone;
    gzip->input_len = kept;
    gzip->block_start = kept;
}

static void write_block(struct gzip_writer *gzip, bool is_last)
{
    compress(gzip);
    deflate_block_write(&gzip->block, gzip->input + gzip->block_start,
                        gzip->input_len - gzip->block_start, is_last, &gzip->bits);
    slide(gzip);
}

int gzip_write(void *context, const char *bytes, size_t len)
{
    struct gzip_writer *gzip = context;
    gzip->crc = crc_of(gzip->crc_tables, gzip->crc, (const unsigned char *)bytes, len);
    gzip->len += (uint32_t)len;
    while (len > 0) {
        size_t room = gzip->block_start + DEFLATE_BLOCK_BYTES - gzip->input_len;
        size_t taken = len < room ? len : room;
        memcpy(gzip->input + gzip->input_len, bytes, taken);
        gzip->input_len += (uint32_t)taken;
        bytes += taken;
        len -= taken;
        if (taken == room) {
            write_block(gzip, false);
        }
    }
    return gzip->bits.sink->err;
}

static void put_little_endian(struct sink *sink, uint32_t value)
{
    char bytes[] = {(char)value, (char)(value >> 8), (char)(value >> 16), (char)(value >> 24)};
    sink_put(sink, bytes, sizeof(bytes));
}

void gzip_writer_end(struct gzip_writer *gzip)
{
    write_block(gzip, true);
    deflate_bits_align(&gzip->bits);
    put_little_endian(gzip->bits.sink, gzip->crc);
    put_little_endian(gzip->bits.sink, gzip->len);
}
