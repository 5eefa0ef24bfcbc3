/* The shapes of tree that the tests of the late fold run over. */
#ifndef TESTS_WINDOW_LATE_SUBJECTS_H
#define TESTS_WINDOW_LATE_SUBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/budget.h>
#include <sluice/diag.h>
#include <sluice/fold_late_block.h>

#include "harness.h"
#include "late_model.h"

struct subject {
    uint32_t leaf_slots;
    uint32_t inner_slots;
    int (*create)(struct slu_budget *budget, const struct slu_late_options *options,
                  struct slu_diag *diag, void **out);
    void (*destroy)(void *late);
    void (*clear)(void *late);
    int (*insert)(void *late, uint64_t time_ns, struct affine value);
    void (*evict_before)(void *late, uint64_t time_ns);
    struct affine (*query)(const void *late);
    struct affine (*query_range)(const void *late, uint64_t from_ns, uint64_t to_ns);
    void (*stats)(const void *late, struct slu_late_stats *out);
    const char *(*check)(const void *late);
    uint32_t (*levels)(const void *late);       /* of inner nodes, now */
    uint64_t (*fullest_time)(const void *late); /* a time in the leaf that splits soonest */
};

/* A late fold of affine maps behind function pointers, so that the same tests run over several. */
#define LATE_SUBJECT(name, leaf_count, inner_count)                                                \
    static int name##_any_create(struct slu_budget *budget,                                        \
                                 const struct slu_late_options *options, struct slu_diag *diag,    \
                                 void **out)                                                       \
    {                                                                                              \
        struct name *late = NULL;                                                                  \
        int err = name##_create(budget, options, diag, &late);                                     \
        if (err == 0) {                                                                            \
            *out = late;                                                                           \
        }                                                                                          \
        return err;                                                                                \
    }                                                                                              \
    static void name##_any_destroy(void *late)                                                     \
    {                                                                                              \
        struct name *typed = late;                                                                 \
        name##_destroy(&typed);                                                                    \
        assert_null(typed);                                                                        \
    }                                                                                              \
    static void name##_any_clear(void *late)                                                       \
    {                                                                                              \
        name##_clear(late);                                                                        \
    }                                                                                              \
    static int name##_any_insert(void *late, uint64_t time_ns, struct affine value)                \
    {                                                                                              \
        return name##_insert(late, time_ns, value);                                                \
    }                                                                                              \
    static void name##_any_evict_before(void *late, uint64_t time_ns)                              \
    {                                                                                              \
        name##_evict_before(late, time_ns);                                                        \
    }                                                                                              \
    static struct affine name##_any_query(const void *late)                                        \
    {                                                                                              \
        return name##_query(late);                                                                 \
    }                                                                                              \
    static struct affine name##_any_query_range(const void *late, uint64_t from_ns,                \
                                                uint64_t to_ns)                                    \
    {                                                                                              \
        return name##_query_range(late, from_ns, to_ns);                                           \
    }                                                                                              \
    static void name##_any_stats(const void *late, struct slu_late_stats *out)                     \
    {                                                                                              \
        name##_stats(late, out);                                                                   \
        assert_int_equal(out->item_count, name##_count(late));                                     \
    }                                                                                              \
    static const char *name##_any_check(const void *late)                                          \
    {                                                                                              \
        return name##_check(late);                                                                 \
    }                                                                                              \
    static uint32_t name##_any_levels(const void *late)                                            \
    {                                                                                              \
        return ((const struct name *)late)->root_level;                                            \
    }                                                                                              \
    static uint64_t name##_any_fullest_time(const void *late)                                      \
    {                                                                                              \
        const struct name *typed = late;                                                           \
        uint32_t fullest = typed->levels[0].left;                                                  \
        for (uint32_t node = 0; node < typed->books.leaf_fresh; node++) {                          \
            if (typed->leaves[node].end > typed->leaves[fullest].end) {                            \
                fullest = node;                                                                    \
            }                                                                                      \
        }                                                                                          \
        uint32_t end = typed->leaves[fullest].end;                                                 \
        return end == 0 ? 0 : typed->leaves[fullest].time[end / 2];                                \
    }                                                                                              \
    static const struct subject name##_subject = {                                                 \
        .leaf_slots = leaf_count,                                                                  \
        .inner_slots = inner_count,                                                                \
        .create = name##_any_create,                                                               \
        .destroy = name##_any_destroy,                                                             \
        .clear = name##_any_clear,                                                                 \
        .insert = name##_any_insert,                                                               \
        .evict_before = name##_any_evict_before,                                                   \
        .query = name##_any_query,                                                                 \
        .query_range = name##_any_query_range,                                                     \
        .stats = name##_any_stats,                                                                 \
        .check = name##_any_check,                                                                 \
        .levels = name##_any_levels,                                                               \
        .fullest_time = name##_any_fullest_time,                                                   \
    }

/* The smallest nodes: a thousand items make five levels. */
#define SLU_LATE_NAME                  least
#define SLU_LATE_VALUE                 struct affine
#define SLU_LATE_COMBINE(older, newer) affine_combine(older, newer)
#define SLU_LATE_IDENTITY              AFFINE_IDENTITY
#define SLU_LATE_EQUAL(left, right)    affine_equal(left, right)
#define SLU_LATE_LEAF_SLOTS            5
#define SLU_LATE_INNER_SLOTS           5
#include <sluice/fold_late.h>
LATE_SUBJECT(least, 5, 5);

#define SLU_LATE_NAME                  uneven
#define SLU_LATE_VALUE                 struct affine
#define SLU_LATE_COMBINE(older, newer) affine_combine(older, newer)
#define SLU_LATE_IDENTITY              AFFINE_IDENTITY
#define SLU_LATE_EQUAL(left, right)    affine_equal(left, right)
#define SLU_LATE_LEAF_SLOTS            7
#define SLU_LATE_INNER_SLOTS           6
#include <sluice/fold_late.h>
LATE_SUBJECT(uneven, 7, 6);

#define SLU_LATE_NAME                  middling
#define SLU_LATE_VALUE                 struct affine
#define SLU_LATE_COMBINE(older, newer) affine_combine(older, newer)
#define SLU_LATE_IDENTITY              AFFINE_IDENTITY
#define SLU_LATE_EQUAL(left, right)    affine_equal(left, right)
#define SLU_LATE_LEAF_SLOTS            16
#define SLU_LATE_INNER_SLOTS           9
#include <sluice/fold_late.h>
LATE_SUBJECT(middling, 16, 9);

/* What the header chooses for values of eight bytes. */
#define SLU_LATE_NAME                  usual
#define SLU_LATE_VALUE                 struct affine
#define SLU_LATE_COMBINE(older, newer) affine_combine(older, newer)
#define SLU_LATE_IDENTITY              AFFINE_IDENTITY
#define SLU_LATE_EQUAL(left, right)    affine_equal(left, right)
#include <sluice/fold_late.h>
LATE_SUBJECT(usual, 63, 32);

static const struct subject *const subjects[] = {
    &least_subject,
    &uneven_subject,
    &middling_subject,
    &usual_subject,
};

#define SUBJECT_COUNT (sizeof(subjects) / sizeof(subjects[0]))

static inline struct slu_budget *budget_of(uint64_t limit_bytes)
{
    struct slu_budget *budget = NULL;
    assert_int_equal(slu_budget_create(NULL, "late", limit_bytes, &budget), 0);
    return budget;
}

static inline void *late_of(const struct subject *subject, struct slu_budget *budget,
                            uint64_t span_ns, uint64_t item_max)
{
    const struct slu_late_options options = {.span_ns = span_ns, .item_max = item_max};
    void *late = NULL;
    assert_int_equal(subject->create(budget, &options, NULL, &late), 0);
    return late;
}

/* The validator's answer, as an assertion that prints the claim. */
static inline void assert_sound(const struct subject *subject, const void *late)
{
    const char *broken = subject->check(late);
    assert_string_equal(broken == NULL ? "sound" : broken, "sound");
}

static inline struct affine affine_random(struct test_random *random)
{
    uint64_t bits = test_random_next(random);
    return (struct affine){(uint32_t)(bits >> 32), (uint32_t)bits};
}

#endif
