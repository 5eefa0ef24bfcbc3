#include "pipeline/payload.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"

#define OWNER_BYTES_MAX 96

struct payload_bytes {
    _Atomic uint64_t reference_count;
    struct slu_budget *budget;
    payload_free_fn *free_owner;
    _Alignas(max_align_t) unsigned char owner[OWNER_BYTES_MAX];
};

/* Of payload_create_block. */
struct block_owner {
    struct slu_budget *budget;
    struct block block;
};

void delivery_begin(struct delivery *delivery, delivery_done_fn *done)
{
    memset(delivery, 0, sizeof(*delivery));
    delivery->done = done;
    delivery->pending_count = 1;
    mutex_init(&delivery->lock);
}

void delivery_deinit(struct delivery *delivery)
{
    mutex_deinit(&delivery->lock);
}

static void outcome_merge(struct outcome *into, const struct outcome *from)
{
    if (from->kind > into->kind || into->reason[0] == '\0') {
        memcpy(into->reason, from->reason, sizeof(into->reason));
    }
    if (from->kind > into->kind) {
        into->kind = from->kind;
    }
    if (from->retry_ns > into->retry_ns) {
        into->retry_ns = from->retry_ns;
    }
    into->refused_count += from->refused_count;
}

/* One that the delivery waited for has ended; NULL: with nothing to tell. */
static void delivery_hear(struct delivery *delivery, const struct outcome *outcome)
{
    mutex_lock(&delivery->lock);
    SLU_ASSERT(delivery->pending_count > 0);
    if (outcome != NULL) {
        outcome_merge(&delivery->outcome, outcome);
    }
    bool is_complete = --delivery->pending_count == 0;
    mutex_unlock(&delivery->lock);
    if (is_complete) {
        delivery->done(delivery);
    }
}

void delivery_end(struct delivery *delivery)
{
    delivery_hear(delivery, NULL);
}

static int bytes_create(struct slu_budget *budget, payload_free_fn *free_owner, const void *owner,
                        size_t owner_bytes, struct payload_bytes **out)
{
    SLU_ASSERT(owner_bytes <= OWNER_BYTES_MAX);
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct payload_bytes), &memory);
    if (err != 0) {
        return err;
    }
    struct payload_bytes *bytes = memory;
    atomic_init(&bytes->reference_count, 1);
    bytes->budget = budget;
    bytes->free_owner = free_owner;
    memcpy(bytes->owner, owner, owner_bytes);
    *out = bytes;
    return 0;
}

static void bytes_drop(struct payload_bytes *bytes)
{
    /* Released by each user, acquired by the last, who frees what all of them have read. */
    if (bytes == NULL ||
        atomic_fetch_sub_explicit(&bytes->reference_count, 1, memory_order_acq_rel) > 1) {
        return;
    }
    bytes->free_owner(bytes->owner);
    slu_budget_free(bytes->budget, bytes, sizeof(*bytes));
}

static int payload_alloc(struct slu_budget *budget, struct payload **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct payload), &memory);
    if (err == 0) {
        *out = memory;
        (*out)->budget = budget;
    }
    return err;
}

int payload_create(struct slu_budget *budget, struct slu_bytes bytes, payload_free_fn *free_owner,
                   const void *owner, size_t owner_bytes, struct payload **out)
{
    struct payload *payload = NULL;
    int err = payload_alloc(budget, &payload);
    if (err != 0) {
        return err;
    }
    err = bytes_create(budget, free_owner, owner, owner_bytes, &payload->shared);
    if (err != 0) {
        slu_budget_free(budget, payload, sizeof(*payload));
        return err;
    }
    payload->bytes = bytes;
    *out = payload;
    return 0;
}

static void free_block(void *owner)
{
    struct block_owner *held = owner;
    block_free(held->budget, &held->block);
}

int payload_create_block(struct slu_budget *budget, struct block *block, struct payload **out)
{
    struct block_owner owner = {.budget = budget, .block = *block};
    int err = payload_create(budget, (struct slu_bytes){block->data, block->len}, free_block,
                             &owner, sizeof(owner), out);
    if (err == 0) {
        *block = (struct block){0};
    }
    return err;
}

void payload_deliver(struct payload *payload, struct delivery *delivery)
{
    SLU_ASSERT(payload->delivery == NULL);
    payload->delivery = delivery;
    if (delivery != NULL) {
        mutex_lock(&delivery->lock);
        delivery->pending_count++;
        mutex_unlock(&delivery->lock);
    }
}

int payload_clone(const struct payload *payload, struct payload **out)
{
    struct payload *clone = NULL;
    int err = payload_alloc(payload->budget, &clone);
    if (err != 0) {
        return err;
    }
    *clone = *payload;
    clone->next = NULL;
    clone->delivery = NULL;
    atomic_fetch_add_explicit(&payload->shared->reference_count, 1, memory_order_relaxed);
    payload_deliver(clone, payload->delivery);
    *out = clone;
    return 0;
}

bool payload_is_alone(const struct payload *payload)
{
    return atomic_load_explicit(&payload->shared->reference_count, memory_order_acquire) == 1;
}

/* The delivery of a gathered payload: what becomes of that becomes of its sources. */
struct gathering {
    struct delivery delivery;
    struct slu_budget *budget;
    struct payload *sources;
};

/*
 * Records that were refused are told once: whose they were cannot be seen any more, so that those
 * who came first hear of as many as they sent.
 */
static void sources_end(struct payload *list, const struct outcome *outcome)
{
    uint64_t refused_count = outcome->refused_count;
    while (list != NULL) {
        struct payload *next = list->next;
        struct outcome part = *outcome;
        bool is_refused = outcome->kind != OUTCOME_TAKEN || refused_count > 0;
        part.refused_count =
            next == NULL || refused_count < list->record_count ? refused_count : list->record_count;
        refused_count -= part.refused_count;
        if (!is_refused) {
            part.reason[0] = '\0';
        }
        payload_end(list, &part);
        list = next;
    }
}

static void gathering_done(struct delivery *delivery)
{
    struct gathering *gathering = (struct gathering *)delivery;
    struct outcome outcome = delivery->outcome;
    struct payload *sources = gathering->sources;
    delivery_deinit(delivery);
    slu_budget_free(gathering->budget, gathering, sizeof(*gathering));
    sources_end(sources, &outcome);
}

/* Who gathers them has their bytes. */
static void sources_empty(struct payload *list)
{
    for (struct payload *source = list; source != NULL; source = source->next) {
        bytes_drop(source->shared);
        source->shared = NULL;
        source->bytes = (struct slu_bytes){0};
    }
}

int payload_gather(struct slu_budget *budget, struct payload *list, struct block *block,
                   struct payload **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct gathering), &memory);
    if (err != 0) {
        return err;
    }
    struct payload *whole = NULL;
    err = payload_create_block(budget, block, &whole);
    if (err != 0) {
        slu_budget_free(budget, memory, sizeof(struct gathering));
        return err;
    }
    struct gathering *gathering = memory;
    gathering->budget = budget;
    gathering->sources = list;
    delivery_begin(&gathering->delivery, gathering_done);
    whole->delivery = &gathering->delivery; /* which waits for it from the beginning */
    whole->signal = list->signal;
    whole->arrived_ns = list->arrived_ns;
    for (const struct payload *source = list; source != NULL; source = source->next) {
        whole->record_count += source->record_count;
    }
    sources_empty(list);
    *out = whole;
    return 0;
}

void payload_end(struct payload *payload, const struct outcome *outcome)
{
    struct delivery *delivery = payload->delivery;
    bytes_drop(payload->shared);
    slu_budget_free(payload->budget, payload, sizeof(*payload));
    if (delivery != NULL) {
        delivery_hear(delivery, outcome);
    }
}

void payload_end_all(struct payload *list, const struct outcome *outcome)
{
    while (list != NULL) {
        struct payload *next = list->next;
        payload_end(list, outcome);
        list = next;
    }
}

void payload_end_taken(struct payload *payload)
{
    static const struct outcome taken = {.kind = OUTCOME_TAKEN};
    payload_end(payload, &taken);
}

void payload_end_later(struct payload *payload, uint64_t retry_ns, const char *format, ...)
{
    struct outcome outcome = {.kind = OUTCOME_LATER, .retry_ns = retry_ns};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(outcome.reason, sizeof(outcome.reason), format, arguments); /* may be cut */
    va_end(arguments);
    payload_end(payload, &outcome);
}
