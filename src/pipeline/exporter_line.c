/*
 * Payloads that wait in memory for a task that sends them. What is still there when the exporter
 * goes is answered as LATER.
 */
#include <stdbool.h>
#include <stddef.h>

#include <sluice/scope.h>

#include "pipeline/exporter_state.h"
#include "scope/wait.h"

#define FULL_RETRY_NS UINT64_C(5000000000)
#define LOCAL_MAX     1000 /* of an exporter that is not remote */

/* On the stack of a task that waits; in the exporter's list until it is woken. */
struct idle_task {
    struct scope_waiter waiter;
    struct idle_task *next;
};

static uint64_t line_max(const struct exporter *exporter)
{
    return exporter->remote != NULL ? exporter->remote->queue.queue_size : LOCAL_MAX;
}

/* Under the lock: the next payload, or NULL. */
static struct payload *line_take(struct exporter *exporter)
{
    struct payload *payload = exporter->first;
    if (payload != NULL) {
        exporter->first = payload->next;
        if (exporter->first == NULL) {
            exporter->last = NULL;
        }
        exporter->waiting_count--;
        exporter->waiting_bytes -= payload->bytes.len;
        payload->next = NULL;
    }
    return payload;
}

/* Under the lock: false if there are too many. */
static bool line_put(struct exporter *exporter, struct payload *payload)
{
    if (exporter->waiting_count >= line_max(exporter)) {
        return false;
    }
    payload->next = NULL;
    if (exporter->last != NULL) {
        exporter->last->next = payload;
    } else {
        exporter->first = payload;
    }
    exporter->last = payload;
    exporter->waiting_count++;
    exporter->waiting_bytes += payload->bytes.len;
    return true;
}

/* Under the lock. */
static void idle_wake(struct exporter *exporter)
{
    struct idle_task *task = exporter->idle;
    if (task != NULL) {
        exporter->idle = task->next;
        scope_waiter_wake(&task->waiter);
    }
}

/* Under the lock: the task has stopped waiting, whoever made it. */
static void idle_leave(struct exporter *exporter, const struct idle_task *task)
{
    struct idle_task **at = &exporter->idle;
    while (*at != NULL && *at != task) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = task->next;
    }
}

/* Wait for a payload; NULL when the scope has ended. */
static struct payload *line_wait(struct exporter *exporter, struct slu_scope *scope)
{
    int err = slu_scope_error(scope);
    mutex_lock(&exporter->lock);
    struct payload *payload = err == 0 ? line_take(exporter) : NULL;
    while (payload == NULL && err == 0) {
        struct idle_task task = {.next = exporter->idle};
        exporter->idle = &task;
        mutex_unlock(&exporter->lock);
        err = scope_wait(scope, &task.waiter, SLU_SCOPE_NEVER);
        mutex_lock(&exporter->lock);
        idle_leave(exporter, &task);
        payload = err == 0 ? line_take(exporter) : NULL;
    }
    mutex_unlock(&exporter->lock);
    return payload;
}

static void line_main(struct slu_scope *scope, void *arg)
{
    struct exporter *exporter = arg;
    struct payload *payload = line_wait(exporter, scope);
    while (payload != NULL) {
        struct export_message message = {.signal = payload->signal,
                                         .record_count = payload->record_count,
                                         .bytes = payload->bytes};
        struct outcome outcome;
        exporter_deliver(exporter, scope, &message, &outcome);
        payload_end(payload, &outcome);
        payload = line_wait(exporter, scope);
    }
}

static void line_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    struct exporter *exporter = (struct exporter *)stage;
    (void)now_ns;
    stage_count(&stage->in_count, payload->record_count);
    mutex_lock(&exporter->lock);
    bool is_over = slu_scope_error(exporter->scope) != 0;
    bool has_room = !is_over && line_put(exporter, payload);
    if (has_room) {
        idle_wake(exporter);
    }
    mutex_unlock(&exporter->lock);
    if (!has_room) {
        stage_count(&stage->refused_count, payload->record_count);
        payload_end_later(payload, FULL_RETRY_NS, "%s: %s", stage->name,
                          is_over ? "the exporter is stopping" : "its queue is full");
    }
}

int exporter_line_start(struct exporter *exporter)
{
    uint64_t tasks = exporter->remote != NULL ? exporter->remote->queue.consumer_count : 1;
    exporter->stage.consume = line_consume;
    for (uint64_t i = 0; i < tasks; i++) {
        int err = slu_go(exporter->scope, exporter->stage.name, line_main, exporter);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}
