/* What the files of the exporters' common part share. */
#ifndef PIPELINE_EXPORTER_STATE_H
#define PIPELINE_EXPORTER_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pipeline/exporter.h"
#include "sys/mutex.h"

struct idle_task;
struct queue;

#define EXPORTER_STACK_BYTES ((size_t)256 * 1024)

struct exporter {
    struct stage stage;
    struct exporter_context context;
    const struct exporter_type *type;
    void *options;
    void *self;
    const struct remote_options *remote; /* NULL: it is not */
    const char *storage_path;            /* of the queue's storage; NULL: none is named */
    struct slu_scope *scope;             /* of its tasks */
    _Atomic uint64_t sent_count;
    _Atomic uint64_t failed_count;
    _Atomic uint64_t lost_count;
    _Atomic bool is_failing; /* which was told */
    uint64_t random;         /* the state of the jitter; under the lock */

    struct exporter_span longest; /* try since it was asked for; under the lock */

    struct mutex lock; /* of the line of payloads that wait in memory */
    struct payload *first;
    struct payload *last;
    uint64_t waiting_count;
    uint64_t waiting_bytes;
    struct idle_task *idle; /* tasks that wait for a payload */

    struct queue *queue; /* on disk; NULL: none */
};

/*
 * Send a message, and try again as long as that is worth while.
 *
 * outcome  TAKEN; LATER if it ended with the scope or was given up; REFUSED by the other side
 */
void exporter_deliver(struct exporter *exporter, struct slu_scope *scope,
                      const struct export_message *message, struct outcome *outcome);

/*
 * What one try came to: counted, and the longest is kept for the daemon's own traces.
 *
 * begin_ns  monotonic
 */
void exporter_tried(struct exporter *exporter, uint64_t record_count, uint64_t begin_ns,
                    const struct outcome *outcome);

/* Payloads wait in memory, and their senders with them. Returns as slu_go */
SLU_MUST_USE int exporter_line_start(struct exporter *exporter);

/* Payloads wait on disk, and their senders until they lie there. Returns 0; as queue_open */
SLU_MUST_USE int exporter_disk_start(struct exporter *exporter);
void exporter_disk_stop(struct exporter *exporter);
void exporter_disk_stats(struct exporter *exporter, struct exporter_stats *out);

#endif
