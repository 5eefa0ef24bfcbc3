#include "pipeline/batch.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "pipeline/flush_clock.h"
#include "pipeline/payload.h"
#include "pipeline/payload_cut.h"
#include "pipeline/stage.h"
#include "sys/mutex.h"

static const struct config_field fields[] = {
    {.key = "timeout",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct batch_options, timeout_ns)},
    {.key = "send_batch_size",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct batch_options, send_batch_size),
     .max = UINT32_MAX},
    {.key = "send_batch_max_size",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct batch_options, send_batch_max_size),
     .max = UINT32_MAX},
    {.key = "metadata_keys",
     .kind = CONFIG_STRINGS,
     .offset = offsetof(struct batch_options, metadata_keys)},
    {.key = "metadata_cardinality_limit",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct batch_options, metadata_cardinality_limit),
     .min = 1,
     .max = 100000},
};

const struct config_object batch_object = {
    .what = "the batch processor",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct batch_options),
};

const struct batch_options batch_defaults = {
    .timeout_ns = UINT64_C(200000000),
    .send_batch_size = 8192,
    .metadata_cardinality_limit = 1000,
};

struct batch {
    struct stage stage;
    struct batch_options options;
    struct slu_budget *budget;
    struct flush_clock *clock;
    struct stage *next;
    struct flush_timer timer;
    struct mutex lock;
    struct payload *first;
    struct payload *last;
    uint64_t record_count; /* of the list */
};

int batch_check(struct config *config, const struct config_node *node,
                const struct batch_options *options)
{
    uint64_t most = options->send_batch_max_size;
    if (options->metadata_keys.count > PAYLOAD_METADATA_MAX) {
        config_mistake(config, config_child(node, "metadata_keys"),
                       "there are more than %d metadata_keys", PAYLOAD_METADATA_MAX);
        return -EINVAL;
    }
    if (most == 0 || most >= options->send_batch_size) {
        return 0;
    }
    const struct config_node *at = config_child(node, "send_batch_max_size");
    config_mistake(config, at != NULL ? at : node,
                   "send_batch_max_size %llu is less than send_batch_size %llu",
                   (unsigned long long)most, (unsigned long long)options->send_batch_size);
    return -EINVAL;
}

/* Put a list's bytes in a row. Returns 0; -EDQUOT; -ENOMEM, and nothing has changed */
static int join(struct batch *batch, struct payload *list, struct payload **out)
{
    size_t len = 0;
    for (const struct payload *payload = list; payload != NULL; payload = payload->next) {
        len += payload->bytes.len; /* each is charged to the budget: no overflow */
    }
    struct block block = {0};
    int err = block_begin(batch->budget, len > 0 ? len : 1, &block);
    if (err != 0) {
        return err;
    }
    for (const struct payload *payload = list; payload != NULL; payload = payload->next) {
        if (payload->bytes.len > 0) {
            memcpy((char *)block.data + block.len, payload->bytes.data, payload->bytes.len);
            block.len += payload->bytes.len;
        }
    }
    err = payload_gather(batch->budget, list, &block, out);
    if (err != 0) {
        block_free(batch->budget, &block);
    }
    return err;
}

/* Hand a list on: as one, or, where there is no memory for that, one by one. */
static void hand_on(struct batch *batch, struct payload *list, uint64_t now_ns)
{
    if (list != NULL && list->next != NULL) {
        (void)join(batch, list, &list); /* or it stays a list */
    }
    while (list != NULL) {
        struct payload *next = list->next;
        list->next = NULL;
        stage_consume(batch->next, list, now_ns);
        list = next;
    }
}

/* Under the lock: take what was gathered. */
static struct payload *detach(struct batch *batch)
{
    struct payload *list = batch->first;
    batch->first = NULL;
    batch->last = NULL;
    batch->record_count = 0;
    return list;
}

/* Under the lock. */
static void attach(struct batch *batch, struct payload *payload)
{
    payload->next = NULL;
    if (batch->last != NULL) {
        batch->last->next = payload;
    } else {
        batch->first = payload;
    }
    batch->last = payload;
    batch->record_count += payload->record_count;
}

/*
 * Under the lock: add a payload, or as much of it as there is room for.
 *
 * Returns  what is left of it, or NULL
 */
static struct payload *add(struct batch *batch, struct payload *payload)
{
    uint64_t most = batch->options.send_batch_max_size;
    uint64_t room = most > batch->record_count ? most - batch->record_count : 0;
    struct payload *front = NULL;
    if (most == 0 || payload->record_count <= room ||
        (room > 0 && payload_cut(batch->budget, &payload, room, &front) != 0)) {
        attach(batch, payload);
        return NULL;
    }
    if (front != NULL) {
        attach(batch, front);
    }
    return payload;
}

static bool is_enough(const struct batch *batch)
{
    uint64_t size = batch->options.send_batch_size;
    return batch->options.timeout_ns == 0 || (size > 0 && batch->record_count >= size);
}

/* Add one that is no larger than a batch, and hand on the batches that it fills. */
static void piece_consume(struct batch *batch, struct payload *payload, uint64_t now_ns)
{
    while (payload != NULL) {
        struct payload *list = NULL;
        mutex_lock(&batch->lock);
        bool was_empty = batch->first == NULL;
        payload = add(batch, payload);
        if (payload != NULL || is_enough(batch)) {
            list = detach(batch);
        } else if (was_empty) {
            flush_clock_set(batch->clock, &batch->timer, now_ns + batch->options.timeout_ns);
        }
        mutex_unlock(&batch->lock);
        hand_on(batch, list, now_ns);
    }
}

static void batch_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    struct batch *batch = (struct batch *)stage;
    stage_count(&stage->in_count, payload->record_count);
    struct payload *pieces = payload;
    uint64_t most = batch->options.send_batch_max_size;
    payload->next = NULL;
    if (most > 0 && payload_cut_all(batch->budget, &pieces, most) != 0) {
        pieces = payload; /* without memory to cut it stays as it is */
    }
    while (pieces != NULL) {
        struct payload *next = pieces->next;
        piece_consume(batch, pieces, now_ns);
        pieces = next;
    }
}

static void flush_due(void *arg, uint64_t now_ns)
{
    struct batch *batch = arg;
    mutex_lock(&batch->lock);
    struct payload *list = detach(batch);
    mutex_unlock(&batch->lock);
    hand_on(batch, list, now_ns);
}

void batch_drain(struct stage *stage, uint64_t now_ns)
{
    struct batch *batch = (struct batch *)stage;
    mutex_lock(&batch->lock);
    batch->options.timeout_ns = 0;
    mutex_unlock(&batch->lock);
    flush_due(batch, now_ns);
}

int batch_create(struct slu_budget *budget, const char *name, const struct batch_options *options,
                 struct flush_clock *clock, struct stage *next, struct stage **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct batch), &memory);
    if (err != 0) {
        return err;
    }
    struct batch *batch = memory;
    batch->stage.consume = batch_consume;
    batch->stage.name = name;
    batch->options = *options;
    batch->budget = budget;
    batch->clock = clock;
    batch->next = next;
    mutex_init(&batch->lock);
    flush_clock_add(clock, &batch->timer, flush_due, batch);
    *out = &batch->stage;
    return 0;
}

void batch_destroy(struct stage *stage)
{
    struct batch *batch = (struct batch *)stage;
    SLU_ASSERT(batch->first == NULL);
    mutex_deinit(&batch->lock);
    slu_budget_free(batch->budget, batch, sizeof(*batch));
}
