#include "pipeline/batch_groups.h"

#include <stdbool.h>
#include <string.h>

#include <sluice/budget.h>

#include "pipeline/batch.h"
#include "pipeline/payload.h"
#include "pipeline/stage.h"
#include "sys/mutex.h"

#define FULL_RETRY_NS UINT64_C(5000000000)

/* One combination of values, as hashes. Groups stay: their number is bounded. */
struct group {
    uint64_t values[PAYLOAD_METADATA_MAX];
    struct stage *batch;
};

struct batch_groups {
    struct stage stage;
    struct batch_options options;
    struct slu_budget *budget;
    struct flush_clock *clock;
    struct stage *next;
    uint32_t keys[PAYLOAD_METADATA_MAX];
    size_t key_count;
    struct mutex lock;
    bool is_draining;
    size_t count;
    size_t count_max;
    size_t size_bytes;
    struct group items[];
};

static bool is_same(const struct batch_groups *groups, const struct group *group,
                    const struct payload *payload)
{
    bool is_equal = true;
    for (size_t i = 0; i < groups->key_count && is_equal; i++) {
        is_equal = group->values[i] == payload->metadata[groups->keys[i]];
    }
    return is_equal;
}

/* Under the lock: NULL if there are too many, or there is no memory for one more. */
static struct stage *group_add(struct batch_groups *groups, const struct payload *payload)
{
    struct group *group = &groups->items[groups->count];
    if (groups->count == groups->count_max ||
        batch_create(groups->budget, groups->stage.name, &groups->options, groups->clock,
                     groups->next, &group->batch) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < groups->key_count; i++) {
        group->values[i] = payload->metadata[groups->keys[i]];
    }
    groups->count++;
    return group->batch;
}

static struct stage *group_find(struct batch_groups *groups, const struct payload *payload)
{
    for (size_t i = 0; i < groups->count; i++) {
        if (is_same(groups, &groups->items[i], payload)) {
            return groups->items[i].batch;
        }
    }
    return group_add(groups, payload);
}

static void groups_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    struct batch_groups *groups = (struct batch_groups *)stage;
    stage_count(&stage->in_count, payload->record_count);
    mutex_lock(&groups->lock);
    struct stage *batch = groups->is_draining ? groups->next : group_find(groups, payload);
    mutex_unlock(&groups->lock);
    if (batch != NULL) {
        stage_consume(batch, payload, now_ns);
        return;
    }
    stage_count(&stage->refused_count, payload->record_count);
    payload_end_later(payload, FULL_RETRY_NS, "%s: there are %zu combinations of metadata already",
                      stage->name, groups->count_max);
}

int batch_groups_create(struct slu_budget *budget, const char *name,
                        const struct batch_options *options, const uint32_t *keys, size_t key_count,
                        struct flush_clock *clock, struct stage *next, struct stage **out)
{
    void *memory = NULL;
    size_t size_bytes =
        sizeof(struct batch_groups) + options->metadata_cardinality_limit * sizeof(struct group);
    int err = slu_budget_alloc(budget, size_bytes, &memory);
    if (err != 0) {
        return err;
    }
    struct batch_groups *groups = memory;
    groups->stage.consume = groups_consume;
    groups->stage.name = name;
    groups->options = *options;
    groups->budget = budget;
    groups->clock = clock;
    groups->next = next;
    memcpy(groups->keys, keys, key_count * sizeof(*keys));
    groups->key_count = key_count;
    groups->count_max = options->metadata_cardinality_limit;
    groups->size_bytes = size_bytes;
    mutex_init(&groups->lock);
    *out = &groups->stage;
    return 0;
}

void batch_groups_drain(struct stage *stage, uint64_t now_ns)
{
    struct batch_groups *groups = (struct batch_groups *)stage;
    mutex_lock(&groups->lock);
    groups->is_draining = true; /* from here on their number stands */
    mutex_unlock(&groups->lock);
    for (size_t i = 0; i < groups->count; i++) {
        batch_drain(groups->items[i].batch, now_ns);
    }
}

void batch_groups_destroy(struct stage *stage)
{
    struct batch_groups *groups = (struct batch_groups *)stage;
    for (size_t i = 0; i < groups->count; i++) {
        batch_destroy(groups->items[i].batch);
    }
    mutex_deinit(&groups->lock);
    slu_budget_free(groups->budget, groups, groups->size_bytes);
}
