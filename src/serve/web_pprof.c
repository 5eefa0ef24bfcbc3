/* The newest profile of a range as it came, or the sum of all of them. */
#include <sluice/budget.h>

#include "net/net.h"
#include "profile/gzip_writer.h"
#include "profile/model.h"
#include "profile/model_pprof.h"
#include "serve/profile_range.h"
#include "serve/profile_rows.h"
#include "serve/web_query.h"

#define SELECTOR "query"
#define RANGE_NS UINT64_C(86400000000000)
#define TYPE     "application/octet-stream"
#define STAGING  ((size_t)4096)

/* 300 KiB of gzip, and staging before it. */
struct packing {
    struct gzip_writer gzip;
    char plain[STAGING];
};

static int model_send(struct web_query *query, const struct model *model)
{
    void *memory = NULL;
    struct sink plain;
    int err = slu_budget_alloc(query->budget, sizeof(struct packing), &memory);
    if (err != 0) {
        return err;
    }
    struct packing *packing = memory;
    web_answer_begin(query, TYPE);
    gzip_writer_init(&packing->gzip, &query->sink);
    sink_init(&plain, gzip_write, &packing->gzip, packing->plain, sizeof(packing->plain));
    err = model_pprof_write(model, 0, &plain);
    int failed = sink_end(&plain);
    gzip_writer_end(&packing->gzip);
    err = err != 0 ? err : failed;
    slu_budget_free(query->budget, memory, sizeof(struct packing));
    return err != 0 ? err : web_answer_end(query);
}

static int newest_send(const struct profile_range *range)
{
    struct web_query *query = range->query;
    struct profile_rows rows;
    int err = profile_range_newest(range, &query->store, &rows, "range");
    if (err == 0) {
        err = net_respond(query->request, 200, TYPE,
                          (struct slu_bytes){rows.rows[0].pprof.data, rows.rows[0].pprof.len});
    }
    profile_rows_close(&rows);
    return err;
}

void web_pprof_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct model *model = NULL;
    struct profile_range range;
    struct web_query *query = web_query_begin(web, request, SELECTOR, RANGE_NS, 1);
    if (query == NULL) {
        return;
    }
    int err = profile_range_read(&range, query);
    err = err != 0 ? err : model_create(query->budget, &model);
    if (err == 0 && range.is_merged) {
        err = profile_range_add(&range, &query->store, model, "range");
        err = err != 0 ? err : model_send(query, model);
    } else if (err == 0) {
        err = newest_send(&range);
    }
    model_destroy(&model);
    web_query_end(query, err);
}
