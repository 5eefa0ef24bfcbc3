#include "meter/label_key.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

#define EACH_BYTE(n) (UINT64_C(0x0101010101010101) * (n))

/* The 1 to 7 bytes at `from`, filled up with zeros. */
static uint64_t tail_load(const char *from, size_t len)
{
    if (len >= 4) {
        uint32_t low = 0;
        uint32_t high = 0;
        memcpy(&low, from, 4);
        memcpy(&high, from + len - 4, 4);
        return low | (uint64_t)high << (8 * (len - 4));
    }
    uint64_t word = (uint8_t)from[0];
    word |= (uint64_t)(uint8_t)from[len / 2] << (8 * (len / 2));
    return word | (uint64_t)(uint8_t)from[len - 1] << (8 * (len - 1));
}

static bool has_zero_byte(uint64_t word)
{
    return ((word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80)) != 0;
}

/* Copy text in words, the last one filled up. False if it is not ASCII or has a zero byte. */
static bool ascii_copy(uint64_t *words, const char *from, size_t len)
{
    uint64_t high = 0;
    bool zero = false;
    size_t at = 0;
    for (; at + KEY_WORD_BYTES <= len; at += KEY_WORD_BYTES) {
        uint64_t word = 0;
        memcpy(&word, from + at, KEY_WORD_BYTES);
        high |= word;
        zero |= has_zero_byte(word);
        *words++ = word;
    }
    if (at < len) {
        uint64_t word = tail_load(from + at, len - at);
        high |= word;
        zero |= has_zero_byte(word | EACH_BYTE(1) << (8 * (len - at)));
        *words = word;
    }
    return (high & EACH_BYTE(0x80)) == 0 && !zero;
}

void key_append(struct label_key *key, uint32_t position, const struct slu_label_rules *rules,
                enum slu_label_form form, struct slu_bytes raw, uint32_t value_bytes_max)
{
    SLU_ASSERT(key->word_count + 1 + key_words_of(value_bytes_max) <= KEY_WORDS_MAX);
    if (raw.len == 0) {
        return;
    }
    uint64_t *words = key->words + key->word_count + 1;
    size_t len = raw.len;
    if (form != SLU_LABEL_TEXT || len > value_bytes_max || !ascii_copy(words, raw.data, len)) {
        char *bytes = (char *)words;
        len = slu_label_normalise(rules, form, raw, bytes, value_bytes_max);
        if (len == 0) {
            return;
        }
        memset(bytes + len, 0, key_words_of((uint32_t)len) * KEY_WORD_BYTES - len);
    }
    words[-1] = (uint64_t)position << 32 | len;
    key->present |= UINT32_C(1) << position;
    key->word_count += 1 + key_words_of((uint32_t)len);
}

void key_end(struct label_key *key, uint64_t seed)
{
    struct slu_bytes bytes = {key->words, key->word_count * KEY_WORD_BYTES};
    key->hash = hash_bytes(bytes, seed);
}
