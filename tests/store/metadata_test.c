#include "store/metadata.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "budget.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define NAMES        50

static struct slu_bytes text_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

struct known {
    uint32_t numbers[NAMES]; /* of texts; 0: none */
    size_t seen;
};

static void put_number(struct metadata *metadata, struct known *known, uint32_t name,
                       uint32_t number)
{
    char bytes[2][16];
    (void)snprintf(bytes[0], sizeof(bytes[0]), "metric_%u", name);
    (void)snprintf(bytes[1], sizeof(bytes[1]), "text %u", number);
    metadata_put(metadata, text_of(bytes[0]), text_of(bytes[1]));
    known->numbers[name] = number;
}

static int pair_check(void *arg, struct slu_bytes name, struct slu_bytes text)
{
    struct known *known = arg;
    char bytes[64] = {0};
    unsigned at = 0;
    unsigned number = 0;
    assert_true(name.len + text.len + 1 < sizeof(bytes));
    (void)snprintf(bytes, sizeof(bytes), "%.*s %.*s", (int)name.len, (const char *)name.data,
                   (int)text.len, (const char *)text.data);
    assert_int_equal(sscanf(bytes, "metric_%u text %u", &at, &number), 2);
    assert_true(at < NAMES);
    assert_int_equal(known->numbers[at], number);
    known->seen++;
    return 0;
}

static void all_check(const struct metadata *metadata, struct known *known)
{
    size_t wanted = 0;
    known->seen = 0;
    assert_int_equal(metadata_walk(metadata, text_of(""), pair_check, known), 0);
    for (size_t i = 0; i < NAMES; i++) {
        wanted += known->numbers[i] != 0;
    }
    assert_int_equal(known->seen, wanted);
}

static void the_last_text_of_a_name_is_kept_and_survives_as_bytes(void **state)
{
    struct test_random random = test_random_start(76);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct known known = {.seen = 0};
    struct metadata metadata;
    struct metadata again;
    struct block bytes;
    uint64_t used = budget_used(budget);
    (void)state;
    assert_int_equal(metadata_init(&metadata, METADATA_NAMES_MAX, budget), 0);
    assert_int_equal(metadata_init(&again, METADATA_NAMES_MAX, budget), 0);
    for (uint32_t i = 1; i < 2000; i++) {
        put_number(&metadata, &known, (uint32_t)test_random_below(&random, NAMES), i);
    }
    all_check(&metadata, &known);
    assert_int_equal(block_begin(budget, 1, &bytes), 0);
    assert_int_equal(metadata_write(&metadata, budget, &bytes), 0);
    metadata_put(&again, text_of("metric_1"), text_of("older"));
    assert_int_equal(metadata_read(&again, (struct slu_bytes){bytes.data, bytes.len}), 0);
    all_check(&again, &known);
    block_free(budget, &bytes);
    metadata_deinit(&again);
    metadata_deinit(&metadata);
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

static int text_note(void *arg, struct slu_bytes name, struct slu_bytes text)
{
    (void)name;
    *(size_t *)arg = text.len;
    return -ECANCELED;
}

static void one_name_is_asked_for_and_long_texts_are_cut(void **state)
{
    static char text[METADATA_TEXT_MAX + 100];
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct metadata metadata;
    size_t len = 0;
    (void)state;
    memset(text, 't', sizeof(text));
    assert_int_equal(metadata_init(&metadata, METADATA_NAMES_MAX, budget), 0);
    metadata_put(&metadata, text_of("long"), (struct slu_bytes){text, sizeof(text)});
    metadata_put(&metadata, text_of("none"), text_of(""));
    assert_int_equal(metadata_walk(&metadata, text_of("long"), text_note, &len), -ECANCELED);
    assert_int_equal(len, METADATA_TEXT_MAX);
    assert_int_equal(metadata_walk(&metadata, text_of("none"), text_note, &len), -ECANCELED);
    assert_int_equal(len, 0);
    assert_int_equal(metadata_walk(&metadata, text_of("absent"), text_note, &len), 0);
    uint64_t changes = metadata.change_count;
    metadata_put(&metadata, text_of("long"), (struct slu_bytes){text, sizeof(text)});
    assert_int_equal(metadata.change_count, changes);
    metadata_deinit(&metadata);
    slu_budget_destroy(&budget);
}

static void what_has_no_room_is_left_out_and_counted(void **state)
{
    static char text[METADATA_TEXT_MAX];
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct metadata metadata;
    size_t len = 0;
    (void)state;
    assert_int_equal(metadata_init(&metadata, METADATA_NAMES_MAX, budget), 0);
    for (uint32_t i = 0; i < METADATA_NAMES_MAX + 10; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "metric_%u", i);
        metadata_put(&metadata, text_of(name), (struct slu_bytes){text, sizeof(text)});
    }
    assert_true(metadata.refused_count > 0);
    assert_true(metadata.text_bytes <= metadata.text_bytes_max);
    assert_int_equal(metadata_walk(&metadata, text_of("metric_0"), text_note, &len), -ECANCELED);
    assert_int_equal(len, METADATA_TEXT_MAX);
    metadata_deinit(&metadata);
    slu_budget_destroy(&budget);
}

static void bytes_that_are_not_right_are_told(void **state)
{
    static const unsigned char bytes[] = {1, 'a', 2, 'x', 'y', 3, 'a', 'b', 'c', 1, 'z'};
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    (void)state;
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct metadata metadata;
        bool is_right = len == 0 || len == 5 || len == sizeof(bytes);
        assert_int_equal(metadata_init(&metadata, METADATA_NAMES_MAX, budget), 0);
        assert_int_equal(metadata_read(&metadata, (struct slu_bytes){bytes, len}),
                         is_right ? 0 : -EBADMSG);
        metadata_deinit(&metadata);
    }
    slu_budget_destroy(&budget);
}

static void an_allocation_that_fails_leaves_nothing_behind(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    int err = -ENOMEM;
    uint64_t used = budget_used(budget);
    (void)state;
    for (uint64_t nth = 1; err != 0; nth++) {
        struct metadata metadata;
        alloc_fault_at(nth);
        err = metadata_init(&metadata, METADATA_NAMES_MAX, budget);
        alloc_fault_at(0);
        assert_true(err == 0 || err == -ENOMEM);
        if (err == 0) {
            metadata_deinit(&metadata);
        }
        assert_int_equal(budget_used(budget), used);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_text_of_a_name_is_kept_and_survives_as_bytes),
        cmocka_unit_test(one_name_is_asked_for_and_long_texts_are_cut),
        cmocka_unit_test(what_has_no_room_is_left_out_and_counted),
        cmocka_unit_test(bytes_that_are_not_right_are_told),
        cmocka_unit_test(an_allocation_that_fails_leaves_nothing_behind),
    };
    return TEST_RUN("metadata", tests);
}
