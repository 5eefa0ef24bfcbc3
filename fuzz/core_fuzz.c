/*
 * Property: whatever a core says, it is refused or its regions are in order, every block lies in
 * memory that the core has, in order, and every pointer that is kept leads to a block; and what
 * was taken is given back.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "holders/core.h"
#include "holders/graph.h"
#include "holders/heap.h"
#include "holders/sampled.h"
#include "holders/image.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct sampled no_samples; /* no profiler is in the program */

static void regions_check(const struct image *image)
{
    size_t count = 0;
    const struct image_region *regions = image_regions(image, &count);
    for (size_t i = 0; i < count; i++) {
        SLU_ASSERT(regions[i].start < regions[i].end);
        SLU_ASSERT(regions[i].stored_bytes <= regions[i].end - regions[i].start);
        SLU_ASSERT(i == 0 || regions[i - 1].end <= regions[i].start);
        SLU_ASSERT(image_region_at(image, regions[i].start) == &regions[i]);
    }
}

static void heap_check(struct heap *heap)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < heap->block_count; i++) {
        uint64_t offset = 1;
        uint64_t address = heap_block_address(heap, i);
        SLU_ASSERT(address >= end);
        end = address + heap_block_bytes(heap, i);
        SLU_ASSERT(heap_block_at(heap, address, &offset) == i && offset == 0);
        SLU_ASSERT(heap_block_at(heap, end - 1, &offset) == i);
    }
}

static void graph_check(const struct graph *graph)
{
    for (uint32_t i = 0; i < graph->block_count; i++) {
        struct edge_cursor cursor;
        struct edge edge;
        edge_cursor_init(&cursor, graph, i);
        while (edge_next(&cursor, &edge)) {
            SLU_ASSERT(edge.target < graph->block_count);
            SLU_ASSERT(edge.offset < heap_block_bytes(graph->heap, i));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct slu_budget *budget = NULL;
    struct image *image = NULL;
    struct heap *heap = NULL;
    struct graph *graph = NULL;
    int fd = memfd_create("core", MFD_CLOEXEC);
    SLU_ASSERT(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    SLU_ASSERT(slu_budget_create(NULL, "fuzz", BUDGET_BYTES, &budget) == 0);
    if (core_open_fd(budget, fd, NULL, &image) == 0) {
        regions_check(image);
        if (heap_create(image, &no_samples, NULL, &heap) == 0) {
            heap_check(heap);
            if (graph_create(heap, image, NULL, &graph) == 0) {
                graph_check(graph);
            }
        }
    }
    graph_destroy(&graph);
    heap_destroy(&heap);
    image_close(&image);
    slu_budget_destroy(&budget);
    return 0;
}
