#include "holders/core.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "budget.h"
#include "core_fixture.h"
#include "harness.h"
#include "holders/graph.h"
#include "holders/heap.h"
#include "holders/sampled.h"
#include "holders/image.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)

static const struct sampled no_samples; /* no profiler is in the program */

static int core_of(struct slu_budget *budget, const unsigned char *bytes, size_t len,
                   struct slu_diag *diag, struct image **image)
{
    int fd = memfd_create("core", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    return core_open_fd(budget, fd, diag, image);
}

static void a_core_has_its_regions_and_threads(void **state)
{
    (void)state;
    static unsigned char core[FIXTURE_BYTES];
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_diag diag;
    struct image *image = NULL;
    size_t count = 0;
    uint64_t word = 0;
    fixture_build(core);
    assert_int_equal(core_of(budget, core, sizeof(core), &diag, &image), 0);
    const struct image_region *regions = image_regions(image, &count);
    assert_int_equal(count, 2);
    assert_int_equal(regions[1].start, FIXTURE_HEAP);
    const struct image_thread *threads = image_threads(image, &count);
    assert_int_equal(count, 1);
    assert_int_equal(threads[0].id, 4711);
    assert_int_equal(image_read_word(image, FIXTURE_VARIABLE, &word), 0);
    assert_int_equal(word, FIXTURE_HEAP + 16);
    assert_int_equal(image_read_word(image, FIXTURE_HEAP + FIXTURE_PAGE - 4, &word), -EFAULT);
    assert_int_equal(image_read_word(image, UINT64_MAX - 3, &word), -EFAULT);
    assert_null(image_region_at(image, FIXTURE_HEAP + FIXTURE_PAGE));
    image_close(&image);
    assert_null(image);
    slu_budget_destroy(&budget);
}

static void blocks_and_their_pointers_are_found(void **state)
{
    (void)state;
    static unsigned char core[FIXTURE_BYTES];
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_diag diag;
    struct image *image = NULL;
    struct heap *heap = NULL;
    struct graph *graph = NULL;
    struct edge_cursor cursor;
    struct edge edge;
    uint64_t offset = 0;
    fixture_build(core);
    assert_int_equal(core_of(budget, core, sizeof(core), &diag, &image), 0);
    assert_int_equal(heap_create(image, &no_samples, &diag, &heap), 0);
    assert_int_equal(heap->block_count, FIXTURE_BLOCKS);
    assert_int_equal(heap->damage_count, 0);
    assert_int_equal(heap_block_address(heap, 2), FIXTURE_HEAP + 2 * FIXTURE_CHUNK + 16);
    assert_int_equal(heap_block_bytes(heap, 2), FIXTURE_CHUNK - 8);
    assert_int_equal(heap_block_at(heap, FIXTURE_HEAP + FIXTURE_CHUNK + 20, &offset), 1);
    assert_int_equal(offset, 4);
    /* The end of a block belongs to nobody: a pointer behind the last element holds nothing. */
    assert_int_equal(heap_block_at(heap, FIXTURE_HEAP + FIXTURE_CHUNK + 8, &offset),
                     HEAP_BLOCK_NONE);
    assert_int_equal(heap_block_at(heap, FIXTURE_HEAP, &offset), HEAP_BLOCK_NONE);
    assert_int_equal(graph_create(heap, image, &diag, &graph), 0);
    assert_int_equal(graph->edge_count, 2);
    edge_cursor_init(&cursor, graph, 2);
    assert_true(edge_next(&cursor, &edge));
    assert_int_equal(edge.offset, 8);
    assert_int_equal(edge.target, 3);
    assert_int_equal(edge.kind, EDGE_EXACT);
    assert_false(edge_next(&cursor, &edge));
    edge_cursor_init(&cursor, graph, 3);
    assert_false(edge_next(&cursor, &edge));
    graph_destroy(&graph);
    heap_destroy(&heap);
    image_close(&image);
    slu_budget_destroy(&budget);
}

/* Seen from the third bin, the arena could begin two bins later: that one's ends are broken. */
static void the_arena_is_found_when_its_first_bins_are_in_use(void **state)
{
    (void)state;
    static unsigned char core[FIXTURE_BYTES];
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_diag diag;
    struct image *image = NULL;
    struct heap *heap = NULL;
    fixture_build(core);
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t bin = FIXTURE_ARENA + 0x70 + 16 * i;
        uint64_t chunk = FIXTURE_HEAP + 0x800 + 0x40 * i; /* free, in the top */
        fixture_word(core, bin, chunk);
        fixture_word(core, bin + 8, chunk);
        fixture_word(core, chunk + 16, bin - 16);
        fixture_word(core, chunk + 24, bin - 16);
    }
    assert_int_equal(core_of(budget, core, sizeof(core), &diag, &image), 0);
    assert_int_equal(heap_create(image, &no_samples, &diag, &heap), 0);
    assert_int_equal(((const struct heap_arena *)heap->arenas.data)->address, FIXTURE_ARENA);
    assert_int_equal(heap->block_count, FIXTURE_BLOCKS);
    assert_int_equal(heap->damage_count, 0);
    heap_destroy(&heap);
    image_close(&image);
    slu_budget_destroy(&budget);
}

struct hostile {
    const char *what;
    size_t offset; /* in the core: this word becomes `value` */
    size_t bytes;
    uint64_t value;
    int err;
    const char *message; /* a part of it */
};

#define SEGMENT(number, member)                                                                    \
    (sizeof(Elf64_Ehdr) + (number) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, member))

static const struct hostile hostile_cores[] = {
    {"another machine", offsetof(Elf64_Ehdr, e_machine), 2, EM_AARCH64, -EBADMSG, "x86-64"},
    {"no core", offsetof(Elf64_Ehdr, e_type), 2, ET_EXEC, -EBADMSG, "no core"},
    {"headers of another size", offsetof(Elf64_Ehdr, e_phentsize), 2, 32, -EBADMSG, "offset 54"},
    {"headers far away", offsetof(Elf64_Ehdr, e_phoff), 8, UINT64_MAX - 7, -EBADMSG, "cut off"},
    {"headers counted elsewhere", offsetof(Elf64_Ehdr, e_phnum), 2, PN_XNUM, -EBADMSG,
     "no program headers"}, /* in what is taken for a section header: the file begins there */
    {"a segment that is too long", SEGMENT(1, p_memsz), 8, UINT64_MAX, -EBADMSG, "0x555555558000"},
    {"more stored than there is", SEGMENT(1, p_filesz), 8, 2 * FIXTURE_PAGE, -EBADMSG,
     "0x555555558000"},
    {"stored far away", SEGMENT(1, p_offset), 8, UINT64_MAX, -EBADMSG, "0x555555558000"},
    {"two that overlap", SEGMENT(2, p_vaddr), 8, FIXTURE_DATA + 16, -EBADMSG, "overlap"},
    {"notes far away", SEGMENT(0, p_offset), 8, UINT64_MAX, -EBADMSG, "cut off in its notes"},
    {"too many notes", SEGMENT(0, p_filesz), 8, UINT64_MAX, -EBADMSG, "cut off in its notes"},
    {"a note too long", FIXTURE_NOTE_OFFSET + 4, 4, UINT32_MAX, -EBADMSG, "a note is cut off"},
    {"a name too long", FIXTURE_NOTE_OFFSET, 4, UINT32_MAX, -EBADMSG, "a note is cut off"},
    {"a thread too short", FIXTURE_NOTE_OFFSET + 4, 4, 16, -EBADMSG, "a thread's note"},
};

static void hostile_cores_are_refused_with_the_place(void **state)
{
    (void)state;
    static unsigned char core[FIXTURE_BYTES];
    for (size_t i = 0; i < sizeof(hostile_cores) / sizeof(hostile_cores[0]); i++) {
        const struct hostile *row = &hostile_cores[i];
        struct slu_budget *budget = budget_of(BUDGET_BYTES);
        struct slu_diag diag = {0};
        struct image *image = NULL;
        uint64_t used = budget_used(budget);
        fixture_build(core);
        memcpy(core + row->offset, &row->value, row->bytes);
        int err = core_of(budget, core, sizeof(core), &diag, &image);
        if (err != row->err || strstr(diag.message, row->message) == NULL) {
            fail_msg("%s: %d, %s", row->what, err, diag.message);
        }
        assert_null(image);
        assert_int_equal(budget_used(budget), used);
        slu_budget_destroy(&budget);
    }
}

struct damage {
    const char *what;
    uint64_t address; /* this word becomes `value` */
    uint64_t value;
    uint64_t told_at;
    uint32_t blocks; /* that are still seen */
};

static const struct damage damages[] = {
    {"a size of nothing", FIXTURE_HEAP + FIXTURE_CHUNK + 8, 1, FIXTURE_HEAP + FIXTURE_CHUNK, 3},
    {"a size beyond the heap", FIXTURE_HEAP + FIXTURE_CHUNK + 8, 0x4141414141414141,
     FIXTURE_HEAP + FIXTURE_CHUNK, 3},
    {"a free chunk whose size is not told", FIXTURE_HEAP + 2 * FIXTURE_CHUNK + 8, FIXTURE_CHUNK,
     FIXTURE_HEAP + 2 * FIXTURE_CHUNK, 3},
    {"a fastbin into nowhere", FIXTURE_ARENA + 0x10, 0x1234560, 0x1234560, 4},
    {"a top beyond the heap", FIXTURE_HEAP + 4 * FIXTURE_CHUNK + 8, 0x7fffffff1,
     FIXTURE_HEAP + 4 * FIXTURE_CHUNK, 4},
    {"a ring into nowhere", FIXTURE_ARENA + 0x870, 0x12345670, 0x12345670, 4},
};

static void damage_is_told_with_its_address_and_the_rest_is_seen(void **state)
{
    (void)state;
    static unsigned char core[FIXTURE_BYTES];
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct slu_budget *budget = budget_of(BUDGET_BYTES);
        struct slu_diag diag = {0};
        struct image *image = NULL;
        struct heap *heap = NULL;
        fixture_build(core);
        fixture_word(core, damages[i].address, damages[i].value);
        assert_int_equal(core_of(budget, core, sizeof(core), &diag, &image), 0);
        assert_int_equal(heap_create(image, &no_samples, &diag, &heap), 0);
        if (heap->damage_count != 1 || heap->damages[0].address != damages[i].told_at ||
            heap->block_count != damages[i].blocks) {
            fail_msg("%s: %u damages, 0x%llx %s; %u blocks", damages[i].what, heap->damage_count,
                     (unsigned long long)heap->damages[0].address, heap->damages[0].what,
                     heap->block_count);
        }
        heap_destroy(&heap);
        image_close(&image);
        slu_budget_destroy(&budget);
    }
}

static void a_core_without_a_heap_is_an_answer(void **state)
{
    (void)state;
    static unsigned char core[FIXTURE_BYTES];
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_diag diag = {0};
    struct image *image = NULL;
    struct heap *heap = NULL;
    fixture_build(core);
    memset(core + FIXTURE_DATA_OFFSET, 0, FIXTURE_PAGE);
    assert_int_equal(core_of(budget, core, sizeof(core), &diag, &image), 0);
    assert_int_equal(heap_create(image, &no_samples, &diag, &heap), -ENOENT);
    assert_non_null(strstr(diag.message, "no heap of glibc"));
    image_close(&image);
    slu_budget_destroy(&budget);
}

static void every_refused_allocation_leaves_nothing_behind(void **state)
{
    (void)state;
    static unsigned char core[FIXTURE_BYTES];
    fixture_build(core);
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        struct slu_budget *budget = budget_of(BUDGET_BYTES);
        struct slu_diag diag = {0};
        struct image *image = NULL;
        struct heap *heap = NULL;
        struct graph *graph = NULL;
        uint64_t used = budget_used(budget);
        alloc_fault_at(nth);
        int err = core_of(budget, core, sizeof(core), &diag, &image);
        err = err != 0 ? err : heap_create(image, &no_samples, &diag, &heap);
        err = err != 0 ? err : graph_create(heap, image, &diag, &graph);
        done = !alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err, done ? 0 : -ENOMEM);
        graph_destroy(&graph);
        heap_destroy(&heap);
        image_close(&image);
        assert_int_equal(budget_used(budget), used);
        slu_budget_destroy(&budget);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_core_has_its_regions_and_threads),
        cmocka_unit_test(blocks_and_their_pointers_are_found),
        cmocka_unit_test(the_arena_is_found_when_its_first_bins_are_in_use),
        cmocka_unit_test(hostile_cores_are_refused_with_the_place),
        cmocka_unit_test(damage_is_told_with_its_address_and_the_rest_is_seen),
        cmocka_unit_test(a_core_without_a_heap_is_an_answer),
        cmocka_unit_test(every_refused_allocation_leaves_nothing_behind),
    };
    return TEST_RUN("core", tests);
}
