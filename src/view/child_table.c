#include "view/child_table.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"

#define SLOTS_FIRST UINT32_C(1024)
#define SLOTS_MAX   (UINT32_C(1) << 30)

static size_t slots_bytes(uint32_t mask)
{
    return ((size_t)mask + 1) * sizeof(struct child_slot);
}

static int slots_make(struct slu_budget *budget, uint32_t mask, struct child_slot **slots)
{
    void *block = NULL;
    int err = slu_budget_alloc(budget, slots_bytes(mask), &block);
    if (err == 0) {
        memset(block, 0, slots_bytes(mask));
        *slots = block;
    }
    return err;
}

int child_table_init(struct child_table *table, struct slu_budget *budget)
{
    *table = (struct child_table){.budget = budget, .mask = SLOTS_FIRST - 1};
    return slots_make(budget, table->mask, &table->slots);
}

void child_table_deinit(struct child_table *table)
{
    if (table->slots != NULL) {
        slu_budget_free(table->budget, table->slots, slots_bytes(table->mask));
    }
    *table = (struct child_table){0};
}

static void slot_put(struct child_slot *slots, uint32_t mask, const struct child_slot *put)
{
    uint32_t at = put->hash & mask;
    while (slots[at].child != CHILD_NONE) {
        at = (at + 1) & mask;
    }
    slots[at] = *put;
}

static int table_double(struct child_table *table)
{
    uint32_t mask = 2 * table->mask + 1;
    struct child_slot *slots = NULL;
    if (mask >= SLOTS_MAX) {
        return -EOVERFLOW;
    }
    int err = slots_make(table->budget, mask, &slots);
    if (err != 0) {
        return err;
    }
    for (uint32_t i = 0; i <= table->mask; i++) {
        if (table->slots[i].child != CHILD_NONE) {
            slot_put(slots, mask, &table->slots[i]);
        }
    }
    slu_budget_free(table->budget, table->slots, slots_bytes(table->mask));
    table->slots = slots;
    table->mask = mask;
    return 0;
}

int child_table_add(struct child_table *table, uint32_t hash, uint32_t parent, uint32_t entry,
                    uint32_t child)
{
    const struct child_slot added = {parent, entry, child, hash};
    SLU_ASSERT(child != CHILD_NONE);
    if (table->count >= table->mask - table->mask / 4) {
        int err = table_double(table);
        if (err != 0) {
            return err;
        }
    }
    slot_put(table->slots, table->mask, &added);
    table->count++;
    return 0;
}
