#include "stored.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#define STORED_MAX 64
#define SECOND_NS  UINT64_C(1000000000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* handlers run on workers, too */
static struct net_body bodies[STORED_MAX];
static size_t count;
static uint64_t own_bytes; /* of the budget itself */

/* A body that is taken lies in its own block, and not where its connection reads. */
static void check(const struct net_body *body)
{
    const unsigned char *block = body->block;
    const unsigned char *bytes = body->bytes.data;
    if (body->bytes.len > 0 &&
        (block == NULL || bytes < block || bytes + body->bytes.len > block + body->block_bytes)) {
        abort();
    }
}

/* Under the lock, which who drops what is stored takes, too. */
static void keep(const struct net_body *body)
{
    if (count == STORED_MAX) {
        abort();
    }
    check(body);
    bodies[count++] = *body;
}

void stored_take(struct net_request *request, void *arg)
{
    struct net_body body;
    (void)arg;
    pthread_mutex_lock(&lock); /* the client may have the answer before this returns */
    if (net_request_take_body(request, &body) == 0) {
        net_respond(request, 200, "text/plain", body.bytes);
        keep(&body);
    }
    pthread_mutex_unlock(&lock);
}

void stored_take_call(struct net_request *request, void *arg)
{
    struct net_body body;
    struct slu_bytes message;
    (void)arg;
    pthread_mutex_lock(&lock);
    if (net_grpc_message(request, &message) == 0 && net_request_take_body(request, &body) == 0) {
        net_grpc_reply(request, message);
        keep(&body);
    }
    pthread_mutex_unlock(&lock);
}

/* Tells the length that was declared, if the client asks for it. */
static bool asks(struct net_request *request)
{
    struct slu_bytes value;
    if (!net_request_header(request, "x-refuse", &value)) {
        return false;
    }
    uint64_t length = net_request_length(request);
    printf("length: %" PRId64 "\n", length == NET_LENGTH_UNKNOWN ? -1 : (int64_t)length);
    fflush(stdout);
    return value.len == 3 && memcmp(value.data, "yes", 3) == 0;
}

void stored_admit(struct net_request *request, void *arg)
{
    (void)arg;
    if (asks(request)) {
        net_response_header(request, "retry-after", net_text("7"));
        net_respond_status(request, 429);
    }
}

void stored_admit_call(struct net_request *request, void *arg)
{
    (void)arg;
    if (asks(request)) {
        net_grpc_fail_later(request, NET_GRPC_UNAVAILABLE, net_text("full"), 7 * SECOND_NS + 5);
    }
}

void stored_shed(struct net_request *request, void *arg)
{
    (void)arg;
    net_response_header(request, "retry-after", net_text("3"));
    net_respond_status(request, 503);
}

void stored_shed_call(struct net_request *request, void *arg)
{
    (void)arg;
    net_grpc_fail_later(request, NET_GRPC_RESOURCE_EXHAUSTED, net_text("no memory"), SECOND_NS / 2);
}

void stored_begin(const struct slu_budget *budget)
{
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    own_bytes = stats.used_bytes;
}

void stored_drop(const struct slu_budget *budget)
{
    struct slu_budget_stats stats;
    pthread_mutex_lock(&lock);
    slu_budget_stats(budget, &stats);
    printf("stored: %" PRIu64 " bytes, %zu bodies\n", stats.used_bytes - own_bytes, count);
    fflush(stdout);
    while (count > 0) {
        net_body_free(&bodies[--count]);
    }
    pthread_mutex_unlock(&lock);
}
