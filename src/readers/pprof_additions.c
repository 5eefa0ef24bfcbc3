#include "readers/pprof_additions.h"

#include <string.h>

#include <sluice/arena.h>

#include "base/hash.h"
#include "readers/pprof_symbolize.h"

#define EXPECTED_MIN        64
#define EXPECTED_MAX        ((uint64_t)1 << 22)
#define STRINGS_OF_FUNCTION 2 /* a name and a linkage name; files are shared by many */
#define HASH_SEED           UINT64_C(0x5105ce) /* names come from files that the user trusts */

struct added_string {
    struct slu_bytes text;
    uint64_t number;
};

struct added_function {
    struct pprof_function function;
};

static int map_init(struct hash_map *map, struct slu_arena *arena, uint32_t capacity)
{
    struct layout layout = {0};
    size_t bytes = 0;
    void *slots = NULL;
    (void)hash_map_plan(&layout, capacity);
    int err = layout_size(&layout, &bytes);
    if (err == 0) {
        err = slu_arena_alloc(arena, bytes, SLU_ARENA_ALIGN_MAX, &slots);
    }
    if (err == 0) {
        memset(slots, 0, bytes);
        hash_map_init(map, slots, capacity);
    }
    return err;
}

int pprof_additions_init(struct pprof_additions *additions, struct slu_arena *arena,
                         uint64_t expected_count, uint64_t function_id, struct pprof_writer *writer)
{
    expected_count = expected_count < EXPECTED_MIN ? EXPECTED_MIN : expected_count;
    uint32_t functions = (uint32_t)(expected_count > EXPECTED_MAX ? EXPECTED_MAX : expected_count);
    uint32_t strings = STRINGS_OF_FUNCTION * functions;
    void *string_block = NULL;
    void *function_block = NULL;
    *additions = (struct pprof_additions){.writer = writer, .function_id = function_id};
    int err = map_init(&additions->string_map, arena, strings);
    if (err == 0) {
        err = map_init(&additions->function_map, arena, functions);
    }
    if (err == 0) {
        err = slu_arena_alloc(arena, strings * sizeof(struct added_string),
                              _Alignof(struct added_string), &string_block);
    }
    if (err == 0) {
        err = slu_arena_alloc(arena, functions * sizeof(struct added_function),
                              _Alignof(struct added_function), &function_block);
    }
    additions->strings = string_block;
    additions->functions = function_block;
    return err;
}

struct string_search {
    const struct added_string *strings;
    struct slu_bytes text;
};

static bool string_is(const void *context, uint32_t index)
{
    const struct string_search *search = context;
    struct slu_bytes known = search->strings[index].text;
    return known.len == search->text.len && memcmp(known.data, search->text.data, known.len) == 0;
}

/* The number of a string, which is written if it is new. */
static uint64_t string_number(struct pprof_additions *additions, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    struct string_search search = {additions->strings, {text, strlen(text)}};
    uint64_t hash = hash_bytes(search.text, HASH_SEED);
    uint32_t index = hash_map_find(&additions->string_map, hash, string_is, &search);
    if (index != HASH_MAP_NONE) {
        return additions->strings[index].number;
    }
    uint64_t number = pprof_write_string(additions->writer, search.text);
    index = additions->string_map.count;
    if (hash_map_insert(&additions->string_map, hash, index) == 0) {
        additions->strings[index] = (struct added_string){search.text, number};
    }
    return number;
}

struct function_search {
    const struct added_function *functions;
    const struct pprof_function *function;
};

static bool function_is(const void *context, uint32_t index)
{
    const struct function_search *search = context;
    const struct pprof_function *known = &search->functions[index].function;
    return known->name == search->function->name &&
           known->system_name == search->function->system_name &&
           known->file == search->function->file &&
           known->start_line == search->function->start_line;
}

uint64_t pprof_additions_function(struct pprof_additions *additions,
                                  const struct pprof_frame *frame)
{
    struct pprof_function function = {
        .name = string_number(additions, frame->function),
        .system_name = string_number(additions, frame->linkage),
        .file = string_number(additions, frame->file),
        .start_line = frame->start_line,
    };
    struct function_search search = {additions->functions, &function};
    uint64_t hash = hash_bytes((struct slu_bytes){&function, sizeof(function)}, HASH_SEED);
    uint32_t index = hash_map_find(&additions->function_map, hash, function_is, &search);
    if (index != HASH_MAP_NONE) {
        return additions->functions[index].function.id;
    }
    function.id = ++additions->function_id;
    pprof_write_function(additions->writer, &function);
    index = additions->function_map.count;
    if (hash_map_insert(&additions->function_map, hash, index) == 0) {
        additions->functions[index].function = function;
    }
    return function.id;
}
