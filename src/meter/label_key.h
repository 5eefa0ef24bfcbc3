/* A label set in the form in which it is hashed, compared and kept. */
#ifndef METER_LABEL_KEY_H
#define METER_LABEL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/label.h>

#include "base/assert.h"

#define KEY_WORD_BYTES 8
#define KEY_BYTES_MAX  4096
#define KEY_WORDS_MAX  (KEY_BYTES_MAX / KEY_WORD_BYTES)
#define KEY_VALUES_MAX 16

/*
 * The values that are not empty, in the order of their positions: a word with position and length,
 * then the bytes, filled up with zeros. A label set without some label is the one in which it is
 * empty, as in Prometheus. Meant for the stack; `words` is not initialised.
 */
struct label_key {
    uint64_t hash;
    uint32_t present; /* a bit for each position */
    uint32_t word_count;
    uint64_t words[KEY_WORDS_MAX + 1]; /* the last one is never part of it */
};

/* One value of a key. */
struct key_value {
    const uint64_t *words;
    uint32_t position;
    uint32_t len;
};

static inline uint32_t key_words_of(uint32_t len)
{
    return (len + KEY_WORD_BYTES - 1) / KEY_WORD_BYTES;
}

/* What a key of `label_count` values of `value_bytes_max` needs, for checking options. */
static inline uint64_t key_bytes_of(uint32_t label_count, uint32_t value_bytes_max)
{
    return (uint64_t)label_count * (1 + key_words_of(value_bytes_max)) * KEY_WORD_BYTES;
}

static inline void key_begin(struct label_key *key)
{
    key->present = 0;
    key->word_count = 0;
}

/* The value of `len` bytes that was written behind the key belongs to it. */
static inline void key_take(struct label_key *key, uint32_t position, uint32_t len)
{
    key->words[key->word_count] = (uint64_t)position << 32 | len;
    key->present |= UINT32_C(1) << position;
    key->word_count += 1 + key_words_of(len);
}

#define KEY_EACH_BYTE(n) (UINT64_C(0x0101010101010101) * (n))

static inline uint64_t word_load(const char *from)
{
    uint64_t word = 0;
    memcpy(&word, from, sizeof(word));
    return word;
}

/* The 1 to 7 bytes at `from`, filled up with zeros. */
static inline uint64_t short_load(const char *from, size_t len)
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

/* Has its highest bit set in some byte if that is not ASCII, or zero. */
static inline uint64_t word_oddities(uint64_t word)
{
    return (word - KEY_EACH_BYTE(1)) | word;
}

/*
 * Copy text, above 0 bytes, in words of which the last is filled up.
 *
 * Returns  false if it is not ASCII or has a zero byte
 */
static inline bool ascii_copy(uint64_t *words, const char *from, size_t len)
{
    uint64_t odd = 0;
    if (len < KEY_WORD_BYTES) {
        *words = short_load(from, len);
        odd = word_oddities(*words | KEY_EACH_BYTE(1) << (8 * len));
        return (odd & KEY_EACH_BYTE(0x80)) == 0;
    }
    const char *last = from + len - KEY_WORD_BYTES;
    for (; from <= last; from += KEY_WORD_BYTES) {
        *words = word_load(from);
        odd |= word_oddities(*words);
        words++;
    }
    size_t seen = (size_t)(from - last); /* bytes of the last word that are copied, 1 to 8 */
    if (seen < KEY_WORD_BYTES) {
        uint64_t word = word_load(last);
        odd |= word_oddities(word);
        *words = word >> (8 * seen);
    }
    return (odd & KEY_EACH_BYTE(0x80)) == 0;
}

/* Normalise `raw`, and append it if anything remains. */
void key_append_slowly(struct label_key *key, uint32_t position,
                       const struct slu_label_rules *rules, enum slu_label_form form,
                       struct slu_bytes raw, uint32_t value_bytes_max);

/*
 * Normalise `raw` and append it. Positions ascend; what key_bytes_of allows fits.
 *
 * Inline for the most frequent value: text that is as it should be.
 */
static inline void key_append(struct label_key *key, uint32_t position,
                              const struct slu_label_rules *rules, enum slu_label_form form,
                              struct slu_bytes raw, uint32_t value_bytes_max)
{
    SLU_DEBUG_ASSERT(key->word_count + 1 + key_words_of(value_bytes_max) <= KEY_WORDS_MAX);
    if (raw.len == 0) {
        return;
    }
    if (form == SLU_LABEL_TEXT && raw.len <= value_bytes_max &&
        ascii_copy(key->words + key->word_count + 1, raw.data, raw.len)) {
        key_take(key, position, (uint32_t)raw.len);
        return;
    }
    key_append_slowly(key, position, rules, form, raw, value_bytes_max);
}

/* Hash the key; another function for each seed. */
void key_end(struct label_key *key, uint64_t seed);

/* The value whose words begin at `*at`, which is moved behind it; false after the last. */
static inline bool key_next(const struct label_key *key, uint32_t *at, struct key_value *value)
{
    if (*at == key->word_count) {
        return false;
    }
    uint64_t head = key->words[*at];
    value->words = key->words + *at + 1;
    value->position = (uint32_t)(head >> 32);
    value->len = (uint32_t)head;
    *at += 1 + key_words_of(value->len);
    return true;
}

#endif
