/* The newest profiles of a range as the document of a timeline: what sites hold, over time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/scope.h>

#include "net/net.h"
#include "profile/model.h"
#include "serve/profile_range.h"
#include "serve/profile_rows.h"
#include "serve/web_query.h"
#include "view/document.h"
#include "view/view.h"

#define SELECTOR    "query"
#define RANGE_NS    UINT64_C(86400000000000)
#define MOMENTS     60
#define MOMENTS_MAX 200

/* A moment is when the profile was fetched: what programs write into theirs may be missing. */
static int moments_add(struct web_query *query, const struct profile_rows *rows,
                       struct model *model)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < rows->count; i++) {
        const struct profile_row *row = &rows->rows[i];
        err = profile_pprof_add(query, (struct slu_bytes){row->pprof.data, row->pprof.len}, model);
        if (err == 0) {
            struct model_profile *profile = column_at(&model->profiles, model->profiles.count - 1);
            profile->time_ns = row->time_ns;
            err = query->store.scope == NULL ? 0 : slu_scope_error(query->store.scope);
        }
    }
    return err;
}

static int timeline_send(struct web_query *query, struct model *model)
{
    struct view_options options = {.level = VIEW_FUNCTIONS};
    struct view *view = NULL;
    int err = view_create(model, &options, &query->diag, &view);
    if (err != 0) {
        return err;
    }
    struct document document = {.view = view, .source = "store"};
    uint32_t type = document_default_type(view, model->profiles.count - 1);
    web_json_begin(query);
    err = document_timeline(&document, type, &query->sink);
    err = err != 0 ? err : web_answer_end(query);
    view_destroy(&view);
    return err;
}

void web_timeline_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct model *model = NULL;
    struct profile_range range;
    struct profile_rows rows = {.rows = NULL};
    struct web_query *query = web_query_begin(web, request, SELECTOR, RANGE_NS, MOMENTS);
    if (query == NULL) {
        return;
    }
    size_t most = query->limit < MOMENTS_MAX ? (size_t)query->limit : MOMENTS_MAX;
    int err = profile_range_read(&range, query);
    err = err != 0 ? err : model_create(query->budget, &model);
    if (err == 0) {
        err = profile_rows_open(&rows, web->store, &query->store,
                                (struct slu_bytes){range.type, strlen(range.type)}, most);
        err = err == 0 && rows.count == 0 ? profile_range_missing(&range, "range") : err;
        err = err != 0 ? err : moments_add(query, &rows, model);
        err = err != 0 ? err : timeline_send(query, model);
        profile_rows_close(&rows);
    }
    model_destroy(&model);
    web_query_end(query, err);
}
