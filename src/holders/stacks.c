#include "holders/stacks.h"

#include <string.h>

#include "holders/image.h"
#include "holders/modules.h"

static bool word_read(void *context, uint64_t address, uint64_t *word)
{
    return image_read_word(context, address, word) == 0;
}

void stack_walk_begin(struct stack_walk *walk, struct modules *modules,
                      const struct image_thread *thread)
{
    walk->modules = modules;
    walk->depth = 0;
    walk->frame = (struct stack_frame){.known = ((uint64_t)1 << STACK_FRAME_REGISTERS) - 1};
    memcpy(walk->frame.registers, thread->registers, sizeof(walk->frame.registers));
}

bool stack_walk_next(struct stack_walk *walk)
{
    struct stack_frame caller;
    uint64_t code = walk->frame.registers[STACK_FRAME_CODE] - (walk->depth > 0);
    struct module *module = module_at(walk->modules, code);
    if (walk->depth++ >= STACK_FRAMES_MAX || module == NULL ||
        !module_read(walk->modules, module)) {
        return false;
    }
    uint64_t linked = code - module->bias;
    walk->frame.address = 0;
    bool goes_on = stack_frame_caller(module->symbols, linked, &walk->frame, word_read,
                                      walk->modules->image, &caller);
    if (walk->frame.address <= walk->frame.registers[STACK_FRAME_POINTER]) {
        return false;
    }
    walk->place.end = walk->frame.address;
    walk->place.function = stack_frame_function(module->symbols, linked);
    walk->place.local_count =
        stack_frame_locals(module->symbols, walk->modules->types, linked, &walk->frame,
                           walk->place.locals, STACK_LOCALS_MAX);
    if (goes_on) {
        walk->frame = caller;
    } else {
        walk->depth = STACK_FRAMES_MAX; /* the last one */
    }
    return true;
}
