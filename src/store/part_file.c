/*
 * A part, little endian:
 *
 *      offset  bytes
 *           0     32  the header
 *          32      -  pieces (section.c), one behind another: blocks, their filters, and the pages
 *                     and directories of the indexes
 *       end-192  192  the footer
 *
 * The header:
 *           0      8  magic "SLPART1\n"
 *           8      4  signal: 0 metrics, 1 logs, 2 traces, 3 profiles
 *          12      4  zero
 *          16      8  salt, of all checks
 *          24      8  XXH3_64 of the 24 bytes before
 *
 * The footer:
 *           0      8  magic "SLPEND1\n"
 *           8      4  signal
 *          12      4  number of blocks
 *          16      8  time of the oldest record, nanoseconds since 1970
 *          24      8  time of the newest
 *          32      8  number of records
 *          40     40  where the index of labels lies (label_index.h)
 *          80     16  the piece of the directory of blocks
 *          96     16  the piece of the directory of keys
 *         112     16  the piece of the filter of keys
 *         128     16  the piece of metadata
 *         144     40  zero
 *         184      8  XXH3_64 of the 184 bytes before, seeded with the salt
 *
 * A row of the directory of blocks:
 *           0     16  the piece of the block
 *          16     16  the piece of its filter of words
 *          32      8  time of the oldest record
 *          40      8  time of the newest
 *
 * A page of keys is rows of a key's hash (8) and the number of a block that has it (4), in the
 * order of the hashes; the directory has, for each page, its first hash (8) and its piece (16).
 *
 * Its name is the day and the sequences of its first and last message, in 16 hexadecimal digits
 * each: the day plus 2^63, so that names sort as days do.
 */
#include "store/part_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "store/little_endian.h"
#include "store/store_io.h"

#define HEADER_MAGIC  UINT64_C(0x0a31545241504c53) /* "SLPART1\n" */
#define FOOTER_MAGIC  UINT64_C(0x0a31444e45504c53) /* "SLPEND1\n" */
#define HEADER_CHECK  24
#define FOOTER_CHECK  (PART_FOOTER_BYTES - 8)
#define NAME_DIGITS   16
#define NAME_ENDING   ".part"
#define DAY_OFFSET    ((uint64_t)1 << 63)
#define DIGIT_LETTERS 10

void part_name_write(const struct part_name *name, char text[PART_NAME_MAX])
{
    (void)snprintf(text, PART_NAME_MAX, "%016llx-%016llx-%016llx" NAME_ENDING,
                   (unsigned long long)((uint64_t)name->day + DAY_OFFSET),
                   (unsigned long long)name->first_sequence,
                   (unsigned long long)name->last_sequence);
}

static bool hex_parse(const char **text, uint64_t *out)
{
    uint64_t value = 0;
    for (int i = 0; i < NAME_DIGITS; i++) {
        char digit = (*text)[i];
        bool is_number = digit >= '0' && digit <= '9';
        if (!is_number && (digit < 'a' || digit > 'f')) {
            return false;
        }
        value = value << 4 | (uint64_t)(is_number ? digit - '0' : digit - 'a' + DIGIT_LETTERS);
    }
    *text += NAME_DIGITS;
    *out = value;
    return true;
}

bool part_name_parse(const char *text, struct part_name *name)
{
    uint64_t day = 0;
    struct part_name parsed = {0};
    if (!hex_parse(&text, &day) || *text++ != '-' || !hex_parse(&text, &parsed.first_sequence) ||
        *text++ != '-' || !hex_parse(&text, &parsed.last_sequence) ||
        strcmp(text, NAME_ENDING) != 0) {
        return false;
    }
    parsed.day = (int64_t)(day - DAY_OFFSET);
    *name = parsed;
    return true;
}

int64_t part_day(int64_t time_ns)
{
    return time_ns / PART_DAY_NS - (time_ns % PART_DAY_NS < 0);
}

bool part_name_covers(const struct part_name *outer, const struct part_name *inner)
{
    return outer->day == inner->day && outer->first_sequence <= inner->first_sequence &&
           outer->last_sequence >= inner->last_sequence;
}

void part_block_encode(const struct part_block *block, unsigned char *bytes)
{
    piece_encode(&block->data, bytes);
    piece_encode(&block->filter, bytes + 16);
    put_64(bytes + 32, (uint64_t)block->min_ns);
    put_64(bytes + 40, (uint64_t)block->max_ns);
}

void part_block_decode(const unsigned char *bytes, struct part_block *block)
{
    piece_decode(bytes, &block->data);
    piece_decode(bytes + 16, &block->filter);
    block->min_ns = (int64_t)get_64(bytes + 32);
    block->max_ns = (int64_t)get_64(bytes + 40);
}

static uint64_t check_of(const unsigned char *bytes, size_t len, uint64_t seed)
{
    return hash_bytes((struct slu_bytes){bytes, len}, seed);
}

void part_header_encode(uint32_t signal, uint64_t salt, unsigned char *bytes)
{
    memset(bytes, 0, PART_HEADER_BYTES);
    put_64(bytes, HEADER_MAGIC);
    put_32(bytes + 8, signal);
    put_64(bytes + 16, salt);
    put_64(bytes + HEADER_CHECK, check_of(bytes, HEADER_CHECK, 0));
}

void part_footer_encode(const struct part_facts *facts, uint64_t salt, unsigned char *bytes)
{
    memset(bytes, 0, PART_FOOTER_BYTES);
    put_64(bytes, FOOTER_MAGIC);
    put_32(bytes + 8, facts->signal);
    put_32(bytes + 12, facts->block_count);
    put_64(bytes + 16, (uint64_t)facts->min_ns);
    put_64(bytes + 24, (uint64_t)facts->max_ns);
    put_64(bytes + 32, facts->record_count);
    label_index_root_encode(&facts->index, bytes + 40);
    piece_encode(&facts->blocks, bytes + 80);
    piece_encode(&facts->keys, bytes + 96);
    piece_encode(&facts->key_filter, bytes + 112);
    piece_encode(&facts->metadata, bytes + 128);
    put_64(bytes + FOOTER_CHECK, check_of(bytes, FOOTER_CHECK, salt));
}

static int footer_decode(const unsigned char *bytes, uint64_t salt, struct part_facts *facts)
{
    if (get_64(bytes) != FOOTER_MAGIC ||
        get_64(bytes + FOOTER_CHECK) != check_of(bytes, FOOTER_CHECK, salt)) {
        return -EBADMSG;
    }
    facts->signal = get_32(bytes + 8);
    facts->block_count = get_32(bytes + 12);
    facts->min_ns = (int64_t)get_64(bytes + 16);
    facts->max_ns = (int64_t)get_64(bytes + 24);
    facts->record_count = get_64(bytes + 32);
    label_index_root_decode(bytes + 40, &facts->index);
    piece_decode(bytes + 80, &facts->blocks);
    piece_decode(bytes + 96, &facts->keys);
    piece_decode(bytes + 112, &facts->key_filter);
    piece_decode(bytes + 128, &facts->metadata);
    return facts->blocks.plain_bytes == (uint64_t)facts->block_count * PART_BLOCK_BYTES ? 0
                                                                                        : -EBADMSG;
}

int part_facts_read(const struct store_io *io, int fd, struct section_reader *section,
                    struct part_facts *facts)
{
    unsigned char header[PART_HEADER_BYTES];
    unsigned char footer[PART_FOOTER_BYTES];
    struct section_reader found = {.io = io, .fd = fd};
    int err = io->size(io->context, fd, &found.size_bytes);
    if (err != 0) {
        return err;
    }
    if (found.size_bytes < PART_HEADER_BYTES + PART_FOOTER_BYTES) {
        return -EBADMSG;
    }
    err = segment_read(io, fd, header, sizeof(header), 0);
    if (err == 0) {
        err = segment_read(io, fd, footer, sizeof(footer), found.size_bytes - sizeof(footer));
    }
    if (err != 0) {
        return err;
    }
    found.salt = get_64(header + 16);
    if (get_64(header) != HEADER_MAGIC ||
        get_64(header + HEADER_CHECK) != check_of(header, HEADER_CHECK, 0)) {
        return -EBADMSG;
    }
    err = footer_decode(footer, found.salt, facts);
    if (err == 0) {
        found.size_bytes -= PART_FOOTER_BYTES;
        *section = found;
    }
    return err;
}
