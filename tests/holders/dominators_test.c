#include "holders/dominators.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "budget.h"
#include "core_fixture.h"
#include "harness.h"
#include "holders/core.h"
#include "holders/graph.h"
#include "holders/heap.h"
#include "holders/sampled.h"
#include "holders/image.h"
#include "holders/reach.h"
#include "holders/roots.h"
#include "holders/typing.h"
#include "symbol/types.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define BLOCKS       40
#define CHUNK        0x50
#define WORDS        9

static const struct sampled no_samples; /* no profiler is in the program */
#define ROOTS 3

static uint64_t block_address(uint64_t block)
{
    return FIXTURE_HEAP + block * CHUNK + 16;
}

/* Few pointers make deep trees, many make flat ones. */
static void core_fill(unsigned char *core, struct test_random *random)
{
    uint64_t top = FIXTURE_HEAP + BLOCKS * CHUNK;
    uint64_t sparse = test_random_below(random, 8) + 1;
    fixture_build(core);
    memset(core + FIXTURE_HEAP_OFFSET, 0, FIXTURE_PAGE);
    fixture_word(core, FIXTURE_ARENA + 0x60, top);
    fixture_word(core, FIXTURE_VARIABLE, 0);
    for (uint64_t i = 0; i < BLOCKS; i++) {
        fixture_word(core, FIXTURE_HEAP + i * CHUNK + 8, CHUNK | 1);
        for (uint64_t word = 0; word < WORDS - 1; word++) {
            if (test_random_below(random, sparse) == 0) {
                fixture_word(core, block_address(i) + word * 8,
                             block_address(test_random_below(random, BLOCKS)));
            }
        }
    }
    fixture_word(core, top + 8, (FIXTURE_PAGE - BLOCKS * CHUNK) | 1);
}

/* What is reached when `without` is not there. */
static void reach_naively(const struct graph *graph, uint32_t without, bool *reached)
{
    uint32_t stack[BLOCKS + ROOTS];
    uint32_t depth = 0;
    memset(reached, 0, (BLOCKS + ROOTS) * sizeof(*reached));
    for (uint32_t root = graph->block_count; root < graph->node_count; root++) {
        if (root != without) {
            reached[root] = true;
            stack[depth++] = root;
        }
    }
    while (depth > 0) {
        struct edge_cursor cursor;
        struct edge edge;
        edge_cursor_init(&cursor, graph, stack[--depth]);
        while (edge_next(&cursor, &edge)) {
            if (!reached[edge.target] && edge.target != without) {
                reached[edge.target] = true;
                stack[depth++] = edge.target;
            }
        }
    }
}

static void compare(const struct graph *graph, const struct dominators *dominators)
{
    bool all[BLOCKS + ROOTS];
    reach_naively(graph, GRAPH_NONE, all);
    for (uint32_t node = 0; node < graph->node_count; node++) {
        bool rest[BLOCKS + ROOTS];
        uint64_t kept = 0;
        reach_naively(graph, node, rest);
        for (uint32_t i = 0; i < graph->block_count; i++) {
            kept += all[i] && !rest[i] ? heap_block_bytes(graph->heap, i) : 0;
        }
        assert_int_equal(dominators_retained(dominators, node), kept);
    }
}

static void round_run(struct slu_budget *budget, struct test_random *random)
{
    static unsigned char core[FIXTURE_BYTES];
    struct image *image = NULL;
    struct heap *heap = NULL;
    struct graph *graph = NULL;
    struct symbol_types *types = NULL;
    struct roots roots = {0};
    struct typing typing;
    struct reach reach;
    struct dominators dominators;
    int fd = memfd_create("core", MFD_CLOEXEC);
    core_fill(core, random);
    assert_int_equal(write(fd, core, sizeof(core)), sizeof(core));
    assert_int_equal(core_open_fd(budget, fd, NULL, &image), 0);
    assert_int_equal(heap_create(image, &no_samples, NULL, &heap), 0);
    assert_int_equal(heap->block_count, BLOCKS);
    assert_int_equal(graph_create(heap, image, NULL, &graph), 0);
    assert_int_equal(symbol_types_create(budget, &types), 0);
    assert_int_equal(block_begin(budget, sizeof(struct root), &roots.rows), 0);
    for (int i = 0; i < ROOTS; i++) {
        struct root root = {.kind = ROOT_VARIABLE, .type = SYMBOL_TYPE_NONE};
        uint64_t word = block_address(test_random_below(random, BLOCKS));
        assert_int_equal(graph_add_root_words(graph, &word, 1), 1);
        assert_int_equal(block_append(budget, &roots.rows, &root, sizeof(root)), 0);
    }
    assert_int_equal(typing_make(&typing, graph, &roots, types, NULL), 0);
    assert_int_equal(reach_make(&reach, graph, &roots, &typing, NULL), 0);
    assert_int_equal(dominators_make(&dominators, graph, &reach, NULL), 0);
    compare(graph, &dominators);
    dominators_free(&dominators);
    reach_free(&reach);
    typing_free(&typing);
    roots_free(&roots, graph);
    symbol_types_destroy(&types);
    graph_destroy(&graph);
    heap_destroy(&heap);
    image_close(&image);
}

static void retained_bytes_are_those_that_go_when_a_node_goes(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    uint64_t used = budget_used(budget);
    uint64_t rounds = test_rounds(100);
    for (uint64_t i = 0; i < rounds; i++) {
        round_run(budget, &random);
    }
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retained_bytes_are_those_that_go_when_a_node_goes),
    };
    return TEST_RUN("dominators", tests);
}
