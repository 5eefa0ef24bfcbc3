/*
 * Frames of a stack that is looked at from outside: from one to its caller's by unwind tables, and
 * the local variables in it by debug information. x86-64.
 */
#ifndef SYMBOL_STACK_FRAME_H
#define SYMBOL_STACK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol_module;
struct symbol_types;

#define STACK_FRAME_REGISTERS 17 /* by DWARF's numbers; 16 is the return address */
#define STACK_FRAME_BASE      6
#define STACK_FRAME_POINTER   7
#define STACK_FRAME_CODE      16

struct stack_frame {
    uint64_t registers[STACK_FRAME_REGISTERS];
    uint64_t known;   /* a bit for each: what it was is known */
    uint64_t address; /* the canonical frame address, once the caller's frame was found */
};

/* Read a word of the stack; false if it is not there. */
typedef bool (*stack_word_read)(void *context, uint64_t address, uint64_t *word);

/*
 * Find the frame of the caller.
 *
 * code     where the frame's code stands, as the linker counts; of a caller: before its call
 * frame    its `address` is set
 * Returns  false at the end, or where tables do not tell
 */
bool stack_frame_caller(struct symbol_module *module, uint64_t code, struct stack_frame *frame,
                        stack_word_read read, void *context, struct stack_frame *caller);

struct stack_local {
    const char *name; /* valid as long as the module */
    uint64_t address;
    uint32_t type;
};

/*
 * The variables and parameters in scope that lie in the frame, whose `address` is set.
 *
 * Returns  how many, at most `locals_max`
 */
size_t stack_frame_locals(struct symbol_module *module, struct symbol_types *types, uint64_t code,
                          const struct stack_frame *frame, struct stack_local *locals,
                          size_t locals_max);

/* The function around `code`, as people write it; NULL if it is not known. */
const char *stack_frame_function(struct symbol_module *module, uint64_t code);

#endif
