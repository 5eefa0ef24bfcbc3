/* Three rules for the variable window: what enters and leaves, and what is asked. */
#ifndef EXAMPLES_SPAN_RULES_H
#define EXAMPLES_SPAN_RULES_H

#include <stdint.h>

#include <sluice/span.h>

/* Covers: the window holds each byte of a set, as often as the set does. */
struct cover {
    const char *text;
    int32_t wanted[256]; /* minus what the window holds: below 0 is more than enough */
    size_t missing;      /* bytes still wanted */
};

static inline void cover_enter(void *state, size_t index)
{
    struct cover *cover = state;
    cover->missing -= cover->wanted[(uint8_t)cover->text[index]]-- > 0;
}

static inline void cover_leave(void *state, size_t index)
{
    struct cover *cover = state;
    cover->missing += ++cover->wanted[(uint8_t)cover->text[index]] > 0;
}

static inline bool cover_holds(const void *state)
{
    const struct cover *cover = state;
    return cover->missing == 0;
}

static const struct slu_span_rules cover_rules = {cover_enter, cover_leave, cover_holds};

/* At most k distinct bytes. */
struct distinct {
    const char *text;
    uint32_t counts[256];
    uint32_t distinct_count;
    uint32_t distinct_max;
};

static inline void distinct_enter(void *state, size_t index)
{
    struct distinct *distinct = state;
    distinct->distinct_count += distinct->counts[(uint8_t)distinct->text[index]]++ == 0;
}

static inline void distinct_leave(void *state, size_t index)
{
    struct distinct *distinct = state;
    distinct->distinct_count -= --distinct->counts[(uint8_t)distinct->text[index]] == 0;
}

static inline bool distinct_holds(const void *state)
{
    const struct distinct *distinct = state;
    return distinct->distinct_count <= distinct->distinct_max;
}

static const struct slu_span_rules distinct_rules = {distinct_enter, distinct_leave,
                                                     distinct_holds};

/* Sum at least s. */
struct reach {
    const uint32_t *values;
    uint64_t sum;
    uint64_t sum_min;
};

static inline void reach_enter(void *state, size_t index)
{
    struct reach *reach = state;
    reach->sum += reach->values[index];
}

static inline void reach_leave(void *state, size_t index)
{
    struct reach *reach = state;
    reach->sum -= reach->values[index];
}

static inline bool reach_holds(const void *state)
{
    const struct reach *reach = state;
    return reach->sum >= reach->sum_min;
}

static const struct slu_span_rules reach_rules = {reach_enter, reach_leave, reach_holds};

#endif
