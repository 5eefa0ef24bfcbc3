/*
 * task-leak: a thread for each client that sends log lines. It waits for the next line and for
 * nothing else, so that it never hears that its client has gone.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

#define SESSIONS_MAX 65536
#define BUFFER_BYTES 4096
#define STACK_BYTES  ((size_t)64 << 10)

struct session {
    pthread_mutex_t lock;
    pthread_cond_t came;
    uint64_t line_count;
    uint64_t taken_count;
};

struct aggregator {
    struct session *sessions[SESSIONS_MAX];
    uint64_t started;
};

static int create(const struct lab_settings *settings, void **state)
{
    (void)settings;
    *state = calloc(1, sizeof(struct aggregator));
    return *state == NULL ? -ENOMEM : 0;
}

static void *aggregate(void *arg)
{
    struct session *session = arg;
    char *lines = malloc(BUFFER_BYTES);
    pthread_mutex_lock(&session->lock);
    while (lines != NULL) {
        while (session->taken_count == session->line_count) {
            pthread_cond_wait(&session->came, &session->lock);
        }
        memset(lines, (int)session->taken_count, BUFFER_BYTES);
        session->taken_count = session->line_count;
    }
    pthread_mutex_unlock(&session->lock);
    return NULL;
}

static int session_start(struct session *session)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_mutex_init(&session->lock, NULL);
    pthread_cond_init(&session->came, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int err = -pthread_create(&thread, &attributes, aggregate, session);
    pthread_attr_destroy(&attributes);
    return err;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct aggregator *aggregator = state;
    struct session **place = &aggregator->sessions[request->client % SESSIONS_MAX];
    if (*place == NULL) {
        *place = calloc(1, sizeof(**place));
        if (*place == NULL || session_start(*place) != 0) {
            return 503;
        }
        aggregator->started++;
    }
    pthread_mutex_lock(&(*place)->lock);
    (*place)->line_count++;
    pthread_cond_signal(&(*place)->came);
    pthread_mutex_unlock(&(*place)->lock);
    return 200;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct aggregator *aggregator = state;
    figures[0] = (struct lab_figure){"started", (double)aggregator->started};
    figures[1] = (struct lab_figure){"tasks", (double)aggregator->started};
    return 2;
}

static void destroy(void *state)
{
    (void)state; /* its threads wait for ever */
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .figures = figures, .destroy = destroy};
