#include "preload/held_signals.h"

#include <stddef.h>
#include <time.h>

int signals_hold(struct held_signals *held)
{
    sigset_t all;
    (void)sigfillset(&all); /* only a bad pointer fails */
    int failed = pthread_sigmask(SIG_SETMASK, &all, &held->mask);
    (void)sigpending(&held->pending);
    return -failed;
}

void signals_release(const struct held_signals *held)
{
    static const int raised_by_writing[] = {SIGXFSZ, SIGPIPE};
    sigset_t raised;
    struct timespec at_once = {0};
    (void)sigemptyset(&raised);
    for (size_t i = 0; i < sizeof(raised_by_writing) / sizeof(raised_by_writing[0]); i++) {
        if (!sigismember(&held->pending, raised_by_writing[i])) {
            (void)sigaddset(&raised, raised_by_writing[i]);
        }
    }
    while (sigtimedwait(&raised, NULL, &at_once) > 0) {
    }
    (void)pthread_sigmask(SIG_SETMASK, &held->mask, NULL);
}
