/*
 * The processor `probabilistic_sampler`: keeps a share of traces, and of the logs that belong to
 * them. What is decided follows from the trace id alone, so that all processes decide the same.
 *
 * Source  the collector's probabilistic_sampler, its mode hash_seed
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/hash.h"
#include "pipeline/config.h"
#include "pipeline/editor.h"
#include "pipeline/editor_types.h"
#include "wire/otlp_image.h"
#include "wire/otlp_rewrite.h"
#include "wire/otlp_schema.h"

#define TRACE_ID_BYTES 16
#define PERCENT_MAX    100.0

struct sampler_options {
    double sampling_percentage;
    uint64_t hash_seed;
    const char *from_attribute; /* of logs without a trace id */
};

static const struct config_field fields[] = {
    {.key = "sampling_percentage",
     .kind = CONFIG_DOUBLE,
     .offset = offsetof(struct sampler_options, sampling_percentage),
     .is_required = true},
    {.key = "hash_seed",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct sampler_options, hash_seed),
     .max = UINT32_MAX},
    {.key = "from_attribute",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct sampler_options, from_attribute)},
};

static const struct config_object sampler_object = {
    .what = "the probabilistic_sampler processor",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct sampler_options),
};

struct sampler {
    const struct sampler_options *options;
    uint64_t threshold; /* hashes below it are kept */
    bool keeps_all;
};

static int sampler_create(struct slu_budget *budget, struct config *config,
                          const struct config_node *node, const void *options, void **out)
{
    const struct sampler_options *given = options;
    void *memory = NULL;
    if (!(given->sampling_percentage >= 0)) {
        config_mistake(config, node, "sampling_percentage must be from 0 to 100");
        return -EINVAL;
    }
    int err = slu_budget_alloc(budget, sizeof(struct sampler), &memory);
    if (err == 0) {
        struct sampler *sampler = memory;
        sampler->options = given;
        sampler->keeps_all = given->sampling_percentage >= PERCENT_MAX;
        sampler->threshold = (uint64_t)(given->sampling_percentage / PERCENT_MAX * 0x1p63) << 1;
        *out = sampler;
    }
    return err;
}

static void sampler_destroy(struct slu_budget *budget, void *self)
{
    slu_budget_free(budget, self, sizeof(struct sampler));
}

/* What decides: the trace id, or an attribute's text. Empty: nothing does. */
static struct slu_bytes decider(const struct sampler *sampler, const struct otlp_view *view)
{
    struct slu_bytes id = {0};
    const struct otlp_field *field = otlp_field_named(view->kind, "trace_id", 8);
    if (field != NULL) {
        id = otlp_bytes_of(view->self, field->number);
    }
    if (id.len == TRACE_ID_BYTES || sampler->options->from_attribute == NULL) {
        return id;
    }
    struct slu_bytes key = {sampler->options->from_attribute,
                            strlen(sampler->options->from_attribute)};
    struct otlp_value value = otlp_attribute_of(view->self, otlp_attributes_field(view->kind), key);
    return value.kind == OTLP_VALUE_STRING ? value.text : (struct slu_bytes){0};
}

/* What nothing decides about goes with the others' share: it is left out unless all are kept. */
static enum otlp_verdict visit(void *arg, const struct otlp_view *view, struct protobuf_block *out)
{
    const struct sampler *sampler = arg;
    struct slu_bytes bytes = decider(sampler, view);
    (void)out;
    return bytes.len > 0 &&
                   hash_bytes_wide(bytes, sampler->options->hash_seed).low < sampler->threshold
               ? OTLP_KEEP
               : OTLP_DROP;
}

static int sampler_edit(void *self, const struct edit_input *input, struct edit_result *result)
{
    struct sampler *sampler = self;
    struct otlp_rewritten rewritten = {0};
    if (sampler->keeps_all || input->signal == OTLP_METRICS) {
        return 0;
    }
    int err = otlp_rewrite(input->budget, input->signal, input->message, OTLP_RECORD_LEVEL, visit,
                           sampler, &rewritten);
    if (err == 0) {
        result->is_changed = rewritten.is_changed;
        result->message = rewritten.message;
        result->dropped_count = rewritten.dropped_count;
    }
    return err;
}

const struct editor_type sampler_type = {
    .name = "probabilistic_sampler",
    .options = &sampler_object,
    .create = sampler_create,
    .destroy = sampler_destroy,
    .edit = sampler_edit,
};
