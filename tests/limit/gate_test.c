#include <sluice/gate.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "fixture.h"
#include "sys/sim.h"

static const struct slu_gate_class ten_a_second = {
    .limit = {.count = 10, .period_ns = SECOND, .burst = 3}};

static void each_key_has_a_bucket_of_its_own(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_gate *gate = gate_of(budget, 1000, &ten_a_second, 1, SLU_GATE_DENY);
    uint64_t calls = alloc_count();
    for (uint64_t i = 0; i < 1000; i++) {
        struct slu_gate_key key = slu_gate_key_number(gate, i);
        for (int n = 0; n < 3; n++) {
            assert_true(slu_gate_allow(gate, 0, key, SECOND));
        }
        assert_false(slu_gate_allow(gate, 0, key, SECOND));
    }
    for (uint64_t i = 0; i < 1000; i++) {
        struct slu_gate_key key = slu_gate_key_number(gate, i);
        assert_false(slu_gate_allow(gate, 0, key, SECOND + 100 * MS - 1));
        assert_true(slu_gate_allow(gate, 0, key, SECOND + 100 * MS));
        assert_false(slu_gate_allow(gate, 0, key, SECOND + 100 * MS));
    }
    assert_int_equal(alloc_count(), calls);
    slu_gate_destroy(&gate);
    slu_budget_destroy(&budget);
}

static void many_keys_at_once_are_what_they_are_one_by_one(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_gate *one = gate_of(budget, 500, &ten_a_second, 1, SLU_GATE_DENY);
    struct slu_gate *many = gate_of(budget, 500, &ten_a_second, 1, SLU_GATE_DENY);
    struct test_random random = test_random_start(1);
    for (uint64_t round = 0; round < test_rounds(200); round++) {
        struct slu_gate_key keys[100];
        bool allowed[100];
        bool alone[100];
        size_t count = test_random_below(&random, 100);
        size_t allowed_count = 0;
        for (size_t i = 0; i < count; i++) {
            uint64_t number = test_random_below(&random, 50);
            keys[i] = slu_gate_key_number(many, number);
            alone[i] = slu_gate_allow(one, 0, slu_gate_key_number(one, number), round * 20 * MS);
            allowed_count += alone[i];
        }
        assert_int_equal(slu_gate_allow_many(many, 0, keys, count, round * 20 * MS, allowed),
                         allowed_count);
        assert_memory_equal(allowed, alone, count);
    }
    slu_gate_destroy(&one);
    slu_gate_destroy(&many);
    slu_budget_destroy(&budget);
}

static void a_class_has_its_own_limit_and_a_key_its_own_bucket_in_each(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    const struct slu_gate_class classes[] = {
        {.limit = {.count = 1, .period_ns = DAY}},
        {.limit = {.count = 1000000000, .period_ns = SECOND, .burst = 1}},
        {.limit = {.count = 0}},
        {.limit = {.count = SLU_LIMIT_INFINITE}},
    };
    struct slu_gate *gate = gate_of(budget, 100, classes, 4, SLU_GATE_DENY);
    struct slu_gate_key key = slu_gate_key_number(gate, 7);
    assert_true(slu_gate_allow(gate, 0, key, 5));
    assert_true(slu_gate_allow(gate, 1, key, 5));
    assert_false(slu_gate_allow(gate, 1, key, 5));
    assert_true(slu_gate_allow(gate, 1, key, 6));
    assert_false(slu_gate_allow(gate, 0, key, DAY + 4));
    assert_true(slu_gate_allow(gate, 0, key, DAY + 5));
    struct slu_limit_state seen;
    assert_false(slu_gate_allow_n(gate, 2, key, 5, 1, &seen));
    assert_int_equal(seen.retry_ns, SLU_LIMIT_NEVER);
    assert_true(slu_gate_allow_n(gate, 2, key, 5, 0, NULL));
    assert_true(slu_gate_allow_n(gate, 3, key, 5, UINT64_MAX, &seen));
    assert_int_equal(seen.remaining, SLU_LIMIT_INFINITE);
    slu_gate_destroy(&gate);
    slu_budget_destroy(&budget);
}

static void the_state_of_a_key_is_told(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_gate *gate = gate_of(budget, 100, &ten_a_second, 1, SLU_GATE_DENY);
    struct slu_gate_key key = slu_gate_key_number(gate, 1);
    struct slu_limit_state seen;
    assert_true(slu_gate_allow_n(gate, 0, key, SECOND, 0, &seen));
    assert_int_equal(seen.quota, 3);
    assert_int_equal(seen.window_ns, 300 * MS);
    assert_int_equal(seen.remaining, 3);
    assert_true(slu_gate_allow_n(gate, 0, key, SECOND, 2, &seen));
    assert_int_equal(seen.remaining, 1);
    assert_int_equal(seen.reset_ns, 200 * MS);
    assert_int_equal(seen.retry_ns, 0);
    assert_false(slu_gate_allow_n(gate, 0, key, SECOND + 50 * MS, 3, &seen));
    assert_int_equal(seen.remaining, 1);
    assert_int_equal(seen.retry_ns, 150 * MS);
    assert_false(slu_gate_allow_n(gate, 0, key, SECOND + 200 * MS - 1, 3, NULL));
    assert_true(slu_gate_allow_n(gate, 0, key, SECOND + 200 * MS, 3, NULL));
    assert_false(slu_gate_allow_n(gate, 0, key, SECOND, 4, &seen));
    assert_int_equal(seen.retry_ns, SLU_LIMIT_NEVER);
    slu_gate_destroy(&gate);
    slu_budget_destroy(&budget);
}

/* Fill every place with keys that owe for a second; gives the number of the first key refused. */
static uint64_t fill(struct slu_gate *gate, uint64_t now_ns)
{
    struct slu_gate_stats stats;
    slu_gate_stats(gate, &stats);
    for (uint64_t i = 0; i < 20 * stats.place_count; i++) {
        bool allowed = slu_gate_allow(gate, 0, slu_gate_key_number(gate, i), now_ns);
        assert_true(allowed || i > stats.keys_max);
    }
    return 20 * stats.place_count;
}

static const struct slu_gate_class one_a_second = {
    .limit = {.count = 1, .period_ns = SECOND, .burst = 2},
    .shared = {.count = 4, .period_ns = SECOND}};

static void a_full_gate_denies_new_keys_and_counts_them(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_gate *gate = gate_of(budget, 600, &one_a_second, 1, SLU_GATE_DENY);
    struct slu_gate_stats before;
    struct slu_gate_stats after;
    uint64_t next = fill(gate, SECOND);
    slu_gate_stats(gate, &before);
    assert_int_equal(before.place_count, 1024);
    /* Nearly all places are held, so a new key finds none. */
    assert_in_range(20 * 1024 - before.full_refused_count, 1000, 1024);
    struct slu_limit_state seen;
    struct slu_gate_key stranger = slu_gate_key_number(gate, next);
    assert_false(slu_gate_allow_n(gate, 0, stranger, SECOND, 1, &seen));
    assert_int_equal(seen.remaining, 0);
    assert_int_equal(seen.retry_ns, SECOND);
    slu_gate_stats(gate, &after);
    assert_int_equal(after.full_count, before.full_count + 1);
    assert_int_equal(after.full_refused_count, before.full_refused_count + 1);
    /* Nobody who owes was dropped for it: key 0 has one event left and no more. */
    assert_true(slu_gate_allow(gate, 0, slu_gate_key_number(gate, 0), SECOND));
    assert_false(slu_gate_allow(gate, 0, slu_gate_key_number(gate, 0), SECOND));
    /* A second later most owe nothing, and not a nanosecond before. */
    assert_false(slu_gate_allow(gate, 0, stranger, 2 * SECOND - 2));
    assert_true(slu_gate_allow(gate, 0, stranger, 2 * SECOND));
    slu_gate_destroy(&gate);
    slu_budget_destroy(&budget);
}

static void a_full_gate_allows_or_shares_if_it_is_told_to(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_gate *open = gate_of(budget, 600, &one_a_second, 1, SLU_GATE_ALLOW);
    struct slu_gate *shared = gate_of(budget, 600, &one_a_second, 1, SLU_GATE_SHARE);
    struct slu_gate_stats stats;
    uint64_t next = fill(open, SECOND);
    for (uint64_t i = next; i < next + 100; i++) {
        assert_true(slu_gate_allow(open, 0, slu_gate_key_number(open, i), SECOND));
    }
    slu_gate_stats(open, &stats);
    assert_true(stats.full_count >= 100);
    assert_int_equal(stats.full_refused_count, 0);
    next = fill(shared, SECOND);
    slu_gate_stats(shared, &stats);
    assert_int_equal(stats.full_count - stats.full_refused_count, 4);
    uint64_t allowed = 0;
    struct slu_limit_state seen;
    for (uint64_t i = next; i < next + 1000; i++) {
        struct slu_gate_key key = slu_gate_key_number(shared, i);
        allowed += slu_gate_allow_n(shared, 0, key, SECOND + 500 * MS, 1, &seen);
        assert_int_equal(seen.quota, 4);
    }
    assert_int_equal(allowed, 2);
    assert_int_equal(seen.retry_ns, 250 * MS);
    slu_gate_destroy(&open);
    slu_gate_destroy(&shared);
    slu_budget_destroy(&budget);
}

/* Whatever comes of it: the gate counts. */
static void ask(struct slu_gate *gate, struct slu_gate_key key, uint64_t now_ns)
{
    bool allowed = slu_gate_allow(gate, 0, key, now_ns);
    (void)allowed;
}

/* Below keys_max, with keys that all owe, hardly one finds no place. */
static void a_gate_holds_as_many_keys_as_it_was_made_for(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(16 << 20);
    uint64_t keys_max = 100000;
    for (uint64_t seed = 0; seed < test_rounds(3); seed++) {
        sim_random_set(seed);
        struct slu_gate *gate = gate_of(budget, keys_max, &one_a_second, 1, SLU_GATE_DENY);
        struct slu_gate_stats stats;
        for (uint64_t i = 0; i < keys_max; i++) {
            ask(gate, slu_gate_key_number(gate, i), SECOND);
        }
        slu_gate_stats(gate, &stats);
        assert_in_range(stats.full_count, 0, 2);
        assert_true(stats.moved_count < keys_max / 50);
        slu_gate_destroy(&gate);
    }
    assert_true(budget_used(budget) < 4096);
    slu_budget_destroy(&budget);
}

static void a_key_that_comes_back_keeps_its_place_for_a_while(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_gate_class kept = one_a_second;
    kept.keep_ns = 10 * SECOND;
    struct slu_gate *gate = gate_of(budget, 600, &kept, 1, SLU_GATE_DENY);
    struct slu_gate_stats stats;
    struct slu_gate_key regulars[200];
    for (uint64_t i = 0; i < 200; i++) {
        regulars[i] = slu_gate_key_number(gate, UINT64_C(1) << 40 | i);
        assert_true(slu_gate_allow(gate, 0, regulars[i], 0));
    }
    for (uint64_t i = 0; i < 200; i++) {
        assert_true(slu_gate_allow(gate, 0, regulars[i], SECOND));
    }
    /* They owe nothing from 2 s on, and are kept until 12 s. */
    for (uint64_t flood = 0; flood < 3; flood++) {
        (void)fill(gate, (3 + 3 * flood) * SECOND);
    }
    for (uint64_t i = 0; i < 200; i++) {
        assert_true(slu_gate_allow(gate, 0, regulars[i], 9 * SECOND));
    }
    (void)fill(gate, 30 * SECOND);
    slu_gate_stats(gate, &stats);
    uint64_t refused = stats.full_refused_count;
    for (uint64_t i = 0; i < 200; i++) {
        ask(gate, regulars[i], 30 * SECOND); /* most places are taken by now */
    }
    slu_gate_stats(gate, &stats);
    assert_true(stats.full_refused_count > refused + 100);
    slu_gate_destroy(&gate);
    slu_budget_destroy(&budget);
}

static bool keys_equal(struct slu_gate_key left, struct slu_gate_key right)
{
    return left.place == right.place && left.print == right.print;
}

static bool texts_equal(const struct slu_gate *gate, const char *left, const char *right)
{
    struct slu_gate_key keys[2];
    assert_int_equal(slu_gate_key_text(gate, (struct slu_bytes){left, strlen(left)}, &keys[0]), 0);
    assert_int_equal(slu_gate_key_text(gate, (struct slu_bytes){right, strlen(right)}, &keys[1]),
                     0);
    return keys_equal(keys[0], keys[1]);
}

static void an_address_is_one_key_in_all_its_forms(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_gate *gate = gate_of(budget, 100, &ten_a_second, 1, SLU_GATE_DENY);
    assert_true(texts_equal(gate, "192.0.2.7", "192.0.2.7:8080"));
    assert_true(texts_equal(gate, "192.0.2.7", "::ffff:192.0.2.7"));
    assert_true(texts_equal(gate, "192.0.2.7", "[::ffff:c000:207]:80"));
    assert_true(texts_equal(gate, "192.0.2.7", "64:ff9b::192.0.2.7"));
    assert_false(texts_equal(gate, "192.0.2.7", "192.0.2.8"));
    assert_true(texts_equal(gate, "2001:db8:1:2::1", "[2001:0DB8:1:2:ffff::]:443"));
    assert_false(texts_equal(gate, "2001:db8:1:2::1", "2001:db8:1:3::1"));
    struct sockaddr_in six = {.sin_family = AF_INET};
    struct slu_gate_key key;
    struct slu_gate_key again;
    assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &six.sin_addr), 1);
    assert_int_equal(slu_gate_key_sockaddr(gate, &six, sizeof(six), &key), 0);
    assert_true(keys_equal(key, slu_gate_key_ipv4(gate, &six.sin_addr)));
    assert_int_equal(slu_gate_key_text(gate, (struct slu_bytes){"192.0.2.7", 9}, &again), 0);
    assert_true(keys_equal(key, again));
    struct sockaddr_in6 long_address = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &long_address.sin6_addr), 1);
    assert_int_equal(slu_gate_key_sockaddr(gate, &long_address, sizeof(long_address), &again), 0);
    assert_true(keys_equal(key, again));
    assert_int_equal(slu_gate_key_sockaddr(gate, &six, sizeof(six) - 1, &again), -EINVAL);
    assert_int_equal(slu_gate_key_sockaddr(gate, &six, 0, &again), -EINVAL);
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_int_equal(slu_gate_key_sockaddr(gate, &local, sizeof(local), &again), -EINVAL);
    slu_gate_destroy(&gate);
    slu_budget_destroy(&budget);
}

static void keys_of_different_makings_are_different(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_gate *gate = gate_of(budget, 100, &ten_a_second, 1, SLU_GATE_DENY);
    struct slu_gate *other = gate_of(budget, 100, &ten_a_second, 1, SLU_GATE_DENY);
    const uint64_t number = UINT64_C(0x0102030405060708);
    struct slu_gate_key keys[] = {
        slu_gate_key_number(gate, number),
        slu_gate_key_bytes(gate, (struct slu_bytes){&number, 8}),
        slu_gate_key_ipv4(gate, &number),
        slu_gate_key_bytes(gate, (struct slu_bytes){&number, 4}),
        slu_gate_key_bytes(gate, (struct slu_bytes){NULL, 0}),
        slu_gate_key_ipv6(gate, (const uint64_t[]){number, 0}),
        slu_gate_key_number(other, number),
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        for (size_t k = 0; k < i; k++) {
            assert_false(keys_equal(keys[i], keys[k]));
        }
    }
    slu_gate_destroy(&gate);
    slu_gate_destroy(&other);
    slu_budget_destroy(&budget);
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_gate *gate = gate_of(budget, 100, &ten_a_second, 1, SLU_GATE_DENY);
    const char *wrong[] = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.4.",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.256",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3.4:x",
        "1.2.3.4 ",
        " 1.2.3.4",
        "-1.2.3.4",
        "0x1.2.3.4",
        ":",
        ":1",
        "1:",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "12345::",
        "::1.2.3",
        "::1.2.3.4.5",
        "1.2.3.4::",
        "::1.2.3.4:1",
        "1:2:3:4:5:6:7:1.2.3.4",
        "g::",
        "::1]",
        "[::1",
        "[]",
        "[::1]x",
        "[::1]:",
        "[::1]:99999",
        "[1.2.3.4]",
        "::1%eth0",
        "[",
        "1:2:3:4::5:6:7:8",
        "localhost",
    };
    struct slu_gate_key key = {.place = 5, .print = 6};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int err = slu_gate_key_text(gate, (struct slu_bytes){wrong[i], strlen(wrong[i])}, &key);
        if (err != -EINVAL) {
            print_message("taken for an address: \"%s\"\n", wrong[i]);
        }
        assert_int_equal(err, -EINVAL);
    }
    assert_int_equal(slu_gate_key_text(gate, (struct slu_bytes){NULL, 0}, &key), -EINVAL);
    assert_true(key.place == 5 && key.print == 6);
    slu_gate_destroy(&gate);
    slu_budget_destroy(&budget);
}

static void assert_refused(struct slu_budget *budget, struct slu_gate_options options, int err,
                           const char *why)
{
    struct slu_gate *gate = NULL;
    struct slu_diag diag = {.message = ""};
    uint64_t used = budget_used(budget);
    assert_int_equal(slu_gate_create(budget, &options, &diag, &gate), err);
    assert_int_equal(slu_gate_create(budget, &options, NULL, &gate), err);
    assert_null(gate);
    assert_int_equal(budget_used(budget), used);
    if (strstr(diag.message, why) == NULL) {
        print_message("\"%s\" does not say \"%s\"\n", diag.message, why);
    }
    assert_non_null(strstr(diag.message, why));
}

static void impossible_options_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(64 * 1024);
    const struct slu_gate_class right = ten_a_second;
    struct slu_gate_class classes[2] = {right, right};
    struct slu_gate_options options = {.keys_max = 100, .classes = classes, .class_count = 2};
    struct slu_gate_options bad = options;
    bad.keys_max = 0;
    assert_refused(budget, bad, -EINVAL, "keys_max 0 is not within 1 .. 4294967296");
    bad.keys_max = SLU_GATE_KEYS_MAX + 1;
    assert_refused(budget, bad, -EINVAL, "keys_max 4294967297");
    bad.keys_max = SLU_GATE_KEYS_MAX;
    assert_refused(budget, bad, -EDQUOT, "a gate of 4294967296 keys");
    bad = options;
    bad.class_count = 0;
    assert_refused(budget, bad, -EINVAL, "class_count 0");
    bad.class_count = SLU_GATE_CLASSES_MAX + 1;
    assert_refused(budget, bad, -EINVAL, "class_count 129");
    bad = options;
    bad.policy = (enum slu_gate_policy)3;
    assert_refused(budget, bad, -EINVAL, "policy 3");
    classes[1].limit.period_ns = 0;
    assert_refused(budget, options, -EINVAL, "class 1: period_ns 0");
    classes[1] = right;
    classes[1].limit.count = 2 * SECOND;
    assert_refused(budget, options, -EINVAL, "more than one a nanosecond");
    classes[1] = right;
    classes[1].limit.burst = UINT64_MAX;
    assert_refused(budget, options, -EINVAL, "class 1: a burst of 18446744073709551615");
    classes[1] = right;
    classes[1].shared.count = 1;
    assert_refused(budget, options, -EINVAL, "class 1: period_ns 0");
    classes[1] = right;
    classes[1].keep_ns = UINT64_MAX;
    assert_refused(budget, options, -EINVAL, "keep_ns 18446744073709551615");
    classes[1] = right;
    sim_random_fail(-EIO);
    assert_refused(budget, options, -EIO, "no seed");
    sim_random_fail(0);
    slu_budget_destroy(&budget);
}

static void a_failed_creation_leaves_nothing_behind(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(64 << 20);
    for (uint64_t keys_max = 100; keys_max <= 100000; keys_max *= 1000) {
        struct slu_gate_options options = {
            .keys_max = keys_max, .classes = &ten_a_second, .class_count = 1};
        struct slu_gate *gate = NULL;
        uint64_t used = budget_used(budget);
        alloc_fault_at(1);
        assert_int_equal(slu_gate_create(budget, &options, NULL, &gate), -ENOMEM);
        assert_true(alloc_fault_hit());
        alloc_fault_at(0);
        assert_null(gate);
        assert_int_equal(budget_used(budget), used);
        uint64_t calls = alloc_count();
        assert_int_equal(slu_gate_create(budget, &options, NULL, &gate), 0);
        assert_int_equal(alloc_count(), calls + 1);
        uint64_t held = budget_used(budget) - used;
        assert_true(keys_max < 1000 || held <= 27 * keys_max);
        slu_gate_destroy(&gate);
        slu_gate_destroy(&gate);
        slu_gate_destroy(NULL);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_has_a_bucket_of_its_own),
        cmocka_unit_test(many_keys_at_once_are_what_they_are_one_by_one),
        cmocka_unit_test(a_class_has_its_own_limit_and_a_key_its_own_bucket_in_each),
        cmocka_unit_test(the_state_of_a_key_is_told),
        cmocka_unit_test(a_full_gate_denies_new_keys_and_counts_them),
        cmocka_unit_test(a_full_gate_allows_or_shares_if_it_is_told_to),
        cmocka_unit_test(a_gate_holds_as_many_keys_as_it_was_made_for),
        cmocka_unit_test(a_key_that_comes_back_keeps_its_place_for_a_while),
        cmocka_unit_test(an_address_is_one_key_in_all_its_forms),
        cmocka_unit_test(keys_of_different_makings_are_different),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(impossible_options_are_refused_with_a_reason),
        cmocka_unit_test(a_failed_creation_leaves_nothing_behind),
    };
    return TEST_RUN("gate", tests);
}
