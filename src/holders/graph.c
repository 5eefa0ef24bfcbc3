/*
 * The stream of edges: for each node that has any, for each pointer
 *
 *     varint   words since the last pointer (from 1 on) * 2 + 1 if it points behind a beginning
 *     varint   target - source, or target for roots; zigzag
 *
 * and a zero byte. A node's edges lie in one piece: where a page has no room for all that a node
 * could have, the stream goes on at the next page.
 */
#include "holders/graph.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "holders/heap.h"
#include "holders/image.h"
#include "holders/window.h"
#include "sys/pages.h"

#define EDGE_BYTES_MAX 6 /* a word: no edge takes more for the words that it steps over */
#define FIRST_BYTES    ((size_t)4096)
#define STAGE_WORDS    4096
#define ROOTS_USUAL    16384

struct encoder {
    struct graph *graph;
    unsigned char *begun; /* where the node's edges begin; NULL: none yet */
    unsigned char *at;
    uint64_t place;
    uint64_t left_bytes; /* of room that is reserved */
    uint64_t word;       /* the last pointer's, from 1 on */
    uint32_t base;
};

static int page_add(struct graph *graph, size_t pages)
{
    void *bytes = NULL;
    int err = slu_budget_alloc(graph->budget, pages * GRAPH_PAGE_BYTES, &bytes);
    if (err != 0) {
        return err;
    }
    pages_want_huge(bytes, pages * GRAPH_PAGE_BYTES);
    for (size_t i = 0; i < pages; i++) {
        unsigned char *page = (unsigned char *)bytes + i * GRAPH_PAGE_BYTES;
        struct graph_page kept = {page, i == 0 ? pages : 0};
        err = block_append(graph->budget, &graph->pages, &kept, sizeof(kept));
        if (err != 0) {
            graph->pages.len -= i * sizeof(kept);
            slu_budget_free(graph->budget, bytes, pages * GRAPH_PAGE_BYTES);
            return err;
        }
    }
    return 0;
}

/* Room for `most_bytes` in one piece at the end of the stream. */
static int stream_reserve(struct graph *graph, uint64_t most_bytes, unsigned char **at)
{
    uint64_t there = graph->pages.len / sizeof(struct graph_page) * GRAPH_PAGE_BYTES;
    if (graph->stream_len + most_bytes > there ||
        graph->room_end < graph->stream_len + most_bytes) {
        size_t pages = (size_t)((most_bytes + GRAPH_PAGE_BYTES - 1) / GRAPH_PAGE_BYTES);
        if (there + pages * GRAPH_PAGE_BYTES > UINT32_MAX) {
            return -EFBIG;
        }
        int err = page_add(graph, pages);
        if (err != 0) {
            return err;
        }
        graph->stream_len = there;
        graph->room_end = there + pages * GRAPH_PAGE_BYTES;
    }
    const struct graph_page *pages = graph->pages.data;
    *at = pages[graph->stream_len / GRAPH_PAGE_BYTES].bytes + graph->stream_len % GRAPH_PAGE_BYTES;
    return 0;
}

static unsigned char *varint_put(unsigned char *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    *at++ = (unsigned char)value;
    return at;
}

static void edge_put(struct encoder *encoder, uint64_t word, uint32_t target, bool is_interior)
{
    int64_t distance = (int64_t)target - (int64_t)encoder->base;
    uint64_t folded = (uint64_t)distance << 1 ^ (uint64_t)(distance >> 63);
    encoder->at = varint_put(encoder->at, (word - encoder->word) << 1 | is_interior);
    encoder->at = varint_put(encoder->at, folded);
    encoder->word = word;
    encoder->graph->edge_count++;
}

/* Pointers among `count` words; the first one is word `first` of its node, from 1 on. */
static void words_take(struct encoder *encoder, const unsigned char *bytes, size_t count,
                       uint64_t first)
{
    struct graph *graph = encoder->graph;
    uint64_t lowest = graph->lowest;
    uint64_t span = graph->highest - lowest;
    for (size_t i = 0; i < count; i++) {
        uint64_t word;
        uint64_t offset = 0;
        memcpy(&word, bytes + 8 * i, sizeof(word));
        if (word - lowest >= span) {
            continue;
        }
        uint32_t target = heap_block_at(graph->heap, word, &offset);
        if (target != HEAP_BLOCK_NONE) {
            edge_put(encoder, first + i, target, offset != 0);
        }
    }
}

static int encoder_begin(struct encoder *encoder, struct graph *graph, uint64_t words,
                         uint32_t base)
{
    *encoder = (struct encoder){.graph = graph, .base = base};
    uint64_t most_bytes = words * EDGE_BYTES_MAX + 1;
    int err = words > UINT32_MAX ? -EFBIG : stream_reserve(graph, most_bytes, &encoder->begun);
    encoder->at = encoder->begun;
    return err;
}

/* The node's edges are in the stream, if there are any. */
static int encoder_end(struct encoder *encoder)
{
    struct graph *graph = encoder->graph;
    uint32_t place = 0; /* where a zero stands */
    if (encoder->at != encoder->begun) {
        *encoder->at++ = 0;
        place = (uint32_t)graph->stream_len;
        graph->stream_len += (uint64_t)(encoder->at - encoder->begun);
    }
    return block_append(graph->budget, &graph->places, &place, sizeof(place));
}

static void range_take(struct encoder *encoder, struct window *window, uint64_t start, uint64_t end,
                       uint64_t read_ahead)
{
    for (uint64_t at = start; end - at >= 8;) {
        size_t len = end - at < STAGE_WORDS * 8 ? (size_t)(end - at) & ~(size_t)7 : STAGE_WORDS * 8;
        const unsigned char *bytes = window_at(window, at, len, read_ahead);
        if (bytes == NULL) {
            encoder->graph->missing_bytes += len;
        } else {
            words_take(encoder, bytes, len / 8, (at - start) / 8 + 1);
        }
        at += len;
    }
}

static int blocks_read(struct graph *graph, struct window *window)
{
    const struct heap_extent *extents = graph->heap->extents.data;
    size_t extent = 0;
    for (uint32_t i = 0; i < graph->block_count; i++) {
        struct encoder encoder;
        uint64_t start = heap_block_address(graph->heap, i);
        uint64_t bytes = heap_block_bytes(graph->heap, i);
        while (extents[extent].end <= start) {
            extent++;
        }
        int err = encoder_begin(&encoder, graph, bytes / 8, i);
        if (err != 0) {
            return err;
        }
        range_take(&encoder, window, start, start + bytes, extents[extent].end);
        err = encoder_end(&encoder);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int graph_begin(struct graph *graph)
{
    unsigned char *first = NULL;
    size_t extent_count = graph->heap->extents.len / sizeof(struct heap_extent);
    const struct heap_extent *extents = graph->heap->extents.data;
    size_t places = ((size_t)graph->block_count + ROOTS_USUAL) * sizeof(uint32_t);
    if (extent_count > 0) {
        graph->lowest = extents[0].start;
        graph->highest = extents[extent_count - 1].end;
    }
    int err =
        block_begin(graph->budget, places > FIRST_BYTES ? places : FIRST_BYTES, &graph->places);
    if (err == 0) {
        pages_want_huge(graph->places.data, graph->places.size_bytes);
        err = block_begin(graph->budget, FIRST_BYTES, &graph->pages);
    }
    if (err == 0) {
        err = stream_reserve(graph, 1, &first);
    }
    graph->stream_len = 1; /* a zero: what has no edges begins here */
    return err;
}

int graph_create(struct heap *heap, struct image *image, struct slu_diag *diag, struct graph **out)
{
    void *block = NULL;
    struct window window = {0};
    int err = slu_budget_alloc(heap->budget, sizeof(struct graph), &block);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for the graph of pointers");
    }
    struct graph *graph = block;
    graph->budget = heap->budget;
    graph->heap = heap;
    graph->block_count = heap->block_count;
    err = graph_begin(graph);
    if (err == 0) {
        err = window_open(&window, image);
    }
    if (err == 0) {
        err = blocks_read(graph, &window);
    }
    window_close(&window);
    if (err != 0) {
        graph_destroy(&graph);
        return diag_fail(diag, err,
                         err == -EFBIG ? "there are more than 4 GiB of pointers"
                                       : "no memory for the graph of pointers");
    }
    graph->node_count = graph->block_count;
    *out = graph;
    return 0;
}

void graph_destroy(struct graph **graph)
{
    if (graph == NULL || *graph == NULL) {
        return;
    }
    struct graph *gone = *graph;
    const struct graph_page *pages = gone->pages.data;
    for (size_t i = 0; i < gone->pages.len / sizeof(*pages); i++) {
        if (pages[i].owned > 0) {
            slu_budget_free(gone->budget, pages[i].bytes, pages[i].owned * GRAPH_PAGE_BYTES);
        }
    }
    block_free(gone->budget, &gone->pages);
    block_free(gone->budget, &gone->places);
    slu_budget_free(gone->budget, gone, sizeof(*gone));
    *graph = NULL;
}

static int root_end(struct encoder *encoder)
{
    if (encoder->at == encoder->begun) {
        return 0;
    }
    int err = encoder_end(encoder);
    encoder->graph->node_count += err == 0;
    return err != 0 ? err : 1;
}

int graph_add_root(struct graph *graph, struct window *window, struct graph_range range)
{
    struct encoder encoder;
    int err = encoder_begin(&encoder, graph, (range.end - range.start) / 8, 0);
    if (err != 0) {
        return err;
    }
    range_take(&encoder, window, range.start, range.end, range.end);
    return root_end(&encoder);
}

int graph_add_root_words(struct graph *graph, const uint64_t *words, size_t count)
{
    struct encoder encoder;
    int err = encoder_begin(&encoder, graph, count, 0);
    if (err != 0) {
        return err;
    }
    words_take(&encoder, (const unsigned char *)words, count, 1);
    return root_end(&encoder);
}
