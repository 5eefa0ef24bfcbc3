/* Many threads want a key that does not exist, and the store is asked once; then it is written. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <sluice/guard.h>
#include <sluice/random.h>
#include <sluice/scope.h>

static struct slu_guard *guard;
static struct slu_scope *scope;
static const struct slu_bytes key = {"user:4711", 9};
static _Atomic unsigned asked, missing, stored;

static int ask(void *arg, struct slu_scope *asking, struct slu_bytes wanted, uint64_t *value)
{
    (void)arg, (void)asking, (void)wanted; /* a real one waits for the network, in `asking` */
    asked++;
    *value = stored;
    return stored != 0 ? 0 : -ENOENT;
}

static void *serve(void *arg)
{
    uint64_t value;
    missing += slu_guard_fetch(guard, scope, SLU_SCOPE_NEVER, key, ask, arg, &value) == -ENOENT;
    return NULL;
}

int main(void)
{
    struct slu_scope_options service = {.name = "service"};
    struct slu_guard_options options = {.span_ns = 3600000000000, .lease_ns = 60000000000};
    options.missing_max = options.flight_max = options.waiter_max = 100;
    if (slu_random_seed(&options.seed) != 0 ||
        slu_budget_create(NULL, "example", 1 << 20, &service.budget) != 0 ||
        slu_scope_create(NULL, &service, NULL, &scope) != 0 ||
        slu_guard_create(service.budget, &options, NULL, &guard) != 0) {
        return 3;
    }
    int err = 0;
    pthread_t threads[8];
    for (int i = 0; i < 8 && err == 0; i++) {
        err = pthread_create(&threads[i], NULL, serve, NULL);
    }
    for (int i = 0; i < 8 && err == 0; i++) {
        err = pthread_join(threads[i], NULL);
    }
    uint64_t value = 0;
    stored = 42;
    slu_guard_forget(guard, 0, key); /* 0: as of the newest time that the guard has seen */
    err |= slu_guard_fetch(guard, scope, SLU_SCOPE_NEVER, key, ask, NULL, &value);
    printf("%u times missing, then %d: the store was asked %u times\n", missing, (int)value, asked);
    slu_guard_destroy(&guard);
    err |= slu_scope_close(&scope);
    slu_budget_destroy(&service.budget);
    return err != 0;
}
