/* The C library's functions that allocate what their caller asks for. */
#ifndef SYMBOL_ALLOCATOR_NAME_H
#define SYMBOL_ALLOCATOR_NAME_H

#include <stdbool.h>

#include <sluice/bytes.h>

/* name  as the source has it: "malloc" */
bool allocator_is_named(struct slu_bytes name);

#endif
