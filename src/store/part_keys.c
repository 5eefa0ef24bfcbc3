#include "store/part_keys.h"

#include <errno.h>
#include <stdbool.h>

#include "store/little_endian.h"
#include "store/token_filter.h"

#define PAGE_ROW_BYTES ((size_t)24) /* of the directory: a page's first hash, its piece */
#define NUMBERS_FIRST  ((size_t)64)

static int filter_ask(const struct part *part, uint64_t hash, bool *may_have)
{
    unsigned char line[TOKEN_FILTER_LINE_BYTES];
    const struct piece *filter = &part->facts.key_filter;
    if (filter->plain_bytes == 0) {
        *may_have = true;
        return 0;
    }
    int err = section_peek(&part->section, filter, token_filter_line(filter->plain_bytes, hash),
                           line, sizeof(line));
    if (err == 0) {
        *may_have = token_line_has(line, hash);
    }
    return err;
}

/* The first of `count` rows whose hash is not below. */
static size_t row_find(const unsigned char *rows, size_t row_bytes, size_t count, uint64_t hash)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (get_64(rows + middle * row_bytes) < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Take the page's blocks. `goes_on`: the next page may have more */
static int page_take(const struct part *part, const struct piece *piece, uint64_t hash,
                     struct slu_budget *budget, struct block *out, bool *goes_on)
{
    struct block page = {0};
    int err = section_read(&part->section, piece, budget, &page);
    if (err != 0) {
        return err;
    }
    const unsigned char *rows = page.data;
    size_t count = page.len / PART_KEY_BYTES;
    size_t at = row_find(rows, PART_KEY_BYTES, count, hash);
    for (; err == 0 && at < count && get_64(rows + at * PART_KEY_BYTES) == hash; at++) {
        uint32_t number = get_32(rows + at * PART_KEY_BYTES + 8);
        err = block_append(budget, out, &number, sizeof(number));
    }
    *goes_on = at == count;
    block_free(budget, &page);
    return err;
}

int part_keys_find(const struct part *part, uint64_t hash, struct slu_budget *budget,
                   struct block *out)
{
    struct block directory = {0};
    bool goes_on = false;
    int err = block_begin(budget, NUMBERS_FIRST, out);
    if (err != 0 || part->facts.keys.plain_bytes == 0) {
        return err;
    }
    err = filter_ask(part, hash, &goes_on);
    if (err != 0 || !goes_on) {
        return err;
    }
    err = section_read(&part->section, &part->facts.keys, budget, &directory);
    if (err != 0) {
        return err;
    }
    const unsigned char *rows = directory.data;
    size_t count = directory.len / PAGE_ROW_BYTES;
    size_t at = row_find(rows, PAGE_ROW_BYTES, count, hash);
    at -= at > 0; /* the page before may end with it */
    for (; err == 0 && goes_on && at < count; at++) {
        struct piece piece;
        piece_decode(rows + at * PAGE_ROW_BYTES + 8, &piece);
        err = page_take(part, &piece, hash, budget, out, &goes_on);
    }
    block_free(budget, &directory);
    return err;
}
