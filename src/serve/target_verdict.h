/* What grows in one target, and why: its stored heap profiles, judged as `sluice heap diagnose`. */
#ifndef SERVE_TARGET_VERDICT_H
#define SERVE_TARGET_VERDICT_H

#include <sluice/api.h>
#include <sluice/bytes.h>

#define VERDICT_RANGE_NS    UINT64_C(3600000000000) /* that is looked at, back from now */
#define VERDICT_TARGETS_MAX 32

struct report;
struct store;
struct store_query;

/*
 * Judge the newest profiles of one stream, 64 at the most.
 *
 * query    of what range, and whose budget; its matchers do not matter
 * labels   of the stream, encoded (labels.h)
 * Returns  0; -ENODATA: there are none; -EDQUOT; -ENOMEM; -ECANCELED, -ETIMEDOUT of the query's
 *          scope; an error of the system
 */
SLU_MUST_USE int target_judge(struct store *store, const struct store_query *query,
                              struct slu_bytes labels, struct report *report);

#endif
