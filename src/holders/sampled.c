#include "holders/sampled.h"

#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "holders/image.h"
#include "holders/modules.h"
#include "profile/live_table.h"
#include "profile/stack_table.h"

#define LIBRARY       "libsluice-heap.so"
#define SAMPLES_MAX   (UINT64_C(1) << 24)
#define BLOCK_MAX     (UINT64_C(1) << 40) /* bytes */
#define ALIGN_BYTES   16
#define FIRST_BYTES   ((size_t)4096)
#define PIECE_SAMPLES 64
#define PIECE_WORDS   512

static bool is_profiler(const struct module *module)
{
    return strncmp(module_name(module), LIBRARY, sizeof(LIBRARY) - 1) == 0;
}

static bool magic_find(struct image *image, uint64_t start, uint64_t end, uint64_t *found)
{
    uint64_t words[PIECE_WORDS];
    uint64_t step = sizeof(words) - sizeof(uint64_t); /* the pair may lie on both sides of a cut */
    for (uint64_t at = start; end - at >= 2 * sizeof(uint64_t); at += step) {
        size_t len = end - at < sizeof(words) ? (size_t)(end - at) : sizeof(words);
        bool is_read = image_read(image, at, words, len) == 0;
        for (size_t i = 0; is_read && i + 1 < len / sizeof(uint64_t); i++) {
            if (words[i] == SIDE_TABLE_MAGIC_FIRST && words[i + 1] == SIDE_TABLE_MAGIC_SECOND) {
                *found = at + i * sizeof(uint64_t);
                return true;
            }
        }
        if (end - at <= step) {
            return false;
        }
    }
    return false;
}

static void own_add(struct sampled *sampled, uint64_t start, uint64_t end)
{
    if (start < end && sampled->own_count < SAMPLED_OWN_MAX) {
        sampled->own[sampled->own_count++] = (struct sampled_range){start, end};
    }
}

static void own_read(struct sampled *sampled, struct image *image)
{
    const struct side_table *table = &sampled->table;
    own_add(sampled, table->span_start, table->span_end);
    own_add(sampled, table->block, table->block + table->block_bytes);
    for (uint64_t i = 0; i < table->regions_max && i < SAMPLED_OWN_MAX; i++) {
        uint64_t region[2]; /* start, bytes */
        if (image_read(image, table->regions + i * sizeof(region), region, sizeof(region)) == 0) {
            own_add(sampled, region[0], region[0] + region[1]);
        }
    }
}

static bool table_find(struct sampled *sampled, struct modules *modules, struct image *image)
{
    struct module *rows = modules->rows.data;
    size_t region_count = 0;
    const struct image_region *regions = image_regions(image, &region_count);
    for (size_t i = 0; i < modules->rows.len / sizeof(*rows); i++) {
        for (size_t k = 0; is_profiler(&rows[i]) && k < region_count; k++) {
            const struct image_region *region = &regions[k];
            uint64_t start = region->start > rows[i].start ? region->start : rows[i].start;
            uint64_t end = region->end < rows[i].end ? region->end : rows[i].end;
            uint64_t found = 0;
            if (region->writable && start < end && magic_find(image, start, end, &found)) {
                own_add(sampled, rows[i].start, rows[i].end);
                return image_read(image, found, &sampled->table, sizeof(sampled->table)) == 0;
            }
        }
    }
    return false;
}

static bool is_wanted(const struct live_sample *sample)
{
    uint64_t address = sample->address;
    return (sample->state & 1) != 0 && address != 0 && address % ALIGN_BYTES == 0 &&
           sample->size_bytes <= BLOCK_MAX && address < UINT64_MAX - BLOCK_MAX;
}

static int samples_read(struct sampled *sampled, struct image *image, uint64_t count)
{
    struct live_sample piece[PIECE_SAMPLES];
    for (uint64_t at = 0; at < count; at += PIECE_SAMPLES) {
        size_t left = (size_t)(count - at < PIECE_SAMPLES ? count - at : PIECE_SAMPLES);
        if (image_read(image, sampled->table.samples + at * sizeof(piece[0]), piece,
                       left * sizeof(piece[0])) != 0) {
            continue; /* a core may lack it */
        }
        for (size_t i = 0; i < left; i++) {
            struct sampled_block block = {piece[i].address, piece[i].size_bytes, piece[i].stack};
            int err = is_wanted(&piece[i])
                          ? block_append(sampled->budget, &sampled->blocks, &block, sizeof(block))
                          : 0;
            if (err != 0) {
                return err;
            }
        }
    }
    return 0;
}

static int by_address(const void *left, const void *right)
{
    const struct sampled_block *first = left;
    const struct sampled_block *second = right;
    return (first->address > second->address) - (first->address < second->address);
}

/* In order, without what overlaps: of a sample that came or went just then. */
static void blocks_order(struct sampled *sampled)
{
    struct sampled_block *blocks = sampled->blocks.data;
    size_t count = sampled_count(sampled);
    size_t kept = 0;
    qsort(blocks, count, sizeof(blocks[0]), by_address);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || blocks[i].address >= blocks[kept - 1].address + blocks[kept - 1].bytes) {
            blocks[kept++] = blocks[i];
        }
    }
    sampled->blocks.len = kept * sizeof(blocks[0]);
}

static int stack_read(struct sampled *sampled, struct image *image, uint32_t number)
{
    struct stack found;
    uint64_t pcs[SAMPLED_FRAMES_MAX];
    const struct side_table *table = &sampled->table;
    struct sampled_stack stack = {.number = number,
                                  .pc_first = sampled->pcs.len / sizeof(uint64_t)};
    if (number >= table->stacks_max ||
        image_read(image, table->stacks + number * sizeof(found), &found, sizeof(found)) != 0 ||
        found.pcs_start > table->pcs_max) {
        return 0;
    }
    stack.pc_count =
        found.frame_count < SAMPLED_FRAMES_MAX ? found.frame_count : SAMPLED_FRAMES_MAX;
    size_t bytes = stack.pc_count * sizeof(uint64_t);
    if (bytes == 0 ||
        image_read(image, table->pcs + found.pcs_start * sizeof(uint64_t), pcs, bytes) != 0) {
        return 0;
    }
    int err = block_append(sampled->budget, &sampled->pcs, pcs, bytes);
    return err != 0 ? err : block_append(sampled->budget, &sampled->stacks, &stack, sizeof(stack));
}

static int by_number(const void *left, const void *right)
{
    uint32_t first = *(const uint32_t *)left;
    uint32_t second = *(const uint32_t *)right;
    return (first > second) - (first < second);
}

/* While the image can be read. */
static int stacks_read(struct sampled *sampled, struct image *image)
{
    size_t count = sampled_count(sampled);
    void *memory = NULL;
    size_t bytes = (count + 1) * sizeof(uint32_t);
    int err = slu_budget_alloc(sampled->budget, bytes, &memory);
    if (err != 0) {
        return err;
    }
    uint32_t *numbers = memory;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = sampled_at(sampled, i)->stack;
    }
    qsort(numbers, count, sizeof(numbers[0]), by_number);
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = i > 0 && numbers[i] == numbers[i - 1] ? 0 : stack_read(sampled, image, numbers[i]);
    }
    slu_budget_free(sampled->budget, memory, bytes);
    return err;
}

static int all_read(struct sampled *sampled, struct image *image, uint32_t end)
{
    struct slu_budget *budget = sampled->budget;
    int err = block_begin(budget, FIRST_BYTES, &sampled->blocks);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &sampled->stacks);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &sampled->pcs);
    err = err != 0 ? err : samples_read(sampled, image, end);
    if (err == 0) {
        blocks_order(sampled);
        err = stacks_read(sampled, image);
    }
    return err;
}

int sampled_read(struct sampled *sampled, struct slu_budget *budget, struct modules *modules,
                 struct image *image)
{
    uint32_t end = 0;
    *sampled = (struct sampled){.budget = budget};
    if (!table_find(sampled, modules, image) || sampled->table.samples_max > SAMPLES_MAX ||
        sampled->table.span_start > sampled->table.span_end ||
        image_read(image, sampled->table.end, &end, sizeof(end)) != 0 ||
        end > sampled->table.samples_max) {
        *sampled = (struct sampled){.budget = budget};
        return 0;
    }
    own_read(sampled, image);
    int err = all_read(sampled, image, end);
    if (err != 0) {
        sampled_free(sampled);
    }
    return err;
}

void sampled_free(struct sampled *sampled)
{
    if (sampled->budget != NULL) {
        block_free(sampled->budget, &sampled->blocks);
        block_free(sampled->budget, &sampled->stacks);
        block_free(sampled->budget, &sampled->pcs);
    }
    *sampled = (struct sampled){0};
}

size_t sampled_from(const struct sampled *sampled, uint64_t address)
{
    size_t low = 0;
    size_t high = sampled_count(sampled);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sampled_at(sampled, middle)->address < address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct sampled_block *sampled_find(const struct sampled *sampled, uint64_t address)
{
    size_t at = sampled_from(sampled, address);
    bool is_there = at < sampled_count(sampled) && sampled_at(sampled, at)->address == address;
    return is_there ? sampled_at(sampled, at) : NULL;
}

const struct sampled_stack *sampled_stack_of(const struct sampled *sampled,
                                             const struct sampled_block *block)
{
    const struct sampled_stack *stacks = sampled->stacks.data;
    size_t low = 0;
    size_t high = sampled->stacks.len / sizeof(stacks[0]);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stacks[middle].number < block->stack) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_there =
        low < sampled->stacks.len / sizeof(stacks[0]) && stacks[low].number == block->stack;
    return is_there ? &stacks[low] : NULL;
}
