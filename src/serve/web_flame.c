/* One profile, or two compared, as the document that `sluice heap web` draws. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "net/net.h"
#include "profile/model.h"
#include "query/time_text.h"
#include "readers/profile_reader.h"
#include "serve/profile_rows.h"
#include "serve/web_query.h"
#include "view/document.h"
#include "view/view.h"

#define SELECTOR       "query"
#define RANGE_NS       UINT64_C(86400000000000)
#define TYPE_MAX       64
#define NAME_MAX_BYTES 64

struct memory_source {
    struct slu_bytes rest;
};

static int memory_read(void *context, void *bytes, size_t room, size_t *got)
{
    struct memory_source *source = context;
    size_t len = source->rest.len < room ? source->rest.len : room;
    if (len > 0) {
        memcpy(bytes, source->rest.data, len);
        source->rest =
            (struct slu_bytes){(const char *)source->rest.data + len, source->rest.len - len};
    }
    *got = len;
    return 0;
}

static int profile_add(struct web_query *query, struct model *model, const struct profile_row *row)
{
    struct memory_source memory = {.rest = {row->pprof.data, row->pprof.len}};
    struct profile_source source = {.read = memory_read, .context = &memory, .name = "profile"};
    struct profile_read_options options = {.symbols = NULL};
    int err = profile_read(model, &source, &options, &query->diag);
    return err == -EBADMSG ? -EINVAL : err;
}

static int document_send(struct web_query *query, struct model *model, bool is_pair)
{
    struct view_options options = {.level = VIEW_FUNCTIONS};
    struct view *view = NULL;
    int err = view_create(model, &options, &query->diag, &view);
    if (err != 0) {
        return err;
    }
    struct document document = {.view = view, .source = "store"};
    err = web_json_begin(query);
    if (err == 0) {
        uint32_t type = document_default_type(view, 0);
        err = is_pair ? document_diff(&document, 0, 1, type, &query->sink)
                      : document_profile(&document, 0, &query->sink);
        int failed = sink_end(&query->sink);
        err = err != 0 ? err : failed;
    }
    view_destroy(&view);
    return err;
}

static int missing(struct web_query *query, const char *what)
{
    (void)snprintf(query->diag.message, sizeof(query->diag.message),
                   "there is no profile of that kind in the %s", what);
    return -ENOENT;
}

/* The newest profile of the range, put into the model. */
static int newest_add(struct web *web, struct web_query *query, const struct store_query *range,
                      const char *type, struct model *model, const char *what)
{
    struct profile_rows rows;
    int err =
        profile_rows_open(&rows, web->store, range, (struct slu_bytes){type, strlen(type)}, 1);
    if (err == 0) {
        err = rows.count == 0 ? missing(query, what) : profile_add(query, model, &rows.rows[0]);
    }
    profile_rows_close(&rows);
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
    struct store_query base;
    char type[TYPE_MAX] = "heap";
    bool is_pair = false;
    struct web_query *query = web_query_begin(web, request, SELECTOR, RANGE_NS, 1);
    if (query == NULL) {
        return;
    }
    int err = web_parameter(query, "type", type, sizeof(type));
    err = err == -ENOENT ? 0 : err;
    err = err != 0 ? err : base_read(query, &base, &is_pair);
    err = err != 0 ? err : model_create(query->budget, &model);
    if (err == 0 && is_pair) {
        err = newest_add(web, query, &base, type, model, "base's range");
    }
    err = err != 0 ? err : newest_add(web, query, &query->store, type, model, "range");
    err = err != 0 ? err : document_send(query, model, is_pair);
    model_destroy(&model);
    web_query_end(query, err);
}
