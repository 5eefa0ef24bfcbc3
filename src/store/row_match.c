#include "store/row_match.h"

#include <string.h>

#include "base/bytes.h"
#include "store/token_filter.h"
#include "store/token_hash.h"

#define WORD_BITS 64

void row_match_init(struct row_match *match, const struct store_row_query *query)
{
    *match = (struct row_match){.query = query};
    if (query->needle.len > 0) {
        match->word_count = token_needle_hashes(query->needle, match->words, ROW_NEEDLE_WORDS - 1);
    }
    if (query->word.len > 0) {
        match->words[match->word_count++] = token_hash(query->word);
    }
}

uint32_t row_match_columns(const struct row_match *match)
{
    uint32_t columns = 1U << ROW_TIME;
    if (match->query->needle.len > 0 || match->query->word.len > 0) {
        columns |= 1U << ROW_TEXT;
    }
    if (match->query->key.len > 0) {
        columns |= 1U << ROW_KEY;
    }
    return columns;
}

/* Whether the word stands in the text with nothing of a word on either side. */
static bool text_has_word(struct slu_bytes text, struct slu_bytes word)
{
    const unsigned char *begin = text.data;
    size_t at = 0;
    while (word.len <= text.len - at) {
        const unsigned char *found = memmem(begin + at, text.len - at, word.data, word.len);
        if (found == NULL) {
            return false;
        }
        size_t first = (size_t)(found - begin);
        size_t end = first + word.len;
        if ((first == 0 || !token_has_byte(begin[first - 1])) &&
            (end == text.len || !token_has_byte(begin[end]))) {
            return true;
        }
        at = first + 1;
    }
    return false;
}

static bool text_has(struct slu_bytes text, struct slu_bytes needle)
{
    return needle.len == 0 ||
           (needle.len <= text.len && memmem(text.data, text.len, needle.data, needle.len) != NULL);
}

bool row_match_takes(const struct row_match *match, const struct row *row)
{
    const struct store_row_query *query = match->query;
    return row->time_ns >= query->query.from_ns && row->time_ns <= query->query.to_ns &&
           (query->key.len == 0 || bytes_equal(query->key, row->key)) &&
           text_has(row->text, query->needle) &&
           (query->word.len == 0 || text_has_word(row->text, query->word));
}

uint32_t row_match_mark(const struct row_match *match, const struct row_block *block,
                        uint64_t *bits)
{
    const struct store_row_query *query = match->query;
    struct slu_bytes searched = query->needle.len > 0 ? query->needle : query->word;
    uint32_t count = 0;
    memset(bits, 0, (block->row_count / WORD_BITS + 1) * sizeof(uint64_t));
    for (uint32_t i = 0; i < block->row_count; i++) {
        if (searched.len > 0) {
            i = row_block_find(block, searched, i);
            if (i == block->row_count) {
                break;
            }
        }
        struct row row = row_block_row(block, i);
        if (row_match_takes(match, &row)) {
            bits[i / WORD_BITS] |= UINT64_C(1) << (i % WORD_BITS);
            count++;
        }
    }
    return count;
}
