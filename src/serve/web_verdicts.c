/* What grows in each target, and why: judged when somebody asks. */
#include <errno.h>

#include <sluice/budget.h>

#include "diagnose/verdict.h"
#include "net/net.h"
#include "serve/target_verdict.h"
#include "serve/web_query.h"

#define SELECTOR "query"

struct verdicts_answering {
    struct web *web;
    struct web_query *query;
    uint64_t count;
};

static int report_write(struct verdicts_answering *answering, struct slu_bytes labels,
                        const struct report *report)
{
    struct json_writer *json = &answering->query->json;
    json_begin_object(json);
    json_write_key(json, "labels");
    web_labels_write(json, labels);
    json_write_key(json, "seconds_observed");
    json_write_double(json, report->seconds);
    json_write_key(json, "diagnosis");
    verdict_write_json(report, json);
    json_end_object(json);
    return answering->query->sink.err;
}

static int target_visit(void *arg, struct slu_bytes labels)
{
    struct verdicts_answering *answering = arg;
    void *memory = NULL;
    if (answering->count++ >= VERDICT_TARGETS_MAX) {
        return 0;
    }
    int err = slu_budget_alloc(answering->query->budget, sizeof(struct report), &memory);
    if (err != 0) {
        return err;
    }
    err = target_judge(answering->web->store, &answering->query->store, labels, memory);
    err = err == 0 ? report_write(answering, labels, memory) : err;
    slu_budget_free(answering->query->budget, memory, sizeof(struct report));
    return err == -ENODATA ? 0 : err;
}

void web_verdicts_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct web_query *query = web_query_begin(web, request, SELECTOR, VERDICT_RANGE_NS, 1);
    if (query == NULL) {
        return;
    }
    struct verdicts_answering answering = {.web = web, .query = query};
    web_json_begin(query);
    json_begin_object(&query->json);
    json_write_key(&query->json, "targets");
    json_begin_array(&query->json);
    int err = store_streams(web->store, STORE_PROFILES, &query->store, target_visit, &answering);
    json_end_array(&query->json);
    json_end_object(&query->json);
    web_query_end(query, err != 0 ? err : web_json_end(query));
}
