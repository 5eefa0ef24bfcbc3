#include "pipeline/refusals.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *refusal_kind_name(enum refusal_kind kind)
{
    static const char *const names[] = {"later", "invalid", "partial"};
    return names[kind];
}

void refusals_init(struct refusals *refusals)
{
    mutex_init(&refusals->lock);
    refusals->count = 0;
}

void refusals_deinit(struct refusals *refusals)
{
    mutex_deinit(&refusals->lock);
}

static const char *digits_skip(const char *text)
{
    while (isdigit((unsigned char)*text)) {
        text++;
    }
    return text;
}

/* Runs of digits are equal to each other. */
static bool reason_equal(const char *left, const char *right)
{
    while (*left != '\0' && *right != '\0') {
        bool is_number = isdigit((unsigned char)*left) && isdigit((unsigned char)*right);
        if (!is_number && *left != *right) {
            return false;
        }
        left = is_number ? digits_skip(left) : left + 1;
        right = is_number ? digits_skip(right) : right + 1;
    }
    return *left == *right;
}

static struct refusal *item_find(struct refusals *refusals, const struct refusal *refusal)
{
    struct refusal *oldest = &refusals->items[0];
    for (size_t i = 0; i < refusals->count; i++) {
        struct refusal *item = &refusals->items[i];
        if (item->kind == refusal->kind && item->signal == refusal->signal &&
            reason_equal(item->reason, refusal->reason)) {
            return item;
        }
        oldest = item->last_ns < oldest->last_ns ? item : oldest;
    }
    if (refusals->count < REFUSALS_MAX) {
        oldest = &refusals->items[refusals->count++];
    }
    oldest->count = 0;
    return oldest;
}

void refusals_note(struct refusals *refusals, const struct refusal *refusal)
{
    if (refusals != NULL) {
        mutex_lock(&refusals->lock);
        struct refusal *item = item_find(refusals, refusal);
        uint64_t count = item->count + refusal->count;
        *item = *refusal;
        item->count = count;
        mutex_unlock(&refusals->lock);
    }
}

static int newest_first(const void *left, const void *right)
{
    const struct refusal *first = left;
    const struct refusal *second = right;
    return (first->last_ns < second->last_ns) - (first->last_ns > second->last_ns);
}

size_t refusals_list(struct refusals *refusals, struct refusal *out)
{
    mutex_lock(&refusals->lock);
    size_t count = refusals->count;
    memcpy(out, refusals->items, count * sizeof(*out));
    mutex_unlock(&refusals->lock);
    qsort(out, count, sizeof(*out), newest_first);
    return count;
}
