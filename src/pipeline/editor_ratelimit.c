/*
 * The processor `ratelimit`: so many records a second for each service, or for each value of
 * another attribute; what is above is refused to its sender. Its bound on memory is the gate's.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>
#include <sluice/gate.h>

#include "pipeline/config.h"
#include "pipeline/editor.h"
#include "pipeline/editor_types.h"
#include "wire/otlp_image.h"
#include "wire/otlp_rewrite.h"
#include "wire/otlp_schema.h"

#define SECOND_NS UINT64_C(1000000000)

struct ratelimit_options {
    const char *key;
    uint64_t rate;
    uint64_t burst;
    uint64_t keys_max;
};

static const struct config_field fields[] = {
    {.key = "key", .kind = CONFIG_STRING, .offset = offsetof(struct ratelimit_options, key)},
    {.key = "rate",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct ratelimit_options, rate),
     .min = 1,
     .max = 1000000000,
     .is_required = true},
    {.key = "burst",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct ratelimit_options, burst),
     .min = 1,
     .max = 1000000000},
    {.key = "keys_max",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct ratelimit_options, keys_max),
     .min = 1,
     .max = 100000000},
};

static const struct config_object ratelimit_object = {
    .what = "the ratelimit processor",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct ratelimit_options),
};

static const struct ratelimit_options defaults = {.key = "service.name", .keys_max = 10000};

struct ratelimit {
    const struct ratelimit_options *options;
    struct slu_gate *gate;
    uint64_t now_ns;
    struct edit_result *result;
};

static int ratelimit_create(struct slu_budget *budget, struct config *config,
                            const struct config_node *node, const void *options, void **out)
{
    const struct ratelimit_options *given = options;
    struct slu_diag diag = {0};
    void *memory = NULL;
    struct slu_gate_class class = {
        .limit = {.count = given->rate,
                  .period_ns = SECOND_NS,
                  .burst = given->burst > 0 ? given->burst : given->rate}};
    struct slu_gate_options gate = {
        .keys_max = given->keys_max, .classes = &class, .class_count = 1, .policy = SLU_GATE_SHARE};
    int err = slu_budget_alloc(budget, sizeof(struct ratelimit), &memory);
    if (err != 0) {
        return err;
    }
    struct ratelimit *ratelimit = memory;
    ratelimit->options = given;
    err = slu_gate_create(budget, &gate, &diag, &ratelimit->gate);
    if (err != 0) {
        if (err == -EINVAL) {
            config_mistake(config, node, "%s", diag.message);
        }
        slu_budget_free(budget, ratelimit, sizeof(*ratelimit));
        return err;
    }
    *out = ratelimit;
    return 0;
}

static void ratelimit_destroy(struct slu_budget *budget, void *self)
{
    struct ratelimit *ratelimit = self;
    slu_gate_destroy(&ratelimit->gate);
    slu_budget_free(budget, ratelimit, sizeof(*ratelimit));
}

/* The key's attribute of the record, or of its resource. */
static struct slu_bytes key_of(const struct ratelimit *ratelimit, const struct otlp_view *view)
{
    struct slu_bytes key = {ratelimit->options->key, strlen(ratelimit->options->key)};
    struct otlp_value value = otlp_attribute_of(
        view->resource,
        otlp_attributes_field(otlp_level_message(view->signal, OTLP_RESOURCE_LEVEL)), key);
    if (value.kind != OTLP_VALUE_STRING) {
        value = otlp_attribute_of(view->self, otlp_attributes_field(view->kind), key);
    }
    return value.kind == OTLP_VALUE_STRING ? value.text : (struct slu_bytes){"", 0};
}

static enum otlp_verdict visit(void *arg, const struct otlp_view *view, struct protobuf_block *out)
{
    struct ratelimit *ratelimit = arg;
    struct slu_bytes key = key_of(ratelimit, view);
    (void)out;
    if (slu_gate_allow(ratelimit->gate, 0, slu_gate_key_bytes(ratelimit->gate, key),
                       ratelimit->now_ns)) {
        return OTLP_KEEP;
    }
    if (ratelimit->result->reason[0] == '\0') {
        (void)snprintf(ratelimit->result->reason, sizeof(ratelimit->result->reason),
                       "more than %llu records a second of %.60s \"%.*s\"",
                       (unsigned long long)ratelimit->options->rate, ratelimit->options->key,
                       (int)(key.len < 60 ? key.len : 60), (const char *)key.data);
    }
    return OTLP_DROP;
}

static int ratelimit_edit(void *self, const struct edit_input *input, struct edit_result *result)
{
    struct ratelimit *ratelimit = self;
    struct otlp_rewritten rewritten = {0};
    ratelimit->now_ns = input->now_ns;
    ratelimit->result = result;
    int err = otlp_rewrite(input->budget, input->signal, input->message, OTLP_RECORD_LEVEL, visit,
                           ratelimit, &rewritten);
    if (err == 0) {
        result->is_changed = rewritten.is_changed;
        result->message = rewritten.message;
        result->refused_count = rewritten.dropped_count;
    }
    return err;
}

const struct editor_type ratelimit_type = {
    .name = "ratelimit",
    .options = &ratelimit_object,
    .defaults = &defaults,
    .create = ratelimit_create,
    .destroy = ratelimit_destroy,
    .edit = ratelimit_edit,
};
