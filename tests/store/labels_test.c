#include "store/labels.h"

#include <errno.h>
#include <string.h>

#include "harness.h"
#include "store/matcher.h"

static struct slu_bytes text(const char *string)
{
    return (struct slu_bytes){string, strlen(string)};
}

static void equal_sets_are_equal_bytes(void **state)
{
    struct label one[] = {{text("job"), text("api")}, {text("__name__"), text("up")}};
    struct label two[] = {
        {text("__name__"), text("up")}, {text("empty"), text("")}, {text("job"), text("api")}};
    unsigned char first[LABELS_BYTES_MAX];
    unsigned char second[LABELS_BYTES_MAX];
    size_t first_len = 0;
    size_t second_len = 0;
    (void)state;
    assert_int_equal(labels_encode(one, 2, first, &first_len), 0);
    assert_int_equal(labels_encode(two, 3, second, &second_len), 0);
    assert_int_equal(first_len, second_len);
    assert_memory_equal(first, second, first_len);
    assert_true(labels_are_right((struct slu_bytes){first, first_len}));
}

static void names_that_come_twice_or_are_empty_are_refused(void **state)
{
    struct label twice[] = {{text("a"), text("1")}, {text("b"), text("2")}, {text("a"), text("3")}};
    struct label empty[] = {{text(""), text("1")}};
    unsigned char bytes[LABELS_BYTES_MAX];
    size_t len = 0;
    (void)state;
    assert_int_equal(labels_encode(twice, 3, bytes, &len), -EINVAL);
    assert_int_equal(labels_encode(empty, 1, bytes, &len), -EINVAL);
    assert_int_equal(len, 0);
}

static void what_is_too_large_is_refused_and_what_just_fits_is_not(void **state)
{
    static char large[LABELS_BYTES_MAX];
    static unsigned char bytes[LABELS_BYTES_MAX];
    struct label label = {text("a"), {large, LABELS_BYTES_MAX - 8}};
    size_t len = 0;
    (void)state;
    memset(large, 'x', sizeof(large));
    assert_int_equal(labels_encode(&label, 1, bytes, &len), 0);
    assert_true(labels_are_right((struct slu_bytes){bytes, len}));
    label.value.len = LABELS_BYTES_MAX;
    assert_int_equal(labels_encode(&label, 1, bytes, &len), -E2BIG);
}

static void every_prefix_but_the_whole_is_not_right_or_has_fewer_labels(void **state)
{
    struct label labels[] = {{text("a"), text("1")}, {text("bb"), text("22")}};
    unsigned char bytes[LABELS_BYTES_MAX];
    size_t len = 0;
    (void)state;
    assert_int_equal(labels_encode(labels, 2, bytes, &len), 0);
    for (size_t cut = 0; cut < len; cut++) {
        bool is_right = labels_are_right((struct slu_bytes){bytes, cut});
        assert_true(is_right == (cut == 0 || cut == 4));
    }
}

static void a_label_that_is_missing_has_the_empty_value(void **state)
{
    struct label labels[] = {{text("a"), text("1")}};
    unsigned char bytes[LABELS_BYTES_MAX];
    size_t len = 0;
    struct matcher matchers[] = {
        {.kind = MATCH_EQUAL, .name = text("b"), .value = text("")},
        {.kind = MATCH_NOT_EQUAL, .name = text("a"), .value = text("2")},
    };
    (void)state;
    assert_int_equal(labels_encode(labels, 1, bytes, &len), 0);
    struct slu_bytes encoded = {bytes, len};
    assert_true(matchers_take(matchers, 2, encoded));
    matchers[0].kind = MATCH_NOT_EQUAL;
    assert_false(matchers_take(matchers, 2, encoded));
    matchers[0].kind = MATCH_EQUAL;
    matchers[1].value = text("1");
    assert_false(matchers_take(matchers, 2, encoded));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_sets_are_equal_bytes),
        cmocka_unit_test(names_that_come_twice_or_are_empty_are_refused),
        cmocka_unit_test(what_is_too_large_is_refused_and_what_just_fits_is_not),
        cmocka_unit_test(every_prefix_but_the_whole_is_not_right_or_has_fewer_labels),
        cmocka_unit_test(a_label_that_is_missing_has_the_empty_value),
    };
    return TEST_RUN("labels", tests);
}
