#include "held.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define HELD_MAX 1024

struct held {
    struct net_request *request;
    struct held_answer *answer;
    bool waits; /* for its release */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct held list[HELD_MAX];
static size_t count;
static bool is_stopping;
static bool is_over;
static pthread_t thread;

/* On the loop again; the client may have gone. */
static void answer(struct net_request *request, void *arg)
{
    const struct held_answer *with = arg;
    with->run(request, NULL);
}

static bool take(struct held *out)
{
    for (size_t i = 0; i < count; i++) {
        if (!list[i].waits || is_stopping) {
            *out = list[i];
            list[i] = list[--count];
            return true;
        }
    }
    return false;
}

static void *post_all(void *arg)
{
    struct held next;
    pthread_mutex_lock(&lock);
    while (!is_over) {
        if (take(&next)) {
            pthread_mutex_unlock(&lock);
            net_request_post(next.request, answer, next.answer);
            pthread_mutex_lock(&lock);
        } else {
            pthread_cond_wait(&changed, &lock);
        }
    }
    pthread_mutex_unlock(&lock);
    return arg;
}

static void put(struct net_request *request, struct held_answer *answer_with, bool waits)
{
    net_request_hold(request);
    pthread_mutex_lock(&lock);
    if (count == HELD_MAX) {
        abort();
    }
    list[count++] = (struct held){request, answer_with, waits};
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void told_gone(struct net_request *request, void *arg)
{
    (void)request;
    (void)arg;
    printf("gone\n");
    fflush(stdout);
}

void held_keep(struct net_request *request, void *arg)
{
    net_request_on_gone(request, told_gone, NULL);
    printf("held\n");
    fflush(stdout);
    put(request, arg, true);
}

void held_pass(struct net_request *request, void *arg)
{
    put(request, arg, false);
}

void held_start(void)
{
    if (pthread_create(&thread, NULL, post_all, NULL) != 0) {
        abort();
    }
}

void held_release(void)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++) {
        list[i].waits = false;
    }
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void tell(bool *what)
{
    pthread_mutex_lock(&lock);
    *what = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

void held_stop(void)
{
    tell(&is_stopping);
}

void held_end(void)
{
    tell(&is_over);
    pthread_join(thread, NULL);
}
