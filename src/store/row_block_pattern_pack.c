/*
 * Twice over the texts: first each is taken apart, and its pattern is counted; then, when it is
 * known which patterns are kept, its variables go where those of the same place are.
 */
#include "store/row_block_pattern.h"

#include <stdbool.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/hash.h"
#include "base/layout.h"
#include "store/little_endian.h"
#include "store/row_block_column.h"
#include "store/token_words.h"

#define TABLE_SLOTS 4096 /* at most a quarter of them in use */
#define PROBE_MAX   32
#define RARE        UINT32_MAX

struct pattern {
    uint32_t begin; /* in `pattern_bytes` */
    uint32_t len;
    uint32_t row_count;
    uint32_t text_bytes; /* of its rows, with a zero behind each */
    uint32_t first_slot;
    uint32_t slot_count;
    uint32_t number; /* in the block; 0: rare */
};

/* A text that was taken apart. */
struct parts {
    unsigned char *pattern;
    size_t pattern_len;
    unsigned char *variables; /* each with a zero behind it */
    size_t variables_len;
    size_t variable_count;
    uint32_t lens[PATTERN_VARIABLES_MAX]; /* with the zero */
};

struct patterns {
    void *memory;
    size_t memory_bytes;
    struct pattern *list;
    size_t count;
    unsigned char *pattern_bytes;
    size_t pattern_len;
    uint32_t *slots; /* bytes of each place's variables; then where the next one goes */
    size_t slot_count;
    uint16_t *table;       /* a pattern's index plus one, by its hash */
    uint32_t *row_pattern; /* the index of each row's, or RARE */
    unsigned char *scratch;
    unsigned char *variables; /* of all rows that are not RARE */
    unsigned char *sorted;    /* by place */
    uint32_t rare_bytes;
};

static size_t longest(const uint32_t *ends, size_t count)
{
    size_t most = 0;
    uint32_t begin = 0;
    for (size_t i = 0; i < count; i++) {
        most = ends[i] - begin > most ? ends[i] - begin : most;
        begin = ends[i];
    }
    return most;
}

static int patterns_init(struct patterns *patterns, struct slu_budget *budget, const uint32_t *ends,
                         size_t count)
{
    struct layout layout = {0};
    size_t variable_bytes = ends[count - 1] + count; /* words are apart: a zero takes no more */
    size_t list_at = layout_add(&layout, PATTERNS_MAX, sizeof(struct pattern), 64);
    size_t bytes_at = layout_add(&layout, PATTERN_BYTES_MAX, 1, 64);
    size_t slots_at = layout_add(&layout, PATTERN_SLOTS_MAX, sizeof(uint32_t), 64);
    size_t table_at = layout_add(&layout, TABLE_SLOTS, sizeof(uint16_t), 64);
    size_t rows_at = layout_add(&layout, count, sizeof(uint32_t), 64);
    size_t scratch_at = layout_add(&layout, longest(ends, count) + 1, 1, 64);
    size_t variables_at = layout_add(&layout, variable_bytes, 1, 64);
    size_t sorted_at = layout_add(&layout, variable_bytes, 1, 64);
    void *memory = NULL;
    size_t memory_bytes = 0;
    int err = layout_alloc(&layout, budget, &memory_bytes, &memory);
    if (err != 0) {
        return err;
    }
    unsigned char *at = memory;
    *patterns = (struct patterns){.memory = memory,
                                  .memory_bytes = memory_bytes,
                                  .list = (struct pattern *)(void *)(at + list_at),
                                  .pattern_bytes = at + bytes_at,
                                  .slots = (uint32_t *)(void *)(at + slots_at),
                                  .table = (uint16_t *)(void *)(at + table_at),
                                  .row_pattern = (uint32_t *)(void *)(at + rows_at),
                                  .scratch = at + scratch_at,
                                  .variables = at + variables_at,
                                  .sorted = at + sorted_at};
    return 0;
}

/* Walks the variables of a text. */
struct walk {
    const unsigned char *text;
    size_t len;
    size_t offset; /* of the window */
    size_t next;   /* the window behind it */
    uint64_t digits;
    uint64_t edges; /* of words, in what is left of the window */
    size_t begin;   /* of the word that has not ended */
    bool is_inside;
    bool has_digit; /* that word, in earlier windows */
};

/* Bits from `begin` on to before `end`, which is up to 64 and not below it. */
static uint64_t bits_between(size_t begin, size_t end)
{
    uint64_t below = end == 64 ? UINT64_MAX : (UINT64_C(1) << end) - 1;
    return begin == 64 ? 0 : below & UINT64_MAX << begin;
}

static bool word_has_digit(const struct walk *walk, size_t end)
{
    size_t begin = walk->begin < walk->offset ? 0 : walk->begin - walk->offset;
    return walk->has_digit || (walk->digits & bits_between(begin, end)) != 0;
}

static void walk_window(struct walk *walk)
{
    walk->has_digit = walk->is_inside && word_has_digit(walk, WORD_WINDOW_BYTES);
    walk->offset = walk->next;
    struct word_window window = word_window_at(walk->text + walk->offset, walk->len - walk->offset);
    walk->digits = window.digits;
    walk->edges = window.words ^ (window.words << 1 | walk->is_inside);
    walk->next += WORD_WINDOW_BYTES;
}

/* A word that goes to the very end of the last window has no edge there. */
static bool walk_last(struct walk *walk, size_t *begin, size_t *end)
{
    bool is_variable = walk->is_inside && word_has_digit(walk, WORD_WINDOW_BYTES);
    walk->is_inside = false;
    *begin = walk->begin;
    *end = walk->len;
    return is_variable;
}

static bool walk_next(struct walk *walk, size_t *begin, size_t *end)
{
    for (;;) {
        while (walk->edges == 0) {
            if (walk->next >= walk->len) {
                return walk_last(walk, begin, end);
            }
            walk_window(walk);
        }
        size_t edge = (size_t)__builtin_ctzll(walk->edges);
        walk->edges &= walk->edges - 1;
        walk->is_inside = !walk->is_inside;
        if (walk->is_inside) {
            walk->begin = walk->offset + edge;
        } else if (word_has_digit(walk, edge)) {
            walk->has_digit = false;
            *begin = walk->begin;
            *end = walk->offset + edge;
            return true;
        }
    }
}

static void parts_add(struct parts *parts, struct slu_bytes before, struct slu_bytes variable)
{
    memcpy(parts->pattern + parts->pattern_len, before.data, before.len);
    parts->pattern_len += before.len;
    parts->pattern[parts->pattern_len++] = 0;
    memcpy(parts->variables + parts->variables_len, variable.data, variable.len);
    parts->variables_len += variable.len;
    parts->variables[parts->variables_len++] = 0;
    parts->lens[parts->variable_count++] = (uint32_t)variable.len + 1;
}

/* Take a text apart. False if it has too many variables. */
static bool parts_of(struct parts *parts, const unsigned char *text, size_t len)
{
    struct walk walk = {.text = text, .len = len};
    size_t from = 0;
    size_t begin = 0;
    size_t end = 0;
    while (walk_next(&walk, &begin, &end)) {
        if (parts->variable_count == PATTERN_VARIABLES_MAX) {
            return false;
        }
        parts_add(parts, (struct slu_bytes){text + from, begin - from},
                  (struct slu_bytes){text + begin, end - begin});
        from = end;
    }
    memcpy(parts->pattern + parts->pattern_len, text + from, len - from);
    parts->pattern_len += len - from;
    return true;
}

static bool pattern_is(const struct patterns *patterns, size_t index, const struct parts *parts)
{
    const struct pattern *pattern = &patterns->list[index];
    return pattern->len == parts->pattern_len &&
           memcmp(patterns->pattern_bytes + pattern->begin, parts->pattern, pattern->len) == 0;
}

static bool pattern_fits(const struct patterns *patterns, const struct parts *parts)
{
    return patterns->count < PATTERNS_MAX &&
           parts->pattern_len <= PATTERN_BYTES_MAX - patterns->pattern_len &&
           parts->variable_count <= PATTERN_SLOTS_MAX - patterns->slot_count;
}

static void pattern_add(struct patterns *patterns, const struct parts *parts)
{
    patterns->list[patterns->count++] =
        (struct pattern){.begin = (uint32_t)patterns->pattern_len,
                         .len = (uint32_t)parts->pattern_len,
                         .first_slot = (uint32_t)patterns->slot_count,
                         .slot_count = (uint32_t)parts->variable_count};
    memcpy(patterns->pattern_bytes + patterns->pattern_len, parts->pattern, parts->pattern_len);
    patterns->pattern_len += parts->pattern_len;
    patterns->slot_count += parts->variable_count;
}

/* The pattern's index, or RARE if there is no room for it. */
static uint32_t pattern_index(struct patterns *patterns, const struct parts *parts)
{
    uint64_t hash = hash_bytes((struct slu_bytes){parts->pattern, parts->pattern_len}, 0);
    for (size_t probe = 0; probe < PROBE_MAX; probe++) {
        uint16_t *slot = &patterns->table[(hash + probe) % TABLE_SLOTS];
        if (*slot != 0 && pattern_is(patterns, *slot - 1u, parts)) {
            return *slot - 1u;
        }
        if (*slot == 0) {
            if (!pattern_fits(patterns, parts)) {
                return RARE;
            }
            pattern_add(patterns, parts);
            *slot = (uint16_t)patterns->count;
            return *slot - 1u;
        }
    }
    return RARE;
}

static void texts_take_apart(struct patterns *patterns, const unsigned char *texts,
                             const uint32_t *ends, size_t count)
{
    struct parts parts = {.pattern = patterns->scratch, .variables = patterns->variables};
    uint32_t begin = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t len = ends[i] - begin;
        parts.pattern_len = 0;
        parts.variables_len = 0;
        parts.variable_count = 0;
        uint32_t index = RARE;
        if (parts_of(&parts, texts + begin, len)) {
            index = pattern_index(patterns, &parts);
        }
        patterns->row_pattern[i] = index;
        begin = ends[i];
        if (index == RARE) {
            patterns->rare_bytes += len + 1;
            continue;
        }
        struct pattern *pattern = &patterns->list[index];
        pattern->row_count++;
        pattern->text_bytes += len + 1;
        for (size_t k = 0; k < parts.variable_count; k++) {
            patterns->slots[pattern->first_slot + k] += parts.lens[k];
        }
        parts.variables += parts.variables_len;
    }
}

/* Number those that are kept; there are never more slots than rows, the one of rare texts too. */
static size_t patterns_choose(struct patterns *patterns, size_t row_count, size_t *slot_count)
{
    uint32_t kept = 0;
    *slot_count = 1;
    for (size_t i = 0; i < patterns->count; i++) {
        struct pattern *pattern = &patterns->list[i];
        if (pattern->row_count < PATTERN_ROWS_MIN ||
            pattern->slot_count > row_count - *slot_count) {
            patterns->rare_bytes += pattern->text_bytes;
            continue;
        }
        pattern->number = ++kept;
        *slot_count += pattern->slot_count;
    }
    return kept;
}

/* Where the variables of each place begin; returns the bytes of all. */
static size_t slots_place(struct patterns *patterns)
{
    uint32_t at = patterns->rare_bytes;
    for (size_t i = 0; i < patterns->count; i++) {
        const struct pattern *pattern = &patterns->list[i];
        for (size_t k = 0; k < pattern->slot_count && pattern->number != 0; k++) {
            uint32_t len = patterns->slots[pattern->first_slot + k];
            patterns->slots[pattern->first_slot + k] = at;
            at += len;
        }
    }
    return at;
}

static void variables_sort(struct patterns *patterns, const unsigned char *texts,
                           const uint32_t *ends, size_t count)
{
    const unsigned char *variable = patterns->variables;
    unsigned char *rare = patterns->sorted;
    uint32_t begin = 0;
    for (size_t i = 0; i < count; begin = ends[i], i++) {
        uint32_t index = patterns->row_pattern[i];
        struct pattern *pattern = index == RARE ? NULL : &patterns->list[index];
        bool is_kept = pattern != NULL && pattern->number != 0;
        if (!is_kept) {
            memcpy(rare, texts + begin, ends[i] - begin);
            rare += ends[i] - begin;
            *rare++ = 0;
        }
        for (size_t k = 0; pattern != NULL && k < pattern->slot_count; k++) {
            size_t len = strlen((const char *)variable) + 1;
            if (is_kept) {
                uint32_t *at = &patterns->slots[pattern->first_slot + k];
                memcpy(patterns->sorted + *at, variable, len);
                *at += (uint32_t)len;
            }
            variable += len;
        }
    }
}

static int pack_sizes(struct column_packer *packer, size_t kept, size_t pattern_bytes,
                      size_t variable_bytes)
{
    unsigned char sizes[12];
    put_32(sizes, (uint32_t)kept);
    put_32(sizes + 4, (uint32_t)pattern_bytes);
    put_32(sizes + 8, (uint32_t)variable_bytes);
    return pack_bytes(packer, sizes, sizeof(sizes));
}

/* The patterns that are kept, moved together. */
static int pack_kept(struct column_packer *packer, struct patterns *patterns, size_t kept,
                     size_t variable_bytes)
{
    size_t len = 0;
    size_t number = 0;
    for (size_t i = 0; i < patterns->count; i++) {
        const struct pattern *pattern = &patterns->list[i];
        if (pattern->number != 0) {
            memmove(patterns->pattern_bytes + len, patterns->pattern_bytes + pattern->begin,
                    pattern->len);
            packer->numbers[number++] = pattern->len;
            len += pattern->len;
        }
    }
    int err = pack_sizes(packer, kept, len, variable_bytes);
    err = err == 0 ? pack_numbers(packer, kept) : err;
    return err == 0 ? pack_piece(packer, (struct slu_bytes){patterns->pattern_bytes, len}) : err;
}

/* Of each place, the rare texts first; where its variables end is where the next one's begin. */
static int pack_slots(struct column_packer *packer, const struct patterns *patterns)
{
    size_t number = 0;
    uint32_t begin = patterns->rare_bytes;
    packer->numbers[number++] = begin;
    for (size_t i = 0; i < patterns->count; i++) {
        const struct pattern *pattern = &patterns->list[i];
        for (size_t k = 0; k < pattern->slot_count && pattern->number != 0; k++) {
            uint32_t end = patterns->slots[pattern->first_slot + k];
            packer->numbers[number++] = end - begin;
            begin = end;
        }
    }
    return pack_numbers(packer, number);
}

static int pack_rows(struct column_packer *packer, const struct patterns *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t index = patterns->row_pattern[i];
        packer->numbers[i] = index == RARE ? 0 : patterns->list[index].number;
    }
    return pack_numbers(packer, count);
}

int pack_patterns(struct column_packer *packer, const unsigned char *texts, const uint32_t *ends,
                  size_t count)
{
    struct patterns patterns;
    int err = patterns_init(&patterns, packer->budget, ends, count);
    if (err != 0) {
        return err;
    }
    texts_take_apart(&patterns, texts, ends, count);
    size_t slot_count = 0;
    size_t kept = patterns_choose(&patterns, count, &slot_count);
    size_t variable_bytes = slots_place(&patterns);
    variables_sort(&patterns, texts, ends, count);
    err = pack_kept(packer, &patterns, kept, variable_bytes);
    err = err == 0 ? pack_slots(packer, &patterns) : err;
    err = err == 0 ? pack_rows(packer, &patterns, count) : err;
    err = err == 0 ? pack_piece(packer, (struct slu_bytes){patterns.sorted, variable_bytes}) : err;
    slu_budget_free(packer->budget, patterns.memory, patterns.memory_bytes);
    return err;
}
