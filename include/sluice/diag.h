/*
 * A diagnosis of refused input or options: where, and what to do about it.
 */
#ifndef SLUICE_DIAG_H
#define SLUICE_DIAG_H

#include <stdint.h>

#include <sluice/api.h>

SLU_BEGIN_DECLS

#define SLU_DIAG_MESSAGE_MAX 248

/*
 * Filled by a function that refuses; meant for the stack. Every function that takes one accepts
 * NULL, and leaves it untouched when it succeeds.
 */
struct slu_diag {
    uint32_t line;   /* from 1; 0 where there is no text */
    uint32_t column; /* from 1, in bytes; 0 where there is no text */
    char message[SLU_DIAG_MESSAGE_MAX];
};

SLU_END_DECLS

#endif
