/* What the arguments of a call say of the memory that it returns. */
#ifndef SYMBOL_SOURCE_ARGUMENTS_H
#define SYMBOL_SOURCE_ARGUMENTS_H

#include <stdint.h>

#include "symbol/source_place.h"

struct source_call;
struct source_tokens;

/* Read its sizeof, and what realloc was given. */
void source_arguments_read(const struct source_tokens *tokens, struct source_range range,
                           struct source_call *call);

/* Read what takes memory that comes back through a pointer, the argument of that number. */
void source_argument_read(const struct source_tokens *tokens, struct source_range range,
                          uint32_t argument, struct source_call *call);

#endif
