/*
 * The threads on which long handlers run: a fixed number, and a bounded queue before them. A full
 * queue refuses, so that what waits is never older than the pool can work off.
 */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct net_request;
struct slu_budget;
struct slu_scope;
struct workers;

struct workers_options {
    struct slu_budget *budget;
    struct slu_scope *scope; /* has room for worker_count tasks */
    uint32_t worker_count;
    uint32_t queue_max;
};

/* Start the threads. Returns 0; -EDQUOT; -ENOMEM; -EAGAIN. */
SLU_MUST_USE int workers_start(const struct workers_options *options, struct workers **out);

/*
 * Hand a request over: its handler runs on a worker, and then its message is posted to its loop.
 *
 * Returns  0; -EAGAIN if as many wait as may
 */
SLU_MUST_USE int workers_push(struct workers *workers, struct net_request *request);

/* Let the threads end when they have worked off what waits. */
void workers_stop(struct workers *workers);

/* After the scope has been closed. */
void workers_destroy(struct workers **workers);

#endif
