/*
 * What grows in each target, and why: its heap profiles of the last while, judged as
 * `sluice heap diagnose` does. Judged when somebody asks, and again after a while.
 */
#include <errno.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "base/bytes.h"
#include "diagnose/evidence.h"
#include "diagnose/verdict.h"
#include "net/net.h"
#include "serve/profile_rows.h"
#include "serve/web_query.h"

#define SELECTOR     "query"
#define RANGE_NS     UINT64_C(3600000000000)
#define PROFILES_MAX 64
#define TARGETS_MAX  32
#define NS_A_SECOND  1e9

struct verdicts_answering {
    struct web *web;
    struct web_query *query;
    uint64_t count;
};

/* Profiles that cannot be read are no evidence. */
static int evidence_take(struct verdicts_answering *answering, const struct profile_rows *rows,
                         struct evidence *evidence)
{
    const struct slu_scope *scope = answering->query->store.scope;
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

static int report_write(struct verdicts_answering *answering, struct slu_bytes labels,
                        const struct evidence *evidence)
{
    struct json_writer *json = &answering->query->json;
    struct verdict_options options = {.rate_max = VERDICT_RATE_DEFAULT};
    void *memory = NULL;
    int err = slu_budget_alloc(answering->query->budget, sizeof(struct report), &memory);
    if (err != 0) {
        return err;
    }
    struct report *report = memory;
    verdict_judge(evidence, &options, report);
    json_begin_object(json);
    json_write_key(json, "labels");
    web_labels_write(json, labels);
    json_write_key(json, "seconds_observed");
    json_write_double(json, report->seconds);
    json_write_key(json, "diagnosis");
    verdict_write_json(report, json);
    json_end_object(json);
    slu_budget_free(answering->query->budget, report, sizeof(*report));
    return answering->query->sink.err;
}

/* The profiles of one target: those whose labels are these. */
static int target_judge(struct verdicts_answering *answering, struct slu_bytes labels)
{
    struct matcher matchers[SELECTOR_MATCHERS_MAX];
    struct store_query query = answering->query->store;
    struct profile_rows rows;
    struct evidence *evidence = NULL;
    struct slu_bytes rest = labels;
    struct label label;
    size_t count = 0;
    while (count < SELECTOR_MATCHERS_MAX && labels_next(&rest, &label)) {
        matchers[count++] =
            (struct matcher){.kind = MATCH_EQUAL, .name = label.name, .value = label.value};
    }
    query.matchers = matchers;
    query.matcher_count = count;
    int err = profile_rows_open(&rows, answering->web->store, &query, (struct slu_bytes){"heap", 4},
                                PROFILES_MAX);
    if (err == 0 && rows.count > 0) {
        err = evidence_create(query.budget, &evidence);
        err = err != 0 ? err : evidence_take(answering, &rows, evidence);
        err = err != 0 ? err : report_write(answering, labels, evidence);
        evidence_destroy(&evidence);
    }
    profile_rows_close(&rows);
    return err;
}

static int target_visit(void *arg, struct slu_bytes labels)
{
    struct verdicts_answering *answering = arg;
    return answering->count++ < TARGETS_MAX ? target_judge(answering, labels) : 0;
}

void web_verdicts_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct web_query *query = web_query_begin(web, request, SELECTOR, RANGE_NS, 1);
    if (query == NULL) {
        return;
    }
    struct verdicts_answering answering = {.web = web, .query = query};
    int err = web_json_begin(query);
    json_begin_object(&query->json);
    json_write_key(&query->json, "targets");
    json_begin_array(&query->json);
    err = err != 0
              ? err
              : store_streams(web->store, STORE_PROFILES, &query->store, target_visit, &answering);
    json_end_array(&query->json);
    json_end_object(&query->json);
    int failed = web_json_finish(query);
    web_query_end(query, err != 0 ? err : failed);
}
