/*
 * Property: whatever the bytes, they are refused or give a profile that can be read again, in which
 * as many locations have names as before and as were found.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/arena.h>
#include <sluice/budget.h>

#include "base/assert.h"
#include "base/sink.h"
#include "readers/pprof_symbolize.h"

#define MEMORY_BYTES ((uint64_t)64 << 20)
#define OUTPUT_BYTES ((size_t)8 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Some addresses have one name, some three, some none. */
static size_t find(void *context, const struct pprof_module *module, uint64_t file_offset,
                   struct pprof_frame *frames, size_t frames_max)
{
    (void)context;
    size_t count = file_offset % 4 < frames_max ? file_offset % 4 : frames_max;
    for (size_t i = 0; i < count; i++) {
        frames[i] = (struct pprof_frame){.function = i == 1 ? "one" : "other",
                                         .linkage = i == 2 ? "_Z" : NULL,
                                         .file = module->index % 2 == 0 ? "file" : NULL,
                                         .line = (uint32_t)file_offset};
    }
    return count;
}

static int run(struct slu_bytes profile, char *output, size_t *output_len,
               struct pprof_symbolized *result)
{
    struct slu_budget *budget = NULL;
    struct slu_arena *arena = NULL;
    struct slu_arena_options options = {.chunk_bytes = 4096, .limit_bytes = MEMORY_BYTES};
    struct pprof_symbols symbols = {find, NULL};
    struct sink sink;
    SLU_ASSERT(slu_budget_create(NULL, "fuzz", MEMORY_BYTES, &budget) == 0);
    SLU_ASSERT(slu_arena_create(budget, &options, NULL, &arena) == 0);
    sink_init_fixed(&sink, output, OUTPUT_BYTES);
    int err = pprof_symbolize(profile, &symbols, arena, &sink, NULL, result);
    SLU_ASSERT(err != 0 || sink_end(&sink) == 0);
    *output_len = sink.len;
    slu_arena_destroy(&arena);
    slu_budget_destroy(&budget);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct pprof_symbolized first;
    struct pprof_symbolized second;
    size_t once_len = 0;
    size_t twice_len = 0;
    char *once = malloc(OUTPUT_BYTES);
    char *twice = malloc(OUTPUT_BYTES);
    SLU_ASSERT(once != NULL && twice != NULL);
    if (run((struct slu_bytes){bytes, len}, once, &once_len, &first) == 0) {
        SLU_ASSERT(run((struct slu_bytes){once, once_len}, twice, &twice_len, &second) == 0);
        SLU_ASSERT(second.location_count == first.location_count);
        SLU_ASSERT(second.named_count == first.named_count + first.found_count);
        SLU_ASSERT(second.found_count == 0);
    }
    free(once);
    free(twice);
    return 0;
}
