#include "holders/site.h"

#include <string.h>

#include "base/sink.h"
#include "holders/heap.h"
#include "holders/holders.h"
#include "holders/image.h"
#include "holders/sampled.h"
#include "symbol/site_type.h"
#include "symbol/symbol.h"

/* Their functions allocate for others. */
static bool is_allocators(const struct module *module)
{
    static const char *const names[] = {"libsluice-heap.so", "libc.so",     "libc-",
                                        "libstdc++.so",      "libjemalloc", "libtcmalloc",
                                        "ld-linux"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(module_name(module), names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* The module of a return address, and where in its file the call stands; false without symbols of
 * it, with the module if that is known. */
static bool call_at(struct who *who, uint64_t pc, struct module **module, uint64_t *file_offset)
{
    uint64_t call = pc - 1;
    const struct image_region *region = image_region_at(who->image, call);
    *module = module_at(&who->modules, call);
    if (region == NULL || *module == NULL || !module_read(&who->modules, *module) ||
        (*module)->symbols == NULL) {
        return false;
    }
    *file_offset = region->file_offset + (call - region->start);
    return true;
}

/* The functions at a return address. Returns how many; the module may be known without. */
static size_t frames_at(struct who *who, uint64_t pc, struct module **module,
                        struct symbol_frame frames[SYMBOL_FRAMES_MAX])
{
    uint64_t file_offset = 0;
    return call_at(who, pc, module, &file_offset)
               ? symbol_module_find((*module)->symbols, file_offset, frames, SYMBOL_FRAMES_MAX)
               : 0;
}

size_t site_frames(struct who *who, const struct sampled_stack *stack, struct site_frame *frames)
{
    const uint64_t *pcs = sampled_pcs(&who->sampled, stack);
    size_t count = stack->pc_count < SITE_FRAMES_MAX ? stack->pc_count : SITE_FRAMES_MAX;
    for (size_t i = 0; i < count; i++) {
        struct module *module = NULL;
        frames[i] = (struct site_frame){0};
        if (call_at(who, pcs[i], &module, &frames[i].file_offset)) {
            frames[i].module = module->symbols;
            frames[i].is_library = is_allocators(module);
        }
    }
    return count;
}

bool site_matches(struct who *who, const struct sampled_stack *stack, const regex_t *pattern)
{
    struct symbol_frame frames[SYMBOL_FRAMES_MAX];
    const uint64_t *pcs = sampled_pcs(&who->sampled, stack);
    for (uint32_t i = 0; i < stack->pc_count; i++) {
        struct module *module = NULL;
        size_t count = frames_at(who, pcs[i], &module, frames);
        for (size_t k = 0; k < count; k++) {
            if (frames[k].function != NULL &&
                regexec(pattern, frames[k].function, 0, NULL, 0) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void frame_write(const struct symbol_frame *frame, struct sink *out)
{
    const char *slash = frame->file == NULL ? NULL : strrchr(frame->file, '/');
    sink_text(out, frame->function);
    if (frame->file != NULL && frame->line != 0) {
        sink_format(out, " %s:%u", slash == NULL ? frame->file : slash + 1, frame->line);
    }
}

bool site_write_stack(struct who *who, const struct sampled_stack *stack, struct sink *out)
{
    struct symbol_frame frames[SYMBOL_FRAMES_MAX];
    for (uint32_t i = 0; i < stack->pc_count; i++) {
        struct module *module = NULL;
        size_t count = frames_at(who, sampled_pcs(&who->sampled, stack)[i], &module, frames);
        if (module == NULL || is_allocators(module)) {
            continue;
        }
        if (count == 0 || frames[0].function == NULL) {
            return false;
        }
        frame_write(&frames[0], out);
        return true;
    }
    return false;
}

bool site_write(struct who *who, uint32_t block, struct sink *out)
{
    const struct sampled_block *sample =
        sampled_find(&who->sampled, heap_block_address(who->heap, block));
    const struct sampled_stack *stack =
        sample == NULL ? NULL : sampled_stack_of(&who->sampled, sample);
    return stack != NULL && site_write_stack(who, stack, out);
}
