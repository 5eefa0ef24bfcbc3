/* A meter: paths lose their ids, series have a cap and go when they are idle. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/meter.h>

#include "case.h"

struct metrics {
    struct slu_budget *budget;
    struct slu_label_rules *rules;
    struct slu_meter *meter;
    uint32_t requests;
};

static int meter_make(struct metrics *metrics, uint64_t seed)
{
    static const struct slu_label_rule forms[] = {{"path", SLU_LABEL_PATH}};
    static const char *const labels[] = {"path"};
    const struct slu_label_options rule_options = {.rules = forms, .rule_count = 1};
    struct slu_meter_options options = {.metrics_max = 2,
                                        .series_max = 1000,
                                        .labels_max = 1,
                                        .value_bytes_max = 128,
                                        .names_bytes_max = 1024,
                                        .writer_count = 1,
                                        .values_bytes_max = 64 << 10,
                                        .idle_ns = UINT64_C(600000000000),
                                        .seed = seed};
    const struct slu_metric_options requests = {.name = "http_requests",
                                                .help = "Requests served.",
                                                .kind = SLU_METRIC_COUNTER,
                                                .labels = labels,
                                                .label_count = 1};
    int err = slu_label_rules_create(metrics->budget, &rule_options, NULL, &metrics->rules);
    options.rules = metrics->rules;
    err = err != 0 ? err : slu_meter_create(metrics->budget, &options, NULL, &metrics->meter);
    return err != 0 ? err : slu_meter_register(metrics->meter, &requests, NULL, &metrics->requests);
}

static int create(const struct lab_settings *settings, void **state)
{
    void *block = NULL;
    int err = slu_budget_alloc(settings->budget, sizeof(struct metrics), &block);
    if (err == 0) {
        struct metrics *metrics = block;
        metrics->budget = settings->budget;
        *state = metrics;
        err = meter_make(metrics, settings->seed);
    }
    return err;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct metrics *metrics = state;
    struct slu_bytes path = {request->path, strlen(request->path)};
    const struct slu_meter_key key = {
        .metric = metrics->requests, .label_count = 1, .values = &path};
    return slu_meter_count_key(metrics->meter, 0, &key, request->now_ns, 1) == 0 ? 200 : 503;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct metrics *metrics = state;
    struct slu_meter_stats stats;
    slu_meter_stats(metrics->meter, &stats);
    figures[0] = (struct lab_figure){"series", (double)stats.series_count};
    return 1;
}

static void destroy(void *state)
{
    struct metrics *metrics = state;
    slu_meter_destroy(&metrics->meter);
    slu_label_rules_destroy(&metrics->rules);
    slu_budget_free(metrics->budget, metrics, sizeof(*metrics));
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .figures = figures, .destroy = destroy};
