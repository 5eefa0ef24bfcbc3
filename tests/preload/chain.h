/* Frames of code that is compiled in several ways, with a function of the test at their end. */
#ifndef TESTS_PRELOAD_CHAIN_H
#define TESTS_PRELOAD_CHAIN_H

typedef void chain_end(void *context);

struct chain {
    const char *name;
    /* `end` below `depth` frames of one function that calls itself. */
    void (*deep)(unsigned depth, chain_end *end, void *context);
};

extern const struct chain chain_O0_bp;
extern const struct chain chain_O2_bp;

#endif
