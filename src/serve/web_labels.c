/* Names and values of labels, and streams: the same for all signals. */
#include <errno.h>
#include <string.h>

#include "net/net.h"
#include "serve/web_query.h"
#include "store/text_set.h"

struct listing {
    struct web_query *query;
    enum store_signal signal;
    struct slu_bytes name; /* of the label whose values are asked for */
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

static void list_begin(struct web_query *query)
{
    web_success_begin(query);
    json_begin_array(&query->json);
}

static int list_end(struct listing *listing)
{
    json_end_array(&listing->query->json);
    return web_success_end(listing->query, listing->is_cut);
}

/* Show what the query's selector finds. */
typedef int find_fn(const struct listing *listing, store_text_fn *visit, void *arg);

static int names_find(const struct listing *listing, store_text_fn *visit, void *arg)
{
    return store_label_names(listing->query->web->store, listing->signal, &listing->query->store,
                             visit, arg);
}

static int values_find(const struct listing *listing, store_text_fn *visit, void *arg)
{
    return store_label_values(listing->query->web->store, listing->signal, &listing->query->store,
                              listing->name, visit, arg);
}

static int streams_find(const struct listing *listing, store_text_fn *visit, void *arg)
{
    return store_streams(listing->query->web->store, listing->signal, &listing->query->store, visit,
                         arg);
}

static int text_gather(void *arg, struct slu_bytes text)
{
    return text_set_add(arg, text);
}

/* Of several selectors, what any of them finds, once each. */
static int union_list(struct listing *listing, find_fn *find, const char *selector)
{
    struct text_set *set = NULL;
    int err = text_set_create(listing->query->budget, &set);
    for (size_t i = 0; err == 0; i++) {
        err = web_selector_take(listing->query, selector, i);
        err = err != 0 ? err : find(listing, text_gather, set);
    }
    err = err != -ENOENT ? err : text_set_visit(set, text_list, listing);
    text_set_destroy(&set);
    return err;
}

static void list_answer(struct web *web, struct net_request *request, const char *selector,
                        struct listing *listing, find_fn *find)
{
    struct web_query *query = web_query_begin(web, request, selector, 0, WEB_LIMIT_MAX);
    if (query == NULL) {
        return;
    }
    listing->query = query;
    list_begin(query);
    int err = web_selector_take(query, selector, 1);
    if (err == 0) {
        err = union_list(listing, find, selector);
    } else if (err == -ENOENT) {
        err = find(listing, text_list, listing);
    }
    err = err == -ENOBUFS ? 0 : err;
    web_query_end(query, err != 0 ? err : list_end(listing));
}

void web_label_names_answer(struct web *web, struct net_request *request, enum store_signal signal,
                            const char *selector)
{
    struct listing listing = {.signal = signal};
    list_answer(web, request, selector, &listing, names_find);
}

void web_label_values_answer(struct web *web, struct net_request *request, enum store_signal signal,
                             const char *selector)
{
    struct listing listing = {.signal = signal, .name = net_request_parameter(request, "name")};
    list_answer(web, request, selector, &listing, values_find);
}

void web_series_answer(struct web *web, struct net_request *request, enum store_signal signal,
                       const char *selector)
{
    struct listing listing = {.signal = signal, .is_streams = true};
    list_answer(web, request, selector, &listing, streams_find);
}
