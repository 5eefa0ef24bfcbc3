/*
 * Property: whatever is recorded, an exposition is lines of well-formed text: comments, or a name,
 * labels in quotes with everything escaped, a blank, a number. No series stands there twice, the
 * counters add up to what was counted and not dropped, and the meter stays valid.
 *
 * Input: operations of four bytes, what to do, the clock's step, a writer, the length of a label
 * value, followed by the value.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/meter.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "meter/validate.h"

#define PAGE_BYTES_MAX (1 << 16)
#define IDLE_NS        200

struct run {
    struct slu_label_rules *rules;
    struct slu_meter *meter;
    uint32_t counter;
    uint32_t gauge;
    uint32_t summary;
    uint32_t presence;
    uint64_t now_ns;
    uint64_t counted; /* in all, dropped series too */
    char page[PAGE_BYTES_MAX];
    size_t page_len;
};

static int page_write(void *context, const char *bytes, size_t len)
{
    struct run *run = context;
    if (len > PAGE_BYTES_MAX - run->page_len) {
        return -ENOBUFS;
    }
    memcpy(run->page + run->page_len, bytes, len);
    run->page_len += len;
    return 0;
}

/* Behind the value's last quote. */
static const char *quoted_skip(const char *at, const char *end)
{
    SLU_ASSERT(at < end && *at == '"');
    for (at++; at < end && *at != '"'; at++) {
        SLU_ASSERT(*at != '\n');
        if (*at == '\\') {
            at++;
            SLU_ASSERT(at < end && (*at == '\\' || *at == '"' || *at == 'n'));
        }
    }
    SLU_ASSERT(at < end);
    return at + 1;
}

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || byte == '_';
}

static const char *name_skip(const char *at, const char *end)
{
    const char *start = at;
    while (at < end && is_name_byte(*at)) {
        at++;
    }
    SLU_ASSERT(at > start);
    return at;
}

/* Read one sample's line. Returns its number if it is a counter's, or 0. */
static uint64_t sample_read(const char *at, const char *end)
{
    const char *name = at;
    at = name_skip(at, end);
    bool is_counter = *name == 'c';
    if (at < end && *at == '{') {
        do {
            at = name_skip(at + 1, end);
            SLU_ASSERT(at < end && *at == '=');
            at = quoted_skip(at + 1, end);
        } while (at < end && *at == ',');
        SLU_ASSERT(at < end && *at == '}');
        at++;
    }
    SLU_ASSERT(at < end && *at == ' ' && at + 1 < end);
    uint64_t number = 0;
    for (at++; at < end; at++) {
        bool is_digit = *at >= '0' && *at <= '9';
        SLU_ASSERT(is_digit || (!is_counter && strchr("+-.eInfNa", *at) != NULL));
        number = is_counter ? 10 * number + (uint64_t)(*at - '0') : 0;
    }
    return number;
}

static void utf8_check(const char *bytes, size_t len)
{
    uint32_t code = 0;
    for (size_t at = 0; at < len;) {
        at += utf8_decode(bytes + at, len - at, &code);
        SLU_ASSERT(code != UTF8_INVALID && code != 0);
    }
}

/* No earlier line of the page has the same name and labels. */
static void sample_check_new(const char *page, const char *line, const char *line_end)
{
    const char *blank = memrchr(line, ' ', (size_t)(line_end - line));
    SLU_ASSERT(blank != NULL);
    size_t len = (size_t)(blank + 1 - line);
    for (const char *at = page; at < line;
         at = (const char *)memchr(at, '\n', (size_t)(line - at)) + 1) {
        SLU_ASSERT((size_t)(line - at) < len || memcmp(at, line, len) != 0);
    }
}

static void page_check(struct run *run, enum slu_meter_format format)
{
    run->page_len = 0;
    int err = slu_meter_expose(run->meter, run->now_ns, format, page_write, run);
    SLU_ASSERT(err == 0 || err == -ENOBUFS);
    if (err != 0) {
        return;
    }
    utf8_check(run->page, run->page_len);
    const char *end = run->page + run->page_len;
    uint64_t sum = 0;
    for (const char *at = run->page; at < end;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        SLU_ASSERT(line_end != NULL && line_end > at);
        if (*at != '#') {
            sample_check_new(run->page, at, line_end);
            sum += sample_read(at, line_end);
        }
        at = line_end + 1;
    }
    struct slu_meter_stats stats;
    slu_meter_stats(run->meter, &stats);
    SLU_ASSERT(sum <= run->counted && (sum == run->counted || stats.dropped_count > 0));
}

/* Labels that are met as they come, by names from the value. */
static void resolve_open(struct run *run, uint32_t writer, struct slu_bytes value)
{
    struct slu_bytes names[] = {{value.data, value.len % 3}, {"other", 5}};
    struct slu_bytes values[] = {value, value};
    struct slu_meter_key key = {run->presence, 2, names, values};
    struct slu_series series = {0};
    int err = slu_meter_resolve(run->meter, writer, &key, run->now_ns, &series);
    SLU_ASSERT(err == 0 || err == -EINVAL);
}

static void operate(struct run *run, const uint8_t *operation, struct slu_bytes value)
{
    uint32_t writer = operation[2] % 3 == 2 ? SLU_METER_ANY_THREAD : operation[2] % 3;
    uint32_t metrics[] = {run->counter, run->gauge, run->summary, run->presence};
    uint32_t metric = metrics[operation[0] % 4];
    struct slu_bytes values[] = {value, {value.data, value.len / 2}};
    struct slu_meter_key key = {.metric = metric, .label_count = 2, .values = values};
    int err = 0;
    run->now_ns = operation[1] == UINT8_MAX ? run->now_ns / 2 : run->now_ns + operation[1];
    if (operation[0] >= 248) {
        page_check(run, operation[0] % 2 == 0 ? SLU_METER_PROMETHEUS : SLU_METER_OPENMETRICS);
    } else if (operation[0] >= 240) {
        (void)slu_meter_expire(run->meter, run->now_ns, operation[2]);
    } else if (metric == run->counter) {
        err = slu_meter_count_key(run->meter, writer, &key, run->now_ns, operation[2]);
        run->counted += operation[2];
    } else if (metric == run->presence) {
        resolve_open(run, writer, value);
    } else if (metric == run->summary) {
        err = slu_meter_observe_key(run->meter, writer, &key, run->now_ns, operation[2] - 100.0);
    } else {
        double gauge = operation[3] == 0 ? 1.0 / 0.0 : operation[2] / 3.0;
        err = slu_meter_set_key(run->meter, writer, &key, run->now_ns, gauge);
    }
    SLU_ASSERT(err == 0);
}

static void run_start(struct run *run, struct slu_budget *budget)
{
    static const char *const labels[] = {"path", "text"};
    static const struct slu_label_rule rule = {"path", SLU_LABEL_PATH};
    struct slu_label_options rule_options = {.rules = &rule, .rule_count = 1};
    int err = slu_label_rules_create(budget, &rule_options, NULL, &run->rules);
    SLU_ASSERT(err == 0);
    struct slu_meter_options options = {
        .metrics_max = 4,
        .series_max = 12,
        .labels_max = 2,
        .value_bytes_max = SLU_LABEL_BYTES_MIN,
        .names_bytes_max = 48,
        .writer_count = 2,
        .values_bytes_max = 600,
        .idle_ns = IDLE_NS,
        .rules = run->rules,
        .windows_max = 3,
        .window = {.span_ns = 100, .slot_count = 5, .size_bytes = 2048},
    };
    err = slu_meter_create(budget, &options, NULL, &run->meter);
    SLU_ASSERT(err == 0);
    struct slu_metric_options metric = {
        .name = "c", .kind = SLU_METRIC_COUNTER, .labels = labels, .label_count = 2};
    err = slu_meter_register(run->meter, &metric, NULL, &run->counter);
    SLU_ASSERT(err == 0);
    metric = (struct slu_metric_options){
        .name = "g", .kind = SLU_METRIC_GAUGE, .labels = labels, .label_count = 2, .series_max = 4};
    err = slu_meter_register(run->meter, &metric, NULL, &run->gauge);
    SLU_ASSERT(err == 0);
    metric = (struct slu_metric_options){
        .name = "s", .kind = SLU_METRIC_SUMMARY, .labels = labels, .label_count = 2};
    err = slu_meter_register(run->meter, &metric, NULL, &run->summary);
    SLU_ASSERT(err == 0);
    metric =
        (struct slu_metric_options){.name = "p", .kind = SLU_METRIC_PRESENCE, .open_labels = true};
    err = slu_meter_register(run->meter, &metric, NULL, &run->presence);
    SLU_ASSERT(err == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run run;
    run = (struct run){0};
    struct slu_budget *budget = NULL;
    int err = slu_budget_create(NULL, "fuzz", 1 << 20, &budget);
    SLU_ASSERT(err == 0);
    run_start(&run, budget);
    for (size_t at = 0; size - at >= 4;) {
        const uint8_t *operation = data + at;
        at += 4;
        size_t len = operation[3] < size - at ? operation[3] : size - at;
        operate(&run, operation, (struct slu_bytes){data + at, len});
        at += len;
    }
    page_check(&run, SLU_METER_PROMETHEUS);
    meter_validate(run.meter);
    slu_meter_destroy(&run.meter);
    slu_label_rules_destroy(&run.rules);
    slu_budget_destroy(&budget);
    return 0;
}
