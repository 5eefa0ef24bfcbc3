#include "store/row_match.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#include "budget.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define ROWS_MAX     300
#define TEXT_MAX     24
#define ALL_COLUMNS  ((1U << ROW_COLUMN_COUNT) - 1)

static struct slu_bytes text_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static bool is_taken(const char *text, const char *needle, const char *word)
{
    struct store_row_query query = {.query = {.from_ns = INT64_MIN, .to_ns = INT64_MAX},
                                    .needle = text_of(needle),
                                    .word = text_of(word)};
    struct row_match match;
    struct row row = {.text = text_of(text)};
    row_match_init(&match, &query);
    return row_match_takes(&match, &row);
}

static void a_word_counts_where_nothing_of_a_word_is_beside_it(void **state)
{
    static const struct {
        const char *text;
        const char *word;
        bool is_there;
    } cases[] = {
        {"", "a", false},
        {"a", "a", true},
        {"ab", "a", false},
        {"ba", "a", false},
        {"aa a", "a", true},
        {"aaa", "aa", false},
        {"aaa aa", "aa", true},
        {"aa-aaa", "aa", true},
        {"user17", "user1", false},
        {"user1=x", "user1", true},
        {"_user1", "user1", false},
        {"(user1)", "user1", true},
        {"\xc3\xa9tat", "tat", false},
        {"x.tat", "tat", true},
        {"short", "shorter", false},
        {"abab ab", "ab", true},
        {"1.5", "1", true},
        {"a\nb", "b", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (is_taken(cases[i].text, "", cases[i].word) != cases[i].is_there) {
            fail_msg("'%s' in '%s'", cases[i].word, cases[i].text);
        }
    }
}

static void a_needle_counts_anywhere_and_with_a_word_both_do(void **state)
{
    (void)state;
    assert_true(is_taken("anything", "", ""));
    assert_true(is_taken("", "", ""));
    assert_true(is_taken("user17", "er1", ""));
    assert_false(is_taken("er", "er1", ""));
    assert_false(is_taken("", "e", ""));
    assert_true(is_taken("took 3ms of user17", "3ms", "user17"));
    assert_false(is_taken("took 3ms of user17", "3ms", "user1"));
    assert_false(is_taken("took 4ms of user17", "3ms", "user17"));
}

static void both_ends_of_the_range_and_the_key_decide(void **state)
{
    struct store_row_query query = {.query = {.from_ns = -5, .to_ns = 5}, .key = {"abc", 3}};
    struct row_match match;
    (void)state;
    row_match_init(&match, &query);
    for (int64_t time_ns = -7; time_ns <= 7; time_ns++) {
        struct row row = {.time_ns = time_ns, .key = {"abc", 3}};
        assert_int_equal(row_match_takes(&match, &row), time_ns >= -5 && time_ns <= 5);
        row.key.len = 2;
        assert_false(row_match_takes(&match, &row));
    }
}

static void columns_are_those_that_decide(void **state)
{
    struct store_row_query query = {.query = {.from_ns = 0}};
    struct row_match match;
    (void)state;
    row_match_init(&match, &query);
    assert_int_equal(row_match_columns(&match), 1U << ROW_TIME);
    assert_int_equal(match.word_count, 0);
    query.word = text_of("word");
    row_match_init(&match, &query);
    assert_int_equal(row_match_columns(&match), 1U << ROW_TIME | 1U << ROW_TEXT);
    assert_int_equal(match.word_count, 1);
    query.needle = text_of(" a b c d e f g h i j k l m n ");
    query.key = text_of("key");
    row_match_init(&match, &query);
    assert_int_equal(row_match_columns(&match), 1U << ROW_TIME | 1U << ROW_TEXT | 1U << ROW_KEY);
    assert_true(match.word_count <= ROW_NEEDLE_WORDS);
}

/* ---- A block beside a walk over all rows. ---- */

struct made_row {
    int64_t time_ns;
    char text[TEXT_MAX];
    size_t text_len;
    char key[2];
};

static size_t some_text(struct test_random *random, char text[TEXT_MAX], uint64_t most)
{
    size_t len = test_random_below(random, most);
    for (size_t i = 0; i < len; i++) {
        text[i] = "ab -"[test_random_below(random, 4)];
    }
    return len;
}

static bool naive_has(const struct made_row *row, struct slu_bytes wanted, bool is_word)
{
    for (size_t at = 0; at + wanted.len <= row->text_len; at++) {
        size_t end = at + wanted.len;
        bool is_alone = (at == 0 || !isalpha((unsigned char)row->text[at - 1])) &&
                        (end == row->text_len || !isalpha((unsigned char)row->text[end]));
        if (memcmp(row->text + at, wanted.data, wanted.len) == 0 && (is_alone || !is_word)) {
            return true;
        }
    }
    return false;
}

static bool naive_takes(const struct made_row *row, const struct store_row_query *query)
{
    return row->time_ns >= query->query.from_ns && row->time_ns <= query->query.to_ns &&
           (query->key.len == 0 ||
            bytes_equal(query->key, (struct slu_bytes){row->key, sizeof(row->key)})) &&
           naive_has(row, query->needle, false) &&
           (query->word.len == 0 || naive_has(row, query->word, true));
}

static void rows_make(struct test_random *random, struct made_row *rows, uint32_t count,
                      struct row_block_writer *writer)
{
    for (uint32_t i = 0; i < count; i++) {
        struct made_row *made = &rows[i];
        made->time_ns = (int64_t)test_random_below(random, 20);
        made->text_len = some_text(random, made->text, TEXT_MAX);
        made->key[0] = 'k';
        made->key[1] = (char)('0' + test_random_below(random, 3));
        struct row row = {.time_ns = made->time_ns,
                          .key = {made->key, sizeof(made->key)},
                          .text = {made->text, made->text_len}};
        assert_int_equal(row_block_add(writer, &row), 0);
    }
}

static void query_ask(struct test_random *random, const struct made_row *rows,
                      const struct row_block *block)
{
    char needle[TEXT_MAX];
    char word[TEXT_MAX];
    uint64_t bits[ROWS_MAX / 64 + 1];
    struct row_match match;
    struct store_row_query query = {.query = {.from_ns = (int64_t)test_random_below(random, 8),
                                              .to_ns = 10 + (int64_t)test_random_below(random, 10)},
                                    .needle = {needle, some_text(random, needle, 4)},
                                    .key = {"k1", test_random_below(random, 2) * 2}};
    query.word = (struct slu_bytes){word, test_random_below(random, 3)};
    memset(word, "ab"[test_random_below(random, 2)], sizeof(word));
    row_match_init(&match, &query);
    uint32_t count = row_match_mark(&match, block, bits);
    for (uint32_t i = 0; i < block->row_count; i++) {
        bool is_marked = (bits[i / 64] >> (i % 64) & 1) != 0;
        assert_int_equal(is_marked, naive_takes(&rows[i], &query));
        count -= is_marked;
    }
    assert_int_equal(count, 0);
}

static void what_is_marked_in_a_block_is_what_a_walk_finds(void **state)
{
    static struct made_row rows[ROWS_MAX];
    struct test_random random = test_random_start(71);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = NULL;
    (void)state;
    assert_int_equal(row_block_writer_create(budget, 1, &writer), 0);
    for (uint64_t round = 0; round < test_rounds(60); round++) {
        uint32_t count = 1 + (uint32_t)test_random_below(&random, ROWS_MAX - 1);
        struct slu_bytes bytes;
        struct slu_bytes filter;
        struct row_block_facts facts;
        struct row_block block;
        rows_make(&random, rows, count, writer);
        assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
        assert_int_equal(row_block_open(bytes, budget, ALL_COLUMNS, &block), 0);
        for (int i = 0; i < 20; i++) {
            query_ask(&random, rows, &block);
        }
        row_block_close(&block);
    }
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_counts_where_nothing_of_a_word_is_beside_it),
        cmocka_unit_test(a_needle_counts_anywhere_and_with_a_word_both_do),
        cmocka_unit_test(both_ends_of_the_range_and_the_key_decide),
        cmocka_unit_test(columns_are_those_that_decide),
        cmocka_unit_test(what_is_marked_in_a_block_is_what_a_walk_finds),
    };
    return TEST_RUN("row match", tests);
}
