/*
 * Property: a filter never denies a key that was added since it was cleared, whatever the keys,
 * also through unions; a key that changes nothing was reported as possibly there.
 *
 * Input: the capacity and the rate in two bytes, then operations: one byte that says what and how
 * long the key is, and the key.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/bloom.h>

#include "base/assert.h"

#define KEYS_MAX      512
#define KEY_BYTES_MAX 31

struct run {
    struct slu_bloom *bloom;
    struct slu_bloom *other;
    struct slu_bytes keys[KEYS_MAX]; /* in the input itself */
    size_t key_count;
};

static void key_add(struct run *run, struct slu_bloom *bloom, struct slu_bytes key)
{
    bool might = slu_bloom_may_contain(bloom, key);
    bool changed = slu_bloom_add_hash(bloom, slu_bloom_hash(bloom, key));
    SLU_ASSERT(changed != might);
    if (run->key_count < KEYS_MAX) {
        run->keys[run->key_count++] = key;
    }
}

static void operate(struct run *run, uint8_t what, struct slu_bytes key)
{
    switch (what >> 5) {
    case 0:
        slu_bloom_clear(run->bloom);
        slu_bloom_clear(run->other);
        run->key_count = 0;
        break;
    case 1:
        key_add(run, run->other, key);
        break;
    default:
        key_add(run, run->bloom, key);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct run run = {0};
    struct slu_budget *root = NULL;
    struct slu_bloom_options options = {.capacity = data[0] + UINT64_C(1),
                                        .rate = 0.5 / (1 << data[1] % 18)};
    int err = slu_budget_create(NULL, "fuzz", 1 << 20, &root);
    SLU_ASSERT(err == 0);
    err = slu_bloom_create(root, &options, NULL, &run.bloom);
    SLU_ASSERT(err == 0);
    err = slu_bloom_create(root, &options, NULL, &run.other);
    SLU_ASSERT(err == 0);
    for (size_t at = 2; at < size;) {
        uint8_t what = data[at++];
        size_t len = what & KEY_BYTES_MAX;
        len = len < size - at ? len : size - at;
        operate(&run, what, (struct slu_bytes){data + at, len});
        at += len;
    }
    err = slu_bloom_unite(run.bloom, run.other);
    SLU_ASSERT(err == 0);
    for (size_t i = 0; i < run.key_count; i++) {
        SLU_ASSERT(slu_bloom_may_contain(run.bloom, run.keys[i]));
    }
    (void)slu_bloom_count_estimate(run.bloom); /* any number, but no trap */
    slu_bloom_destroy(&run.bloom);
    slu_bloom_destroy(&run.other);
    slu_budget_destroy(&root);
    return 0;
}
