/*
 * unbounded-keys: each request has a record of its window (attempts, bytes, times) in a table by
 * its number. It is marked as finished when the answer has gone, or never, when the client went
 * first; nothing takes it out.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "case.h"

#define BUCKETS  4096
#define ATTEMPTS 16

struct record {
    struct record *next;
    uint64_t request;
    uint64_t attempts_ns[ATTEMPTS];
    uint32_t attempt_count;
    bool is_finished;
};

struct gateway {
    struct record *buckets[BUCKETS];
    uint64_t record_count;
    uint64_t request_count;
};

static int create(const struct lab_settings *settings, void **state)
{
    (void)settings;
    *state = calloc(1, sizeof(struct gateway));
    return *state == NULL ? -ENOMEM : 0;
}

static struct record *record_add(struct gateway *gateway, uint64_t request)
{
    struct record *record = calloc(1, sizeof(*record));
    if (record != NULL) {
        struct record **bucket = &gateway->buckets[request % BUCKETS];
        record->request = request;
        record->next = *bucket;
        *bucket = record;
        gateway->record_count++;
    }
    return record;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct gateway *gateway = state;
    struct record *record = record_add(gateway, gateway->request_count++);
    if (record == NULL) {
        return 503;
    }
    record->attempts_ns[record->attempt_count++ % ATTEMPTS] = request->now_ns;
    record->is_finished = true;
    return 200;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct gateway *gateway = state;
    figures[0] = (struct lab_figure){"records", (double)gateway->record_count};
    return 1;
}

static void destroy(void *state)
{
    (void)state; /* nothing takes a record out */
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .figures = figures, .destroy = destroy};
