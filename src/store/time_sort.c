#include "store/time_sort.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

static int64_t time_of(const unsigned char *items, size_t item_bytes, size_t index)
{
    int64_t time = 0;
    memcpy(&time, items + index * item_bytes, sizeof(time));
    return time;
}

static bool is_sorted(const unsigned char *items, size_t item_bytes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (time_of(items, item_bytes, i) < time_of(items, item_bytes, i - 1)) {
            return false;
        }
    }
    return true;
}

/* Merge [begin, middle) and [middle, end) of `from` into `to`. */
static void runs_merge(const unsigned char *from, unsigned char *to, size_t item_bytes,
                       size_t begin, size_t middle, size_t end)
{
    size_t left = begin;
    size_t right = middle;
    for (size_t at = begin; at < end; at++) {
        bool is_left = right == end || (left < middle && time_of(from, item_bytes, left) <=
                                                             time_of(from, item_bytes, right));
        size_t chosen = is_left ? left++ : right++;
        memcpy(to + at * item_bytes, from + chosen * item_bytes, item_bytes);
    }
}

int time_sort(void *items, size_t item_bytes, size_t count, struct slu_budget *budget)
{
    void *memory = NULL;
    if (is_sorted(items, item_bytes, count)) {
        return 0;
    }
    int err = slu_budget_alloc(budget, count * item_bytes, &memory);
    if (err != 0) {
        return err;
    }
    unsigned char *from = items;
    unsigned char *to = memory;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            size_t middle = begin + width < count ? begin + width : count;
            size_t end = begin + 2 * width < count ? begin + 2 * width : count;
            runs_merge(from, to, item_bytes, begin, middle, end);
        }
        unsigned char *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) {
        memcpy(items, from, count * item_bytes);
    }
    slu_budget_free(budget, memory, count * item_bytes);
    return 0;
}

size_t time_unique(void *items, size_t item_bytes, size_t count)
{
    unsigned char *bytes = items;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && time_of(bytes, item_bytes, i) == time_of(bytes, item_bytes, i + 1)) {
            continue;
        }
        if (kept != i) {
            memcpy(bytes + kept * item_bytes, bytes + i * item_bytes, item_bytes);
        }
        kept++;
    }
    return kept;
}
