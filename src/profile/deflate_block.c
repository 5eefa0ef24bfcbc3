#include "profile/deflate_block.h"

#include <string.h>

#include "base/sink.h"

#include "profile/huffman.h"

#define END_OF_BLOCK      256
#define LITERALS_MIN      257 /* literals that a block's own codes are written for, at least */
#define FIXED_LITERALS    288
#define LENGTH_SYMBOLS    19 /* of the code in which the lengths of codes are written */
#define LENGTH_LEN_MAX    7
#define LENGTH_BASE       257
#define TOKEN_LENGTH_BITS 16

enum block_kind {
    BLOCK_STORED = 0,
    BLOCK_FIXED = 1,
    BLOCK_OWN_CODES = 2,
};

/* Symbols that stand for a run of equal lengths of codes. */
enum run_symbol {
    RUN_REPEAT = 16,     /* the length before, 3 to 6 times */
    RUN_ZEROS = 17,      /* 3 to 10 zeros */
    RUN_MANY_ZEROS = 18, /* 11 to 138 zeros */
};

/* A number in deflate's half-logarithmic scales: a symbol, and bits that are added to it. */
struct scaled {
    uint32_t symbol;
    uint32_t extra;
    uint32_t extra_len;
};

struct codes {
    struct huffman_code literals[FIXED_LITERALS];
    struct huffman_code distances[DEFLATE_DISTANCES];
};

/* A code for each block: its own codes' lengths, written as runs. */
struct code_lengths {
    uint32_t literal_count;
    uint32_t distance_count;
    uint32_t run_count;
    uint8_t runs[DEFLATE_LITERALS + DEFLATE_DISTANCES]; /* symbols */
    uint8_t run_extras[DEFLATE_LITERALS + DEFLATE_DISTANCES];
    uint32_t symbol_counts[LENGTH_SYMBOLS];
    struct huffman_code symbols[LENGTH_SYMBOLS];
};

static const uint8_t run_extra_lens[LENGTH_SYMBOLS] = {
    [RUN_REPEAT] = 2, [RUN_ZEROS] = 3, [RUN_MANY_ZEROS] = 7};

static uint32_t log2_of(uint32_t value)
{
    return 31 - (uint32_t)__builtin_clz(value);
}

/* `value` below 2^(group_bits) is its own symbol; from there on each doubling has 2^group_bits. */
static struct scaled scale(uint32_t value, uint32_t group_bits)
{
    if (value < UINT32_C(1) << group_bits) {
        return (struct scaled){value, 0, 0};
    }
    uint32_t extra_len = log2_of(value) - group_bits;
    return (struct scaled){
        .symbol = (extra_len << group_bits) + (value >> extra_len),
        .extra = value & ((UINT32_C(1) << extra_len) - 1),
        .extra_len = extra_len,
    };
}

static struct scaled scale_length(uint32_t length)
{
    if (length == DEFLATE_MATCH_MAX) {
        return (struct scaled){DEFLATE_LITERALS - 1, 0, 0};
    }
    struct scaled scaled = scale(length - DEFLATE_MATCH_MIN, 2);
    scaled.symbol += LENGTH_BASE;
    return scaled;
}

static struct scaled scale_distance(uint32_t distance)
{
    return scale(distance - 1, 1);
}

void deflate_block_init(struct deflate_block *block)
{
    block->token_count = 0;
    memset(block->literal_counts, 0, sizeof(block->literal_counts));
    memset(block->distance_counts, 0, sizeof(block->distance_counts));
}

void deflate_literal(struct deflate_block *block, unsigned char literal)
{
    block->tokens[block->token_count++] = literal;
    block->literal_counts[literal]++;
}

void deflate_match(struct deflate_block *block, uint32_t length, uint32_t distance)
{
    block->tokens[block->token_count++] = length << TOKEN_LENGTH_BITS | (distance - 1);
    block->literal_counts[scale_length(length).symbol]++;
    block->distance_counts[scale_distance(distance).symbol]++;
}

static void put_bits(struct deflate_bits *bits, uint32_t value, uint32_t count)
{
    bits->gathered |= (uint64_t)value << bits->count;
    bits->count += count;
    if (bits->count >= 32) {
        uint32_t word = (uint32_t)bits->gathered;
        char bytes[] = {(char)word, (char)(word >> 8), (char)(word >> 16), (char)(word >> 24)};
        sink_put(bits->sink, bytes, sizeof(bytes));
        bits->gathered >>= 32;
        bits->count -= 32;
    }
}

void deflate_bits_align(struct deflate_bits *bits)
{
    for (; bits->count > 0; bits->count -= bits->count < 8 ? bits->count : 8) {
        sink_char(bits->sink, (char)bits->gathered);
        bits->gathered >>= 8;
    }
}

static void put_code(struct deflate_bits *bits, struct huffman_code code)
{
    put_bits(bits, code.bits, code.len);
}

static void put_scaled(struct deflate_bits *bits, const struct huffman_code *codes,
                       struct scaled scaled)
{
    put_code(bits, codes[scaled.symbol]);
    put_bits(bits, scaled.extra, scaled.extra_len);
}

static void put_tokens(struct deflate_bits *bits, const struct deflate_block *block,
                       const struct codes *codes)
{
    for (uint32_t i = 0; i < block->token_count; i++) {
        uint32_t token = block->tokens[i];
        uint32_t length = token >> TOKEN_LENGTH_BITS;
        if (length == 0) {
            put_code(bits, codes->literals[token]);
        } else {
            uint32_t distance = (token & ((UINT32_C(1) << TOKEN_LENGTH_BITS) - 1)) + 1;
            put_scaled(bits, codes->literals, scale_length(length));
            put_scaled(bits, codes->distances, scale_distance(distance));
        }
    }
    put_code(bits, codes->literals[END_OF_BLOCK]);
}

/* The bits of all tokens, but for the extra ones, which are the same with any codes. */
static uint64_t tokens_len(const struct deflate_block *block, const struct codes *codes)
{
    uint64_t len = 0;
    for (uint32_t i = 0; i < DEFLATE_LITERALS; i++) {
        len += (uint64_t)block->literal_counts[i] * codes->literals[i].len;
    }
    for (uint32_t i = 0; i < DEFLATE_DISTANCES; i++) {
        len += (uint64_t)block->distance_counts[i] * codes->distances[i].len;
    }
    return len;
}

static uint64_t extras_len(const struct deflate_block *block)
{
    uint64_t len = 0;
    for (uint32_t i = 8; i + 1 < DEFLATE_LITERALS - LENGTH_BASE; i++) {
        len += (uint64_t)block->literal_counts[LENGTH_BASE + i] * ((i - 4) / 4);
    }
    for (uint32_t i = 4; i < DEFLATE_DISTANCES; i++) {
        len += (uint64_t)block->distance_counts[i] * ((i - 2) / 2);
    }
    return len;
}

static void fixed_codes(struct codes *codes)
{
    for (uint32_t i = 0; i < FIXED_LITERALS; i++) {
        codes->literals[i].len = (uint8_t)(i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
    }
    for (uint32_t i = 0; i < DEFLATE_DISTANCES; i++) {
        codes->distances[i].len = 5;
    }
}

static void add_run(struct code_lengths *lengths, uint32_t symbol, uint32_t extra)
{
    lengths->runs[lengths->run_count] = (uint8_t)symbol;
    lengths->run_extras[lengths->run_count] = (uint8_t)extra;
    lengths->run_count++;
    lengths->symbol_counts[symbol]++;
}

/* `len` stands `count` times in a row. */
static void add_equals(struct code_lengths *lengths, uint32_t len, uint32_t count)
{
    if (len != 0) {
        add_run(lengths, len, 0);
        count--;
    }
    while (count >= 3) {
        uint32_t max = len != 0 ? 6 : 138;
        uint32_t taken = count < max ? count : max;
        if (len != 0) {
            add_run(lengths, RUN_REPEAT, taken - 3);
        } else if (taken <= 10) {
            add_run(lengths, RUN_ZEROS, taken - 3);
        } else {
            add_run(lengths, RUN_MANY_ZEROS, taken - 11);
        }
        count -= taken;
    }
    for (; count > 0; count--) {
        add_run(lengths, len, 0);
    }
}

static uint32_t count_used(const struct huffman_code *codes, uint32_t count, uint32_t min)
{
    while (count > min && codes[count - 1].len == 0) {
        count--;
    }
    return count;
}

/* Both codes' lengths are one sequence: a run may reach from one into the other. */
static void describe(const struct codes *codes, struct code_lengths *lengths)
{
    uint8_t lens[DEFLATE_LITERALS + DEFLATE_DISTANCES];
    uint32_t count = 0;
    lengths->literal_count = count_used(codes->literals, DEFLATE_LITERALS, LITERALS_MIN);
    lengths->distance_count = count_used(codes->distances, DEFLATE_DISTANCES, 1);
    for (uint32_t i = 0; i < lengths->literal_count; i++) {
        lens[count++] = codes->literals[i].len;
    }
    for (uint32_t i = 0; i < lengths->distance_count; i++) {
        lens[count++] = codes->distances[i].len;
    }
    for (uint32_t start = 0; start < count;) {
        uint32_t end = start + 1;
        while (end < count && lens[end] == lens[start]) {
            end++;
        }
        add_equals(lengths, lens[start], end - start);
        start = end;
    }
    huffman_lengths(lengths->symbol_counts, LENGTH_SYMBOLS, LENGTH_LEN_MAX, lengths->symbols);
    huffman_assign(lengths->symbols, LENGTH_SYMBOLS);
}

/* In this order, the symbols that are seldom used come last and are left out. */
static const uint8_t symbol_order[LENGTH_SYMBOLS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                     11, 4,  12, 3, 13, 2, 14, 1, 15};

static uint32_t symbols_written(const struct code_lengths *lengths)
{
    uint32_t count = LENGTH_SYMBOLS;
    while (count > 4 && lengths->symbols[symbol_order[count - 1]].len == 0) {
        count--;
    }
    return count;
}

static uint64_t description_len(const struct code_lengths *lengths)
{
    uint64_t len = 5 + 5 + 4 + 3 * symbols_written(lengths);
    for (uint32_t i = 0; i < LENGTH_SYMBOLS; i++) {
        len += (uint64_t)lengths->symbol_counts[i] * (lengths->symbols[i].len + run_extra_lens[i]);
    }
    return len;
}

static void put_description(struct deflate_bits *bits, const struct code_lengths *lengths)
{
    uint32_t symbol_count = symbols_written(lengths);
    put_bits(bits, lengths->literal_count - LITERALS_MIN, 5);
    put_bits(bits, lengths->distance_count - 1, 5);
    put_bits(bits, symbol_count - 4, 4);
    for (uint32_t i = 0; i < symbol_count; i++) {
        put_bits(bits, lengths->symbols[symbol_order[i]].len, 3);
    }
    for (uint32_t i = 0; i < lengths->run_count; i++) {
        put_code(bits, lengths->symbols[lengths->runs[i]]);
        put_bits(bits, lengths->run_extras[i], run_extra_lens[lengths->runs[i]]);
    }
}

static void put_stored(struct deflate_bits *bits, const unsigned char *bytes, size_t len)
{
    put_bits(bits, 0, (8 - bits->count % 8) % 8);
    put_bits(bits, (uint32_t)len, 16);
    put_bits(bits, ~(uint32_t)len & 0xffff, 16);
    deflate_bits_align(bits);
    sink_put(bits->sink, (const char *)bytes, len);
}

static void put_coded(struct deflate_bits *bits, const struct deflate_block *block,
                      struct codes *codes)
{
    huffman_assign(codes->literals, FIXED_LITERALS);
    huffman_assign(codes->distances, DEFLATE_DISTANCES);
    put_tokens(bits, block, codes);
}

void deflate_block_write(struct deflate_block *block, const unsigned char *bytes, size_t len,
                         bool is_last, struct deflate_bits *bits)
{
    struct codes own = {0};
    struct codes fixed = {0};
    struct code_lengths lengths = {0};
    block->literal_counts[END_OF_BLOCK] = 1;
    fixed_codes(&fixed);
    huffman_lengths(block->literal_counts, DEFLATE_LITERALS, HUFFMAN_LENGTH_MAX, own.literals);
    huffman_lengths(block->distance_counts, DEFLATE_DISTANCES, HUFFMAN_LENGTH_MAX, own.distances);
    describe(&own, &lengths);
    uint64_t own_len = description_len(&lengths) + tokens_len(block, &own);
    uint64_t fixed_len = tokens_len(block, &fixed);
    uint64_t coded_len = (own_len < fixed_len ? own_len : fixed_len) + extras_len(block);
    put_bits(bits, is_last, 1);
    if (8 * (uint64_t)(len + 4) <= coded_len) {
        put_bits(bits, BLOCK_STORED, 2);
        put_stored(bits, bytes, len);
    } else if (fixed_len <= own_len) {
        put_bits(bits, BLOCK_FIXED, 2);
        put_coded(bits, block, &fixed);
    } else {
        put_bits(bits, BLOCK_OWN_CODES, 2);
        put_description(bits, &lengths);
        put_coded(bits, block, &own);
    }
    deflate_block_init(block);
}
