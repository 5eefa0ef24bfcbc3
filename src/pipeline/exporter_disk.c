/*
 * Payloads that wait on disk: a sender is answered when its message lies there, and what the other
 * side does not take costs disk, not memory.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/scope.h>

#include "pipeline/config.h"
#include "pipeline/exporter_state.h"
#include "pipeline/payload_cut.h"
#include "store/queue.h"
#include "sys/wall_clock.h"

#define SECOND_NS     UINT64_C(1000000000)
#define FULL_RETRY_NS (5 * SECOND_NS)
#define ROOM_RETRY_NS (1 * SECOND_NS)
#define SEGMENTS_MIN  4 /* that a queue has room for */

static void appended(void *arg, int err, uint64_t sequence)
{
    struct payload *payload = arg;
    (void)sequence;
    if (err == 0) {
        payload_end_taken(payload);
    } else {
        payload_end_later(payload, FULL_RETRY_NS, "the queue's disk: %s", strerror(-err));
    }
}

/* Why a queue does not take a record. */
static const char *refusal(int err)
{
    switch (err) {
    case -ENOSPC:
        return "its queue on disk is full";
    case -EDQUOT:
        return "its disk does not keep up";
    case -EMSGSIZE:
        return "the message is too large for its queue";
    default:
        return "it is stopping";
    }
}

static void append(struct exporter *exporter, struct payload *payload);

/* Why a payload is not in the queue is told to its sender. */
static void refuse(struct exporter *exporter, struct payload *payload, int err)
{
    struct stage *stage = &exporter->stage;
    stage_count(&stage->refused_count, payload->record_count);
    if (err == -EMSGSIZE) {
        struct outcome refused = {.kind = OUTCOME_REFUSED};
        (void)snprintf(refused.reason, sizeof(refused.reason), "%s: %s", stage->name, refusal(err));
        payload_end(payload, &refused);
    } else {
        payload_end_later(payload, err == -ENOSPC ? FULL_RETRY_NS : ROOM_RETRY_NS, "%s: %s",
                          stage->name, refusal(err));
    }
}

/* A message that fits no segment goes in halves. */
static void append_halves(struct exporter *exporter, struct payload *payload)
{
    struct payload *front = NULL;
    uint64_t half = payload->record_count / 2;
    int err = half > 0 ? payload_cut(exporter->context.budget, &payload, half, &front) : -EMSGSIZE;
    if (err != 0) {
        refuse(exporter, payload, err);
        return;
    }
    append(exporter, front);
    append(exporter, payload);
}

static void append(struct exporter *exporter, struct payload *payload)
{
    struct queue_record record = {.parts = &payload->bytes,
                                  .part_count = 1,
                                  .tag = payload->record_count,
                                  .time_ns = wall_clock_ns(),
                                  .kind = payload->signal};
    int err = queue_append(exporter->queue, &record, appended, payload);
    if (err == -EMSGSIZE && payload->record_count > 1) {
        append_halves(exporter, payload);
    } else if (err != 0) {
        refuse(exporter, payload, err);
    }
}

static void disk_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    (void)now_ns;
    stage_count(&stage->in_count, payload->record_count);
    append((struct exporter *)stage, payload);
}

/* Send one entry. What was given up for good is done with, too. */
static void entry_send(struct exporter *exporter, struct slu_scope *scope,
                       const struct queue_entry *entry)
{
    struct export_message message = {.signal = (enum otlp_signal)entry->kind,
                                     .record_count = entry->tag,
                                     .bytes = {entry->bytes.data, entry->bytes.len}};
    struct outcome outcome = {.kind = OUTCOME_REFUSED};
    if (entry->kind < PIPELINE_SIGNAL_COUNT) {
        exporter_deliver(exporter, scope, &message, &outcome);
    }
    if (outcome.kind == OUTCOME_LATER && slu_scope_error(scope) != 0) {
        queue_return(exporter->queue, entry);
        return;
    }
    if (outcome.kind == OUTCOME_LATER) {
        stage_count(&exporter->lost_count, message.record_count);
    }
    queue_ack(exporter->queue, entry);
}

static void disk_main(struct slu_scope *scope, void *arg)
{
    struct exporter *exporter = arg;
    int err = 0;
    while (err != -ECANCELED && err != -ETIMEDOUT && slu_scope_error(scope) == 0) {
        struct queue_entry entry;
        err = queue_next(exporter->queue, scope, exporter->context.budget, SLU_SCOPE_NEVER, &entry);
        if (err == 0) {
            entry_send(exporter, scope, &entry);
            block_free(exporter->context.budget, &entry.bytes);
        } else if (err != -ECANCELED && err != -ETIMEDOUT) {
            err = slu_scope_sleep_until(scope, slu_clock_monotonic_ns() + ROOM_RETRY_NS);
        }
    }
}

/* One folder for each exporter; '/' of "otlp/2" is no part of a name. */
static int directory_write(const struct exporter *exporter, char *path, size_t size_bytes)
{
    const char *base =
        exporter->storage_path != NULL ? exporter->storage_path : exporter->context.data_path;
    int len = snprintf(path, size_bytes, "%s/%s", base, exporter->stage.name);
    if (len < 0 || (size_t)len >= size_bytes) {
        return -ENAMETOOLONG;
    }
    for (char *at = path + strlen(base) + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '.';
        }
    }
    return 0;
}

static uint64_t segment_bytes(uint64_t size_bytes)
{
    uint64_t most = size_bytes / SEGMENTS_MIN;
    return most < QUEUE_SEGMENT_DEFAULT ? most : QUEUE_SEGMENT_DEFAULT;
}

static uint64_t staging_bytes(uint64_t size_bytes)
{
    uint64_t most = size_bytes / 2;
    return most < QUEUE_STAGING_DEFAULT ? most : QUEUE_STAGING_DEFAULT;
}

int exporter_disk_start(struct exporter *exporter)
{
    char path[PATH_MAX];
    struct slu_diag diag = {0};
    const struct queue_settings *settings = &exporter->remote->queue;
    int err = directory_write(exporter, path, sizeof(path));
    if (err != 0) {
        return err;
    }
    struct queue_options options = {
        .budget = exporter->context.budget,
        .scope = exporter->context.scope, /* it outlives the tasks that read from it */
        .directory = path,
        .size_bytes_max = settings->size_bytes_max,
        .segment_bytes = segment_bytes(settings->size_bytes_max),
        .staging_bytes_max = staging_bytes(settings->size_bytes_max),
        .policy = settings->is_relaxed ? QUEUE_RELAXED : QUEUE_SYNC,
    };
    err = queue_open(&options, &diag, &exporter->queue);
    if (err != 0) {
        config_mistake(exporter->context.config, exporter->context.node, "%s: its queue: %s",
                       exporter->stage.name, diag.message);
        return err;
    }
    exporter->stage.consume = disk_consume;
    for (uint64_t i = 0; i < settings->consumer_count && err == 0; i++) {
        err = slu_go(exporter->scope, exporter->stage.name, disk_main, exporter);
    }
    return err;
}

void exporter_disk_stop(struct exporter *exporter)
{
    queue_close(&exporter->queue);
}

void exporter_disk_stats(struct exporter *exporter, struct exporter_stats *out)
{
    struct queue_stats stats;
    queue_stats(exporter->queue, &stats);
    out->waiting_count = stats.waiting_count + stats.staged_count;
    out->waiting_bytes = stats.waiting_bytes + stats.staged_bytes;
}
