/* Types of sampled blocks that nothing typed leads to, by where they were allocated. */
#ifndef HOLDERS_SITES_TYPING_H
#define HOLDERS_SITES_TYPING_H

#include <sluice/api.h>

struct slu_diag;
struct who;

/*
 * Let types flow from sites too, after those from roots.
 *
 * Returns  0, also where nothing was sampled; -EDQUOT; -ENOMEM
 * Cost     each stack is looked at once, each of its calls too; 8 bytes a stack, 8 a block
 */
SLU_MUST_USE int sites_typing_add(struct who *who, struct slu_diag *diag);

#endif
