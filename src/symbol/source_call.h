/*
 * What the text around a call says of the type of the memory that the call returns: the variable
 * that takes it, a cast, a sizeof among its arguments, or the type behind new.
 */
#ifndef SYMBOL_SOURCE_CALL_H
#define SYMBOL_SOURCE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "symbol/source_type.h"

struct source_tokens;

#define SOURCE_ARGUMENT_NONE UINT32_MAX

/* The call that is looked for. */
struct source_wanted {
    struct slu_bytes callee; /* empty: one of malloc's family, or new; "operator new": new */
    uint32_t line;
    uint32_t column;   /* of its first or its last word, or of its bracket; 0 if not known */
    uint32_t argument; /* the memory comes through this argument, SOURCE_ARGUMENT_NONE */
};

enum source_role {
    SOURCE_UNKNOWN,
    SOURCE_TAKEN,    /* by `taken` */
    SOURCE_RETURNED, /* to the caller of the function that it stands in */
};

struct source_call {
    enum source_role role;
    size_t end;                   /* the token behind the call */
    struct source_path taken;     /* what takes it; the type there points to the memory */
    struct source_type declared;  /* as what it is declared, if it is, in this place */
    struct source_type cast;      /* with one star more than the memory */
    struct source_type created;   /* behind new */
    struct source_type size_type; /* of a sizeof; it may be */
    struct source_path size_path; /* a variable instead */
    struct source_path resized;   /* what realloc was given */
    bool has_size;
    bool is_sum; /* something is added to what sizeof says */
};

/* Returns false, with nothing said, if the call is not found or is not the only one. */
bool source_call_read(const struct source_tokens *tokens, const struct source_wanted *wanted,
                      struct source_call *call);

/*
 * What becomes of the variable `name` first in what follows the token `from`: it is returned, or
 * something of another type takes it, with `taken`, `declared` and `cast` as above.
 */
enum source_role source_later_read(const struct source_tokens *tokens, size_t from,
                                   struct slu_bytes name, struct source_call *later);

#endif
