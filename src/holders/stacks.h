/* The frames of a thread's stack. */
#ifndef HOLDERS_STACKS_H
#define HOLDERS_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/stack_frame.h"

struct image_thread;
struct modules;

#define STACK_FRAMES_MAX 256 /* that are told apart; those above are one */
#define STACK_LOCALS_MAX 256 /* of one frame */

struct stack_place {
    uint64_t end;         /* of the frame's memory: its canonical address */
    const char *function; /* NULL: not known */
    size_t local_count;
    struct stack_local locals[STACK_LOCALS_MAX];
};

struct stack_walk {
    struct modules *modules;
    struct stack_frame frame;
    size_t depth;
    struct stack_place place; /* the frame that was found last */
};

void stack_walk_begin(struct stack_walk *walk, struct modules *modules,
                      const struct image_thread *thread);

/* The next frame, from the innermost on, in `place`; false at the end. */
bool stack_walk_next(struct stack_walk *walk);

#endif
