/* What a function's source says of the memory that a call in it returns. */
#ifndef SYMBOL_SITE_TEXT_H
#define SYMBOL_SITE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

struct code_function;
struct site_type;
struct source_tokens;

#define SITE_CALLEE_NEW "operator new"

enum site_verdict {
    SITE_UNKNOWN,
    SITE_KNOWN,
    SITE_PASSED, /* the function around is to be asked */
};

/* What is looked for in a function. */
struct site_text_state {
    const char *callee; /* that it called; NULL: an allocator */
    uint32_t argument;  /* through which the memory comes, or SOURCE_ARGUMENT_NONE */
    uint32_t passed;    /* functions so far that gave memory on */
    bool is_text;       /* it is known to be text */
};

void site_text_begin(struct site_text_state *state);

/*
 * Judge a function by the tokens around its call.
 *
 * Returns  SITE_KNOWN with `found`, SITE_PASSED with the argument in `state`, or SITE_UNKNOWN
 */
enum site_verdict site_text_judge(struct code_function *function,
                                  const struct source_tokens *tokens, struct site_text_state *state,
                                  struct site_type *found);

#endif
