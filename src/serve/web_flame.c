/* A profile, the sum of several, or two compared, as the document that `sluice heap web` draws. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "net/net.h"
#include "profile/model.h"
#include "query/time_text.h"
#include "serve/profile_range.h"
#include "serve/web_query.h"
#include "view/document.h"
#include "view/view.h"

#define SELECTOR       "query"
#define RANGE_NS       UINT64_C(86400000000000)
#define NAME_MAX_BYTES 64

static int document_send(struct web_query *query, struct model *model, bool is_pair)
{
    struct view_options options = {.level = VIEW_FUNCTIONS};
    struct view *view = NULL;
    int err = view_create(model, &options, &query->diag, &view);
    if (err != 0) {
        return err;
    }
    struct document document = {.view = view, .source = "store"};
    uint32_t type = document_default_type(view, 0);
    web_json_begin(query);
    err = is_pair ? document_diff(&document, 0, 1, type, &query->sink)
                  : document_profile(&document, 0, &query->sink);
    err = err != 0 ? err : web_answer_end(query);
    view_destroy(&view);
    return err;
}

/* The range of the base, if one is asked for. */
static int base_read(struct web_query *query, struct store_query *base, bool *is_asked)
{
    static const char *const names[2] = {"base_start", "base_end"};
    int64_t *const times[2] = {&base->from_ns, &base->to_ns};
    *base = query->store;
    *is_asked = false;
    for (size_t i = 0; i < 2; i++) {
        char text[NAME_MAX_BYTES];
        int err = web_parameter(query, names[i], text, sizeof(text));
        if (err == -ENOENT) {
            continue;
        }
        *is_asked = true;
        if (err == 0 &&
            time_text_read((struct slu_bytes){text, strlen(text)}, query->now_ns, times[i]) != 0) {
            (void)snprintf(query->diag.message, sizeof(query->diag.message),
                           "%s: seconds since 1970, RFC 3339, or -15m is expected", names[i]);
            err = -EINVAL;
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

void web_flame_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct model *model = NULL;
    struct profile_range range;
    struct store_query base;
    bool is_pair = false;
    struct web_query *query = web_query_begin(web, request, SELECTOR, RANGE_NS, 1);
    if (query == NULL) {
        return;
    }
    int err = profile_range_read(&range, query);
    err = err != 0 ? err : base_read(query, &base, &is_pair);
    err = err != 0 ? err : model_create(query->budget, &model);
    if (err == 0 && is_pair) {
        err = profile_range_add(&range, &base, model, "base's range");
    }
    err = err != 0 ? err : profile_range_add(&range, &query->store, model, "range");
    err = err != 0 ? err : document_send(query, model, is_pair);
    model_destroy(&model);
    web_query_end(query, err);
}
