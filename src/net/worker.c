#include "net/worker.h"

#include <errno.h>
#include <stdbool.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "base/assert.h"
#include "net/request.h"
#include "sys/deadline.h"
#include "sys/mutex.h"

struct workers {
    struct slu_budget *budget;
    struct mutex lock;
    struct condition filled; /* something waits, or the end has come */
    struct net_request *first;
    struct net_request *last;
    uint32_t waiting_count;
    uint32_t queue_max;
    uint32_t idle_count; /* have no request, also before they first ran */
    bool is_stopping;
};

static struct net_request *pop(struct workers *workers)
{
    mutex_lock(&workers->lock);
    while (workers->first == NULL && !workers->is_stopping) {
        (void)condition_wait_until(&workers->filled, &workers->lock, DEADLINE_NEVER);
    }
    struct net_request *request = workers->first;
    if (request != NULL) {
        workers->first = request->next_queued;
        workers->waiting_count--;
        workers->idle_count--;
    }
    mutex_unlock(&workers->lock);
    return request;
}

static void rest(struct workers *workers)
{
    mutex_lock(&workers->lock);
    workers->idle_count++;
    mutex_unlock(&workers->lock);
}

static void handle(struct net_request *request)
{
    mutex_lock(&request->lock);
    bool is_gone = request->error != 0;
    mutex_unlock(&request->lock);
    if (!is_gone) {
        request_run(request);
    }
    if (request->worker_scope != NULL) {
        int err = slu_scope_close(&request->worker_scope);
        SLU_ASSERT(err == 0); /* this thread is no task of it */
    }
    loop_post(request->loop, &request->farewell);
}

static void work(struct slu_scope *scope, void *arg)
{
    (void)scope;
    for (struct net_request *request; (request = pop(arg)) != NULL;) {
        handle(request);
        rest(arg);
    }
}

int workers_start(const struct workers_options *options, struct workers **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(options->budget, sizeof(struct workers), &block);
    if (err != 0) {
        return err;
    }
    struct workers *workers = block;
    workers->budget = options->budget;
    workers->queue_max = options->queue_max;
    workers->idle_count = options->worker_count;
    mutex_init(&workers->lock);
    condition_init(&workers->filled);
    for (uint32_t i = 0; err == 0 && i < options->worker_count; i++) {
        err = slu_go(options->scope, "net-worker", work, workers);
    }
    *out = workers; /* also on failure: those that run are stopped by the caller */
    return err;
}

int workers_push(struct workers *workers, struct net_request *request)
{
    mutex_lock(&workers->lock);
    bool has_room = workers->waiting_count < workers->queue_max + workers->idle_count;
    if (has_room) {
        request->next_queued = NULL;
        if (workers->first == NULL) {
            workers->first = request;
        } else {
            workers->last->next_queued = request;
        }
        workers->last = request;
        workers->waiting_count++;
    }
    mutex_unlock(&workers->lock);
    if (!has_room) {
        return -EAGAIN;
    }
    condition_signal(&workers->filled);
    return 0;
}

void workers_stop(struct workers *workers)
{
    mutex_lock(&workers->lock);
    workers->is_stopping = true;
    mutex_unlock(&workers->lock);
    condition_broadcast(&workers->filled);
}

void workers_destroy(struct workers **workers)
{
    if (*workers == NULL) {
        return;
    }
    condition_deinit(&(*workers)->filled);
    mutex_deinit(&(*workers)->lock);
    slu_budget_free((*workers)->budget, *workers, sizeof(struct workers));
    *workers = NULL;
}
