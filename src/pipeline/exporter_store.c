/*
 * The exporter `store`: what comes is kept on this machine, and can be read back. Senders are
 * answered when their message lies on disk.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/clock.h>

#include "pipeline/config.h"
#include "pipeline/exporter.h"
#include "pipeline/exporter_state.h"
#include "pipeline/exporter_types.h"
#include "pipeline/payload_cut.h"
#include "pipeline/store_intake.h"
#include "pipeline/store_settings.h"
#include "store/store.h"
#include "sys/wall_clock.h"

#define FULL_RETRY_NS UINT64_C(5000000000)
#define ROOM_RETRY_NS UINT64_C(1000000000)
#define QUIET_NS      UINT64_C(10000000000) /* after which a disk that failed works again */

struct store_exporter {
    struct slu_budget *budget;
    struct store *store;
    const char *name;
    _Atomic uint64_t failed_ns; /* monotonic: when the disk failed last; 0: it works */
};

static int store_create(const struct exporter_context *context, const void *options, void **out)
{
    void *memory = NULL;
    (void)options; /* the daemon has opened the store by them */
    if (context->store == NULL && !context->is_check) {
        config_mistake(context->config, context->node, "there is no store here");
        return -EINVAL;
    }
    int err = slu_budget_alloc(context->budget, sizeof(struct store_exporter), &memory);
    if (err == 0) {
        struct store_exporter *exporter = memory;
        *exporter = (struct store_exporter){
            .budget = context->budget, .store = context->store, .name = context->name};
        *out = exporter;
    }
    return err;
}

static void store_destroy(void *self)
{
    struct store_exporter *exporter = self;
    if (exporter->store != NULL) {
        store_drain(exporter->store);
    }
    slu_budget_free(exporter->budget, exporter, sizeof(*exporter));
}

/* Say once that the disk fails; and that it works, when it has for a while: some may still fit. */
static void disk_tell(struct exporter *exporter, const struct outcome *told)
{
    struct store_exporter *self = exporter->self;
    char text[SLU_DIAG_MESSAGE_MAX + 64];
    uint64_t now_ns = slu_clock_monotonic_ns();
    uint64_t failed_ns = atomic_load_explicit(&self->failed_ns, memory_order_relaxed);
    bool is_failing = told->kind == OUTCOME_LATER;
    if (is_failing) {
        failed_ns = atomic_exchange_explicit(&self->failed_ns, now_ns, memory_order_relaxed);
    }
    bool has_begun = is_failing && failed_ns == 0;
    bool is_over = !is_failing && failed_ns != 0 && now_ns - failed_ns > QUIET_NS &&
                   atomic_compare_exchange_strong_explicit(
                       &self->failed_ns, &failed_ns, 0, memory_order_relaxed, memory_order_relaxed);
    if ((has_begun || is_over) && exporter->context.say != NULL) {
        (void)snprintf(text, sizeof(text), "%s: %s", self->name,
                       has_begun ? told->reason : "the disk works again");
        exporter->context.say(exporter->context.say_arg, text);
    }
}

/* What became of a payload, for its sender. */
static void kept(void *arg, const struct store_outcome *outcome)
{
    struct payload *payload = arg;
    struct exporter *exporter = payload->holder;
    struct outcome told = {.kind = OUTCOME_TAKEN, .refused_count = outcome->refused_count};
    if (outcome->err == -EBADMSG) {
        told.kind = OUTCOME_REFUSED;
        (void)snprintf(told.reason, sizeof(told.reason), "the store cannot read the message");
    } else if (outcome->err != 0) {
        told.kind = OUTCOME_LATER;
        told.retry_ns = FULL_RETRY_NS;
        (void)snprintf(told.reason, sizeof(told.reason), "the store's disk: %s",
                       strerror(-outcome->err));
        stage_count(&exporter->stage.refused_count, payload->record_count);
    } else {
        memcpy(told.reason, outcome->reason, sizeof(told.reason));
    }
    exporter_tried(exporter, payload->record_count, payload->held_ns, &told);
    if (outcome->err != -ECANCELED) {
        disk_tell(exporter, &told);
    }
    payload_end(payload, &told);
}

static const char *refusal(int err)
{
    switch (err) {
    case -ENOSPC:
        return "its log is full, because the disk is or does not keep up";
    case -EDQUOT:
        return "the disk does not keep up";
    default:
        return "it is stopping";
    }
}

static void keep(struct store_exporter *self, struct exporter *exporter, struct payload *payload);

/* A message that is too large goes in halves. */
static void keep_halves(struct store_exporter *self, struct exporter *exporter,
                        struct payload *payload)
{
    struct payload *front = NULL;
    uint64_t half = payload->record_count / 2;
    int err = half > 0 ? payload_cut(self->budget, &payload, half, &front) : -EMSGSIZE;
    if (err == 0) {
        keep(self, exporter, front);
        keep(self, exporter, payload);
        return;
    }
    stage_count(&exporter->stage.refused_count, payload->record_count);
    if (err == -EMSGSIZE) {
        struct outcome refused = {.kind = OUTCOME_REFUSED};
        (void)snprintf(refused.reason, sizeof(refused.reason), "%s: a record is too large",
                       self->name);
        payload_end(payload, &refused);
    } else {
        payload_end_later(payload, ROOM_RETRY_NS, "%s: no memory to cut the message", self->name);
    }
}

static void keep(struct store_exporter *self, struct exporter *exporter, struct payload *payload)
{
    payload->holder = exporter;
    payload->held_ns = slu_clock_monotonic_ns();
    int err = store_put(self->store, store_signal_of(payload->signal), payload->bytes,
                        wall_clock_ns(), kept, payload);
    if (err == -EMSGSIZE) {
        keep_halves(self, exporter, payload);
    } else if (err != 0) {
        stage_count(&exporter->stage.refused_count, payload->record_count);
        payload_end_later(payload, err == -ENOSPC ? FULL_RETRY_NS : ROOM_RETRY_NS, "%s: %s",
                          self->name, refusal(err));
    }
}

static void store_take(void *self, struct exporter *exporter, struct payload *payload)
{
    keep(self, exporter, payload);
}

const struct exporter_type store_exporter = {
    .name = "store",
    .options = &store_settings_object,
    .defaults = &store_settings_default,
    .create = store_create,
    .destroy = store_destroy,
    .take = store_take,
};
