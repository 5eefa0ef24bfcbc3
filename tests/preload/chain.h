/* Frames of code that is compiled in several ways, with a function of the test at their end. */
#ifndef TESTS_PRELOAD_CHAIN_H
#define TESTS_PRELOAD_CHAIN_H

#include <stddef.h>

#define CHAIN_DISTINCT 25

typedef void chain_end(void *context);

struct chain {
    const char *name;
    /* `depth` frames of one function that calls itself. */
    void (*deep)(unsigned depth, chain_end *end, void *context);
    /* CHAIN_DISTINCT frames of as many functions. */
    void (*distinct)(chain_end *end, void *context);
    /* A frame whose size is known when it runs. */
    void (*sized)(size_t bytes, chain_end *end, void *context);
    /* A frame larger than a page, and one larger than a rule can say. */
    void (*large)(chain_end *end, void *context);
    void (*huge)(chain_end *end, void *context);
    /* A frame on a boundary of 64 bytes. */
    void (*aligned)(chain_end *end, void *context);
    /* A call in place of a return: the frame in between is gone. */
    void (*tail)(chain_end *end, void *context);
    /* The call is the function's last instruction: `end` must leave by longjmp. */
    void (*last)(chain_end *end, void *context);
    /* From libc, which has frames of its own in between. */
    void (*sorted)(chain_end *end, void *context);
    /* All callee-saved registers hold something across the call. */
    long (*busy)(long seed, chain_end *end, void *context);
    /* The call is in a branch that the prologue has not been run for. */
    void (*early)(long which, chain_end *end, void *context);
};

extern const struct chain chain_O0_bp;
extern const struct chain chain_O0_sp;
extern const struct chain chain_O2_bp;
extern const struct chain chain_O2_sp;
extern const struct chain chain_O3_sp;
extern const struct chain chain_Os_sp;

#endif
