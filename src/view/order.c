#include "view/order.h"

#include <string.h>

#include "view/view.h"

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

int order_larger_first(int64_t left, int64_t right)
{
    uint64_t left_size = magnitude(left);
    uint64_t right_size = magnitude(right);
    return (left_size < right_size) - (left_size > right_size);
}

int order_labels(const struct view *view, uint32_t left, uint32_t right)
{
    struct slu_bytes left_label = view_label(view, left);
    struct slu_bytes right_label = view_label(view, right);
    size_t len = left_label.len < right_label.len ? left_label.len : right_label.len;
    int order = memcmp(left_label.data, right_label.data, len);
    return order != 0 ? order
                      : (left_label.len > right_label.len) - (left_label.len < right_label.len);
}
