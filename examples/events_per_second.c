/* Events a second from many threads: each writes a shard of its own, anybody reads. */
#include <pthread.h>
#include <stdio.h>

#include <sluice/error.h>
#include <sluice/window.h>

#define THREAD_COUNT 4
#define SECOND       1000000000ull

struct worker {
    struct slu_shared_window *window;
    uint32_t shard;
    int err;
};

/* Ten simulated seconds of 1,000 requests a second; a service would pass its clock's time. */
static void *work(void *argument)
{
    struct worker *worker = argument;
    for (uint64_t now_ns = 0; now_ns < 10 * SECOND && worker->err == 0; now_ns += SECOND / 1000) {
        uint64_t bytes_sent = 512;
        worker->err = slu_shared_window_add(worker->window, worker->shard, now_ns, bytes_sent);
    }
    return NULL;
}

int main(void)
{
    struct slu_shared_window_options options = {
        .span_ns = 5 * SECOND, .slot_count = 50, .shard_count = THREAD_COUNT};
    struct slu_diag diag = {0};
    struct slu_budget *budget = NULL;
    struct slu_shared_window *window = NULL;
    if (slu_budget_create(NULL, "example", 64 * 1024, &budget) != 0 ||
        slu_shared_window_create(budget, &options, &diag, &window) != 0) {
        fprintf(stderr, "no window: %s\n", diag.message);
        return 3;
    }
    pthread_t threads[THREAD_COUNT];
    struct worker workers[THREAD_COUNT];
    for (uint32_t i = 0; i < THREAD_COUNT; i++) {
        workers[i] = (struct worker){window, i, 0};
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) {
            return 3;
        }
    }
    for (uint32_t i = 0; i < THREAD_COUNT; i++) {
        pthread_join(threads[i], NULL);
    }
    struct slu_window_snapshot seen;
    slu_shared_window_snapshot(window, 10 * SECOND - 1, &seen);
    printf("%.0f events a second, %.0f bytes each\n", seen.rate, seen.mean);
    slu_shared_window_destroy(&window);
    slu_budget_destroy(&budget);
    return 0;
}
