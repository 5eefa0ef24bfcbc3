/*
 * Property: whatever the profiler's table in a program's memory says, blocks are in order and none
 * overlap, each is found by its address, stacks are as long as they may be; and what was taken is
 * given back.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "holders/image.h"
#include "holders/modules.h"
#include "holders/sampled.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define START        UINT64_C(0x10000)
#define MEMORY_MAX   ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int memory_read(struct image *image, const struct image_region *region, uint64_t address,
                       void *bytes, size_t len)
{
    ssize_t got = pread(image->fd, bytes, len, (off_t)(address - region->start));
    return got == (ssize_t)len ? 0 : -1;
}

static void sampled_check(const struct sampled *sampled)
{
    uint64_t end = 0;
    for (size_t i = 0; i < sampled_count(sampled); i++) {
        const struct sampled_block *block = sampled_at(sampled, i);
        SLU_ASSERT(block->address >= end);
        end = block->address + block->bytes;
        SLU_ASSERT(end >= block->address);
        SLU_ASSERT(sampled_find(sampled, block->address) != NULL);
        const struct sampled_stack *stack = sampled_stack_of(sampled, block);
        SLU_ASSERT(stack == NULL || (stack->number == block->stack && stack->pc_count > 0 &&
                                     stack->pc_count <= SAMPLED_FRAMES_MAX));
        SLU_ASSERT(stack == NULL ||
                   (stack->pc_first + stack->pc_count) * sizeof(uint64_t) <= sampled->pcs.len);
    }
    SLU_ASSERT(sampled->own_count <= SAMPLED_OWN_MAX);
    for (uint32_t i = 0; i < sampled->own_count; i++) {
        SLU_ASSERT(sampled->own[i].start < sampled->own[i].end);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct slu_budget *budget = NULL;
    struct image *image = NULL;
    struct module module = {.path = "/usr/lib/libsluice-heap.so", .start = START};
    if (len == 0 || len > MEMORY_MAX) {
        return 0;
    }
    int fd = memfd_create("memory", MFD_CLOEXEC);
    SLU_ASSERT(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    SLU_ASSERT(slu_budget_create(NULL, "fuzz", BUDGET_BYTES, &budget) == 0);
    SLU_ASSERT(image_create(budget, NULL, &image) == 0);
    struct image_region region = {.start = START,
                                  .end = START + MEMORY_MAX,
                                  .stored_bytes = len,
                                  .path = module.path,
                                  .writable = true};
    module.end = region.end;
    image->fd = fd;
    image->read = memory_read;
    SLU_ASSERT(image_add_region(image, &region) == 0);
    struct modules modules = {.budget = budget, .image = image};
    modules.rows = (struct block){&module, sizeof(module), sizeof(module)};
    struct sampled sampled;
    if (sampled_read(&sampled, budget, &modules, image) == 0) {
        sampled_check(&sampled);
        sampled_free(&sampled);
    }
    image_close(&image);
    slu_budget_destroy(&budget);
    return 0;
}
