/* Columns of whole numbers: how they are kept best, and what is left of them then. */
#ifndef STORE_SAMPLE_NUMBERS_H
#define STORE_SAMPLE_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/sample_block.h"
#include "store/sample_block_format.h"

/*
 * Plan a column by its differences, once or twice taken: what leaves fewer bits. The numbers wrap.
 */
struct number_plan number_plan_make(const uint64_t *numbers, size_t count);

/* What is left of each number from the second on, or with order 2 from the third on. */
size_t number_plan_apply(const struct number_plan *plan, const uint64_t *numbers, size_t count,
                         uint64_t *left);

/*
 * The smallest power of ten with which all values are whole numbers that give the same bits back.
 *
 * Returns  false: there is none
 */
bool sample_scale_find(const struct sample *samples, size_t count, unsigned *scale,
                       uint64_t *numbers);

#endif
