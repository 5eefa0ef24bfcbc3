#include "store/label_census.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/labels.h"
#include "store/shelf.h"

#define NAMES_MAX    LABELS_COUNT_MAX
#define SAMPLE_MAX   2048
#define BITMAP_BITS  1024 /* values of a name are counted by the bits that their hashes set */
#define WORD_BITS    64
#define NAME_CUT_LEN 64

struct name_count {
    struct slu_bytes name;
    uint64_t bitmap[BITMAP_BITS / WORD_BITS];
    uint32_t values; /* bits that are set */
};

struct census {
    struct name_count names[NAMES_MAX];
    size_t name_count;
    uint32_t looked_at;
};

static void label_count(struct census *census, const struct label *label)
{
    size_t at = 0;
    while (at < census->name_count && !bytes_equal(census->names[at].name, label->name)) {
        at++;
    }
    if (at == NAMES_MAX) {
        return;
    }
    if (at == census->name_count) {
        census->names[census->name_count++] = (struct name_count){.name = label->name};
    }
    uint64_t bit = hash_bytes(label->value, 0) % BITMAP_BITS;
    uint64_t *word = &census->names[at].bitmap[bit / WORD_BITS];
    uint64_t mask = UINT64_C(1) << (bit % WORD_BITS);
    census->names[at].values += (*word & mask) == 0;
    *word |= mask;
}

static void stream_count(struct census *census, struct slu_bytes labels)
{
    struct label label;
    while (labels_next(&labels, &label)) {
        label_count(census, &label);
    }
    census->looked_at++;
}

void label_census_say(struct shelf *shelf, char *text, size_t size_bytes)
{
    static const size_t suffix[] = {SAMPLE_KEY_KIND_BYTES, 0};
    struct census census = {.name_count = 0};
    bool has_samples = shelf_has_samples(shelf);
    const struct stream_table *table =
        has_samples ? &shelf->head.samples.table : &shelf->head.rows.table;
    uint32_t step = table->slot_count / SAMPLE_MAX + 1;
    for (uint32_t i = 0; i < table->slot_count; i += step) {
        if (stream_table_has(table, i)) {
            struct slu_bytes key = stream_table_key(table, i);
            key.len -= suffix[has_samples ? 0 : 1];
            stream_count(&census, key);
        }
    }
    const struct name_count *most = NULL;
    for (size_t i = 0; i < census.name_count; i++) {
        if (most == NULL || census.names[i].values > most->values) {
            most = &census.names[i];
        }
    }
    int name_len = most == NULL                    ? 0
                   : most->name.len < NAME_CUT_LEN ? (int)most->name.len
                                                   : NAME_CUT_LEN;
    (void)snprintf(text, size_bytes,
                   "%s: all of %u %s are open; the label \"%.*s\" has the most values, at "
                   "least %u in a sample of %u: drop it, or raise the limit",
                   store_signal_name(shelf->options.signal), table->stream_max,
                   has_samples ? "series" : "streams", name_len,
                   most == NULL ? "" : (const char *)most->name.data,
                   most == NULL ? 0 : most->values, census.looked_at);
}
