/*
 * Prometheus text and OpenMetrics. A series is copied under the lock and written without it; a walk
 * keeps its place while others come and go.
 */
#include <sluice/meter.h>

#include <math.h>
#include <string.h>

#include "base/sink_number.h"
#include "meter/meter.h"
#include "meter/series.h"

#define STAGING_BYTES 4096

/* One series at one moment. */
struct view {
    uint32_t present;
    uint32_t word_count;
    uint16_t lens[SLU_METER_LABELS_MAX]; /* by position */
    uint64_t sum;                        /* of the cells' values */
    uint64_t latest;                     /* the value of the cell written last */
    uint64_t sample_count;
    double total; /* of a summary */
    uint64_t handle;
    uint32_t summary;
    uint64_t words[KEY_WORDS_MAX]; /* the values, by position, each from a whole word on */
};

struct exposition {
    struct slu_meter *meter;
    struct sink sink;
    enum slu_meter_format format;
    uint64_t now_ns;
    struct view view;
    char staging[STAGING_BYTES];
};

static uint64_t load(const _Atomic uint64_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static void view_values(struct view *view, const struct slu_meter *meter,
                        const struct record *record)
{
    view->present = atomic_load_explicit(&record->present, memory_order_relaxed);
    view->word_count = 0;
    for (uint32_t position = 0; view->present >> position != 0; position++) {
        if ((view->present >> position & 1) != 0) {
            uint32_t string = atomic_load_explicit(&record->values[position], memory_order_relaxed);
            uint32_t len = strings_copy(&meter->strings, string, view->words + view->word_count);
            view->lens[position] = (uint16_t)len;
            view->word_count += key_words_of(len);
        }
    }
}

static uint64_t counter_add(uint64_t sum, uint64_t value)
{
    return __builtin_add_overflow(sum, value, &sum) ? UINT64_MAX : sum;
}

/* Sums of a SLU_METRIC_SUM wrap on the way and come out right if the whole is in range. */
static void view_figures(struct view *view, const struct slu_meter *meter, uint32_t kind,
                         uint64_t handle)
{
    uint64_t latest_ns = 0;
    const struct record *record = meter_record(meter, handle_slot(meter, handle));
    view->handle = handle;
    view->summary = atomic_load_explicit(&record->summary, memory_order_relaxed);
    view->total = 0;
    view->sum = 0;
    view->latest = 0;
    view->sample_count = 0;
    for (uint32_t writer = 0; writer <= meter->writer_count; writer++) {
        const struct cell *cell = meter_cell(meter, writer, handle_slot(meter, handle));
        uint64_t sample_count = load(&cell->sample_count);
        if (load(&cell->series) != handle || sample_count == 0) {
            continue;
        }
        uint64_t value = load(&cell->value);
        view->sum = kind == SLU_METRIC_COUNTER ? counter_add(view->sum, value) : view->sum + value;
        double part = 0;
        memcpy(&part, &value, sizeof(part));
        view->total += kind == SLU_METRIC_SUMMARY ? part : 0;
        view->sample_count += sample_count;
        uint64_t at_ns = load(&cell->at_ns);
        if (at_ns >= latest_ns) {
            latest_ns = at_ns;
            view->latest = value;
        }
    }
}

static void write_escaped(struct sink *sink, const char *text, size_t len, bool quotes)
{
    size_t from = 0;
    for (size_t at = 0; at < len; at++) {
        char byte = text[at];
        if (byte == '\\' || byte == '\n' || (quotes && byte == '"')) {
            sink_put(sink, text + from, at - from);
            sink_char(sink, '\\');
            sink_char(sink, byte == '\n' ? 'n' : byte);
            from = at + 1;
        }
    }
    sink_put(sink, text + from, len - from);
}

static void write_bytes(struct sink *sink, struct slu_bytes bytes)
{
    sink_put(sink, bytes.data, bytes.len);
}

static void write_head(struct exposition *exposition, const struct metric *metric)
{
    struct sink *sink = &exposition->sink;
    bool is_open = exposition->format == SLU_METER_OPENMETRICS;
    bool is_counter = metric->kind == SLU_METRIC_COUNTER;
    const char *suffix = is_counter && !is_open ? "_total" : "";
    if (metric->help.len > 0) {
        sink_text(sink, "# HELP ");
        write_bytes(sink, metric->name);
        sink_text(sink, suffix);
        sink_char(sink, ' ');
        write_escaped(sink, metric->help.data, metric->help.len, is_open);
        sink_char(sink, '\n');
    }
    sink_text(sink, "# TYPE ");
    write_bytes(sink, metric->name);
    sink_text(sink, suffix);
    const char *kind = metric->kind == SLU_METRIC_SUMMARY ? " summary\n" : " gauge\n";
    sink_text(sink, is_counter ? " counter\n" : kind);
}

static void write_label(struct sink *sink, bool *first, struct slu_bytes name, const char *value,
                        size_t len)
{
    sink_char(sink, *first ? '{' : ',');
    *first = false;
    write_bytes(sink, name);
    sink_text(sink, "=\"");
    write_escaped(sink, value, len, true);
    sink_char(sink, '"');
}

/* `quantile` is one of the labels, or NULL. */
static void write_labels(struct exposition *exposition, uint32_t metric, bool overflow,
                         const double *quantile)
{
    const struct slu_meter *meter = exposition->meter;
    const struct metric_label *labels = metric_labels(meter, metric);
    const struct view *view = &exposition->view;
    struct sink *sink = &exposition->sink;
    const uint64_t *words = view->words;
    bool first = true;
    if (overflow) {
        struct slu_bytes name = {SLU_METER_OVERFLOW_LABEL, strlen(SLU_METER_OVERFLOW_LABEL)};
        write_label(sink, &first, name, "true", 4);
    }
    for (uint32_t position = 0; view->present >> position != 0; position++) {
        if ((view->present >> position & 1) != 0) {
            uint32_t len = view->lens[position];
            write_label(sink, &first, label_name(meter, &labels[position]), (const char *)words,
                        len);
            words += key_words_of(len);
        }
    }
    if (quantile != NULL) {
        sink_text(sink, first ? "{quantile=\"" : ",quantile=\"");
        sink_double(sink, *quantile);
        sink_char(sink, '"');
        first = false;
    }
    if (!first) {
        sink_char(sink, '}');
    }
}

static void write_number(struct sink *sink, double value)
{
    if (isnan(value)) {
        sink_text(sink, "NaN");
    } else if (isinf(value)) {
        sink_text(sink, value > 0 ? "+Inf" : "-Inf");
    } else {
        sink_double(sink, value);
    }
}

/* 1e-9 is no binary fraction, 1e9 is: a division is exact where a multiplication is not. */
static double scaled(double value, double scale)
{
    double divisor = round(1 / scale);
    return divisor > 1 && 1 / divisor == scale ? value / divisor : value * scale;
}

static void write_figure(struct exposition *exposition, const struct metric *metric)
{
    struct sink *sink = &exposition->sink;
    const struct view *view = &exposition->view;
    double gauge = 0;
    memcpy(&gauge, &view->latest, sizeof(gauge));
    if (metric->kind == SLU_METRIC_SUMMARY) {
        write_number(sink, scaled(view->total, metric->scale));
    } else if (metric->kind == SLU_METRIC_GAUGE) {
        write_number(sink, scaled(gauge, metric->scale));
    } else if (metric->scale != 1) {
        double sum =
            metric->kind == SLU_METRIC_SUM ? (double)(int64_t)view->sum : (double)view->sum;
        write_number(sink, scaled(sum, metric->scale));
    } else if (metric->kind == SLU_METRIC_SUM) {
        sink_int(sink, (int64_t)view->sum);
    } else {
        sink_uint(sink, view->sum);
    }
}

static void write_name(struct exposition *exposition, uint32_t number, const char *suffix,
                       bool overflow, const double *quantile)
{
    write_bytes(&exposition->sink, exposition->meter->metrics[number].name);
    sink_text(&exposition->sink, suffix);
    write_labels(exposition, number, overflow, quantile);
    sink_char(&exposition->sink, ' ');
}

static void write_summary(struct exposition *exposition, uint32_t number, bool overflow)
{
    struct slu_meter *meter = exposition->meter;
    const struct metric *metric = &meter->metrics[number];
    const struct view *view = &exposition->view;
    struct sink *sink = &exposition->sink;
    double values[SLU_METRIC_QUANTILES_MAX];
    summary_get(&meter->summaries, view->summary, view->handle, exposition->now_ns,
                metric->quantiles, metric->quantile_count, values);
    for (uint32_t i = 0; i < metric->quantile_count; i++) {
        write_name(exposition, number, "", overflow, &metric->quantiles[i]);
        write_number(sink, scaled(values[i], metric->scale));
        sink_char(sink, '\n');
    }
    write_name(exposition, number, "_sum", overflow, NULL);
    write_figure(exposition, metric);
    sink_char(sink, '\n');
    write_name(exposition, number, "_count", overflow, NULL);
    sink_uint(sink, view->sample_count);
    sink_char(sink, '\n');
}

static void write_series(struct exposition *exposition, uint32_t number, bool overflow)
{
    const struct metric *metric = &exposition->meter->metrics[number];
    if (metric->kind == SLU_METRIC_SUMMARY) {
        write_summary(exposition, number, overflow);
        return;
    }
    const char *suffix = metric->kind == SLU_METRIC_COUNTER ? "_total" : "";
    write_name(exposition, number, suffix, overflow, NULL);
    write_figure(exposition, metric);
    sink_char(&exposition->sink, '\n');
}

/* The overflow series, if anything went there. */
static void expose_overflow(struct exposition *exposition, uint32_t number)
{
    struct slu_meter *meter = exposition->meter;
    const struct metric *metric = &meter->metrics[number];
    struct view *view = &exposition->view;
    mutex_lock(&meter->lock);
    view->present = 0;
    view_figures(view, meter, metric->kind, metric->overflow);
    mutex_unlock(&meter->lock);
    if (view->sample_count > 0) {
        write_series(exposition, number, true);
    }
}

static void walk_begin(struct slu_meter *meter, const struct metric *metric, struct walk *walk)
{
    mutex_lock(&meter->lock);
    *walk = (struct walk){.next = metric->oldest, .last = metric->newest, .other = meter->walks};
    meter->walks = walk;
    mutex_unlock(&meter->lock);
}

static void walk_end(struct slu_meter *meter, struct walk *walk)
{
    mutex_lock(&meter->lock);
    struct walk **link = &meter->walks;
    while (*link != walk) {
        link = &(*link)->other;
    }
    *link = walk->other;
    mutex_unlock(&meter->lock);
}

/* Copy the next series that is not idle; false after the last. */
static bool walk_view(struct exposition *exposition, uint32_t kind, struct walk *walk)
{
    struct slu_meter *meter = exposition->meter;
    bool found = false;
    mutex_lock(&meter->lock);
    if (walk->next != SLOT_NONE) {
        uint32_t slot = walk->next;
        const struct record *record = meter_record(meter, slot);
        walk->next = slot == walk->last ? SLOT_NONE : series_newer(meter, slot);
        view_values(&exposition->view, meter, record);
        view_figures(&exposition->view, meter, kind, load(&record->handle));
        found = true;
    }
    mutex_unlock(&meter->lock);
    return found;
}

/* Drop the next series if it is idle. */
static void walk_drop_idle(struct slu_meter *meter, const struct walk *walk, uint64_t now_ns)
{
    bool dropped = true;
    while (dropped) {
        mutex_lock(&meter->lock);
        time_advance(meter, now_ns);
        dropped = walk->next != SLOT_NONE && series_drop_idle(meter, walk->next);
        mutex_unlock(&meter->lock);
    }
}

static void expose_metric(struct exposition *exposition, uint32_t number)
{
    struct slu_meter *meter = exposition->meter;
    const struct metric *metric = &meter->metrics[number];
    if (metric->kind == SLU_METRIC_PRESENCE) {
        return;
    }
    write_head(exposition, metric);
    struct walk walk;
    walk_begin(meter, metric, &walk);
    walk_drop_idle(meter, &walk, exposition->now_ns);
    while (exposition->sink.err == 0 && walk_view(exposition, metric->kind, &walk)) {
        write_series(exposition, number, false);
        walk_drop_idle(meter, &walk, exposition->now_ns);
    }
    walk_end(meter, &walk);
    expose_overflow(exposition, number);
}

int slu_meter_expose(struct slu_meter *meter, uint64_t now_ns, enum slu_meter_format format,
                     slu_meter_write write, void *context)
{
    struct exposition exposition;
    exposition.meter = meter;
    exposition.format = format;
    exposition.now_ns = now_ns;
    sink_init(&exposition.sink, write, context, exposition.staging, sizeof(exposition.staging));
    uint32_t metric_count = atomic_load_explicit(&meter->metric_count, memory_order_acquire);
    for (uint32_t number = 0; number < metric_count && exposition.sink.err == 0; number++) {
        expose_metric(&exposition, number);
    }
    if (format == SLU_METER_OPENMETRICS) {
        sink_text(&exposition.sink, "# EOF\n");
    }
    return sink_end(&exposition.sink);
}
