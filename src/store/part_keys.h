/* Which blocks of a part may have a key. */
#ifndef STORE_PART_KEYS_H
#define STORE_PART_KEYS_H

#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"
#include "store/part_list.h"

/*
 * The numbers of the blocks that have a key with this hash, ascending, as uint32_t in `out`; none
 * if none has. Another key may have the same hash.
 *
 * part     open
 * out      empty; the caller frees it with the budget, also after an error
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM; an error of the system
 * Cost     where none has it, mostly one short read
 */
SLU_MUST_USE int part_keys_find(const struct part *part, uint64_t hash, struct slu_budget *budget,
                                struct block *out);

#endif
