#include "meter/metric.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/diag.h"
#include "base/utf8.h"
#include "meter/series.h"

#define TOTAL_SUFFIX   "_total"
#define TOTAL_LEN      (sizeof(TOTAL_SUFFIX) - 1)
#define RESERVED_START "__"
#define QUANTILE_LABEL "quantile"

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

/* A name of the Prometheus data model; `colon` allows `:` as in metrics' names. */
static bool name_is_plain(struct slu_bytes name, bool colon)
{
    const char *bytes = name.data;
    for (size_t i = 0; i < name.len; i++) {
        bool digit = i > 0 && bytes[i] >= '0' && bytes[i] <= '9';
        if (!is_letter(bytes[i]) && !digit && !(colon && bytes[i] == ':')) {
            return false;
        }
    }
    return true;
}

static bool name_is_utf8(struct slu_bytes name)
{
    const char *bytes = name.data;
    uint32_t code = 0;
    for (size_t at = 0; at < name.len;) {
        at += utf8_decode(bytes + at, name.len - at, &code);
        if (code == UTF8_INVALID || code == 0) {
            return false;
        }
    }
    return true;
}

static bool bytes_are(struct slu_bytes bytes, const char *text)
{
    return bytes_equal(bytes, (struct slu_bytes){text, strlen(text)});
}

static bool label_name_is_valid(struct slu_bytes name, uint32_t kind)
{
    if (name.len == 0 || name.len > SLU_METER_NAME_BYTES_MAX) {
        return false;
    }
    if (kind == SLU_METRIC_PRESENCE) {
        return name_is_utf8(name);
    }
    bool reserved = name.len >= 2 && memcmp(name.data, RESERVED_START, 2) == 0;
    if (kind == SLU_METRIC_SUMMARY && bytes_are(name, QUANTILE_LABEL)) {
        return false;
    }
    return !reserved && name_is_plain(name, false) && !bytes_are(name, SLU_METER_OVERFLOW_LABEL);
}

static struct slu_bytes text_of(const char *text, size_t len_max)
{
    return (struct slu_bytes){text, text == NULL ? 0 : strnlen(text, len_max + 1)};
}

static struct slu_bytes option_name(const char *name)
{
    return text_of(name, SLU_METER_NAME_BYTES_MAX);
}

/* A counter's name is kept without its suffix. */
static struct slu_bytes family_name(struct slu_bytes name, uint32_t kind)
{
    const char *end = (const char *)name.data + name.len;
    if (kind == SLU_METRIC_COUNTER && name.len > TOTAL_LEN &&
        memcmp(end - TOTAL_LEN, TOTAL_SUFFIX, TOTAL_LEN) == 0) {
        name.len -= TOTAL_LEN;
    }
    return name;
}

static int labels_check(const struct slu_meter *meter, const struct slu_metric_options *options,
                        struct slu_diag *diag)
{
    if (options->label_count > meter->labels_max) {
        return diag_fail(diag, -EINVAL, "label_count is %u; the meter's labels_max is %u",
                         options->label_count, meter->labels_max);
    }
    for (uint32_t i = 0; i < options->label_count; i++) {
        struct slu_bytes name = option_name(options->labels[i]);
        if (!label_name_is_valid(name, options->kind)) {
            return diag_fail(diag, -EINVAL, "label %u: '%.*s' is not a label's name, or reserved",
                             i, (int)name.len, (const char *)name.data);
        }
        for (uint32_t other = 0; other < i; other++) {
            if (bytes_equal(name, option_name(options->labels[other]))) {
                return diag_fail(diag, -EINVAL, "labels %u and %u are both '%s'", other, i,
                                 options->labels[i]);
            }
        }
    }
    return 0;
}

static int quantiles_check(const struct slu_metric_options *options, struct slu_diag *diag)
{
    if (options->quantile_count > SLU_METRIC_QUANTILES_MAX) {
        return diag_fail(diag, -EINVAL, "%s: quantile_count is %u; it must be at most %d",
                         options->name, options->quantile_count, SLU_METRIC_QUANTILES_MAX);
    }
    double before = -1;
    for (uint32_t i = 0; i < options->quantile_count; i++) {
        double quantile = options->quantiles[i];
        if (!(quantile > before && quantile >= 0 && quantile <= 1)) {
            return diag_fail(diag, -EINVAL, "%s: quantile %u is %g; they must ascend, from 0 to 1",
                             options->name, i, quantile);
        }
        before = quantile;
    }
    return 0;
}

static int options_check(const struct slu_meter *meter, const struct slu_metric_options *options,
                         struct slu_diag *diag)
{
    struct slu_bytes name = option_name(options->name);
    bool is_text = options->kind == SLU_METRIC_PRESENCE;
    if (options->kind < SLU_METRIC_COUNTER || options->kind > SLU_METRIC_PRESENCE) {
        return diag_fail(diag, -EINVAL, "there is no kind %u", (unsigned)options->kind);
    }
    if (name.len == 0 || name.len > SLU_METER_NAME_BYTES_MAX ||
        !(is_text ? name_is_utf8(name) : name_is_plain(name, true))) {
        return diag_fail(diag, -EINVAL, "'%.*s' is not a metric's name: 1 to %d of [a-zA-Z0-9_:]",
                         (int)name.len, (const char *)name.data, SLU_METER_NAME_BYTES_MAX);
    }
    struct slu_bytes help = text_of(options->help, SLU_METER_HELP_BYTES_MAX);
    if (help.len > SLU_METER_HELP_BYTES_MAX || !name_is_utf8(help)) {
        return diag_fail(diag, -EINVAL, "%s: help is UTF-8 of at most %d bytes", options->name,
                         SLU_METER_HELP_BYTES_MAX);
    }
    if (!isfinite(options->scale) || options->scale < 0) {
        return diag_fail(diag, -EINVAL, "%s: scale is %g; it must be above 0, or 0 for none",
                         options->name, options->scale);
    }
    int err = quantiles_check(options, diag);
    return err != 0 ? err : labels_check(meter, options, diag);
}

/* What a kind of metric puts behind its name in the exposition; ends with NULL. */
static const char *const *kind_suffixes(uint32_t kind)
{
    static const char *const counter[] = {"", TOTAL_SUFFIX, NULL};
    static const char *const summary[] = {"", "_sum", "_count", NULL};
    static const char *const plain[] = {"", NULL};
    if (kind == SLU_METRIC_SUMMARY) {
        return summary;
    }
    return kind == SLU_METRIC_COUNTER ? counter : plain;
}

/* True if name + suffix of one is name + suffix of the other. */
static bool names_clash_in(struct slu_bytes left, const char *left_suffix, struct slu_bytes right,
                           const char *right_suffix)
{
    char whole[2][SLU_METER_NAME_BYTES_MAX + TOTAL_LEN];
    size_t left_len = strlen(left_suffix);
    size_t right_len = strlen(right_suffix);
    if (left.len + left_len != right.len + right_len) {
        return false;
    }
    memcpy(whole[0], left.data, left.len);
    memcpy(whole[0] + left.len, left_suffix, left_len);
    memcpy(whole[1], right.data, right.len);
    memcpy(whole[1] + right.len, right_suffix, right_len);
    return memcmp(whole[0], whole[1], left.len + left_len) == 0;
}

static bool names_clash(struct slu_bytes left, uint32_t left_kind, struct slu_bytes right,
                        uint32_t right_kind)
{
    for (const char *const *a = kind_suffixes(left_kind); *a != NULL; a++) {
        for (const char *const *b = kind_suffixes(right_kind); *b != NULL; b++) {
            if (names_clash_in(left, *a, right, *b)) {
                return true;
            }
        }
    }
    return false;
}

static struct slu_bytes names_put(struct slu_meter *meter, struct slu_bytes text)
{
    struct slu_bytes kept = {meter->names + meter->names_used_bytes, text.len};
    if (text.len > 0) {
        memcpy(meter->names + meter->names_used_bytes, text.data, text.len);
        meter->names_used_bytes += (uint32_t)text.len;
    }
    return kept;
}

static void label_put(struct slu_meter *meter, struct metric_label *label, struct slu_bytes name)
{
    *label = (struct metric_label){
        .name_at = meter->names_used_bytes,
        .name_len = (uint16_t)name.len,
        .form = (uint16_t)slu_label_form(meter->rules, name),
    };
    (void)names_put(meter, name); /* where it is, the label says */
}

int metric_label_add(struct slu_meter *meter, uint32_t metric_number, struct slu_bytes name,
                     uint32_t *position)
{
    struct metric *metric = &meter->metrics[metric_number];
    struct metric_label *labels = metric_labels(meter, metric_number);
    uint32_t count = atomic_load_explicit(&metric->label_count, memory_order_relaxed);
    if (!label_name_is_valid(name, metric->kind)) {
        return -EINVAL;
    }
    for (uint32_t at = 0; at < count; at++) {
        if (bytes_equal(label_name(meter, &labels[at]), name)) {
            *position = at;
            return 0;
        }
    }
    if (count == meter->labels_max || name.len > meter->names_bytes_max - meter->names_used_bytes) {
        return -EDQUOT;
    }
    label_put(meter, &labels[count], name);
    /* Pairs with the acquire of those who look for a label without the lock. */
    atomic_store_explicit(&metric->label_count, count + 1, memory_order_release);
    *position = count;
    return 0;
}

static size_t options_bytes(const struct slu_metric_options *options)
{
    size_t bytes =
        option_name(options->name).len + text_of(options->help, SLU_METER_HELP_BYTES_MAX).len;
    for (uint32_t i = 0; i < options->label_count; i++) {
        bytes += option_name(options->labels[i]).len;
    }
    return bytes;
}

static int room_check(const struct slu_meter *meter, const struct slu_metric_options *options,
                      uint32_t count, struct slu_diag *diag)
{
    struct slu_bytes name = family_name(option_name(options->name), options->kind);
    for (uint32_t i = 0; i < count; i++) {
        const struct metric *other = &meter->metrics[i];
        if (names_clash(name, options->kind, other->name, other->kind)) {
            return diag_fail(diag, -EEXIST, "%s: '%.*s' is registered", options->name,
                             (int)other->name.len, (const char *)other->name.data);
        }
    }
    if (count == meter->metrics_max) {
        return diag_fail(diag, -EDQUOT, "%s: the meter has metrics_max metrics, %u", options->name,
                         count);
    }
    if (options->kind == SLU_METRIC_SUMMARY &&
        meter->summaries.used_count == meter->summaries.count) {
        return diag_fail(diag, -EDQUOT, "%s: all of the meter's windows_max windows are in use, %u",
                         options->name, meter->summaries.count);
    }
    size_t bytes = options_bytes(options);
    if (bytes > meter->names_bytes_max - meter->names_used_bytes) {
        return diag_fail(diag, -EDQUOT,
                         "%s: its names have %zu bytes; %u of the meter's names_bytes_max, %u, are "
                         "in use",
                         options->name, bytes, meter->names_used_bytes, meter->names_bytes_max);
    }
    return 0;
}

/* A summary cannot have more series than there are windows, one being its overflow's. */
static uint32_t metric_series_max(const struct slu_meter *meter,
                                  const struct slu_metric_options *options)
{
    uint32_t max = meter->series_max;
    if (options->kind == SLU_METRIC_SUMMARY && max > meter->summaries.count - 1) {
        max = meter->summaries.count - 1;
    }
    return options->series_max != 0 && options->series_max < max ? options->series_max : max;
}

static const double default_quantiles[] = {0.5, 0.9, 0.99};
#define DEFAULT_QUANTILE_COUNT (sizeof(default_quantiles) / sizeof(default_quantiles[0]))

static void metric_fill(struct slu_meter *meter, const struct slu_metric_options *options,
                        uint32_t number)
{
    struct metric *metric = &meter->metrics[number];
    bool given = options->quantile_count > 0;
    *metric = (struct metric){
        .name = names_put(meter, family_name(option_name(options->name), options->kind)),
        .help = names_put(meter, text_of(options->help, SLU_METER_HELP_BYTES_MAX)),
        .scale = options->scale == 0 ? 1 : options->scale,
        .seed = meter->seed + number * UINT64_C(0x9e3779b97f4a7c15),
        .overflow = series_add_overflow(meter, number, options->kind),
        .rotation = {.next = SLOT_NONE, .oldest_ns = UINT64_MAX},
        .kind = options->kind,
        .label_count = options->label_count,
        .series_max = metric_series_max(meter, options),
        .oldest = SLOT_NONE,
        .newest = SLOT_NONE,
        .open_labels = options->open_labels,
        .quantile_count = given ? options->quantile_count : DEFAULT_QUANTILE_COUNT,
    };
    memcpy(metric->quantiles, given ? options->quantiles : default_quantiles,
           metric->quantile_count * sizeof(metric->quantiles[0]));
    for (uint32_t i = 0; i < options->label_count; i++) {
        label_put(meter, &metric_labels(meter, number)[i], option_name(options->labels[i]));
    }
}

int slu_meter_register(struct slu_meter *meter, const struct slu_metric_options *options,
                       struct slu_diag *diag, uint32_t *metric)
{
    int err = options_check(meter, options, diag);
    if (err != 0) {
        return err;
    }
    mutex_lock(&meter->lock);
    uint32_t count = atomic_load_explicit(&meter->metric_count, memory_order_relaxed);
    err = room_check(meter, options, count, diag);
    if (err == 0) {
        metric_fill(meter, options, count);
        /* Pairs with the acquire of those who use the number. */
        atomic_store_explicit(&meter->metric_count, count + 1, memory_order_release);
        *metric = count;
    }
    mutex_unlock(&meter->lock);
    return err;
}

int slu_meter_find(struct slu_meter *meter, struct slu_bytes name, uint32_t *metric)
{
    uint32_t count = atomic_load_explicit(&meter->metric_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        const struct metric *other = &meter->metrics[i];
        if (bytes_equal(family_name(name, other->kind), other->name)) {
            *metric = i;
            return 0;
        }
    }
    return -ENOENT;
}
