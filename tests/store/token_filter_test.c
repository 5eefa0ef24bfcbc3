#include "store/token_filter.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "budget.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define TEXT_MAX     512
#define WORDS_MAX    TEXT_MAX

static struct token_set *set_of(struct slu_budget *budget)
{
    struct token_set *set = NULL;
    assert_int_equal(token_set_create(budget, &set), 0);
    return set;
}

static struct slu_bytes text_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static bool filter_has(struct slu_bytes filter, uint64_t hash)
{
    return filter.len == 0 ||
           token_line_has((const unsigned char *)filter.data + token_filter_line(filter.len, hash),
                          hash);
}

/* A byte of a text: of words and of what stands between, of all classes and their neighbours. */
static char text_byte(struct test_random *random)
{
    static const char edges[] = "/0059:@AAZZ[^__`aazz{ =.-\x7f\x80\xff\xc3\xa9";
    if (test_random_below(random, 10) == 0) {
        return (char)test_random_below(random, 256);
    }
    return edges[test_random_below(random, sizeof(edges) - 1)];
}

static size_t text_make(struct test_random *random, char *text)
{
    size_t len = (size_t)test_random_below(random, 1 + test_random_below(random, TEXT_MAX));
    bool is_long = test_random_below(random, 3) == 0; /* words of many lengths */
    for (size_t i = 0; i < len; i++) {
        text[i] = is_long && test_random_below(random, 16) != 0 ? 'q' : text_byte(random);
    }
    return len;
}

static bool is_word_byte(unsigned char byte)
{
    return byte >= 0x80 || byte == '_' || isalnum(byte);
}

/* The naive twin: one byte after another. */
static size_t words_of(struct slu_bytes text, struct slu_bytes words[WORDS_MAX])
{
    const unsigned char *at = text.data;
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_word_byte(at[i])) {
            continue;
        }
        if (i == 0 || !is_word_byte(at[i - 1])) {
            words[count++] = (struct slu_bytes){at + i, 0};
        }
        words[count - 1].len++;
    }
    return count;
}

static void words_are_runs_of_letters_digits_and_what_is_above_ascii(void **state)
{
    struct test_random random = test_random_start(1);
    (void)state;
    for (uint64_t round = 0; round < test_rounds(2000); round++) {
        char text[TEXT_MAX];
        struct slu_bytes words[WORDS_MAX];
        struct slu_bytes rest = {text, text_make(&random, text)};
        struct slu_bytes token = {"untouched", 9};
        size_t count = words_of(rest, words);
        for (size_t i = 0; i < count; i++) {
            assert_true(token_next(&rest, &token));
            assert_ptr_equal(token.data, words[i].data);
            assert_int_equal(token.len, words[i].len);
        }
        assert_false(token_next(&rest, &token));
    }
}

static void the_hash_of_a_word_stays_what_it_is_on_disk(void **state)
{
    static const struct {
        const char *word;
        uint64_t hash;
    } words[] = {
        {"a", UINT64_C(0x1cc51c444a49e6fe)},
        {"GET", UINT64_C(0x467d20854aa9db1d)},
        {"12345678", UINT64_C(0x04d662ccac2cb47a)},
        {"123456789", UINT64_C(0xea2d88aa6446bead)},
        {"4bf92f3577b34da6", UINT64_C(0x4da2b6bcc450cf09)},
        {"0123456789abcdef0", UINT64_C(0x130da4de13e61d26)},
        {"a_word_of_more_than_thirty_two_bytes", UINT64_C(0x017615c56f9df3ea)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        uint64_t hash = token_hash(text_of(words[i].word));
        if (hash != words[i].hash) {
            print_message("%s: %#llx\n", words[i].word, (unsigned long long)hash);
        }
        assert_int_equal(hash, words[i].hash);
    }
}

static size_t different_count(const struct slu_bytes *words, size_t count)
{
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < i && !bytes_equal(words[k], words[i])) {
            k++;
        }
        different += k == i;
    }
    return different;
}

static void a_set_counts_each_word_once_and_its_filter_has_all(void **state)
{
    struct test_random random = test_random_start(2);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct token_set *set = set_of(budget);
    (void)state;
    for (uint64_t round = 0; round < test_rounds(2000); round++) {
        char text[TEXT_MAX];
        struct slu_bytes words[WORDS_MAX];
        struct slu_bytes whole = {text, text_make(&random, text)};
        size_t count = words_of(whole, words);
        token_set_add_words(set, whole);
        token_set_add_words(set, whole);
        assert_int_equal(token_set_count(set), different_count(words, count));
        struct slu_bytes filter = token_set_filter(set);
        assert_true(filter.len > 0 && filter.len % TOKEN_FILTER_LINE_BYTES == 0);
        for (size_t i = 0; i < count; i++) {
            assert_true(filter_has(filter, token_hash(words[i])));
        }
        assert_int_equal(token_set_count(set), 0);
    }
    token_set_destroy(&set);
    slu_budget_destroy(&budget);
}

/* Words as logs have them: ids in hexadecimal, numbers, names. */
static struct slu_bytes word_make(uint64_t number, char word[32])
{
    unsigned long long plain = number;
    unsigned long long mixed = number * UINT64_C(0x9e3779b97f4a7c15);
    int len = 0;
    switch (number % 3) {
    case 0:
        len = snprintf(word, 32, "%016llx", mixed);
        break;
    case 1:
        len = snprintf(word, 32, "%llu", plain);
        break;
    default:
        len = snprintf(word, 32, "item_%llu_of_many_more", plain);
        break;
    }
    return (struct slu_bytes){word, (size_t)len};
}

static void a_filter_of_ten_bits_a_word_is_seldom_wrong(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct token_set *set = set_of(budget);
    static const uint64_t counts[] = {1, 10, 100, 1000, 30000, 300000};
    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint64_t false_count = 0;
        char word[32];
        for (uint64_t k = 0; k < counts[i]; k++) {
            token_set_add_words(set, word_make(k, word));
        }
        assert_int_equal(token_set_count(set), counts[i]);
        struct slu_bytes filter = token_set_filter(set);
        assert_true(filter.len <= counts[i] * 10 / 8 + TOKEN_FILTER_LINE_BYTES);
        for (uint64_t k = 0; k < 200000; k++) {
            uint64_t hash = token_hash(word_make(k + 1000000, word));
            false_count += filter_has(filter, hash);
        }
        print_message("# %llu words: %.2f %% false\n", (unsigned long long)counts[i],
                      (double)false_count / 2000);
        assert_true(false_count <= 200000 / 50);
    }
    token_set_destroy(&set);
    slu_budget_destroy(&budget);
}

static void a_line_has_what_was_put_into_it(void **state)
{
    struct test_random random = test_random_start(4);
    unsigned char line[TOKEN_FILTER_LINE_BYTES] = {0};
    uint64_t hashes[50];
    (void)state;
    for (size_t i = 0; i < 50; i++) {
        hashes[i] = test_random_next(&random);
        token_line_add(line, hashes[i]);
        for (size_t k = 0; k <= i; k++) {
            assert_true(token_line_has(line, hashes[k]));
        }
    }
}

static void a_filter_of_no_words_has_none(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct token_set *set = set_of(budget);
    (void)state;
    token_set_add_words(set, text_of(" -- .. "));
    struct slu_bytes filter = token_set_filter(set);
    assert_int_equal(filter.len, TOKEN_FILTER_LINE_BYTES);
    assert_false(filter_has(filter, token_hash(text_of("a"))));
    token_set_destroy(&set);
    slu_budget_destroy(&budget);
}

static void a_set_whose_budget_is_spent_says_perhaps_to_all_and_begins_anew(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct token_set *set = set_of(budget);
    char word[32];
    (void)state;
    slu_budget_set_limit(budget, budget_used(budget) + 20000);
    for (uint64_t k = 0; k < 5000; k++) {
        token_set_add_words(set, word_make(k, word));
    }
    assert_int_equal(token_set_filter(set).len, 0);
    token_set_add_words(set, text_of("a word"));
    assert_int_equal(token_set_count(set), 2);
    assert_int_equal(token_set_filter(set).len, TOKEN_FILTER_LINE_BYTES);
    token_set_destroy(&set);
    slu_budget_destroy(&budget);
}

static void any_allocation_may_fail(void **state)
{
    int64_t live = alloc_live_count();
    bool is_done = false;
    (void)state;
    for (uint64_t nth = 1; !is_done; nth++) {
        struct slu_budget *budget = budget_of(BUDGET_BYTES);
        struct token_set *set = NULL;
        char word[32];
        alloc_fault_at(nth);
        int err = token_set_create(budget, &set);
        for (uint64_t k = 0; err == 0 && k < 5000; k++) {
            token_set_add_words(set, word_make(k, word));
        }
        struct slu_bytes filter = err == 0 ? token_set_filter(set) : (struct slu_bytes){0};
        is_done = !alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err != 0, nth <= 2);
        assert_int_equal(filter.len > 0, is_done);
        token_set_destroy(&set);
        slu_budget_destroy(&budget);
        assert_int_equal(alloc_live_count(), live);
    }
}

static bool has(const struct slu_bytes *words, size_t count, uint64_t hash)
{
    for (size_t i = 0; i < count; i++) {
        if (token_hash(words[i]) == hash) {
            return true;
        }
    }
    return false;
}

static void a_needle_names_only_words_that_each_text_with_it_has(void **state)
{
    struct test_random random = test_random_start(3);
    uint64_t named = 0;
    (void)state;
    for (uint64_t round = 0; round < test_rounds(20000); round++) {
        char text[TEXT_MAX];
        struct slu_bytes words[WORDS_MAX];
        uint64_t hashes[WORDS_MAX];
        size_t len = text_make(&random, text);
        size_t begin = (size_t)test_random_below(&random, len + 1);
        size_t needle_len = (size_t)test_random_below(&random, len - begin + 1);
        size_t most = (size_t)test_random_below(&random, 2) == 0 ? WORDS_MAX : 2;
        size_t count = words_of((struct slu_bytes){text, len}, words);
        struct slu_bytes needle = {text + begin, needle_len};
        size_t hash_count = token_needle_hashes(needle, hashes, most);
        assert_true(hash_count <= most);
        for (size_t i = 0; i < hash_count; i++) {
            assert_true(has(words, count, hashes[i]));
        }
        named += hash_count;
    }
    assert_true(named > test_rounds(20000));
}

static void a_needle_s_words_count_where_both_ends_show(void **state)
{
    uint64_t hashes[4];
    (void)state;
    assert_int_equal(token_needle_hashes(text_of("foo bar baz"), hashes, 4), 1);
    assert_true(hashes[0] == token_hash(text_of("bar")));
    assert_int_equal(token_needle_hashes(text_of("foo"), hashes, 4), 0);
    assert_int_equal(token_needle_hashes(text_of("=foo"), hashes, 4), 0);
    assert_int_equal(token_needle_hashes(text_of("foo="), hashes, 4), 0);
    assert_int_equal(token_needle_hashes(text_of("=foo="), hashes, 4), 1);
    assert_int_equal(token_needle_hashes(text_of(" a b c d e f "), hashes, 4), 4);
    assert_int_equal(token_needle_hashes((struct slu_bytes){NULL, 0}, hashes, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_runs_of_letters_digits_and_what_is_above_ascii),
        cmocka_unit_test(the_hash_of_a_word_stays_what_it_is_on_disk),
        cmocka_unit_test(a_set_counts_each_word_once_and_its_filter_has_all),
        cmocka_unit_test(a_filter_of_ten_bits_a_word_is_seldom_wrong),
        cmocka_unit_test(a_line_has_what_was_put_into_it),
        cmocka_unit_test(a_filter_of_no_words_has_none),
        cmocka_unit_test(a_set_whose_budget_is_spent_says_perhaps_to_all_and_begins_anew),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(a_needle_names_only_words_that_each_text_with_it_has),
        cmocka_unit_test(a_needle_s_words_count_where_both_ends_show),
    };
    return TEST_RUN("token_filter", tests);
}
