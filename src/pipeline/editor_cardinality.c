/*
 * The processor `cardinality`: a bound on the series of metrics, each and all. Values of chosen
 * labels are normalised first. What is beyond a bound is refused, or recorded in one overflow
 * series of its metric, and the sender is told which label explodes. Its memory is the meter's.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>
#include <sluice/label.h>
#include <sluice/meter.h>
#include <sluice/random.h>

#include "base/block.h"
#include "pipeline/config.h"
#include "pipeline/editor.h"
#include "pipeline/editor_types.h"
#include "wire/otlp_image.h"
#include "wire/otlp_rewrite.h"
#include "wire/otlp_schema.h"

#define SECOND_NS        UINT64_C(1000000000)
#define LABELS_MAX       SLU_METER_LABELS_MAX
#define RULES_MAX        64
#define NUMBER_BYTES_MAX 32
#define VALUE_BYTES_MAX  SLU_LABEL_BYTES_MIN
#define NAME_FIELD       1
#define KEY_FIELD        1
#define VALUE_FIELD      2

enum overflow {
    OVERFLOW_REFUSE,
    OVERFLOW_FOLD
};

static const char *const overflows[] = {"refuse", "fold", NULL};

static const char *const forms[] = {"text", "path", "token", "method", "status", "drop", NULL};

struct cardinality_options {
    uint64_t series_max;
    uint64_t series_per_metric_max;
    uint64_t metrics_max;
    uint64_t idle_ns;
    unsigned overflow;
    struct config_map labels; /* name: form */
};

static const struct config_field fields[] = {
    {.key = "series_max",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct cardinality_options, series_max),
     .min = 1,
     .max = 10000000},
    {.key = "series_per_metric_max",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct cardinality_options, series_per_metric_max),
     .min = 1,
     .max = 10000000},
    {.key = "metrics_max",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct cardinality_options, metrics_max),
     .min = 1,
     .max = 10000},
    {.key = "idle",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct cardinality_options, idle_ns)},
    {.key = "overflow",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct cardinality_options, overflow),
     .choices = overflows},
    {.key = "labels", .kind = CONFIG_MAP, .offset = offsetof(struct cardinality_options, labels)},
};

static const struct config_object cardinality_object = {
    .what = "the cardinality processor",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct cardinality_options),
};

static const struct cardinality_options defaults = {
    .series_max = 20000,
    .series_per_metric_max = 2000,
    .metrics_max = 1000,
    .idle_ns = 600 * SECOND_NS,
};

struct cardinality {
    const struct cardinality_options *options;
    struct slu_label_rules *rules;
    struct slu_meter *meter;
    struct otlp_image image;
    uint64_t now_ns;
    struct edit_result *result;
    struct slu_bytes metric_name; /* whose number is `metric` */
    uint32_t metric;
    bool is_metric_known;
};

static void cardinality_destroy(struct slu_budget *budget, void *self)
{
    struct cardinality *cardinality = self;
    slu_meter_destroy(&cardinality->meter);
    slu_label_rules_destroy(&cardinality->rules);
    otlp_image_deinit(&cardinality->image);
    slu_budget_free(budget, cardinality, sizeof(*cardinality));
}

/* The configuration's labels as rules. Returns 0; -EINVAL if a mistake was told; as the rules */
static int rules_make(struct cardinality *cardinality, struct slu_budget *budget,
                      struct config *config, const struct config_node *node)
{
    struct slu_label_rule rules[RULES_MAX];
    struct slu_diag diag = {0};
    const struct config_map *labels = &cardinality->options->labels;
    if (labels->count > RULES_MAX) {
        config_mistake(config, node, "there are more than %d labels", RULES_MAX);
        return -EINVAL;
    }
    for (size_t i = 0; i < labels->count; i++) {
        unsigned form = 0;
        while (forms[form] != NULL && strcmp(forms[form], labels->entries[i].value.text) != 0) {
            form++;
        }
        if (forms[form] == NULL) {
            config_mistake(config, labels->entries[i].node,
                           "a label's form is one of text, path, token, method, status, drop");
            return -EINVAL;
        }
        rules[i] = (struct slu_label_rule){.label = labels->entries[i].key,
                                           .form = (enum slu_label_form)form};
    }
    struct slu_label_options options = {.rules = rules, .rule_count = (uint32_t)labels->count};
    int err = slu_label_rules_create(budget, &options, &diag, &cardinality->rules);
    if (err == -EINVAL) {
        config_mistake(config, node, "%s", diag.message);
    }
    return err;
}

static int meter_make(struct cardinality *cardinality, struct slu_budget *budget,
                      struct config *config, const struct config_node *node)
{
    const struct cardinality_options *given = cardinality->options;
    struct slu_diag diag = {0};
    struct slu_meter_options options = {
        .metrics_max = (uint32_t)given->metrics_max,
        .series_max = (uint32_t)given->series_max,
        .labels_max = LABELS_MAX,
        .value_bytes_max = VALUE_BYTES_MAX,
        .names_bytes_max = (uint32_t)given->metrics_max * 256,
        .writer_count = 1,
        .values_bytes_max = given->series_max * 64 + VALUE_BYTES_MAX,
        .idle_ns = given->idle_ns,
        .rules = cardinality->rules,
    };
    int err = slu_random_seed(&options.seed);
    if (err == 0) {
        err = slu_meter_create(budget, &options, &diag, &cardinality->meter);
    }
    if (err == -EINVAL) {
        config_mistake(config, node, "%s", diag.message);
    }
    return err;
}

static int cardinality_create(struct slu_budget *budget, struct config *config,
                              const struct config_node *node, const void *options, void **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct cardinality), &memory);
    if (err != 0) {
        return err;
    }
    struct cardinality *cardinality = memory;
    cardinality->options = options;
    err = otlp_image_init(&cardinality->image, budget);
    if (err == 0) {
        err = rules_make(cardinality, budget, config, node);
    }
    if (err == 0) {
        err = meter_make(cardinality, budget, config, node);
    }
    if (err != 0) {
        cardinality_destroy(budget, cardinality);
        return err;
    }
    *out = cardinality;
    return 0;
}

/* The labels of one point, as the meter takes them. */
struct labels {
    uint32_t count;
    struct slu_bytes names[LABELS_MAX];
    struct slu_bytes values[LABELS_MAX];
    char numbers[LABELS_MAX][NUMBER_BYTES_MAX];
};

static struct slu_bytes value_text(const struct otlp_value *value, char *room)
{
    int len = 0;
    switch (value->kind) {
    case OTLP_VALUE_STRING:
    case OTLP_VALUE_OTHER:
        return value->text;
    case OTLP_VALUE_BOOL:
        len = snprintf(room, NUMBER_BYTES_MAX, "%s", value->boolean ? "true" : "false");
        break;
    case OTLP_VALUE_INT:
        len = snprintf(room, NUMBER_BYTES_MAX, "%lld", (long long)value->integer);
        break;
    case OTLP_VALUE_DOUBLE:
        len = snprintf(room, NUMBER_BYTES_MAX, "%.17g", value->number);
        break;
    default:
        break;
    }
    return (struct slu_bytes){room, (size_t)len};
}

/* Called for each attribute; more than LABELS_MAX are not told apart. */
static void label_add(struct labels *labels, struct slu_bytes attribute)
{
    struct slu_bytes name = otlp_bytes_of(attribute, KEY_FIELD);
    if (labels->count == LABELS_MAX || name.len == 0) {
        return;
    }
    struct otlp_value value = otlp_value_read(otlp_bytes_of(attribute, VALUE_FIELD));
    labels->names[labels->count] = name;
    labels->values[labels->count] = value_text(&value, labels->numbers[labels->count]);
    labels->count++;
}

/* The meter's number of the metric at hand; false: there are too many metrics. */
static bool metric_find(struct cardinality *cardinality, struct slu_bytes name)
{
    char text[VALUE_BYTES_MAX];
    struct slu_bytes *last = &cardinality->metric_name;
    if (cardinality->is_metric_known && last->data == name.data && last->len == name.len) {
        return true;
    }
    size_t len = name.len < sizeof(text) - 1 ? name.len : sizeof(text) - 1;
    memcpy(text, name.data != NULL ? name.data : "", len);
    text[len] = '\0';
    struct slu_metric_options options = {
        .name = text,
        .kind = SLU_METRIC_PRESENCE,
        .open_labels = true,
        .series_max = (uint32_t)cardinality->options->series_per_metric_max,
    };
    int err =
        slu_meter_find(cardinality->meter, (struct slu_bytes){text, len}, &cardinality->metric);
    if (err == -ENOENT) {
        err = slu_meter_register(cardinality->meter, &options, NULL, &cardinality->metric);
    }
    cardinality->is_metric_known = err == 0;
    *last = name;
    return err == 0;
}

/* Whether the series has a place. */
static bool has_place(struct cardinality *cardinality, const struct labels *labels)
{
    struct slu_series series;
    struct slu_meter_key key = {.metric = cardinality->metric,
                                .label_count = labels->count,
                                .names = labels->names,
                                .values = labels->values};
    int err = slu_meter_resolve(cardinality->meter, 0, &key, cardinality->now_ns, &series);
    return err == 0 && !slu_meter_is_overflow(cardinality->meter, series);
}

static void reason_write(struct cardinality *cardinality, struct slu_bytes name)
{
    struct edit_result *result = cardinality->result;
    struct slu_meter_explosion explosion;
    const char *metric = name.data != NULL ? name.data : "";
    int metric_len = (int)(name.len < 80 ? name.len : 80);
    if (result->reason[0] != '\0') {
        return;
    }
    if (slu_meter_exploded(cardinality->meter, cardinality->metric, cardinality->now_ns,
                           &explosion) == 0) {
        (void)snprintf(result->reason, sizeof(result->reason),
                       "too many series of metric \"%.*s\": its label \"%.*s\" has had about %llu"
                       " new values",
                       metric_len, metric, (int)(explosion.name.len < 60 ? explosion.name.len : 60),
                       (const char *)explosion.name.data,
                       (unsigned long long)explosion.distinct_count);
    } else {
        (void)snprintf(result->reason, sizeof(result->reason),
                       "too many series, or metrics: \"%.*s\"", metric_len, metric);
    }
}

/* Put the normal form in place of values that have one. */
static void values_normalise(struct cardinality *cardinality, const struct labels *labels,
                             uint32_t field)
{
    char text[VALUE_BYTES_MAX];
    for (uint32_t i = 0; i < labels->count; i++) {
        enum slu_label_form form = slu_label_form(cardinality->rules, labels->names[i]);
        if (form == SLU_LABEL_TEXT) {
            continue;
        }
        size_t len =
            slu_label_normalise(cardinality->rules, form, labels->values[i], text, sizeof(text));
        struct otlp_value value = {.kind = len > 0 ? OTLP_VALUE_STRING : OTLP_NIL,
                                   .text = {text, len}};
        otlp_image_set_attribute(&cardinality->image, field, labels->names[i], &value);
    }
}

static bool no_key(void *arg, struct slu_bytes key)
{
    (void)arg;
    (void)key;
    return false;
}

static enum otlp_verdict overflow(struct cardinality *cardinality, struct slu_bytes name,
                                  uint32_t field, struct protobuf_block *out)
{
    static const struct otlp_value yes = {.kind = OTLP_VALUE_BOOL, .boolean = true};
    static const char attribute[] = SLU_METER_OVERFLOW_ATTRIBUTE;
    reason_write(cardinality, name);
    if (cardinality->options->overflow == OVERFLOW_REFUSE) {
        return OTLP_DROP;
    }
    otlp_image_keep_attributes(&cardinality->image, field, no_key, NULL);
    otlp_image_set_attribute(&cardinality->image, field,
                             (struct slu_bytes){attribute, sizeof(attribute) - 1}, &yes);
    otlp_image_write(&cardinality->image, out);
    return OTLP_CHANGE;
}

static enum otlp_verdict visit(void *arg, const struct otlp_view *view, struct protobuf_block *out)
{
    struct cardinality *cardinality = arg;
    struct labels labels;
    struct slu_bytes name = otlp_bytes_of(view->metric, NAME_FIELD);
    uint32_t field = otlp_attributes_field(view->kind);
    struct slu_bytes attribute;
    labels.count = 0;
    otlp_image_read(&cardinality->image, view->self);
    for (size_t at = 0; otlp_image_next(&cardinality->image, field, &at, &attribute);) {
        label_add(&labels, attribute);
    }
    if (!metric_find(cardinality, name) || !has_place(cardinality, &labels)) {
        return overflow(cardinality, name, field, out);
    }
    if (cardinality->options->labels.count == 0) {
        return OTLP_KEEP;
    }
    values_normalise(cardinality, &labels, field);
    if (!cardinality->image.is_changed) {
        return OTLP_KEEP;
    }
    otlp_image_write(&cardinality->image, out);
    return OTLP_CHANGE;
}

static int cardinality_edit(void *self, const struct edit_input *input, struct edit_result *result)
{
    struct cardinality *cardinality = self;
    struct otlp_rewritten rewritten = {0};
    if (input->signal != OTLP_METRICS) {
        return 0;
    }
    cardinality->now_ns = input->now_ns;
    cardinality->result = result;
    cardinality->is_metric_known = false;
    int err = otlp_rewrite(input->budget, input->signal, input->message, OTLP_RECORD_LEVEL, visit,
                           cardinality, &rewritten);
    if (err == 0) {
        result->is_changed = rewritten.is_changed;
        result->message = rewritten.message;
        result->refused_count = rewritten.dropped_count;
    }
    return err;
}

const struct editor_type cardinality_type = {
    .name = "cardinality",
    .options = &cardinality_object,
    .defaults = &defaults,
    .create = cardinality_create,
    .destroy = cardinality_destroy,
    .edit = cardinality_edit,
};
