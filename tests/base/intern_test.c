#include "base/intern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#include "harness.h"

#define ROOM_BYTES (8 << 20)
#define SECOND_NS  UINT64_C(1000000000)

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

static const struct slu_intern_options small = {
    .strings_max = 10,
    .string_bytes_max = 20,
    .bytes_max = 50,
    .idle_ns = 5 * SECOND_NS,
    .seed = 42,
};

static struct slu_intern *intern_of(struct slu_budget *root, struct slu_intern_options options)
{
    struct slu_intern *intern = NULL;
    assert_int_equal(slu_intern_create(root, &options, NULL, &intern), 0);
    return intern;
}

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static slu_intern_id added(struct slu_intern *intern, uint64_t now_ns, const char *text)
{
    slu_intern_id id = 0;
    assert_int_equal(slu_intern_add(intern, now_ns, bytes_of(text), &id), 0);
    assert_int_not_equal(id, 0);
    return id;
}

static struct slu_intern_stats stats_of(const struct slu_intern *intern)
{
    struct slu_intern_stats stats;
    slu_intern_stats(intern, &stats);
    return stats;
}

static void impossible_options_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        struct slu_intern_options options;
        int err;
        const char *reason;
    } cases[] = {
        {{.strings_max = 0, .string_bytes_max = 1, .bytes_max = 1}, -EINVAL, "strings_max is 0"},
        {{.strings_max = SLU_INTERN_STRINGS_MAX + 1, .string_bytes_max = 1, .bytes_max = 1},
         -EINVAL,
         "strings_max is 268435457"},
        {{.strings_max = 1, .string_bytes_max = 0, .bytes_max = 1},
         -EINVAL,
         "string_bytes_max is 0"},
        {{.strings_max = 1, .string_bytes_max = 65537, .bytes_max = 65537},
         -EINVAL,
         "string_bytes_max is 65537"},
        {{.strings_max = 1, .string_bytes_max = 2, .bytes_max = 1}, -EINVAL, "bytes_max is 1"},
        {{.strings_max = 1, .string_bytes_max = 1, .bytes_max = SLU_INTERN_BYTES_MAX + 1},
         -EINVAL,
         "bytes_max is 8589934593"},
        {{.strings_max = 100000, .string_bytes_max = 100, .bytes_max = 100000},
         -EDQUOT,
         "do not fit budget 'root'"},
        {{.strings_max = SLU_INTERN_STRINGS_MAX,
          .string_bytes_max = SLU_INTERN_STRING_BYTES_MAX,
          .bytes_max = SLU_INTERN_BYTES_MAX},
         -EDQUOT,
         "do not fit budget 'root'"},
    };
    struct slu_budget *root = root_of(1 << 20);
    uint64_t before = used(root);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_diag diag = {0};
        struct slu_intern *intern = NULL;
        assert_int_equal(slu_intern_create(root, &cases[i].options, &diag, &intern), cases[i].err);
        assert_non_null(strstr(diag.message, cases[i].reason));
        assert_null(intern);
        assert_int_equal(used(root), before);
    }
    slu_budget_destroy(&root);
}

static void a_table_is_one_block_and_leaves_nothing_when_it_fails(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    uint64_t before = used(root);
    int64_t live = alloc_live_count();
    struct slu_intern *intern = NULL;
    int err = -ENOMEM;
    uint64_t nth = 0;
    while (err != 0) {
        alloc_fault_at(++nth);
        err = slu_intern_create(root, &small, NULL, &intern);
        assert_int_equal(err, alloc_fault_hit() ? -ENOMEM : 0);
        assert_true(err == 0 || (intern == NULL && used(root) == before));
    }
    alloc_fault_at(0);
    assert_int_equal(nth, 2);
    assert_int_equal(alloc_live_count(), live + 1);
    slu_intern_destroy(&intern);
    assert_null(intern);
    slu_intern_destroy(&intern);
    slu_intern_destroy(NULL);
    assert_int_equal(used(root), before);
    assert_int_equal(alloc_live_count(), live);
    slu_budget_destroy(&root);
}

static void the_block_is_as_large_as_stated(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(64 << 20);
    uint64_t before = used(root);
    struct slu_intern_options options = {
        .strings_max = 100000, .string_bytes_max = 256, .bytes_max = 4000000, .idle_ns = 0};
    struct slu_intern *intern = intern_of(root, options);
    double stated = 67.0 * 100000 + 4.0 / 3 * 4000000 + 16 * 256;
    assert_in_range(used(root) - before, (uint64_t)(0.98 * stated), (uint64_t)(1.02 * stated));
    slu_intern_destroy(&intern);
    slu_budget_destroy(&root);
}

static void equal_strings_share_one_handle_and_count(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_intern *intern = intern_of(root, small);
    slu_intern_id first = added(intern, 0, "route");
    assert_int_equal(added(intern, 0, "route"), first);
    slu_intern_id other = added(intern, 0, "");
    assert_int_not_equal(other, first);
    assert_true(slu_intern_slot(intern, first) < small.strings_max);
    assert_int_not_equal(slu_intern_slot(intern, first), slu_intern_slot(intern, other));
    struct slu_bytes got = {0};
    assert_int_equal(slu_intern_get(intern, first, &got), 0);
    assert_int_equal(got.len, 5);
    assert_memory_equal(got.data, "route", 5);
    assert_int_equal(slu_intern_get(intern, other, &got), 0);
    assert_int_equal(got.len, 0);
    slu_intern_id found = 0;
    assert_true(slu_intern_find(intern, bytes_of("route"), &found));
    assert_int_equal(found, first);
    found = 77;
    assert_false(slu_intern_find(intern, bytes_of("rout"), &found));
    assert_int_equal(found, 77);
    struct slu_intern_stats stats = stats_of(intern);
    assert_int_equal(stats.string_count, 2);
    assert_int_equal(stats.used_bytes, 5);
    assert_int_equal(stats.idle_count, 0);
    slu_intern_destroy(&intern);
    slu_budget_destroy(&root);
}

static void a_released_string_is_found_until_its_idle_time_is_over(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_intern *intern = intern_of(root, small);
    slu_intern_id id = added(intern, 0, "a");
    assert_int_equal(slu_intern_ref(intern, id), 0);
    assert_int_equal(slu_intern_release(intern, 0, id), 0);
    assert_int_equal(stats_of(intern).idle_count, 0);
    assert_int_equal(slu_intern_release(intern, SECOND_NS, id), 0);
    assert_int_equal(stats_of(intern).idle_count, 1);
    assert_int_equal(slu_intern_release(intern, SECOND_NS, id), -ESTALE);
    assert_int_equal(slu_intern_expire(intern, 6 * SECOND_NS - 1, 100), 0);
    assert_int_equal(added(intern, 6 * SECOND_NS - 1, "a"), id); /* back in use */
    assert_int_equal(slu_intern_expire(intern, 100 * SECOND_NS, 100), 0);
    assert_int_equal(slu_intern_release(intern, 100 * SECOND_NS, id), 0);
    assert_int_equal(slu_intern_ref(intern, id), 0); /* and once more */
    assert_int_equal(slu_intern_release(intern, 200 * SECOND_NS, id), 0);
    assert_int_equal(slu_intern_expire(intern, 205 * SECOND_NS, 100), 1);
    struct slu_bytes got = {0};
    assert_int_equal(slu_intern_get(intern, id, &got), -ESTALE);
    assert_int_equal(slu_intern_ref(intern, id), -ESTALE);
    assert_int_equal(slu_intern_release(intern, 0, id), -ESTALE);
    slu_intern_id again = added(intern, 0, "a");
    assert_int_not_equal(again, id);
    intern_validate(intern);
    slu_intern_destroy(&intern);
    slu_budget_destroy(&root);
}

static void a_clock_that_goes_back_expires_nothing_early_or_out_of_order(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_intern *intern = intern_of(root, small);
    slu_intern_id early = added(intern, 100 * SECOND_NS, "early");
    slu_intern_id late = added(intern, 1 * SECOND_NS, "late");
    assert_int_equal(slu_intern_release(intern, 100 * SECOND_NS, early), 0);
    assert_int_equal(slu_intern_release(intern, 2 * SECOND_NS, late), 0); /* counts as 100 s */
    assert_int_equal(slu_intern_expire(intern, 50 * SECOND_NS, 100), 0);
    assert_int_equal(slu_intern_expire(intern, 104 * SECOND_NS, 100), 0);
    intern_validate(intern);
    assert_int_equal(slu_intern_expire(intern, 105 * SECOND_NS, 1), 1);
    slu_intern_id found = 0;
    assert_false(slu_intern_find(intern, bytes_of("early"), &found));
    assert_true(slu_intern_find(intern, bytes_of("late"), &found));
    assert_int_equal(slu_intern_expire(intern, 0, 100), 1);
    slu_intern_destroy(&intern);
    slu_budget_destroy(&root);
}

static void both_caps_refuse_and_count_until_something_expires(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_intern *intern = intern_of(root, small);
    slu_intern_id ids[10];
    char text[30];
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof(text), "%d", i);
        ids[i] = added(intern, 0, text);
    }
    slu_intern_id id = 77;
    assert_int_equal(slu_intern_add(intern, 0, bytes_of("x"), &id), -EDQUOT);
    assert_int_equal(slu_intern_release(intern, 0, ids[3]), 0);
    assert_int_equal(slu_intern_add(intern, small.idle_ns - 1, bytes_of("x"), &id), -EDQUOT);
    assert_int_equal(id, 77);
    assert_int_equal(stats_of(intern).refused_count, 2);
    (void)added(intern, small.idle_ns, "x"); /* reclaims "3" */
    assert_int_equal(stats_of(intern).reclaimed_count, 1);
    for (int i = 4; i < 10; i++) {
        assert_int_equal(slu_intern_release(intern, small.idle_ns, ids[i]), 0);
    }
    /* 10 bytes are used; 20 and 20 more fit, then bytes and not strings run out. */
    (void)added(intern, 2 * small.idle_ns, "aaaaaaaaaaaaaaaaaaaa");
    (void)added(intern, 2 * small.idle_ns, "bbbbbbbbbbbbbbbbbbbb");
    assert_int_equal(slu_intern_add(intern, 2 * small.idle_ns, bytes_of("ccccccc"), &id), -EDQUOT);
    (void)added(intern, 2 * small.idle_ns, "cccccc");
    assert_int_equal(stats_of(intern).used_bytes, small.bytes_max);
    intern_validate(intern);
    assert_int_equal(slu_intern_add(intern, 0, bytes_of("ddddddddddddddddddddd"), &id), -EINVAL);
    slu_intern_destroy(&intern);
    slu_budget_destroy(&root);
}

static void references_never_wrap(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_intern *intern = intern_of(root, small);
    slu_intern_id id = added(intern, 0, "a");
    struct intern_entry *entry = pool_record(&intern->pool, slu_intern_slot(intern, id));
    entry->ref_count = UINT32_MAX - 1; /* as after four billion references */
    assert_int_equal(slu_intern_ref(intern, id), 0);
    assert_int_equal(slu_intern_ref(intern, id), -EOVERFLOW);
    slu_intern_id again = 77;
    assert_int_equal(slu_intern_add(intern, 0, bytes_of("a"), &again), -EOVERFLOW);
    assert_int_equal(again, 77);
    assert_int_equal(slu_intern_release(intern, 0, id), 0);
    assert_int_equal(added(intern, 0, "a"), id);
    slu_intern_destroy(&intern);
    slu_budget_destroy(&root);
}

/* Strings of five bytes whose hash with `seed` is among the lowest 1/2,000, by trying. */
static void collide(uint64_t seed, char (*texts)[5], uint32_t count)
{
    uint64_t counter = 0;
    for (uint32_t found = 0; found < count; counter++) {
        memcpy(texts[found], &counter, 5);
        struct slu_bytes string = {texts[found], 5};
        found += hash_bytes(string, seed) < UINT64_MAX / 2000;
    }
}

static void who_knows_the_seed_is_stopped_at_the_probe_bound(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_intern_options options = {
        .strings_max = 1000, .string_bytes_max = 5, .bytes_max = 5000, .seed = 1};
    char texts[HASH_MAP_PROBE_MAX + 1][5];
    collide(options.seed, texts, HASH_MAP_PROBE_MAX + 1);
    for (options.seed = 1; options.seed <= 2; options.seed++) {
        struct slu_intern *intern = intern_of(root, options);
        slu_intern_id id = 0;
        for (uint32_t i = 0; i < HASH_MAP_PROBE_MAX; i++) {
            struct slu_bytes string = {texts[i], 5};
            assert_int_equal(slu_intern_add(intern, 0, string, &id), 0);
        }
        struct slu_bytes string = {texts[HASH_MAP_PROBE_MAX], 5};
        int err = slu_intern_add(intern, 0, string, &id);
        assert_int_equal(err, options.seed == 1 ? -EDQUOT : 0);
        assert_int_equal(stats_of(intern).refused_count, options.seed == 1);
        intern_validate(intern);
        slu_intern_destroy(&intern);
    }
    slu_budget_destroy(&root);
}

#define UNIVERSE 300

/* What the table must hold: for each string that there may be, its references and release. */
struct model {
    struct slu_intern *intern;
    struct slu_intern_options options;
    struct {
        slu_intern_id id; /* 0: never added, or known to be gone */
        uint32_t ref_count;
        uint64_t released_ns;
    } strings[UNIVERSE];
    uint64_t now_ns;
    uint64_t latest_ns;
    struct test_random random;
    uint64_t refused_count;
};

/* String n: a text of n % 40 bytes that ends in n's digits, so that prefixes are shared. */
static struct slu_bytes model_string(uint32_t n, char *buf)
{
    memset(buf, 'p', 40);
    int len = snprintf(buf + 40, 10, "%u", n);
    size_t cut = 40 - n % 40;
    return (struct slu_bytes){buf + cut, 40 - cut + (size_t)len};
}

static bool model_must_be_there(const struct model *model, uint32_t n)
{
    return model->strings[n].id != 0 &&
           (model->strings[n].ref_count > 0 ||
            model->latest_ns - model->strings[n].released_ns < model->options.idle_ns);
}

/* Whether a new string of `len` has room once all that may be reclaimed has been. */
static bool model_has_room(const struct model *model, size_t len)
{
    char buf[50];
    uint64_t bytes = len;
    uint32_t count = 1;
    for (uint32_t n = 0; n < UNIVERSE; n++) {
        if (model_must_be_there(model, n)) {
            bytes += model_string(n, buf).len;
            count++;
        }
    }
    return count <= model->options.strings_max && bytes <= model->options.bytes_max;
}

/* The table has been told the time. */
static void model_tell(struct model *model)
{
    model->latest_ns = model->now_ns > model->latest_ns ? model->now_ns : model->latest_ns;
}

static void model_check(struct model *model, uint32_t n)
{
    char buf[50];
    struct slu_bytes string = model_string(n, buf);
    slu_intern_id id = 0;
    bool found = slu_intern_find(model->intern, string, &id);
    if (model_must_be_there(model, n)) {
        assert_true(found);
    }
    if (found) {
        assert_int_equal(id, model->strings[n].id);
        struct slu_bytes got = {0};
        assert_int_equal(slu_intern_get(model->intern, id, &got), 0);
        assert_int_equal(got.len, string.len);
        assert_memory_equal(got.data, string.data, string.len);
    } else if (model->strings[n].id != 0) {
        struct slu_bytes got = {0};
        assert_int_equal(slu_intern_get(model->intern, model->strings[n].id, &got), -ESTALE);
        assert_int_equal(slu_intern_ref(model->intern, model->strings[n].id), -ESTALE);
        model->strings[n].id = 0;
    }
}

static void model_add(struct model *model, uint32_t n)
{
    char buf[50];
    struct slu_bytes string = model_string(n, buf);
    slu_intern_id id = 0;
    slu_intern_id before = 0;
    bool was_there = slu_intern_find(model->intern, string, &before);
    model_tell(model);
    bool room = was_there || model_has_room(model, string.len);
    int err = slu_intern_add(model->intern, model->now_ns, string, &id);
    assert_int_equal(err, room ? 0 : -EDQUOT);
    if (err != 0) {
        model->refused_count++;
        return;
    }
    assert_true(!was_there || id == before);
    model->strings[n].ref_count = was_there ? model->strings[n].ref_count + 1 : 1;
    model->strings[n].id = id;
}

/* The first string from n on that has references, or n. */
static uint32_t model_in_use(const struct model *model, uint32_t n)
{
    for (uint32_t i = 0; i < UNIVERSE; i++) {
        if (model->strings[(n + i) % UNIVERSE].ref_count > 0) {
            return (n + i) % UNIVERSE;
        }
    }
    return n;
}

static void model_release(struct model *model, uint32_t n)
{
    int err = slu_intern_release(model->intern, model->now_ns, model->strings[n].id);
    if (model->strings[n].ref_count == 0) {
        assert_int_equal(err, -ESTALE);
        return;
    }
    assert_int_equal(err, 0);
    model_tell(model);
    model->strings[n].ref_count--;
    model->strings[n].released_ns = model->latest_ns;
}

/* Mostly forward by less than a second; sometimes back, sometimes far ahead. */
static void model_clock(struct model *model)
{
    uint64_t step = test_random_below(&model->random, SECOND_NS);
    switch (test_random_below(&model->random, 50)) {
    case 0:
        model->now_ns -= model->now_ns > 100 * step ? 100 * step : model->now_ns;
        break;
    case 1:
        model->now_ns += 50 * step;
        break;
    default:
        model->now_ns += step / 16;
    }
}

static void model_run(struct model *model)
{
    uint64_t allocations = alloc_count();
    for (int round = 0; round < 20000; round++) {
        model_clock(model);
        /* Waves, so that the table fills and empties. */
        uint64_t bias = round / 2000 % 2 == 0 ? 60 : 30;
        uint32_t n = (uint32_t)test_random_below(&model->random, UNIVERSE);
        uint64_t choice = test_random_below(&model->random, 100);
        if (choice < bias) {
            model_add(model, n);
        } else if (choice < 90) {
            model_release(model, choice % 8 == 0 ? n : model_in_use(model, n));
        } else if (choice < 95) {
            model_tell(model);
            (void)slu_intern_expire(model->intern, model->now_ns, 3); /* any number is right */
        } else if (model->strings[n].id != 0 &&
                   slu_intern_ref(model->intern, model->strings[n].id) == 0) {
            model->strings[n].ref_count++;
        }
        model_check(model, (uint32_t)test_random_below(&model->random, UNIVERSE));
        if (round % 100 == 0) {
            intern_validate(model->intern);
        }
    }
    assert_int_equal(alloc_count(), allocations);
    assert_int_equal(stats_of(model->intern).refused_count, model->refused_count);
    assert_true(model->refused_count > 0);
    assert_true(stats_of(model->intern).reclaimed_count > 0);
}

static void a_table_behaves_as_a_set_of_counted_strings(void **state)
{
    (void)state;
    static const struct slu_intern_options shapes[] = {
        {.strings_max = 100, .string_bytes_max = 50, .bytes_max = 100000, .idle_ns = SECOND_NS},
        {.strings_max = 1000, .string_bytes_max = 50, .bytes_max = 2000, .idle_ns = 3 * SECOND_NS},
        {.strings_max = 60, .string_bytes_max = 50, .bytes_max = 1000, .idle_ns = 0},
        {.strings_max = 1, .string_bytes_max = 50, .bytes_max = 50, .idle_ns = SECOND_NS / 10},
    };
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct model *model = calloc(1, sizeof(*model));
    assert_non_null(model);
    for (uint64_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        *model = (struct model){.options = shapes[i], .random = test_random_start(i)};
        model->options.seed = test_random_next(&model->random);
        model->intern = intern_of(root, model->options);
        model_run(model);
        slu_intern_destroy(&model->intern);
    }
    free(model);
    slu_budget_destroy(&root);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_options_are_refused_with_the_reason),
        cmocka_unit_test(a_table_is_one_block_and_leaves_nothing_when_it_fails),
        cmocka_unit_test(the_block_is_as_large_as_stated),
        cmocka_unit_test(equal_strings_share_one_handle_and_count),
        cmocka_unit_test(a_released_string_is_found_until_its_idle_time_is_over),
        cmocka_unit_test(a_clock_that_goes_back_expires_nothing_early_or_out_of_order),
        cmocka_unit_test(both_caps_refuse_and_count_until_something_expires),
        cmocka_unit_test(references_never_wrap),
        cmocka_unit_test(who_knows_the_seed_is_stopped_at_the_probe_bound),
        cmocka_unit_test(a_table_behaves_as_a_set_of_counted_strings),
    };
    return TEST_RUN("intern", tests);
}
