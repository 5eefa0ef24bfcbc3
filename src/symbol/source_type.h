/* Types and places as C and C++ write them: struct foo *, a->b[i].c. */
#ifndef SYMBOL_SOURCE_TYPE_H
#define SYMBOL_SOURCE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

struct source_tokens;

#define SOURCE_STEPS_MAX  12
#define SOURCE_NAME_BYTES 128

/* A name without qualifiers, and the pointers behind it. */
struct source_type {
    char name[SOURCE_NAME_BYTES]; /* without blanks: ns::pair<int,long>; empty: none */
    uint32_t stars;
};

/* From a value to a member of it, or to what it points to or consists of. */
struct source_step {
    struct slu_bytes member; /* empty: an element, or what is pointed to */
};

struct source_path {
    struct slu_bytes base; /* a variable; empty: there is none */
    struct source_step steps[SOURCE_STEPS_MAX];
    uint32_t count;
};

/*
 * Read the tokens [from, end) as a type.
 *
 * Returns  whether they are one, by their form; a name alone may be a variable as well
 */
bool source_type_read(const struct source_tokens *tokens, size_t from, size_t end,
                      struct source_type *type);

/*
 * The same for a name alone, as debug information writes it: unsigned long and long unsigned int
 * become one.
 */
bool source_type_of_name(struct slu_bytes name, struct source_type *type);

/* The token behind a type that begins at `from`, without brackets and what follows them; `from` if
 * there is none. */
size_t source_type_end(const struct source_tokens *tokens, size_t from);

/* Read the tokens [from, end) as a place. Returns whether they are one. */
bool source_path_read(const struct source_tokens *tokens, size_t from, size_t end,
                      struct source_path *path);

/* One step more; false if there is no room. */
bool source_path_add(struct source_path *path, struct slu_bytes member);

/* The first token of the place that ends before `end`, without * before it; SOURCE_TOKEN_NONE. */
size_t source_path_start(const struct source_tokens *tokens, size_t end);

#endif
