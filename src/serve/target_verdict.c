#include "serve/target_verdict.h"

#include <errno.h>

#include <sluice/diag.h>
#include <sluice/scope.h>

#include "diagnose/evidence.h"
#include "diagnose/verdict.h"
#include "query/selector.h"
#include "serve/profile_rows.h"
#include "store/store.h"

#define PROFILES_MAX 64
#define NS_A_SECOND  1e9

/* Profiles that cannot be read are no evidence. */
static int evidence_take(const struct profile_rows *rows, const struct slu_scope *scope,
                         struct evidence *evidence)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < rows->count; i++) {
        struct evidence_input input = {
            .bytes = {rows->rows[i].pprof.data, rows->rows[i].pprof.len},
            .name = "profile",
            .seconds = (double)rows->rows[i].time_ns / NS_A_SECOND,
            .is_live = true,
        };
        enum evidence_kind kind = EVIDENCE_NOTHING;
        struct slu_diag diag;
        err = evidence_add(evidence, &input, &kind, &diag);
        err = err == -EBADMSG ? 0 : err;
        err = err != 0 || scope == NULL ? err : slu_scope_error(scope);
    }
    return err;
}

static int rows_judge(const struct profile_rows *rows, const struct store_query *query,
                      struct report *report)
{
    struct verdict_options options = {.rate_max = VERDICT_RATE_DEFAULT};
    struct evidence *evidence = NULL;
    int err = evidence_create(query->budget, &evidence);
    err = err != 0 ? err : evidence_take(rows, query->scope, evidence);
    if (err == 0) {
        verdict_judge(evidence, &options, report);
    }
    evidence_destroy(&evidence);
    return err;
}

int target_judge(struct store *store, const struct store_query *query, struct slu_bytes labels,
                 struct report *report)
{
    struct matcher matchers[SELECTOR_MATCHERS_MAX];
    struct store_query own = *query;
    struct profile_rows rows;
    struct slu_bytes rest = labels;
    struct label label;
    size_t count = 0;
    while (count < SELECTOR_MATCHERS_MAX && labels_next(&rest, &label)) {
        matchers[count++] =
            (struct matcher){.kind = MATCH_EQUAL, .name = label.name, .value = label.value};
    }
    own.matchers = matchers;
    own.matcher_count = count;
    int err = profile_rows_open(&rows, store, &own, (struct slu_bytes){"heap", 4}, PROFILES_MAX);
    if (err == 0) {
        err = rows.count == 0 ? -ENODATA : rows_judge(&rows, &own, report);
    }
    profile_rows_close(&rows);
    return err;
}
