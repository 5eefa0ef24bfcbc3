/* A label set in the form in which it is hashed, compared and kept. */
#ifndef METER_LABEL_KEY_H
#define METER_LABEL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/label.h>

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
    uint64_t words[KEY_WORDS_MAX];
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

/*
 * Normalise `raw` and append it. Positions ascend; what key_bytes_of allows fits.
 */
void key_append(struct label_key *key, uint32_t position, const struct slu_label_rules *rules,
                enum slu_label_form form, struct slu_bytes raw, uint32_t value_bytes_max);

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
