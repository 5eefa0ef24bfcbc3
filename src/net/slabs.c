#include "net/slabs.h"

#include <string.h>

#include <sluice/budget.h>

static const struct {
    size_t bytes;
    uint32_t kept_max;
} classes[SLAB_CLASS_COUNT] = {
    {SLAB_BYTES, 64},
    {8 * SLAB_BYTES, 16},
    {64 * SLAB_BYTES, 2},
};

/* Beyond the classes, blocks are as large as wanted, and never kept. */
static size_t size_of(size_t wanted_bytes, uint32_t *class_id)
{
    for (uint32_t i = 0; i < SLAB_CLASS_COUNT; i++) {
        if (wanted_bytes <= classes[i].bytes) {
            *class_id = i;
            return classes[i].bytes;
        }
    }
    *class_id = SLAB_CLASS_COUNT;
    return wanted_bytes;
}

void slabs_init(struct slabs *slabs, struct slu_budget *budget)
{
    *slabs = (struct slabs){.budget = budget};
}

void slabs_deinit(struct slabs *slabs)
{
    for (uint32_t i = 0; i < SLAB_CLASS_COUNT; i++) {
        while (slabs->kept[i].first != NULL) {
            void *block = slabs->kept[i].first;
            memcpy(&slabs->kept[i].first, block, sizeof(void *));
            slu_budget_free(slabs->budget, block, classes[i].bytes);
        }
        slabs->kept[i].count = 0;
    }
}

int slab_alloc(struct slu_budget *budget, size_t wanted_bytes, struct slab *slab)
{
    uint32_t class_id = 0;
    size_t size_bytes = size_of(wanted_bytes, &class_id);
    void *block = NULL;
    int err = slu_budget_alloc(budget, size_bytes, &block);
    if (err == 0) {
        *slab = (struct slab){.bytes = block, .size_bytes = size_bytes};
    }
    return err;
}

int slabs_take(struct slabs *slabs, size_t wanted_bytes, struct slab *slab)
{
    uint32_t class_id = 0;
    size_t size_bytes = size_of(wanted_bytes, &class_id);
    if (class_id < SLAB_CLASS_COUNT && slabs->kept[class_id].first != NULL) {
        void *block = slabs->kept[class_id].first;
        memcpy(&slabs->kept[class_id].first, block, sizeof(void *));
        slabs->kept[class_id].count--;
        *slab = (struct slab){.bytes = block, .size_bytes = size_bytes};
        return 0;
    }
    int err = slab_alloc(slabs->budget, wanted_bytes, slab);
    if (err != 0) {
        slabs_deinit(slabs);
        err = slab_alloc(slabs->budget, wanted_bytes, slab);
    }
    return err;
}

void slabs_give(struct slabs *slabs, struct slab *slab)
{
    if (slab->bytes == NULL) {
        return;
    }
    uint32_t class_id = 0;
    (void)size_of(slab->size_bytes, &class_id);
    if (class_id < SLAB_CLASS_COUNT && slabs->kept[class_id].count < classes[class_id].kept_max) {
        memcpy(slab->bytes, &slabs->kept[class_id].first, sizeof(void *));
        slabs->kept[class_id].first = slab->bytes;
        slabs->kept[class_id].count++;
    } else {
        slu_budget_free(slabs->budget, slab->bytes, slab->size_bytes);
    }
    *slab = (struct slab){0};
}

int slabs_grow(struct slabs *slabs, struct slab *slab, size_t len, size_t wanted_bytes)
{
    struct slab larger;
    int err = slabs_take(slabs, wanted_bytes, &larger);
    if (err != 0) {
        return err;
    }
    if (len > 0) {
        memcpy(larger.bytes, slab->bytes, len);
    }
    slabs_give(slabs, slab);
    *slab = larger;
    return 0;
}
