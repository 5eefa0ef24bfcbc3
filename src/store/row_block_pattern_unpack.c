/*
 * Texts are put together from pieces that are mostly shorter than 16 bytes, so that these are
 * copied without asking how long they are: what is too much is written over by what follows.
 */
#include "store/row_block_pattern.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/layout.h"
#include "store/little_endian.h"
#include "store/row_block_column.h"

/* What is not varied: behind it stands a variable, but for a pattern's last. */
struct fixed {
    uint32_t at;
    uint32_t len;
};

struct shape {
    uint32_t first_fixed;
    uint32_t variable_count;
    uint32_t first_slot;
};

struct slot {
    uint32_t at;
    uint32_t end;
};

struct patterns {
    size_t count; /* the one of rare texts too */
    size_t pattern_len;
    size_t variables_len;
    size_t slot_count;
    uint32_t *lens; /* of the patterns */
    unsigned char *pattern_bytes;
    unsigned char *variables;
    struct fixed *fixed;
    struct shape *shapes;
    struct slot *slots;
};

static int patterns_begin(struct patterns *patterns, struct column_unpacker *unpacker,
                          size_t row_count)
{
    struct layout layout = {0};
    size_t fixed_count = patterns->pattern_len + patterns->count + 1;
    size_t lens_at = layout_add(&layout, patterns->count, sizeof(uint32_t), 64);
    size_t bytes_at = layout_add(&layout, patterns->pattern_len + PATTERN_SLACK, 1, 64);
    size_t variables_at = layout_add(&layout, patterns->variables_len + PATTERN_SLACK, 1, 64);
    size_t fixed_at = layout_add(&layout, fixed_count, sizeof(struct fixed), 64);
    size_t shapes_at = layout_add(&layout, patterns->count, sizeof(struct shape), 64);
    size_t slots_at = layout_add(&layout, row_count, sizeof(struct slot), 64);
    size_t size_bytes = 0;
    int err = layout_size(&layout, &size_bytes);
    err = err == 0 ? memory_room(unpacker->budget, size_bytes, &unpacker->column) : err;
    if (err == 0) {
        unsigned char *at = unpacker->column.data;
        patterns->lens = (uint32_t *)(void *)(at + lens_at);
        patterns->pattern_bytes = at + bytes_at;
        patterns->variables = at + variables_at;
        patterns->fixed = (struct fixed *)(void *)(at + fixed_at);
        patterns->shapes = (struct shape *)(void *)(at + shapes_at);
        patterns->slots = (struct slot *)(void *)(at + slots_at);
    }
    return err;
}

static int sizes_read(struct column_unpacker *unpacker, size_t row_count, size_t text_len,
                      struct patterns *patterns)
{
    unsigned char sizes[12];
    int err = unpack_bytes(unpacker, sizes, sizeof(sizes));
    if (err != 0) {
        return err;
    }
    *patterns = (struct patterns){.count = (size_t)get_32(sizes) + 1,
                                  .pattern_len = get_32(sizes + 4),
                                  .variables_len = get_32(sizes + 8)};
    bool is_right = patterns->count <= PATTERNS_MAX + 1 && patterns->count <= row_count &&
                    patterns->pattern_len <= PATTERN_BYTES_MAX &&
                    patterns->variables_len <= text_len + row_count;
    return is_right ? 0 : -EBADMSG;
}

/* Cut a pattern at its zeros. */
static void shape_make(struct patterns *patterns, size_t index, size_t begin, size_t end,
                       size_t *fixed_count)
{
    struct shape *shape = &patterns->shapes[index];
    *shape = (struct shape){.first_fixed = (uint32_t)*fixed_count,
                            .first_slot = (uint32_t)patterns->slot_count};
    size_t from = begin;
    for (size_t i = begin; i < end; i++) {
        if (patterns->pattern_bytes[i] == 0) {
            patterns->fixed[(*fixed_count)++] =
                (struct fixed){(uint32_t)from, (uint32_t)(i - from)};
            from = i + 1;
            shape->variable_count++;
        }
    }
    patterns->fixed[(*fixed_count)++] = (struct fixed){(uint32_t)from, (uint32_t)(end - from)};
    patterns->slot_count += shape->variable_count;
}

/* The first is the one of rare texts: a variable, and nothing before and behind it. */
static int shapes_make(struct patterns *patterns, size_t row_count)
{
    size_t begin = 0;
    size_t fixed_count = 2;
    patterns->shapes[0] = (struct shape){.variable_count = 1};
    memset(patterns->fixed, 0, fixed_count * sizeof(*patterns->fixed));
    patterns->slot_count = 1;
    for (size_t i = 1; i < patterns->count; i++) {
        size_t len = patterns->lens[i - 1];
        if (len > patterns->pattern_len - begin) {
            return -EBADMSG;
        }
        shape_make(patterns, i, begin, begin + len, &fixed_count);
        begin += len;
    }
    return begin == patterns->pattern_len && patterns->slot_count <= row_count ? 0 : -EBADMSG;
}

static int slots_read(struct column_unpacker *unpacker, struct patterns *patterns)
{
    uint32_t *lens = unpacker->numbers;
    int err = unpack_numbers_32(unpacker, lens, patterns->slot_count);
    if (err != 0) {
        return err;
    }
    size_t begin = 0;
    for (size_t i = 0; i < patterns->slot_count; i++) {
        if (lens[i] > patterns->variables_len - begin) {
            return -EBADMSG;
        }
        patterns->slots[i] = (struct slot){(uint32_t)begin, (uint32_t)(begin + lens[i])};
        begin += lens[i];
    }
    return begin == patterns->variables_len ? 0 : -EBADMSG;
}

static int patterns_read(struct column_unpacker *unpacker, size_t row_count, size_t text_len,
                         struct patterns *patterns)
{
    int err = sizes_read(unpacker, row_count, text_len, patterns);
    err = err == 0 ? patterns_begin(patterns, unpacker, row_count) : err;
    err = err == 0 ? unpack_numbers_32(unpacker, patterns->lens, patterns->count - 1) : err;
    err = err == 0 ? unpack_piece(unpacker, patterns->pattern_bytes, patterns->pattern_len) : err;
    err = err == 0 ? shapes_make(patterns, row_count) : err;
    err = err == 0 ? slots_read(unpacker, patterns) : err;
    err = err == 0 ? unpack_numbers_32(unpacker, unpacker->numbers, row_count) : err;
    return err == 0 ? unpack_piece(unpacker, patterns->variables, patterns->variables_len) : err;
}

/* How many bytes stand before the first zero; `left` if there is none. */
static inline size_t variable_len(const unsigned char *at, size_t left)
{
    uint64_t bytes = get_64(at); /* there is slack behind the last */
    uint64_t zeros = (bytes - UINT64_C(0x0101010101010101)) & ~bytes & UINT64_C(0x8080808080808080);
    if (zeros != 0) {
        size_t len = (size_t)__builtin_ctzll(zeros) / 8;
        return len < left ? len : left;
    }
    const unsigned char *found = left == 0 ? NULL : memchr(at, 0, left);
    return found == NULL ? left : (size_t)(found - at);
}

static inline void copy_over(unsigned char *to, const unsigned char *from, size_t len)
{
    if (len <= PATTERN_SLACK) {
        memcpy(to, from, PATTERN_SLACK);
    } else {
        memcpy(to, from, len);
    }
}

/* Put one text together; returns its length, SIZE_MAX if it is longer than what is left. */
static inline size_t text_join(const struct patterns *patterns, const struct shape *shape,
                               unsigned char *text, size_t left)
{
    const struct fixed *fixed = &patterns->fixed[shape->first_fixed];
    struct slot *slot = &patterns->slots[shape->first_slot];
    size_t len = 0;
    for (size_t i = 0;; i++) {
        if (fixed[i].len > left - len) {
            return SIZE_MAX;
        }
        copy_over(text + len, patterns->pattern_bytes + fixed[i].at, fixed[i].len);
        len += fixed[i].len;
        if (i == shape->variable_count) {
            return len;
        }
        size_t slot_left = slot[i].end - slot[i].at;
        const unsigned char *at = patterns->variables + slot[i].at;
        size_t variable = variable_len(at, slot_left);
        if (variable == slot_left || variable > left - len) {
            return SIZE_MAX;
        }
        copy_over(text + len, at, variable);
        len += variable;
        slot[i].at += (uint32_t)variable + 1;
    }
}

static int texts_join(const struct patterns *patterns, const uint32_t *numbers, size_t row_count,
                      uint32_t *ends, unsigned char *texts, size_t len)
{
    size_t sum = 0;
    for (size_t i = 0; i < row_count; i++) {
        if (numbers[i] >= patterns->count) {
            return -EBADMSG;
        }
        size_t text_len =
            text_join(patterns, &patterns->shapes[numbers[i]], texts + sum, len - sum);
        if (text_len == SIZE_MAX) {
            return -EBADMSG;
        }
        sum += text_len;
        ends[i] = (uint32_t)sum;
    }
    for (size_t i = 0; i < patterns->slot_count; i++) {
        if (patterns->slots[i].at != patterns->slots[i].end) {
            return -EBADMSG;
        }
    }
    return sum == len ? 0 : -EBADMSG;
}

int unpack_patterns(struct column_unpacker *unpacker, uint32_t *ends, size_t count,
                    unsigned char *texts, size_t len)
{
    struct patterns patterns;
    int err = patterns_read(unpacker, count, len, &patterns);
    return err == 0 ? texts_join(&patterns, unpacker->numbers, count, ends, texts, len) : err;
}
