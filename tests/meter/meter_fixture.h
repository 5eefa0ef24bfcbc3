/* Meters for tests: made with one assertion, asked with one call. */
#ifndef TESTS_METER_FIXTURE_H
#define TESTS_METER_FIXTURE_H

#include <string.h>

#include <sluice/meter.h>

#include "budget.h"
#include "harness.h"

#define SECOND UINT64_C(1000000000)

static inline struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

/* A small meter's options, for tests to change. */
static inline struct slu_meter_options small_options(void)
{
    return (struct slu_meter_options){
        .metrics_max = 4,
        .series_max = 64,
        .labels_max = 4,
        .value_bytes_max = SLU_LABEL_BYTES_MIN,
        .names_bytes_max = 1024,
        .writer_count = 2,
        .values_bytes_max = 16384,
        .idle_ns = 10 * SECOND,
        .seed = 42,
    };
}

static inline struct slu_meter *meter_of(struct slu_budget *budget,
                                         const struct slu_meter_options *options)
{
    struct slu_meter *meter = NULL;
    struct slu_diag diag = {0};
    int err = slu_meter_create(budget, options, &diag, &meter);
    assert_string_equal(diag.message, "");
    assert_int_equal(err, 0);
    return meter;
}

static inline uint32_t metric_of(struct slu_meter *meter, const struct slu_metric_options *options)
{
    uint32_t metric = 0;
    struct slu_diag diag = {0};
    int err = slu_meter_register(meter, options, &diag, &metric);
    assert_string_equal(diag.message, "");
    assert_int_equal(err, 0);
    return metric;
}

/* A counter of this name with one label, `key`. */
static inline uint32_t counter_of(struct slu_meter *meter, const char *name)
{
    static const char *const labels[] = {"key"};
    return metric_of(
        meter, &(struct slu_metric_options){
                   .name = name, .kind = SLU_METRIC_COUNTER, .labels = labels, .label_count = 1});
}

static inline struct slu_series series_of(struct slu_meter *meter, uint32_t metric,
                                          const char *value, uint64_t now_ns)
{
    struct slu_bytes values = bytes_of(value);
    struct slu_meter_key key = {.metric = metric, .label_count = 1, .values = &values};
    struct slu_series series = {0};
    assert_int_equal(slu_meter_resolve(meter, 0, &key, now_ns, &series), 0);
    return series;
}

/* The whole exposition, with a final zero. */
struct page {
    char text[1 << 16];
    size_t len;
    size_t piece_max;
};

static inline int page_write(void *context, const char *bytes, size_t len)
{
    struct page *page = context;
    assert_true(len < sizeof(page->text) - page->len);
    memcpy(page->text + page->len, bytes, len);
    page->len += len;
    page->text[page->len] = '\0';
    page->piece_max = len > page->piece_max ? len : page->piece_max;
    return 0;
}

static inline const char *exposed(struct slu_meter *meter, uint64_t now_ns,
                                  enum slu_meter_format format)
{
    static struct page page;
    page.len = 0;
    page.text[0] = '\0';
    assert_int_equal(slu_meter_expose(meter, now_ns, format, page_write, &page), 0);
    return page.text;
}

#endif
