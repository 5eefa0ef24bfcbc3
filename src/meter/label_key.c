#include "meter/label_key.h"

#include <string.h>

#include "base/hash.h"

void key_append_slowly(struct label_key *key, uint32_t position,
                       const struct slu_label_rules *rules, enum slu_label_form form,
                       struct slu_bytes raw, uint32_t value_bytes_max)
{
    char *bytes = (char *)(key->words + key->word_count + 1);
    size_t len = slu_label_normalise(rules, form, raw, bytes, value_bytes_max);
    if (len > 0) {
        memset(bytes + len, 0, KEY_WORD_BYTES); /* one word too many at times: there is room */
        key_take(key, position, (uint32_t)len);
    }
}

void key_end(struct label_key *key, uint64_t seed)
{
    struct slu_bytes bytes = {key->words, key->word_count * KEY_WORD_BYTES};
    key->hash = hash_bytes(bytes, seed);
}
