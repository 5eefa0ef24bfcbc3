/* Different texts, each once, in order; bounded by their budget. */
#ifndef STORE_TEXT_SET_H
#define STORE_TEXT_SET_H

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "store/store.h"

struct slu_budget;
struct text_set;

/* Returns 0; -EDQUOT; -ENOMEM. Owner: the caller, until text_set_destroy */
SLU_MUST_USE int text_set_create(struct slu_budget *budget, struct text_set **out);
void text_set_destroy(struct text_set **set);

/* Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int text_set_add(struct text_set *set, struct slu_bytes text);

/* Visit them in order. Returns 0, or what `visit` returned */
SLU_MUST_USE int text_set_visit(struct text_set *set, store_text_fn *visit, void *arg);

#endif
