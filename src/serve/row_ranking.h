/* The newest (or oldest) rows of a query, as texts that were made of them, in order at the end. */
#ifndef SERVE_ROW_RANKING_H
#define SERVE_ROW_RANKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct row_ranking;
struct slu_budget;

/* Returns 0; -EDQUOT; -ENOMEM. Owner: the caller, until row_ranking_destroy */
SLU_MUST_USE int row_ranking_create(struct slu_budget *budget, size_t limit, bool is_newest,
                                    struct row_ranking **out);
void row_ranking_destroy(struct row_ranking **ranking);

/* Whether a row of this time would be among them. */
bool row_ranking_wants(const struct row_ranking *ranking, int64_t time_ns);

/* Add a text, in place of the last one where there are too many. Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int row_ranking_add(struct row_ranking *ranking, int64_t time_ns,
                                 struct slu_bytes text);

/* True and the time beyond which no row is wanted any more, when all places are taken. */
bool row_ranking_bound(const struct row_ranking *ranking, int64_t *time_ns);

/* How many there are, in order from now on; and the index-th. */
size_t row_ranking_sort(struct row_ranking *ranking);
struct slu_bytes row_ranking_text(const struct row_ranking *ranking, size_t index);

#endif
