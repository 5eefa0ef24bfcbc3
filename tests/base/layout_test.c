#include "base/layout.h"

#include <errno.h>

#include "harness.h"

static void parts_follow_each_other_at_their_alignment(void **state)
{
    (void)state;
    struct layout layout = {0};
    assert_int_equal(layout_add(&layout, 1, 3, 1), 0);
    assert_int_equal(layout_add(&layout, 2, 8, 8), 8);
    assert_int_equal(layout_add(&layout, 1, 1, 64), 64);
    size_t size = 0;
    assert_int_equal(layout_size(&layout, &size), 0);
    assert_int_equal(size, 65);
}

static void an_overflow_anywhere_is_remembered(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        size_t item_bytes;
    } parts[] = {{SIZE_MAX, 2}, {SIZE_MAX, 1}, {SIZE_MAX / 2 + 1, 2}, {2, SIZE_MAX / 2}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct layout layout = {0};
        (void)layout_add(&layout, 1, 8, 8); /* the offset is of no interest here */
        (void)layout_add(&layout, parts[i].count, parts[i].item_bytes, 8);
        (void)layout_add(&layout, 1, 8, 8);
        size_t size = 1234;
        assert_int_equal(layout_size(&layout, &size), -EOVERFLOW);
        assert_int_equal(size, 1234);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_follow_each_other_at_their_alignment),
        cmocka_unit_test(an_overflow_anywhere_is_remembered),
    };
    return TEST_RUN("layout", tests);
}
