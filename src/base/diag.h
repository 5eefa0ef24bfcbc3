/* Filling a struct slu_diag. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stdint.h>

#include <sluice/diag.h>

/*
 * Write the message, cut to its room; line and column become 0. A NULL `diag` is accepted.
 *
 * Returns  err, so that a refusal is one statement: return diag_fail(diag, -EINVAL, "...");
 */
int diag_fail(struct slu_diag *diag, int err, const char *format, ...) SLU_PRINTF(3, 4);

/* The same for a place in a text, both from 1. */
int diag_fail_at(struct slu_diag *diag, int err, uint32_t line, uint32_t column, const char *format,
                 ...) SLU_PRINTF(5, 6);

#endif
