/* Names and values of labels, and streams: the same for all signals. */
#include <errno.h>
#include <string.h>

#include "net/net.h"
#include "serve/web_query.h"

struct listing {
    struct web_query *query;
    uint64_t count;
    bool is_cut;
    bool is_streams;
};

/* -ENOBUFS ends the listing where its limit is reached. */
static int text_list(void *arg, struct slu_bytes text)
{
    struct listing *listing = arg;
    if (listing->count == listing->query->limit) {
        listing->is_cut = true;
        return -ENOBUFS;
    }
    listing->count++;
    if (listing->is_streams) {
        web_labels_write(&listing->query->json, text);
    } else {
        json_write_string_bytes(&listing->query->json, text.data, text.len);
    }
    return listing->query->sink.err;
}

static int list_end(struct listing *listing, int err)
{
    json_end_array(&listing->query->json);
    err = err == -ENOBUFS ? 0 : err;
    int failed = web_success_finish(listing->query, listing->is_cut);
    return err != 0 ? err : failed;
}

/* The answer begins when the first text is there: what goes wrong before is told with a status. */
static int list_begin(struct web_query *query)
{
    int err = web_success_begin(query);
    json_begin_array(&query->json);
    return err;
}

void web_label_names_answer(struct web *web, struct net_request *request, enum store_signal signal,
                            const char *selector)
{
    struct web_query *query = web_query_begin(web, request, selector, 0, WEB_LIMIT_MAX);
    if (query == NULL) {
        return;
    }
    struct listing listing = {.query = query};
    int err = list_begin(query);
    err =
        err != 0 ? err : store_label_names(web->store, signal, &query->store, text_list, &listing);
    web_query_end(query, list_end(&listing, err));
}

void web_label_values_answer(struct web *web, struct net_request *request, enum store_signal signal,
                             const char *selector)
{
    struct slu_bytes name = net_request_parameter(request, "name");
    struct web_query *query = web_query_begin(web, request, selector, 0, WEB_LIMIT_MAX);
    if (query == NULL) {
        return;
    }
    struct listing listing = {.query = query};
    int err = list_begin(query);
    err = err != 0
              ? err
              : store_label_values(web->store, signal, &query->store, name, text_list, &listing);
    web_query_end(query, list_end(&listing, err));
}

void web_series_answer(struct web *web, struct net_request *request, enum store_signal signal,
                       const char *selector)
{
    struct web_query *query = web_query_begin(web, request, selector, 0, WEB_LIMIT_MAX);
    if (query == NULL) {
        return;
    }
    struct listing listing = {.query = query, .is_streams = true};
    int err = list_begin(query);
    err = err != 0 ? err : store_streams(web->store, signal, &query->store, text_list, &listing);
    web_query_end(query, list_end(&listing, err));
}
