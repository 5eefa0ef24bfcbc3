#include "guard/filter_window.h"

static struct slu_bloom_options filter_options(const struct filter_window_options *options)
{
    return (struct slu_bloom_options){
        .capacity = (options->key_max + FILTER_COUNT - 1) / FILTER_COUNT,
        .rate = options->rate / FILTER_COUNT, /* a key is looked for in all of them */
        .seed = options->seed,
    };
}

void filter_window_plan(struct layout *layout, const struct filter_window_options *options,
                        size_t lines_at[FILTER_COUNT])
{
    struct slu_bloom_options each = filter_options(options);
    for (unsigned i = 0; i < FILTER_COUNT; i++) {
        lines_at[i] = bloom_plan(layout, &each);
    }
}

void filter_window_init(struct filter_window *window, void *block,
                        const size_t lines_at[FILTER_COUNT],
                        const struct filter_window_options *options)
{
    struct slu_bloom_options each = filter_options(options);
    *window = (struct filter_window){.turn_count = options->seed};
    for (unsigned i = 0; i < FILTER_COUNT; i++) {
        bloom_init(&window->filters[i].bloom, (unsigned char *)block + lines_at[i], &each);
        atomic_init(&window->filters[i].begin_tick, FILTER_UNUSED);
    }
}

/* Another 64 bits for each salt, as good as the hash's. */
static uint64_t hash_salted(uint64_t hash, uint64_t salt)
{
    uint64_t mixed = (hash ^ salt) * UINT64_C(0x9fb21c651e98df25);
    return mixed ^ mixed >> 32;
}

static uint64_t turn_salt(uint64_t turn)
{
    return (turn + 1) * UINT64_C(0xd6e8feb86659fd93);
}

static bool turn_counts(uint64_t begin_tick, uint64_t tick)
{
    return begin_tick != FILTER_UNUSED && tick - begin_tick < FILTER_LIFE_TICKS;
}

static bool turn_is_over(const struct turn_filter *filter, uint64_t tick)
{
    uint64_t begin_tick = atomic_load_explicit(&filter->begin_tick, memory_order_relaxed);
    return begin_tick == FILTER_UNUSED || tick - begin_tick >= FILTER_TURN_TICKS ||
           filter->bloom.added_count >= filter->bloom.capacity;
}

static struct turn_filter *turn_begin(struct filter_window *window, uint64_t tick)
{
    window->newest = (window->newest + 1) % FILTER_COUNT;
    struct turn_filter *filter = &window->filters[window->newest];
    uint64_t begin_tick = atomic_load_explicit(&filter->begin_tick, memory_order_relaxed);
    window->early_count += turn_counts(begin_tick, tick);
    atomic_store_explicit(&filter->begin_tick, FILTER_UNUSED, memory_order_relaxed);
    if (filter->bloom.added_count != 0) {
        slu_bloom_clear(&filter->bloom);
    }
    atomic_store_explicit(&filter->salt, turn_salt(window->turn_count++), memory_order_relaxed);
    /* Pairs with the acquire in filter_window_has: who sees the turn sees its salt. */
    atomic_store_explicit(&filter->begin_tick, tick, memory_order_release);
    return filter;
}

void filter_window_add(struct filter_window *window, uint64_t hash, uint64_t tick)
{
    struct turn_filter *filter = &window->filters[window->newest];
    if (turn_is_over(filter, tick)) {
        filter = turn_begin(window, tick);
    }
    uint64_t salt = atomic_load_explicit(&filter->salt, memory_order_relaxed);
    (void)slu_bloom_add_hash(&filter->bloom,
                             hash_salted(hash, salt)); /* there already is as well */
}

void filter_window_drop(struct filter_window *window)
{
    for (unsigned i = 0; i < FILTER_COUNT; i++) {
        atomic_store_explicit(&window->filters[i].begin_tick, FILTER_UNUSED, memory_order_release);
    }
}

/*
 * A filter may take its next turn while it is looked at: then what is seen is as good as random,
 * and true as seldom as for any key.
 */
bool filter_window_has(const struct filter_window *window, uint64_t hash, uint64_t tick)
{
    bool found = false;
    for (unsigned i = 0; i < FILTER_COUNT; i++) {
        const struct turn_filter *filter = &window->filters[i];
        uint64_t begin_tick = atomic_load_explicit(&filter->begin_tick, memory_order_acquire);
        if (turn_counts(begin_tick, tick)) {
            uint64_t salt = atomic_load_explicit(&filter->salt, memory_order_relaxed);
            found |= slu_bloom_may_contain_hash(&filter->bloom, hash_salted(hash, salt));
        }
    }
    return found;
}
