/*
 * A line is 8 words of 64 bits. A key's hash chooses the line by its upper bits, and in each word
 * one bit, or two for rates so low that one is the larger filter.
 */
#include "base/bloom.h"

#include <errno.h>
#include <math.h>

#include "base/diag.h"
#include "base/hash.h"

#define WORD_BITS_LOG2 6
#define LINE_BITS      (BLOOM_LINE_WORDS * 64)

/* Odd constants without structure: the golden ratio and the square root of 3 in 64 bits. */
#define FIRST_FACTOR  UINT64_C(0x9e3779b97f4a7c15)
#define SECOND_FACTOR UINT64_C(0xbb67ae8584caa73b)

__extension__ typedef unsigned __int128 wide;

int bloom_options_check(const struct slu_bloom_options *options, struct slu_diag *diag)
{
    if (options->capacity == 0 || options->capacity > SLU_BLOOM_CAPACITY_MAX) {
        return diag_fail(diag, -EINVAL, "capacity is %llu; it must be 1 to %llu",
                         (unsigned long long)options->capacity,
                         (unsigned long long)SLU_BLOOM_CAPACITY_MAX);
    }
    /* Written so that NaN is refused. */
    if (!(options->rate >= SLU_BLOOM_RATE_MIN && options->rate <= SLU_BLOOM_RATE_MAX)) {
        return diag_fail(diag, -EINVAL, "rate is %g; it must be %g to %g", options->rate,
                         SLU_BLOOM_RATE_MIN, SLU_BLOOM_RATE_MAX);
    }
    return 0;
}

/* The probability that a word with the share `set` of its bits set has all bits of another key. */
static double word_rate(double set, uint32_t word_bits)
{
    /* Two bits of one key are the same one in a 64th of all cases. */
    return word_bits == 1 ? set : set * (1 + 63 * set) / 64;
}

/*
 * The rate of false positives when lines hold `load` keys on average. How many a line holds is as
 * good as Poisson distributed; m keys leave a bit clear with probability (63/64)^(m * word_bits).
 */
static double load_rate(double load, uint32_t word_bits)
{
    double key_leaves_clear = pow(63.0 / 64, word_bits);
    double probability = exp(-load);
    double clear = 1;
    double rate = 0;
    for (int keys = 0; keys < load || probability > 1e-12; keys++) {
        rate += probability * pow(word_rate(1 - clear, word_bits), BLOOM_LINE_WORDS);
        probability *= load / (keys + 1);
        clear *= key_leaves_clear;
    }
    return rate;
}

/* The most keys that a line may hold on average at `rate`. */
static double rate_load(double rate, uint32_t word_bits)
{
    double fits = 0;
    double too_much = LINE_BITS;
    for (int step = 0; step < 40; step++) {
        double load = (fits + too_much) / 2;
        if (load_rate(load, word_bits) <= rate) {
            fits = load;
        } else {
            too_much = load;
        }
    }
    return fits;
}

struct shape {
    uint64_t line_count;
    uint32_t word_bits;
};

static struct shape options_shape(const struct slu_bloom_options *options)
{
    double load_one = rate_load(options->rate, 1);
    double load_two = rate_load(options->rate, 2);
    double load = load_one >= load_two ? load_one : load_two;
    return (struct shape){
        .line_count = (uint64_t)ceil((double)options->capacity / load),
        .word_bits = load_one >= load_two ? 1 : 2,
    };
}

size_t bloom_plan(struct layout *layout, const struct slu_bloom_options *options)
{
    return layout_add(layout, options_shape(options).line_count, sizeof(struct bloom_line),
                      GOLDEN_LINE_BYTES);
}

void bloom_init(struct slu_bloom *bloom, void *lines, const struct slu_bloom_options *options)
{
    struct shape shape = options_shape(options);
    *bloom = (struct slu_bloom){
        .lines = lines,
        .line_count = shape.line_count,
        .seed = options->seed,
        .capacity = options->capacity,
        .rate = options->rate,
        .word_bits = shape.word_bits,
    };
}

int slu_bloom_create(struct slu_budget *budget, const struct slu_bloom_options *options,
                     struct slu_diag *diag, struct slu_bloom **out)
{
    int err = bloom_options_check(options, diag);
    if (err != 0) {
        return err;
    }
    struct layout layout = {0};
    (void)layout_add(&layout, 1, sizeof(struct slu_bloom), GOLDEN_LINE_BYTES); /* at the front */
    size_t lines_at = bloom_plan(&layout, options);
    size_t block_bytes = 0;
    void *block = NULL;
    err = layout_alloc(&layout, budget, &block_bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err, "a filter for %llu keys at rate %g does not fit budget '%s'",
                         (unsigned long long)options->capacity, options->rate,
                         slu_budget_name(budget));
    }
    struct slu_bloom *bloom = block;
    bloom_init(bloom, (unsigned char *)block + lines_at, options);
    bloom->budget = budget;
    bloom->block_bytes = block_bytes;
    *out = bloom;
    return 0;
}

void slu_bloom_destroy(struct slu_bloom **bloom)
{
    struct slu_bloom *gone = bloom == NULL ? NULL : *bloom;
    if (gone == NULL) {
        return;
    }
    slu_budget_free(gone->budget, gone, gone->block_bytes);
    *bloom = NULL;
}

/* The hash's upper bits, spread evenly over the lines without a division. */
static struct bloom_line *hash_line(const struct slu_bloom *bloom, uint64_t hash)
{
    return &bloom->lines[((wide)hash * bloom->line_count) >> 64];
}

/* 48 bits, six for each word: the upper ones of a product, which depend on all bits of the hash. */
static uint64_t hash_bits(uint64_t hash, uint64_t factor)
{
    return (hash * factor) >> (64 - BLOOM_LINE_WORDS * WORD_BITS_LOG2);
}

static uint64_t word_load(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static void word_store(_Atomic uint64_t *word, uint64_t bits)
{
    atomic_store_explicit(word, bits, memory_order_relaxed);
}

static uint64_t word_mask(uint64_t bits, unsigned word)
{
    return UINT64_C(1) << (bits >> (word * WORD_BITS_LOG2) & 63);
}

static uint64_t line_set(struct bloom_line *line, uint64_t bits)
{
    uint64_t changed = 0;
    for (unsigned word = 0; word < BLOOM_LINE_WORDS; word++) {
        uint64_t mask = word_mask(bits, word);
        uint64_t set = word_load(&line->words[word]);
        changed |= mask & ~set;
        word_store(&line->words[word], set | mask);
    }
    return changed;
}

/* Without branches: whether a key is there is what nobody can predict. */
static bool line_has(const struct bloom_line *line, uint64_t bits)
{
    uint64_t missing = 0;
    for (unsigned word = 0; word < BLOOM_LINE_WORDS; word++) {
        missing |= word_mask(bits, word) & ~word_load(&line->words[word]);
    }
    return missing == 0;
}

bool slu_bloom_add_hash(struct slu_bloom *bloom, uint64_t hash)
{
    struct bloom_line *line = hash_line(bloom, hash);
    uint64_t changed = line_set(line, hash_bits(hash, FIRST_FACTOR));
    if (bloom->word_bits == 2) {
        changed |= line_set(line, hash_bits(hash, SECOND_FACTOR));
    }
    bloom->added_count += changed != 0;
    return changed != 0;
}

bool slu_bloom_may_contain_hash(const struct slu_bloom *bloom, uint64_t hash)
{
    const struct bloom_line *line = hash_line(bloom, hash);
    return line_has(line, hash_bits(hash, FIRST_FACTOR)) &&
           (bloom->word_bits == 1 || line_has(line, hash_bits(hash, SECOND_FACTOR)));
}

uint64_t slu_bloom_hash(const struct slu_bloom *bloom, struct slu_bytes key)
{
    return hash_bytes(key, bloom->seed);
}

bool slu_bloom_add(struct slu_bloom *bloom, struct slu_bytes key)
{
    return slu_bloom_add_hash(bloom, hash_bytes(key, bloom->seed));
}

bool slu_bloom_may_contain(const struct slu_bloom *bloom, struct slu_bytes key)
{
    return slu_bloom_may_contain_hash(bloom, hash_bytes(key, bloom->seed));
}

void slu_bloom_clear(struct slu_bloom *bloom)
{
    for (uint64_t i = 0; i < bloom->line_count; i++) {
        for (unsigned word = 0; word < BLOOM_LINE_WORDS; word++) {
            word_store(&bloom->lines[i].words[word], 0);
        }
    }
    bloom->added_count = 0;
}

static unsigned line_count_set(const struct bloom_line *line)
{
    unsigned set = 0;
    for (unsigned word = 0; word < BLOOM_LINE_WORDS; word++) {
        set += (unsigned)__builtin_popcountll(word_load(&line->words[word]));
    }
    return set;
}

uint64_t slu_bloom_count_estimate(const struct slu_bloom *bloom)
{
    uint64_t lines_with[LINE_BITS + 1] = {0};
    for (uint64_t i = 0; i < bloom->line_count; i++) {
        lines_with[line_count_set(&bloom->lines[i])]++;
    }
    /* A full line says only that it holds many: as many as one with half a bit clear would. */
    double keys = (double)lines_with[LINE_BITS] * log(0.5 / LINE_BITS);
    for (unsigned set = 1; set < LINE_BITS; set++) {
        keys += (double)lines_with[set] * log1p(-(double)set / LINE_BITS);
    }
    return (uint64_t)llround(keys / (bloom->word_bits * log(63.0 / 64)));
}

int slu_bloom_unite(struct slu_bloom *into, const struct slu_bloom *from)
{
    if (into->capacity != from->capacity || into->seed != from->seed ||
        into->line_count != from->line_count || into->word_bits != from->word_bits) {
        return -EINVAL;
    }
    for (uint64_t i = 0; i < into->line_count; i++) {
        for (unsigned word = 0; word < BLOOM_LINE_WORDS; word++) {
            _Atomic uint64_t *bits = &into->lines[i].words[word];
            word_store(bits, word_load(bits) | word_load(&from->lines[i].words[word]));
        }
    }
    return 0;
}

void slu_bloom_stats(const struct slu_bloom *bloom, struct slu_bloom_stats *out)
{
    *out = (struct slu_bloom_stats){
        .capacity = bloom->capacity,
        .rate = bloom->rate,
        .filter_bytes = bloom->line_count * sizeof(*bloom->lines),
        .added_count = bloom->added_count,
    };
}
