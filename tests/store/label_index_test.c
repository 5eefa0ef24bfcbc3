#include "store/label_index.h"

#include "label_index_fixture.h"
#include "match/regex.h"

#define MATCHERS_MAX 4
#define STREAMS_MAX  3000

static const char *const names[] = {"a", "aa", "job", "instance", "\xff\xff\xff\xff\xff", "z"};
static const char *const patterns[] = {"",       ".*",  ".+",         "v1|v2", "v[0-9]*", "x|",
                                       "v1|v7|", "(v)", "[^v]+.*[0]", "V1",    "(?i:V1)", ".*9"};

#define NAMES    (sizeof(names) / sizeof(names[0]))
#define PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

/* Some begin others; some are long; some are above all text. */
static struct slu_bytes some_value(struct test_random *random, uint64_t values, char text[512])
{
    uint64_t number = test_random_below(random, values);
    int len = snprintf(text, 512, "v%llu", (unsigned long long)number);
    if (number % 7 == 3) {
        memset(text, 'x', (size_t)number % 400);
        len = (int)(number % 400);
    } else if (number % 11 == 5) {
        memset(text, 0xff, 5);
        len = 5;
    }
    return (struct slu_bytes){text, (size_t)len};
}

static void some_streams(struct test_random *random, struct test_streams *streams)
{
    static const uint64_t sizes[] = {1, 3, 70, 1000, STREAMS_MAX};
    uint64_t count = test_random_below(random, sizes[test_random_below(random, 5)]);
    uint64_t values = 1 + test_random_below(random, 300);
    bool has_same = test_random_below(random, 2) == 0;
    streams_init(streams, STREAMS_MAX);
    for (uint64_t i = 0; i < count; i++) {
        struct label labels[NAMES + 1];
        char texts[NAMES][512];
        size_t used = 0;
        for (size_t k = 0; k < NAMES; k++) {
            if (test_random_below(random, 3) > 0) {
                labels[used++] =
                    (struct label){text_of(names[k]), some_value(random, values, texts[k])};
            }
        }
        if (has_same) {
            labels[used++] = (struct label){text_of("everywhere"), text_of("v1")};
        }
        streams_put(streams, labels, used);
    }
    streams_sort_once(streams);
}

/* Written from Prometheus' rules, apart from matcher.c. */
static bool is_taken(const struct matcher *matcher, struct slu_bytes labels)
{
    struct slu_bytes value = {"", 0};
    struct label label;
    while (labels_next(&labels, &label)) {
        value = bytes_equal(label.name, matcher->name) ? label.value : value;
    }
    bool is_same = matcher->kind == MATCH_EQUAL || matcher->kind == MATCH_NOT_EQUAL
                       ? bytes_equal(value, matcher->value)
                       : regex_is_whole(matcher->regex, value);
    return is_same == (matcher->kind == MATCH_EQUAL || matcher->kind == MATCH_REGEX);
}

struct told {
    const struct test_streams *streams;
    const struct matcher *matchers;
    size_t matcher_count;
    size_t next; /* of the streams */
};

static size_t told_skip(struct told *told)
{
    while (told->next < told->streams->count) {
        bool is_wanted = true;
        for (size_t i = 0; i < told->matcher_count; i++) {
            is_wanted = is_wanted && is_taken(&told->matchers[i],
                                              stream_labels(&told->streams->list[told->next]));
        }
        if (is_wanted) {
            break;
        }
        told->next++;
    }
    return told->next;
}

static int stream_check(void *arg, uint32_t stream, struct slu_bytes labels, struct slu_bytes value)
{
    struct told *told = arg;
    assert_true(told_skip(told) < told->streams->count);
    const struct test_stream *wanted = &told->streams->list[told->next];
    assert_int_equal(stream, told->next);
    assert_true(bytes_equal(labels, stream_labels(wanted)));
    assert_true(bytes_equal(value, stream_value(wanted)));
    told->next++;
    return 0;
}

static void select_check(struct index_file *file, const struct test_streams *streams,
                         const struct matcher *matchers, size_t count)
{
    struct told told = {streams, matchers, count, 0};
    uint64_t used = budget_used(file->budget);
    assert_int_equal(
        label_index_select(&file->index, matchers, count, file->budget, stream_check, &told), 0);
    assert_int_equal(told_skip(&told), streams->count);
    assert_int_equal(budget_used(file->budget), used);
}

struct patterns_made {
    struct regex *list[PATTERNS];
};

static void patterns_make(struct slu_budget *budget, struct patterns_made *made)
{
    for (size_t i = 0; i < PATTERNS; i++) {
        assert_int_equal(regex_create(budget, text_of(patterns[i]), NULL, &made->list[i]), 0);
    }
}

static void patterns_free(struct patterns_made *made)
{
    for (size_t i = 0; i < PATTERNS; i++) {
        regex_destroy(&made->list[i]);
    }
}

static struct matcher some_matcher(struct test_random *random, const struct patterns_made *made,
                                   char text[512])
{
    static const char *const others[] = {"nowhere", "everywhere", "aaa", ""};
    uint64_t name = test_random_below(random, NAMES + 4);
    struct matcher matcher = {.kind = (enum matcher_kind)test_random_below(random, 4),
                              .name = text_of(name < NAMES ? names[name] : others[name - NAMES])};
    if (matcher.kind == MATCH_EQUAL || matcher.kind == MATCH_NOT_EQUAL) {
        if (test_random_below(random, 4) > 0) {
            matcher.value = some_value(random, 300, text);
        }
    } else {
        matcher.regex = made->list[test_random_below(random, PATTERNS)];
    }
    return matcher;
}

static void the_streams_that_all_matchers_take_are_visited_in_order(void **state)
{
    struct test_random random = test_random_start(31);
    struct slu_budget *budget = budget_of(INDEX_BUDGET_BYTES);
    struct patterns_made made;
    (void)state;
    patterns_make(budget, &made);
    for (uint64_t round = 0; round < test_rounds(30); round++) {
        struct index_file file;
        struct test_streams streams;
        some_streams(&random, &streams);
        index_file_open(&file);
        index_write_all(&file, &streams);
        for (size_t i = 0; i < 40; i++) {
            struct matcher matchers[MATCHERS_MAX];
            char texts[MATCHERS_MAX][512];
            size_t count = test_random_below(&random, MATCHERS_MAX + 1);
            for (size_t k = 0; k < count; k++) {
                matchers[k] = some_matcher(&random, &made, texts[k]);
            }
            select_check(&file, &streams, matchers, count);
        }
        index_file_close(&file);
        streams_deinit(&streams);
    }
    patterns_free(&made);
    slu_budget_destroy(&budget);
}

/* Names and values of all streams, sorted. */
struct pairs {
    struct label *list;
    size_t count;
};

static int label_compare(const void *left, const void *right)
{
    const struct label *first = left;
    const struct label *second = right;
    int order = labels_compare(first->name, second->name);
    return order != 0 ? order : labels_compare(first->value, second->value);
}

static struct pairs pairs_of(const struct test_streams *streams)
{
    struct pairs pairs = {.list = calloc(streams->count * NAMES * 2 + 1, sizeof(struct label))};
    assert_non_null(pairs.list);
    for (size_t i = 0; i < streams->count; i++) {
        struct slu_bytes rest = stream_labels(&streams->list[i]);
        while (labels_next(&rest, &pairs.list[pairs.count])) {
            pairs.count++;
        }
    }
    qsort(pairs.list, pairs.count, sizeof(struct label), label_compare);
    return pairs;
}

struct texts_told {
    const struct pairs *pairs;
    struct slu_bytes name; /* whose values are told */
    size_t next;
};

static int name_check(void *arg, struct slu_bytes text, uint32_t stream_count)
{
    struct texts_told *told = arg;
    const struct pairs *pairs = told->pairs;
    assert_int_equal(stream_count, 0);
    assert_true(told->next < pairs->count);
    assert_true(bytes_equal(text, pairs->list[told->next].name));
    while (told->next < pairs->count && bytes_equal(text, pairs->list[told->next].name)) {
        told->next++;
    }
    return 0;
}

static int value_check(void *arg, struct slu_bytes text, uint32_t stream_count)
{
    struct texts_told *told = arg;
    const struct label wanted = {told->name, text};
    uint32_t count = 0;
    while (told->next < told->pairs->count &&
           label_compare(&told->pairs->list[told->next], &wanted) == 0) {
        told->next++;
        count++;
    }
    assert_true(count > 0);
    assert_int_equal(stream_count, count);
    return 0;
}

static void values_check(struct index_file *file, const struct pairs *pairs, const char *name)
{
    struct texts_told told = {.pairs = pairs, .name = text_of(name)};
    size_t end = 0;
    while (told.next < pairs->count && labels_compare(pairs->list[told.next].name, told.name) < 0) {
        told.next++;
    }
    for (end = told.next; end < pairs->count; end++) {
        if (!bytes_equal(pairs->list[end].name, told.name)) {
            break;
        }
    }
    assert_int_equal(label_index_values(&file->index, told.name, file->budget, value_check, &told),
                     0);
    assert_int_equal(told.next, end);
}

static void names_and_values_are_told_once_in_order_with_their_counts(void **state)
{
    struct test_random random = test_random_start(32);
    (void)state;
    for (uint64_t round = 0; round < test_rounds(30); round++) {
        struct index_file file;
        struct test_streams streams;
        some_streams(&random, &streams);
        struct pairs pairs = pairs_of(&streams);
        struct texts_told told = {.pairs = &pairs};
        index_file_open(&file);
        index_write_all(&file, &streams);
        assert_int_equal(label_index_names(&file.index, file.budget, name_check, &told), 0);
        assert_int_equal(told.next, pairs.count);
        for (size_t i = 0; i < NAMES; i++) {
            values_check(&file, &pairs, names[i]);
        }
        values_check(&file, &pairs, "everywhere");
        values_check(&file, &pairs, "nowhere");
        index_file_close(&file);
        streams_deinit(&streams);
        free(pairs.list);
    }
}

static void a_label_that_is_missing_is_the_empty_value(void **state)
{
    static const struct {
        enum matcher_kind kind;
        const char *value;
        bool takes_missing;
        bool takes_x;
    } rows[] = {
        {MATCH_EQUAL, "", true, false},        {MATCH_EQUAL, "x", false, true},
        {MATCH_EQUAL, "y", false, false},      {MATCH_NOT_EQUAL, "", false, true},
        {MATCH_NOT_EQUAL, "x", true, false},   {MATCH_NOT_EQUAL, "y", true, true},
        {MATCH_REGEX, "", true, false},        {MATCH_REGEX, "x", false, true},
        {MATCH_REGEX, "x|", true, true},       {MATCH_REGEX, ".*", true, true},
        {MATCH_REGEX, ".+", false, true},      {MATCH_NOT_REGEX, "", false, true},
        {MATCH_NOT_REGEX, "x", true, false},   {MATCH_NOT_REGEX, "x|", false, false},
        {MATCH_NOT_REGEX, ".*", false, false}, {MATCH_NOT_REGEX, ".+", true, false},
    };
    struct index_file file;
    struct test_streams streams;
    struct label x[] = {{text_of("a"), text_of("x")}};
    struct label other[] = {{text_of("b"), text_of("x")}};
    (void)state;
    streams_init(&streams, 2);
    streams_put(&streams, x, 1);
    streams_put(&streams, other, 1);
    streams_sort_once(&streams);
    index_file_open(&file);
    index_write_all(&file, &streams);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct matcher matcher = {.kind = rows[i].kind, .name = text_of("a")};
        struct regex *regex = NULL;
        assert_int_equal(regex_create(file.budget, text_of(rows[i].value), NULL, &regex), 0);
        matcher.value = text_of(rows[i].value);
        matcher.regex = regex;
        assert_int_equal(is_taken(&matcher, stream_labels(&streams.list[0])), rows[i].takes_x);
        assert_int_equal(is_taken(&matcher, stream_labels(&streams.list[1])),
                         rows[i].takes_missing);
        select_check(&file, &streams, &matcher, 1);
        regex_destroy(&regex);
    }
    index_file_close(&file);
    streams_deinit(&streams);
}

static int stream_refuse(void *arg, uint32_t stream, struct slu_bytes labels,
                         struct slu_bytes value)
{
    (void)stream;
    (void)labels;
    (void)value;
    return *(const int *)arg;
}

static int text_refuse(void *arg, struct slu_bytes text, uint32_t stream_count)
{
    (void)text;
    (void)stream_count;
    return *(const int *)arg;
}

static void what_a_visitor_returns_ends_the_walk_and_is_returned(void **state)
{
    static const int answers[] = {-ENODATA, -ECANCELED, 1};
    struct index_file file;
    struct test_streams streams;
    struct label labels[] = {{text_of("a"), text_of("x")}};
    (void)state;
    streams_init(&streams, 1);
    streams_put(&streams, labels, 1);
    index_file_open(&file);
    index_write_all(&file, &streams);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        int answer = answers[i];
        assert_int_equal(
            label_index_select(&file.index, NULL, 0, file.budget, stream_refuse, &answer), answer);
        assert_int_equal(label_index_names(&file.index, file.budget, text_refuse, &answer), answer);
        assert_int_equal(
            label_index_values(&file.index, text_of("a"), file.budget, text_refuse, &answer),
            answer);
    }
    index_file_close(&file);
    streams_deinit(&streams);
}

static void streams_out_of_order_or_out_of_form_are_refused(void **state)
{
    static unsigned char value[((size_t)1 << 20) + 1];
    static const struct {
        struct slu_bytes first;
        struct slu_bytes second;
    } rows[] = {
        {{"\1a\1y", 4}, {"\1a\1x", 4}}, {{"\1a\1x", 4}, {"\1a\1x", 4}},
        {{"\1a\1x", 4}, {"", 0}},       {{"", 0}, {"", 0}},
        {{"", 0}, {"\1a\1", 3}},        {{"", 0}, {"\1a\0", 3}},
    };
    struct index_file file;
    struct slu_bytes none = {NULL, 0};
    (void)state;
    index_file_open(&file);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct label_index_writer *writer = NULL;
        assert_int_equal(label_index_writer_create(file.budget, &file.section, &writer), 0);
        assert_int_equal(label_index_add(writer, rows[i].first, none), 0);
        assert_int_equal(label_index_add(writer, rows[i].second, none), -EINVAL);
        label_index_writer_destroy(&writer);
    }
    struct label_index_writer *writer = NULL;
    assert_int_equal(label_index_writer_create(file.budget, &file.section, &writer), 0);
    assert_int_equal(label_index_add(writer, none, (struct slu_bytes){value, sizeof(value)}),
                     -E2BIG);
    label_index_writer_destroy(&writer);
    index_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_streams_that_all_matchers_take_are_visited_in_order),
        cmocka_unit_test(names_and_values_are_told_once_in_order_with_their_counts),
        cmocka_unit_test(a_label_that_is_missing_is_the_empty_value),
        cmocka_unit_test(what_a_visitor_returns_ends_the_walk_and_is_returned),
        cmocka_unit_test(streams_out_of_order_or_out_of_form_are_refused),
    };
    return TEST_RUN("label_index", tests);
}
