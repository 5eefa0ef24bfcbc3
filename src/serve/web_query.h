/* What handlers of queries share: parameters read, answers written, errors told. */
#ifndef SERVE_WEB_QUERY_H
#define SERVE_WEB_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

#include "base/sink.h"
#include "codec/json_writer.h"
#include "query/selector.h"
#include "serve/web.h"
#include "store/store.h"

struct net_request;
struct net_route;
struct slu_budget;
struct web;

#define WEB_QUERY_BYTES (UINT64_C(48) << 20) /* of one query, at the most */
#define WEB_VALUE_MAX   8192                 /* of a parameter */
#define WEB_STAGING     ((size_t)16 * 1024)
#define WEB_LIMIT_MAX   100000
#define WEB_WORKERS     8
#define WEB_TAILS_MAX   4 /* workers that live tails may keep */

struct web {
    struct slu_budget *budget;
    struct net_server *server;
    struct store *store;
    struct web_options options;
    struct net_route *routes;
    size_t route_count;
    _Atomic uint32_t tail_count;
    char listen[128];
};

/* A query under way: on a worker, from web_query_begin to web_query_end. */
struct web_query {
    struct web *web;
    struct net_request *request;
    struct slu_bytes form;     /* parameters of a POST, behind those of its query */
    struct slu_budget *budget; /* its own */
    struct selector selector;
    struct store_query store; /* range and matchers, as the parameters say */
    uint64_t damage;          /* pieces of the store that were left out of the answer */
    int64_t now_ns;
    uint64_t limit;
    struct slu_diag diag; /* of what was wrong */
    bool is_begun;        /* the answer has */

    /* The answer, while it is written. */
    const char *type;
    struct json_writer json;
    struct sink sink;
    char staging[WEB_STAGING];
};

/*
 * Read the parameters that all queries have: `selector` (by the name it has there, NULL: none),
 * start, end, limit.
 *
 * range_ns  how far back it looks where `start` is not given; 0: to the beginning
 * Returns   NULL if it has been refused, and answered
 * Owner     the caller, until web_query_end
 */
struct web_query *web_query_begin(struct web *web, struct net_request *request,
                                  const char *selector, uint64_t range_ns, uint64_t limit);

/*
 * End it. With an error, nothing of the answer has been sent, and the client gets a status that
 * says why; or some of it has, and the connection is broken off, so that nobody takes it for whole.
 */
void web_query_end(struct web_query *query, int err);

/* A parameter, with a final zero. Returns 0; -ENOENT; -EINVAL, which the diag says more of */
int web_parameter(struct web_query *query, const char *name, char *value, size_t size_bytes);

/*
 * Let the query ask with the index-th selector of that name in place of the one before.
 *
 * Returns  0; -ENOENT: there are no more; -EINVAL; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int web_selector_take(struct web_query *query, const char *name, size_t index);

/*
 * Begin an answer: it is written to the query's sink. Nothing is sent before the staging is full.
 *
 * type  Content-Type, a constant
 */
void web_answer_begin(struct web_query *query, const char *type);

/* All of it is written. Returns 0; the first error since its begin */
SLU_MUST_USE int web_answer_end(struct web_query *query);

/* The same for JSON, and with {"status":"success","data":  and  } around it. */
void web_json_begin(struct web_query *query);
SLU_MUST_USE int web_json_end(struct web_query *query);
void web_success_begin(struct web_query *query);
SLU_MUST_USE int web_success_end(struct web_query *query, bool is_cut);

/* Answer with an error, as Prometheus does: status, errorType, what and the next step. */
void web_fail(struct net_request *request, unsigned status, const char *type, const char *text);

/* The same with 503 and Retry-After: it may be otherwise in a moment. */
void web_busy(struct net_request *request, const char *type, const char *text);

/* Answer with the error that a query has ended with. */
void web_error_tell(struct web_query *query, int err);

/* Labels as an object. */
void web_labels_write(struct json_writer *json, struct slu_bytes labels);

/* A number as Prometheus has it in JSON: a text. */
void web_number_write(struct json_writer *json, double number);

/* Seconds since 1970 with milliseconds. */
void web_seconds_write(struct json_writer *json, int64_t time_ns);

/* Routes of one subject, added to a table that has room. Returns how many */
size_t web_metrics_routes(struct web *web, struct net_route *routes);
size_t web_logs_routes(struct web *web, struct net_route *routes);
size_t web_traces_routes(struct web *web, struct net_route *routes);
size_t web_profiles_routes(struct web *web, struct net_route *routes);
size_t web_status_routes(struct web *web, struct net_route *routes);
size_t web_page_routes(struct web *web, struct net_route *routes);

#define WEB_ROUTES_MAX 64

/* web_exemplars.c, web_flame.c, web_pprof.c, web_samples.c, web_timeline.c, web_verdicts.c:
 * handlers of routes. */
void web_exemplars_answer(struct net_request *request, void *arg);
void web_samples_answer(struct net_request *request, void *arg);
void web_flame_answer(struct net_request *request, void *arg);
void web_timeline_answer(struct net_request *request, void *arg);
void web_pprof_answer(struct net_request *request, void *arg);
void web_verdicts_answer(struct net_request *request, void *arg);

/* Labels, values and streams of any signal; web_labels.c. */
void web_label_names_answer(struct web *web, struct net_request *request, enum store_signal signal,
                            const char *selector);
void web_label_values_answer(struct web *web, struct net_request *request, enum store_signal signal,
                             const char *selector);
void web_series_answer(struct web *web, struct net_request *request, enum store_signal signal,
                       const char *selector);

#endif
