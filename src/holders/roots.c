#include "holders/roots.h"

#include <string.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "holders/arenas.h"
#include "holders/graph.h"
#include "holders/heap.h"
#include "holders/image.h"
#include "holders/modules.h"
#include "holders/sampled.h"
#include "holders/stacks.h"
#include "holders/window.h"
#include "symbol/types.h"
#include "symbol/variables.h"

#define OWN_RANGES       3 /* of our profiler's in the program */
#define FIRST_BYTES      ((size_t)16384)
#define RED_ZONE_BYTES   128  /* below the stack pointer, which leaf functions use */
#define DESCRIPTOR_BYTES 2304 /* glibc's struct pthread, at the thread's base */
#define SURPLUS_BYTES    2048 /* and room for libraries that come late */

struct finding {
    struct roots *roots;
    struct graph *graph;
    struct modules *modules;
    struct window window;
    struct stack_walk *walk;
};

/* Returns 0 or a negative errno. */
static int root_add(struct finding *finding, const struct root *root, uint64_t end)
{
    struct graph_range range = {root->address, end};
    int added = graph_add_root(finding->graph, &finding->window, range);
    if (added <= 0) {
        return added;
    }
    return block_append(finding->graph->budget, &finding->roots->rows, root, sizeof(*root));
}

static bool points_to_block(struct finding *finding, uint64_t address, uint64_t end)
{
    uint64_t word = 0;
    uint64_t offset = 0;
    const unsigned char *bytes = window_at(&finding->window, address, sizeof(word), end);
    if (bytes == NULL) {
        return false;
    }
    memcpy(&word, bytes, sizeof(word));
    return word - finding->graph->lowest < finding->graph->highest - finding->graph->lowest &&
           heap_block_at(finding->graph->heap, word, &offset) != HEAP_BLOCK_NONE;
}

/* Which variable lies at an address; false: none is known. `start` and `end` are its memory. */
typedef bool (*variable_find)(const void *context, uint64_t address, struct root *root,
                              uint64_t *end);

struct static_place {
    struct modules *modules;
    struct module *module;
};

static bool static_find(const void *context, uint64_t address, struct root *root, uint64_t *end)
{
    const struct static_place *place = context;
    if (!module_read(place->modules, place->module)) {
        return false;
    }
    uint64_t bias = place->module->bias;
    const struct symbol_variable *variable =
        symbol_variable_at(place->module->variables, false, address - bias);
    if (variable == NULL) {
        return false;
    }
    root->name = variable->name;
    root->type = variable->type;
    root->address = variable->address + bias;
    *end = root->address + variable->size_bytes;
    return true;
}

struct thread_place {
    struct modules *modules;
    struct module *module;
    uint64_t block; /* where its thread-local variables begin */
};

static bool thread_find(const void *context, uint64_t address, struct root *root, uint64_t *end)
{
    const struct thread_place *place = context;
    if (place->module == NULL || address < place->block ||
        address - place->block >= place->module->thread_bytes ||
        !module_read(place->modules, place->module)) {
        return false;
    }
    const struct symbol_variable *variable =
        symbol_variable_at(place->module->variables, true, address - place->block);
    if (variable == NULL) {
        return false;
    }
    root->name = variable->name;
    root->type = variable->type;
    root->address = variable->address + place->block;
    *end = root->address + variable->size_bytes;
    return true;
}

/* A root for each variable that holds a pointer; words without one make roots where they touch. */
static int range_scan(struct finding *finding, uint64_t start, uint64_t end,
                      const struct root *pattern, variable_find find, const void *context)
{
    uint64_t at = (start + 7) & ~(uint64_t)7;
    while (at < end && end - at >= 8) {
        if (!points_to_block(finding, at, end)) {
            at += 8;
            continue;
        }
        struct root root = *pattern;
        uint64_t root_end = 0;
        root.address = at;
        if (find == NULL || !find(context, at, &root, &root_end) || root_end <= at) {
            root_end = at + 8;
            while (end - root_end >= 8 && points_to_block(finding, root_end, end) &&
                   (find == NULL || !find(context, root_end, &root, &(uint64_t){0}))) {
                root_end += 8;
            }
            root = *pattern;
            root.address = at;
        }
        root_end = root_end < end ? root_end : end;
        int err = root_add(finding, &root, root_end);
        if (err != 0) {
            return err;
        }
        at = (root_end + 7) & ~(uint64_t)7;
    }
    return 0;
}

struct frame_place {
    const struct symbol_types *types;
    const struct stack_place *place;
};

static bool local_find(const void *context, uint64_t address, struct root *root, uint64_t *end)
{
    const struct frame_place *frame = context;
    for (size_t i = 0; i < frame->place->local_count; i++) {
        const struct stack_local *local = &frame->place->locals[i];
        uint64_t bytes = symbol_type_bytes(frame->types, local->type);
        if (address >= local->address && address - local->address < bytes) {
            root->kind = ROOT_LOCAL;
            root->name = local->name;
            root->type = local->type;
            root->address = local->address;
            *end = local->address + bytes;
            return true;
        }
    }
    return false;
}

/* Frame by frame; what lies above the last one that is known is one piece. */
static int frames_scan(struct finding *finding, const struct image_thread *thread, uint64_t start,
                       uint64_t end)
{
    struct stack_walk *walk = finding->walk;
    struct root pattern = {.kind = ROOT_STACK, .type = SYMBOL_TYPE_NONE, .thread = thread->id};
    struct frame_place frame = {finding->modules->types, &walk->place};
    uint64_t at = start;
    int err = 0;
    stack_walk_begin(walk, finding->modules, thread);
    while (err == 0 && at < end && stack_walk_next(walk) && walk->place.end > at) {
        uint64_t frame_end = walk->place.end < end ? walk->place.end : end;
        pattern.function = walk->place.function;
        err = range_scan(finding, at, frame_end, &pattern, local_find, &frame);
        at = frame_end;
    }
    pattern.function = NULL;
    return err != 0 ? err : range_scan(finding, at, end, &pattern, NULL, NULL);
}

static int registers_take(struct finding *finding, const struct image_thread *thread)
{
    struct root root = {.kind = ROOT_REGISTER, .type = SYMBOL_TYPE_NONE, .thread = thread->id};
    int added = graph_add_root_words(finding->graph, thread->registers, IMAGE_REGISTERS);
    if (added <= 0) {
        return added;
    }
    return block_append(finding->graph->budget, &finding->roots->rows, &root, sizeof(root));
}

static uint64_t rounded_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) / align * align;
}

/* How far below a thread's base its variables may begin. */
static uint64_t thread_variables_bytes(const struct modules *modules)
{
    const struct module *rows = modules->rows.data;
    uint64_t bytes = SURPLUS_BYTES;
    for (size_t i = 0; i < modules->rows.len / sizeof(*rows); i++) {
        if (rows[i].thread_bytes > 0 && rows[i].thread_bytes < UINT32_MAX &&
            rows[i].thread_align < UINT16_MAX) {
            bytes += rounded_up(rows[i].thread_bytes, rows[i].thread_align);
        }
    }
    return bytes;
}

static const struct image_thread *thread_based_in(const struct image *image, uint64_t start,
                                                  uint64_t end)
{
    size_t count = 0;
    const struct image_thread *threads = image_threads(image, &count);
    for (size_t i = 0; i < count; i++) {
        if (threads[i].thread_base >= start && threads[i].thread_base < end) {
            return &threads[i];
        }
    }
    return NULL;
}

static const struct image_thread *thread_stacked_in(const struct image *image, uint64_t start,
                                                    uint64_t end)
{
    size_t count = 0;
    const struct image_thread *threads = image_threads(image, &count);
    for (size_t i = 0; i < count; i++) {
        uint64_t stack = threads[i].registers[IMAGE_REGISTER_STACK];
        if (stack >= start && stack < end) {
            return &threads[i];
        }
    }
    return NULL;
}

static int thread_variables_scan(struct finding *finding, const struct image_thread *thread,
                                 uint64_t start, uint64_t end)
{
    struct root pattern = {.kind = ROOT_THREAD, .type = SYMBOL_TYPE_NONE, .thread = thread->id};
    struct thread_place place = {finding->modules, module_program(finding->modules), 0};
    if (place.module != NULL && place.module->thread_align > 0) {
        place.block = thread->thread_base -
                      rounded_up(place.module->thread_bytes, place.module->thread_align);
    }
    return range_scan(finding, start, end, &pattern, thread_find, &place);
}

/* Anonymous memory: what a thread's base lies in has its variables, and below them its stack. */
static int anonymous_scan(struct finding *finding, uint64_t start, uint64_t end)
{
    const struct image *image = finding->modules->image;
    const struct image_thread *based = thread_based_in(image, start, end);
    const struct image_thread *stacked = thread_stacked_in(image, start, end);
    uint64_t variables = end;
    int err = 0;
    if (based != NULL) {
        uint64_t below = thread_variables_bytes(finding->modules);
        variables = based->thread_base - start > below ? based->thread_base - below : start;
        uint64_t rest = end - based->thread_base > DESCRIPTOR_BYTES
                            ? based->thread_base + DESCRIPTOR_BYTES
                            : end;
        uint64_t stack = stacked == NULL ? 0 : stacked->registers[IMAGE_REGISTER_STACK];
        if (stack > variables && stack < based->thread_base) {
            variables = stack; /* a stack so full, or variables so few */
        }
        err = thread_variables_scan(finding, based, variables, rest);
        if (err == 0 && rest < end) {
            err = anonymous_scan(finding, rest, end);
        }
    }
    if (err != 0 || variables == start) {
        return err;
    }
    if (stacked != NULL) {
        uint64_t stack = stacked->registers[IMAGE_REGISTER_STACK];
        uint64_t from = stack - start > RED_ZONE_BYTES ? stack - RED_ZONE_BYTES : start;
        return from < variables ? frames_scan(finding, stacked, from, variables) : 0;
    }
    struct root pattern = {.kind = ROOT_MAPPING, .type = SYMBOL_TYPE_NONE};
    return range_scan(finding, start, variables, &pattern, NULL, NULL);
}

static int part_scan(struct finding *finding, const struct image_region *region, uint64_t start,
                     uint64_t end)
{
    struct static_place place = {finding->modules, module_at(finding->modules, start)};
    struct root pattern = {.kind = ROOT_VARIABLE, .type = SYMBOL_TYPE_NONE};
    if (place.module == NULL) {
        pattern.kind = ROOT_MAPPING;
        return region->path != NULL ? range_scan(finding, start, end, &pattern, NULL, NULL)
                                    : anonymous_scan(finding, start, end);
    }
    pattern.module = place.module;
    uint64_t module_end = place.module->end < end ? place.module->end : end;
    int err = range_scan(finding, start, module_end, &pattern, static_find, &place);
    if (err == 0 && region->path == NULL && module_end < end) {
        err = anonymous_scan(finding, (module_end + 7) & ~(uint64_t)7, end);
    }
    return err;
}

/* What malloc and our profiler keep of their own: pointers there hold nothing. */
static uint64_t own_memory_end(const struct heap *heap, uint64_t address, uint64_t *next)
{
    const struct heap_extent *extents = heap->extents.data;
    const struct heap_arena *arenas = heap->arenas.data;
    const struct sampled *sampled = heap->sampled;
    *next = UINT64_MAX;
    for (uint32_t i = 0; i < sampled->own_count; i++) {
        const struct sampled_range *own = &sampled->own[i];
        if (address >= own->start && address < own->end) {
            return own->end;
        }
        *next = own->start > address && own->start < *next ? own->start : *next;
    }
    for (size_t i = 0; i < heap->arenas.len / sizeof(*arenas); i++) {
        uint64_t start = arenas[i].address;
        uint64_t end = start + ARENA_BYTES;
        if (address >= start && address < end) {
            return end;
        }
        *next = start > address && start < *next ? start : *next;
    }
    size_t count = heap->extents.len / sizeof(*extents);
    size_t found = heap_extent_after(heap, count, address);
    if (found == count) {
        return 0;
    }
    if (extents[found].start <= address) {
        return extents[found].end;
    }
    *next = extents[found].start < *next ? extents[found].start : *next;
    return 0;
}

static int region_scan(struct finding *finding, const struct image_region *region)
{
    uint64_t end = region->start + region->stored_bytes;
    uint64_t at = region->start;
    while (at < end) {
        uint64_t next = 0;
        uint64_t own = own_memory_end(finding->graph->heap, at, &next);
        if (own != 0) {
            at = own;
            continue;
        }
        next = next < end ? next : end;
        int err = part_scan(finding, region, at, next);
        if (err != 0) {
            return err;
        }
        at = next;
    }
    return 0;
}

/*
 * A module's variables lie in two regions, pages of its file and others behind them; one that lies
 * across the border is one root all the same.
 */
static bool goes_on(const struct finding *finding, const struct image_region *region,
                    const struct image_region *next)
{
    const struct module *module = module_at(finding->modules, region->start);
    return next->writable && module != NULL &&
           region->start + region->stored_bytes == next->start &&
           module_at(finding->modules, next->start) == module;
}

static int regions_scan(struct finding *finding)
{
    size_t count = 0;
    const struct image_region *regions = image_regions(finding->modules->image, &count);
    for (size_t i = 0; i < count; i++) {
        struct image_region region = regions[i];
        if (!region.writable) {
            continue;
        }
        for (; i + 1 < count && goes_on(finding, &region, &regions[i + 1]); i++) {
            region.stored_bytes += regions[i + 1].stored_bytes;
            region.path = regions[i + 1].path;
        }
        int err = region_scan(finding, &region);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int all_scan(struct finding *finding)
{
    const struct image *image = finding->modules->image;
    size_t count = 0;
    int regions_err = regions_scan(finding);
    if (regions_err != 0) {
        return regions_err;
    }
    const struct image_thread *threads = image_threads(image, &count);
    for (size_t i = 0; i < count; i++) {
        int err = registers_take(finding, &threads[i]);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

int roots_find(struct roots *roots, struct graph *graph, struct modules *modules,
               struct slu_diag *diag)
{
    struct finding finding = {.roots = roots, .graph = graph, .modules = modules};
    int err = block_begin(graph->budget, FIRST_BYTES, &roots->rows);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for the roots");
    }
    void *walk = NULL;
    err = slu_budget_alloc(graph->budget, sizeof(struct stack_walk), &walk);
    finding.walk = walk;
    if (err == 0) {
        err = window_open(&finding.window, modules->image);
    }
    if (err == 0) {
        err = all_scan(&finding);
    }
    window_close(&finding.window);
    slu_budget_free(graph->budget, walk, sizeof(struct stack_walk));
    if (err != 0) {
        roots_free(roots, graph);
        return diag_fail(diag, err, "no memory for the roots");
    }
    return 0;
}

void roots_free(struct roots *roots, struct graph *graph)
{
    block_free(graph->budget, &roots->rows);
}
