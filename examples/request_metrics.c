/* Metrics of an HTTP server: raw paths and methods in, a page for Prometheus out. */
#include <stdio.h>
#include <string.h>

#include <sluice/meter.h>

static int print(void *context, const char *bytes, size_t len)
{
    return fwrite(bytes, 1, len, context) == len ? 0 : -1;
}

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

int main(void)
{
    static const struct slu_label_rule forms[] = {{"path", SLU_LABEL_PATH},
                                                  {"method", SLU_LABEL_METHOD}};
    static const char *const labels[] = {"method", "path"};
    static const char *const paths[] = {"/api/v1/user?id=123", "/orders/77", "/orders/78?x=1"};
    struct slu_label_options label_options = {.rules = forms, .rule_count = 2};
    struct slu_meter_options options = {
        .metrics_max = 8,
        .series_max = 1000,
        .labels_max = 4,
        .value_bytes_max = 128,
        .names_bytes_max = 2048,
        .writer_count = 1,
        .values_bytes_max = 32 * 1024,
        .idle_ns = 600000000000,
        .seed = 1, /* a service takes slu_random_seed */
    };
    struct slu_metric_options requests = {.name = "http_requests",
                                          .help = "Requests served.",
                                          .kind = SLU_METRIC_COUNTER,
                                          .labels = labels,
                                          .label_count = 2};
    struct slu_budget *budget = NULL;
    struct slu_label_rules *rules = NULL;
    struct slu_meter *meter = NULL;
    uint32_t metric = 0;
    int err = slu_budget_create(NULL, "metrics", 1 << 20, &budget);
    err = err != 0 ? err : slu_label_rules_create(budget, &label_options, NULL, &rules);
    options.rules = rules;
    err = err != 0 ? err : slu_meter_create(budget, &options, NULL, &meter);
    err = err != 0 ? err : slu_meter_register(meter, &requests, NULL, &metric);
    for (uint64_t i = 0; i < 300 && err == 0; i++) {
        struct slu_bytes values[] = {bytes_of("get"), bytes_of(paths[i % 3])};
        struct slu_meter_key key = {.metric = metric, .label_count = 2, .values = values};
        err = slu_meter_count_key(meter, 0, &key, i, 1);
    }
    err = err != 0 ? err : slu_meter_expose(meter, 300, SLU_METER_PROMETHEUS, print, stdout);
    slu_meter_destroy(&meter);
    slu_label_rules_destroy(&rules);
    slu_budget_destroy(&budget);
    return err == 0 ? 0 : 3;
}
