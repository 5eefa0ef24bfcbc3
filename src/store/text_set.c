#include "store/text_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "store/labels.h"

#define FIRST_BYTES ((size_t)4096)
#define SLOT_EMPTY  UINT32_MAX

struct place {
    size_t at;
    size_t len;
};

struct text_set {
    struct slu_budget *budget;
    struct block texts;
    struct block places;
    struct block slots;
};

int text_set_create(struct slu_budget *budget, struct text_set **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct text_set), &memory);
    if (err != 0) {
        return err;
    }
    struct text_set *set = memory;
    *set = (struct text_set){.budget = budget};
    err = block_begin(budget, FIRST_BYTES, &set->texts);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &set->places);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &set->slots);
    if (err != 0) {
        text_set_destroy(&set);
        return err;
    }
    memset(set->slots.data, 0xff, set->slots.size_bytes);
    *out = set;
    return 0;
}

void text_set_destroy(struct text_set **out)
{
    struct text_set *set = *out;
    *out = NULL;
    if (set != NULL) {
        block_free(set->budget, &set->slots);
        block_free(set->budget, &set->places);
        block_free(set->budget, &set->texts);
        slu_budget_free(set->budget, set, sizeof(*set));
    }
}

static uint32_t count_of(const struct text_set *set)
{
    return (uint32_t)(set->places.len / sizeof(struct place));
}

static struct slu_bytes text_at(const struct text_set *set, uint32_t index)
{
    const struct place *place = (const struct place *)set->places.data + index;
    return (struct slu_bytes){(const char *)set->texts.data + place->at, place->len};
}

static uint32_t *slot_find(const struct text_set *set, struct slu_bytes text)
{
    uint32_t *slots = set->slots.data;
    size_t mask = set->slots.size_bytes / sizeof(uint32_t) - 1;
    size_t at = hash_bytes(text, 0) & mask;
    while (slots[at] != SLOT_EMPTY && !bytes_equal(text_at(set, slots[at]), text)) {
        at = (at + 1) & mask;
    }
    return &slots[at];
}

/* At most half of the slots are in use. */
static int slots_double(struct text_set *set)
{
    struct block larger;
    int err = block_begin(set->budget, set->slots.size_bytes * 2, &larger);
    if (err != 0) {
        return err;
    }
    block_free(set->budget, &set->slots);
    set->slots = larger;
    memset(larger.data, 0xff, larger.size_bytes);
    for (uint32_t i = 0; i < count_of(set); i++) {
        *slot_find(set, text_at(set, i)) = i;
    }
    return 0;
}

int text_set_add(struct text_set *set, struct slu_bytes text)
{
    struct place place = {.at = set->texts.len, .len = text.len};
    uint32_t *slot = slot_find(set, text);
    int err = 0;
    if (*slot != SLOT_EMPTY) {
        return 0;
    }
    if (text.len > 0) {
        err = block_append(set->budget, &set->texts, text.data, text.len);
    }
    err = err != 0 ? err : block_append(set->budget, &set->places, &place, sizeof(place));
    if (err != 0) {
        return err;
    }
    *slot = count_of(set) - 1;
    return (size_t)count_of(set) * 2 * sizeof(uint32_t) > set->slots.size_bytes ? slots_double(set)
                                                                                : 0;
}

static int place_compare(const void *left, const void *right, void *arg)
{
    const struct text_set *set = arg;
    const struct place *first = left;
    const struct place *second = right;
    struct slu_bytes one = {(const char *)set->texts.data + first->at, first->len};
    struct slu_bytes other = {(const char *)set->texts.data + second->at, second->len};
    return labels_compare(one, other);
}

int text_set_visit(struct text_set *set, store_text_fn *visit, void *arg)
{
    int err = 0;
    qsort_r(set->places.data, count_of(set), sizeof(struct place), place_compare, set);
    for (uint32_t i = 0; err == 0 && i < count_of(set); i++) {
        err = visit(arg, text_at(set, i));
    }
    return err;
}
