#include "serve/metrics_page.h"

#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "base/sink.h"
#include "net/net.h"
#include "pipeline/graph.h"
#include "pipeline/self_metrics.h"

#define PAGE_BYTES      ((size_t)128 * 1024)
#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* A page of metrics: each name is described when it comes first. */
struct page {
    struct sink sink;
    const char *name;
};

static void metric_write(void *arg, const struct self_metric *metric)
{
    struct page *page = arg;
    const char *suffix = metric->is_counter ? "_total" : "";
    if (page->name == NULL || strcmp(page->name, metric->name) != 0) {
        sink_format(&page->sink, "# HELP %s%s %s\n# TYPE %s%s %s\n", metric->name, suffix,
                    metric->help, metric->name, suffix, metric->is_counter ? "counter" : "gauge");
        page->name = metric->name;
    }
    if (metric->label_name != NULL) {
        sink_format(&page->sink, "%s%s{%s=\"%s\"} %llu\n", metric->name, suffix, metric->label_name,
                    metric->label, (unsigned long long)metric->value);
    } else {
        sink_format(&page->sink, "%s%s %llu\n", metric->name, suffix,
                    (unsigned long long)metric->value);
    }
}

/* Names of one metric must stand together: the page is written once for each. */
struct names {
    const char *items[64];
    size_t count;
};

static void name_note(void *arg, const struct self_metric *metric)
{
    struct names *names = arg;
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], metric->name) == 0) {
            return;
        }
    }
    if (names->count < sizeof(names->items) / sizeof(names->items[0])) {
        names->items[names->count++] = metric->name;
    }
}

struct one_name {
    struct page *page;
    const char *name;
};

static void one_write(void *arg, const struct self_metric *metric)
{
    const struct one_name *one = arg;
    if (strcmp(one->name, metric->name) == 0) {
        metric_write(one->page, metric);
    }
}

void metrics_page_answer(struct net_request *request, struct slu_budget *budget,
                         struct graph *graph)
{
    struct block room = {0};
    struct names names = {.count = 0};
    struct page page = {.name = NULL};
    if (block_begin(budget, PAGE_BYTES, &room) != 0) {
        net_respond_status(request, 503);
        return;
    }
    sink_init_fixed(&page.sink, room.data, room.size_bytes);
    graph_metrics(graph, name_note, &names);
    for (size_t i = 0; i < names.count; i++) {
        struct one_name one = {.page = &page, .name = names.items[i]};
        graph_metrics(graph, one_write, &one);
    }
    size_t len = page.sink.len;
    if (sink_end(&page.sink) == 0) {
        net_respond(request, 200, EXPOSITION_TYPE, (struct slu_bytes){room.data, len});
    } else {
        net_respond_status(request, 500);
    }
    block_free(budget, &room);
}
