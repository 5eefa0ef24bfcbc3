/*
 * A key's block comes from the high half of its hash; its bits in the block, nine bits of choice
 * each, from two words that are mixed out of the whole hash.
 */
#include <sluice/bloom.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/diag.h"
#include "base/golden.h"
#include "base/hash.h"

#define BLOCK_BITS     512
#define BLOCK_WORDS    (BLOCK_BITS / 64)
#define CHOICE_BITS    9 /* to choose one of BLOCK_BITS */
#define KEY_BITS_MAX   14
#define CHOICES_A_WORD 7

struct slu_bloom {
    uint64_t block_count;
    uint64_t seed;
    uint64_t added_count;
    uint64_t capacity;
    double positive_rate;
    struct slu_budget *budget;
    uint32_t key_bits;
    uint32_t reserved[3];
    _Alignas(64) uint64_t words[];
};

GOLDEN_LAYOUT(struct slu_bloom, 64, 0, 0, block_count, seed, added_count, capacity, positive_rate,
              budget, key_bits, reserved);

/*
 * The rate of false positives with `load` keys a block on the average: the blocks' loads are
 * Poisson distributed, and a block with i keys answers yes by chance with
 * (1 - (1 - 1/512)^(k i))^k.
 */
static double blocked_rate(double load, uint32_t key_bits)
{
    double stays_clear = log1p(-1.0 / BLOCK_BITS) * key_bits;
    double spread = 12 * sqrt(load) + 20;
    double rate = 0;
    for (double i = load > spread ? floor(load - spread) : 0; i < load + spread; i++) {
        double weight = exp(i * log(load) - load - lgamma(i + 1));
        rate += weight * pow(-expm1(stays_clear * i), key_bits);
    }
    return rate;
}

static uint32_t best_key_bits(double load, double *rate)
{
    uint32_t best = 1;
    *rate = blocked_rate(load, 1);
    for (uint32_t key_bits = 2; key_bits <= KEY_BITS_MAX; key_bits++) {
        double tried = blocked_rate(load, key_bits);
        if (tried < *rate) {
            *rate = tried;
            best = key_bits;
        }
    }
    return best;
}

/* The most keys a block for which the rate holds, by bisection, and the bits of a key for them. */
static double load_for(double positive_rate, uint32_t *key_bits)
{
    double fits = 0.25;
    double fails = 4 * BLOCK_BITS;
    for (int step = 0; step < 40; step++) {
        double middle = (fits + fails) / 2;
        double rate = 0;
        best_key_bits(middle, &rate);
        if (rate <= positive_rate) {
            fits = middle;
        } else {
            fails = middle;
        }
    }
    double rate = 0;
    *key_bits = best_key_bits(fits, &rate);
    return fits;
}

static size_t bloom_bytes(uint64_t block_count)
{
    return sizeof(struct slu_bloom) + block_count * (BLOCK_BITS / 8);
}

static int options_check(const struct slu_bloom_options *options, struct slu_diag *diag)
{
    if (options->capacity == 0 || options->capacity > SLU_BLOOM_CAPACITY_MAX) {
        return diag_fail(diag, -EINVAL, "capacity is %" PRIu64 "; it must be 1 to %" PRIu64,
                         options->capacity, SLU_BLOOM_CAPACITY_MAX);
    }
    if (!(options->positive_rate >= SLU_BLOOM_RATE_MIN &&
          options->positive_rate <= SLU_BLOOM_RATE_MAX)) {
        return diag_fail(diag, -EINVAL, "positive_rate is %g; it must be %g to %g",
                         options->positive_rate, SLU_BLOOM_RATE_MIN, SLU_BLOOM_RATE_MAX);
    }
    return 0;
}

int slu_bloom_create(struct slu_budget *budget, const struct slu_bloom_options *options,
                     struct slu_diag *diag, struct slu_bloom **out)
{
    int err = options_check(options, diag);
    if (err != 0) {
        return err;
    }
    uint32_t key_bits = 0;
    double load = load_for(options->positive_rate, &key_bits);
    uint64_t block_count = (uint64_t)ceil((double)options->capacity / load);
    void *block = NULL;
    err = slu_budget_alloc(budget, bloom_bytes(block_count), &block);
    if (err != 0) {
        return diag_fail(diag, err,
                         "the filter needs %zu bytes; the budget '%s' does not hold them",
                         bloom_bytes(block_count), slu_budget_name(budget));
    }
    struct slu_bloom *bloom = block;
    bloom->block_count = block_count;
    bloom->seed = options->seed;
    bloom->capacity = options->capacity;
    bloom->positive_rate = options->positive_rate;
    bloom->budget = budget;
    bloom->key_bits = key_bits;
    *out = bloom;
    return 0;
}

void slu_bloom_destroy(struct slu_bloom **bloom)
{
    if (bloom == NULL || *bloom == NULL) {
        return;
    }
    slu_budget_free((*bloom)->budget, *bloom, bloom_bytes((*bloom)->block_count));
    *bloom = NULL;
}

/* The place of a key: its block, and where its bits are chosen from. */
struct probe {
    size_t first_word;
    uint64_t choices[2];
};

static struct probe probe_of(const struct slu_bloom *bloom, uint64_t hash)
{
    __extension__ typedef unsigned __int128 wide;
    uint64_t block = (uint64_t)(((wide)hash * bloom->block_count) >> 64);
    /* Odd constants of the golden ratio and of the square root of 3; the high bits are mixed. */
    uint64_t first = (hash ^ (hash >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t second = (first ^ (first >> 29)) * UINT64_C(0xbb67ae8584caa73b);
    return (struct probe){block * BLOCK_WORDS, {first >> 1, second >> 1}};
}

static uint64_t probe_take(uint64_t *choices, uint64_t *bit)
{
    uint64_t place = *choices % BLOCK_BITS;
    *choices >>= CHOICE_BITS;
    *bit = UINT64_C(1) << (place % 64);
    return place / 64;
}

uint64_t slu_bloom_hash(const struct slu_bloom *bloom, struct slu_bytes key)
{
    return hash_bytes(key, bloom->seed);
}

bool slu_bloom_add_hash(struct slu_bloom *bloom, uint64_t hash)
{
    struct probe probe = probe_of(bloom, hash);
    uint64_t *words = bloom->words + probe.first_word;
    bool absent = false;
    for (uint32_t i = 0; i < bloom->key_bits; i++) {
        uint64_t bit = 0;
        uint64_t word = probe_take(&probe.choices[i / CHOICES_A_WORD], &bit);
        absent |= (words[word] & bit) == 0;
        words[word] |= bit;
    }
    bloom->added_count += absent;
    return absent;
}

bool slu_bloom_may_contain_hash(const struct slu_bloom *bloom, uint64_t hash)
{
    struct probe probe = probe_of(bloom, hash);
    const uint64_t *words = bloom->words + probe.first_word;
    for (uint32_t i = 0; i < bloom->key_bits; i++) {
        uint64_t bit = 0;
        uint64_t word = probe_take(&probe.choices[i / CHOICES_A_WORD], &bit);
        if ((words[word] & bit) == 0) {
            return false;
        }
    }
    return true;
}

bool slu_bloom_add(struct slu_bloom *bloom, struct slu_bytes key)
{
    return slu_bloom_add_hash(bloom, slu_bloom_hash(bloom, key));
}

bool slu_bloom_may_contain(const struct slu_bloom *bloom, struct slu_bytes key)
{
    return slu_bloom_may_contain_hash(bloom, slu_bloom_hash(bloom, key));
}

void slu_bloom_clear(struct slu_bloom *bloom)
{
    memset(bloom->words, 0, bloom->block_count * (BLOCK_BITS / 8));
    bloom->added_count = 0;
}

int slu_bloom_unite(struct slu_bloom *into, const struct slu_bloom *from)
{
    bool same_rate = memcmp(&into->positive_rate, &from->positive_rate, sizeof(double)) == 0;
    if (into->capacity != from->capacity || into->seed != from->seed || !same_rate) {
        return -EINVAL;
    }
    for (uint64_t i = 0; i < into->block_count * BLOCK_WORDS; i++) {
        into->words[i] |= from->words[i];
    }
    into->added_count += from->added_count;
    return 0;
}

double slu_bloom_positive_rate(const struct slu_bloom *bloom)
{
    double sum = 0;
    for (uint64_t block = 0; block < bloom->block_count; block++) {
        const uint64_t *words = bloom->words + block * BLOCK_WORDS;
        int set = 0;
        for (size_t i = 0; i < BLOCK_WORDS; i++) {
            set += __builtin_popcountll(words[i]);
        }
        sum += pow((double)set / BLOCK_BITS, bloom->key_bits);
    }
    return sum / (double)bloom->block_count;
}

void slu_bloom_stats(const struct slu_bloom *bloom, struct slu_bloom_stats *out)
{
    *out = (struct slu_bloom_stats){
        .size_bytes = bloom->block_count * (BLOCK_BITS / 8),
        .added_count = bloom->added_count,
        .bits_of_key = bloom->key_bits,
    };
}
