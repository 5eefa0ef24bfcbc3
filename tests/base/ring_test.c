/* Both rings in one thread: what holds for each is written once and run for both. */
#include "base/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define ROOM_BYTES       (8 << 20)
#define RECORD_BYTES_MAX 100

struct kind {
    const char *name;
    int (*create)(struct slu_budget *budget, const struct slu_ring_options *options,
                  struct slu_diag *diag, void **out);
    void (*destroy)(void **ring);
    int (*push)(void *ring, const void *record);
    size_t (*push_many)(void *ring, const void *records, size_t count);
    int (*pop)(void *ring, void *record);
    size_t (*pop_many)(void *ring, void *records, size_t count_max);
    void (*stats)(const void *ring, struct slu_ring_stats *out);
    bool clears_overwriting; /* clear_consumed with SLU_RING_OVERWRITE */
};

static int spsc_create(struct slu_budget *budget, const struct slu_ring_options *options,
                       struct slu_diag *diag, void **out)
{
    struct slu_spsc *ring = NULL;
    int err = slu_spsc_create(budget, options, diag, &ring);
    *out = ring == NULL ? *out : ring;
    return err;
}

static void spsc_destroy(void **ring)
{
    struct slu_spsc *gone = *ring;
    slu_spsc_destroy(&gone);
    *ring = gone;
}

static int spsc_push(void *ring, const void *record)
{
    return slu_spsc_push(ring, record);
}

static size_t spsc_push_many(void *ring, const void *records, size_t count)
{
    return slu_spsc_push_many(ring, records, count);
}

static int spsc_pop(void *ring, void *record)
{
    return slu_spsc_pop(ring, record);
}

static size_t spsc_pop_many(void *ring, void *records, size_t count_max)
{
    return slu_spsc_pop_many(ring, records, count_max);
}

static void spsc_stats(const void *ring, struct slu_ring_stats *out)
{
    slu_spsc_stats(ring, out);
}

static int mpsc_create(struct slu_budget *budget, const struct slu_ring_options *options,
                       struct slu_diag *diag, void **out)
{
    struct slu_mpsc *ring = NULL;
    int err = slu_mpsc_create(budget, options, diag, &ring);
    *out = ring == NULL ? *out : ring;
    return err;
}

static void mpsc_destroy(void **ring)
{
    struct slu_mpsc *gone = *ring;
    slu_mpsc_destroy(&gone);
    *ring = gone;
}

static int mpsc_push(void *ring, const void *record)
{
    return slu_mpsc_push(ring, record);
}

static int mpsc_pop(void *ring, void *record)
{
    return slu_mpsc_pop(ring, record);
}

static size_t mpsc_pop_many(void *ring, void *records, size_t count_max)
{
    return slu_mpsc_pop_many(ring, records, count_max);
}

static void mpsc_stats(const void *ring, struct slu_ring_stats *out)
{
    slu_mpsc_stats(ring, out);
}

static const struct kind spsc = {
    .name = "spsc",
    .create = spsc_create,
    .destroy = spsc_destroy,
    .push = spsc_push,
    .push_many = spsc_push_many,
    .pop = spsc_pop,
    .pop_many = spsc_pop_many,
    .stats = spsc_stats,
};

static const struct kind mpsc = {
    .name = "mpsc",
    .create = mpsc_create,
    .destroy = mpsc_destroy,
    .push = mpsc_push,
    .pop = mpsc_pop,
    .pop_many = mpsc_pop_many,
    .stats = mpsc_stats,
    .clears_overwriting = true,
};

static const struct kind *const kinds[] = {&spsc, &mpsc};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static uint64_t used(const struct slu_budget *budget)
{
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    return stats.used_bytes;
}

static struct slu_budget *root_of(uint64_t limit_bytes)
{
    struct slu_budget *root = NULL;
    assert_int_equal(slu_budget_create(NULL, "root", limit_bytes, &root), 0);
    return root;
}

static void *ring_of(const struct kind *kind, struct slu_budget *root,
                     struct slu_ring_options options)
{
    void *ring = NULL;
    assert_int_equal(kind->create(root, &options, NULL, &ring), 0);
    return ring;
}

static void impossible_options_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        struct slu_ring_options options;
        int err;
        const char *reason;
    } cases[] = {
        {{.capacity = 0, .record_bytes = 8}, -EINVAL, "capacity is 0"},
        {{.capacity = 1, .record_bytes = 8}, -EINVAL, "capacity is 1"},
        {{.capacity = SLU_RING_CAPACITY_MAX + 1, .record_bytes = 8},
         -EINVAL,
         "capacity is 2147483649"},
        {{.capacity = 2, .record_bytes = 0}, -EINVAL, "record_bytes is 0"},
        {{.capacity = 2, .record_bytes = SLU_RING_RECORD_BYTES_MAX + 1},
         -EINVAL,
         "record_bytes is 1048577"},
        {{.capacity = 2, .record_bytes = 8, .policy = (enum slu_ring_policy)2},
         -EINVAL,
         "policy is 2"},
        {{.capacity = 1 << 20, .record_bytes = 8}, -EDQUOT, "does not fit budget 'root'"},
        {{.capacity = SLU_RING_CAPACITY_MAX, .record_bytes = SLU_RING_RECORD_BYTES_MAX},
         -EDQUOT,
         "does not fit budget 'root'"},
    };
    struct slu_budget *root = root_of(1 << 20);
    uint64_t before = used(root);
    for (size_t i = 0; i < KIND_COUNT * sizeof(cases) / sizeof(cases[0]); i++) {
        const struct kind *kind = kinds[i % KIND_COUNT];
        struct slu_diag diag = {0};
        void *ring = NULL;
        assert_int_equal(kind->create(root, &cases[i / KIND_COUNT].options, &diag, &ring),
                         cases[i / KIND_COUNT].err);
        assert_non_null(strstr(diag.message, cases[i / KIND_COUNT].reason));
        assert_null(ring);
        assert_int_equal(used(root), before);
    }
    struct slu_diag diag = {0};
    void *ring = NULL;
    struct slu_ring_options clearing = {
        .capacity = 2, .record_bytes = 8, .policy = SLU_RING_OVERWRITE, .clear_consumed = true};
    assert_int_equal(spsc.create(root, &clearing, &diag, &ring), -EINVAL);
    assert_non_null(strstr(diag.message, "clear_consumed needs SLU_RING_REJECT"));
    slu_budget_destroy(&root);
}

static void a_ring_is_one_block_and_leaves_nothing_when_it_fails(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    uint64_t before = used(root);
    int64_t live = alloc_live_count();
    struct slu_ring_options options = {.capacity = 100, .record_bytes = 12};
    for (size_t i = 0; i < KIND_COUNT; i++) {
        void *ring = NULL;
        int err = -ENOMEM;
        uint64_t nth = 0;
        while (err != 0) {
            alloc_fault_at(++nth);
            err = kinds[i]->create(root, &options, NULL, &ring);
            assert_int_equal(err, alloc_fault_hit() ? -ENOMEM : 0);
            assert_true(err == 0 || (ring == NULL && used(root) == before));
        }
        alloc_fault_at(0);
        assert_int_equal(nth, 2);
        assert_int_equal(alloc_live_count(), live + 1);
        size_t stride = kinds[i] == &spsc ? 12 : 24;
        assert_int_equal(used(root) - before, slu_budget_block_bytes(384 + 128 * stride));
        kinds[i]->destroy(&ring);
        assert_null(ring);
        assert_int_equal(used(root), before);
        assert_int_equal(alloc_live_count(), live);
    }
    slu_spsc_destroy(NULL);
    slu_mpsc_destroy(NULL);
    slu_budget_destroy(&root);
}

/* What the ring must hold: a plain queue of numbers. */
struct model {
    uint64_t numbers[64];
    size_t capacity;
    size_t length;
    bool overwrites;
    uint64_t pushed_count;
    uint64_t popped_count;
    uint64_t overwritten_count;
    uint64_t refused_count;
};

static uint64_t model_pop(struct model *model)
{
    uint64_t number = model->numbers[0];
    memmove(model->numbers, model->numbers + 1, --model->length * sizeof(number));
    return number;
}

static bool model_push(struct model *model, uint64_t number)
{
    if (model->length == model->capacity) {
        if (!model->overwrites) {
            model->refused_count++;
            return false;
        }
        (void)model_pop(model); /* the oldest is lost */
        model->overwritten_count++;
    }
    model->numbers[model->length++] = number;
    model->pushed_count++;
    return true;
}

/* A record of any size is made of its number, so that a torn or misplaced one shows. */
static void record_fill(unsigned char *record, size_t size, uint64_t number)
{
    for (size_t i = 0; i < size; i++) {
        record[i] = (unsigned char)((number >> (i % 8 * 8)) + i);
    }
}

static void record_check(const unsigned char *record, size_t size, uint64_t number)
{
    unsigned char expected[RECORD_BYTES_MAX];
    record_fill(expected, size, number);
    assert_memory_equal(record, expected, size);
}

struct pair {
    const struct kind *kind;
    void *ring;
    struct model model;
    size_t record_bytes;
    struct test_random random;
    unsigned char records[100 * RECORD_BYTES_MAX];
};

static void pair_push(struct pair *pair)
{
    uint64_t number = test_random_next(&pair->random);
    record_fill(pair->records, pair->record_bytes, number);
    int err = pair->kind->push(pair->ring, pair->records);
    assert_int_equal(err, model_push(&pair->model, number) ? 0 : -EAGAIN);
}

static void pair_push_many(struct pair *pair)
{
    size_t count = test_random_below(&pair->random, 100);
    uint64_t first = test_random_next(&pair->random);
    size_t fits = 0;
    for (size_t i = 0; i < count; i++) {
        record_fill(pair->records + i * pair->record_bytes, pair->record_bytes, first + i);
        fits += model_push(&pair->model, first + i);
    }
    assert_int_equal(pair->kind->push_many(pair->ring, pair->records, count), fits);
}

static void pair_pop(struct pair *pair)
{
    memset(pair->records, 0xee, pair->record_bytes);
    int err = pair->kind->pop(pair->ring, pair->records);
    if (pair->model.length == 0) {
        assert_int_equal(err, -EAGAIN);
        return;
    }
    assert_int_equal(err, 0);
    record_check(pair->records, pair->record_bytes, model_pop(&pair->model));
    pair->model.popped_count++;
}

static void pair_pop_many(struct pair *pair)
{
    size_t count_max = test_random_below(&pair->random, 100);
    size_t expected = count_max < pair->model.length ? count_max : pair->model.length;
    assert_int_equal(pair->kind->pop_many(pair->ring, pair->records, count_max), expected);
    for (size_t i = 0; i < expected; i++) {
        record_check(pair->records + i * pair->record_bytes, pair->record_bytes,
                     model_pop(&pair->model));
    }
    pair->model.popped_count += expected;
}

static void pair_check_stats(const struct pair *pair)
{
    struct slu_ring_stats stats;
    pair->kind->stats(pair->ring, &stats);
    assert_int_equal(stats.capacity, pair->model.capacity);
    assert_int_equal(stats.length, pair->model.length);
    assert_int_equal(stats.pushed_count, pair->model.pushed_count);
    assert_int_equal(stats.popped_count, pair->model.popped_count);
    assert_int_equal(stats.overwritten_count, pair->model.overwritten_count);
    assert_int_equal(stats.refused_count, pair->model.refused_count);
}

static void pair_run(struct pair *pair)
{
    for (int round = 0; round < 4000; round++) {
        bool singly = test_random_below(&pair->random, 4) != 0;
        if (test_random_below(&pair->random, 2) == 0) {
            if (singly || pair->kind->push_many == NULL) {
                pair_push(pair);
            } else {
                pair_push_many(pair);
            }
        } else if (singly) {
            pair_pop(pair);
        } else {
            pair_pop_many(pair);
        }
        pair_check_stats(pair);
    }
}

static void a_ring_behaves_as_a_queue_with_its_policy(void **state)
{
    (void)state;
    static const uint32_t capacities[][2] = {{2, 2}, {3, 4}, {8, 8}, {33, 64}};
    static const uint32_t sizes[] = {1, 7, 8, 12, 16, RECORD_BYTES_MAX};
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct pair *pair = calloc(1, sizeof(*pair));
    assert_non_null(pair);
    for (uint64_t i = 0; i < KIND_COUNT * 2 * 4 * 6; i++) {
        const uint32_t *capacity = capacities[i / 4 % 4];
        struct slu_ring_options options = {
            .capacity = capacity[0],
            .record_bytes = sizes[i / 16],
            .policy = i / 2 % 2 == 0 ? SLU_RING_REJECT : SLU_RING_OVERWRITE,
        };
        const struct kind *kind = kinds[i % KIND_COUNT];
        options.clear_consumed =
            i % 3 == 0 && (options.policy == SLU_RING_REJECT || kind->clears_overwriting);
        *pair = (struct pair){.kind = kind,
                              .ring = ring_of(kind, root, options),
                              .record_bytes = options.record_bytes,
                              .random = test_random_start(i)};
        pair->model.capacity = capacity[1];
        pair->model.overwrites = options.policy == SLU_RING_OVERWRITE;
        uint64_t allocations = alloc_count();
        pair_run(pair);
        assert_int_equal(alloc_count(), allocations);
        kind->destroy(&pair->ring);
    }
    free(pair);
    slu_budget_destroy(&root);
}

static bool ring_contains(const struct ring_shape *shape, const char *text)
{
    return memmem(shape->slots, shape->stride_bytes * (shape->slot_mask + 1), text, strlen(text)) !=
           NULL;
}

static void nothing_of_an_overwritten_record_stays(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct slu_ring_options options = {
            .capacity = 4, .record_bytes = 11, .policy = SLU_RING_OVERWRITE};
        void *ring = ring_of(kinds[i], root, options);
        for (int n = 0; n < 3; n++) {
            assert_int_equal(kinds[i]->push(ring, "the secret"), 0);
        }
        assert_true(ring_contains(ring, "sec"));
        for (int n = 0; n < 4; n++) {
            assert_int_equal(kinds[i]->push(ring, "0123456789"), 0);
        }
        assert_false(ring_contains(ring, "sec"));
        kinds[i]->destroy(&ring);
    }
    slu_budget_destroy(&root);
}

static void nothing_of_a_consumed_record_stays_if_asked(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    for (size_t i = 0; i < 2 * 2 * KIND_COUNT; i++) {
        const struct kind *kind = kinds[i % KIND_COUNT];
        struct slu_ring_options options = {.capacity = 4,
                                           .record_bytes = 11,
                                           .policy = i / 2 % 2 == 0 ? SLU_RING_REJECT
                                                                    : SLU_RING_OVERWRITE,
                                           .clear_consumed = true};
        if (options.policy == SLU_RING_OVERWRITE && !kind->clears_overwriting) {
            continue;
        }
        void *ring = ring_of(kind, root, options);
        char records[6 * 11];
        for (int n = 0; n < 12; n++) {
            assert_int_equal(kind->push(ring, "the secret"), 0);
            assert_true(ring_contains(ring, "sec"));
            if (i >= 2 * KIND_COUNT) {
                assert_int_equal(kind->pop_many(ring, records, 6), 1);
            } else {
                assert_int_equal(kind->pop(ring, records), 0);
            }
            assert_string_equal(records, "the secret");
            assert_false(ring_contains(ring, "sec"));
        }
        kind->destroy(&ring);
    }
    slu_budget_destroy(&root);
}

static void an_interrupted_producer_holds_up_consumer_and_overwriters(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_ring_options options = {
        .capacity = 2, .record_bytes = 8, .policy = SLU_RING_OVERWRITE};
    void *ring = ring_of(&mpsc, root, options);
    uint64_t record = 1;
    assert_int_equal(mpsc.push(ring, &record), 0);
    record = 2;
    assert_int_equal(mpsc.push(ring, &record), 0);
    /* As if the first producer had claimed its slot and not yet passed the turn on. */
    uint64_t *turn = ring_slot(ring, 0);
    assert_int_equal(*turn, 1);
    *turn = 0;
    assert_int_equal(mpsc.push(ring, &record), -EAGAIN);
    uint64_t popped = 77;
    assert_int_equal(mpsc.pop(ring, &popped), -EAGAIN);
    assert_int_equal(popped, 77);
    assert_int_equal(mpsc.push(ring, &record), -EAGAIN);
    *turn = 1;
    /* The consumer holds the first record now, so it is not the overwriters' any more. */
    assert_int_equal(mpsc.push(ring, &record), -EAGAIN);
    assert_int_equal(mpsc.pop(ring, &popped), 0);
    assert_int_equal(popped, 1);
    record = 3;
    assert_int_equal(mpsc.push(ring, &record), 0);
    struct slu_ring_stats stats;
    mpsc.stats(ring, &stats);
    assert_int_equal(stats.refused_count, 3);
    assert_int_equal(stats.overwritten_count, 0);
    assert_int_equal(stats.length, 2);
    assert_int_equal(mpsc.pop(ring, &popped), 0);
    assert_int_equal(popped, 2);
    assert_int_equal(mpsc.pop(ring, &popped), 0);
    assert_int_equal(popped, 3);
    mpsc.destroy(&ring);
    slu_budget_destroy(&root);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_options_are_refused_with_the_reason),
        cmocka_unit_test(a_ring_is_one_block_and_leaves_nothing_when_it_fails),
        cmocka_unit_test(a_ring_behaves_as_a_queue_with_its_policy),
        cmocka_unit_test(nothing_of_an_overwritten_record_stays),
        cmocka_unit_test(nothing_of_a_consumed_record_stays_if_asked),
        cmocka_unit_test(an_interrupted_producer_holds_up_consumer_and_overwriters),
    };
    return TEST_RUN("ring", tests);
}
