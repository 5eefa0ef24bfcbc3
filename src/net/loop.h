/*
 * An event loop: one thread, one epoll, one timing wheel, the connections that it has accepted, and
 * a mailbox for what other threads want of it.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sluice/pool.h>
#include <sluice/wheel.h>

#include "net/slabs.h"
#include "sys/mutex.h"

struct connection;
struct loop;
struct net_server;
struct slu_budget;

/* Something to be done on the loop's thread; embedded in what it is about. */
struct loop_message {
    struct loop_message *next;
    void (*run)(struct loop *loop, struct loop_message *message);
    bool is_queued;
};

/* Written by the loop's thread alone, read by any. */
struct loop_counters {
    _Atomic uint64_t accepted;
    _Atomic uint64_t refused;
    _Atomic uint64_t connections;
    _Atomic uint64_t requests;
    _Atomic uint64_t active;
    _Atomic uint64_t timeouts;
    _Atomic uint64_t rejected;
    _Atomic uint64_t shed;
    _Atomic uint64_t gone;
};

struct loop {
    struct net_server *server;
    struct slu_budget *budget;
    uint64_t now_ns;
    struct slu_wheel *wheel;
    struct slu_pool *connections;
    struct slu_pool *requests;
    struct slabs slabs;
    struct connection *first_ready; /* to be given another turn */
    struct connection *last_ready;
    struct loop_counters counters;
    uint64_t date_second; /* that date_text shows */
    char date_text[32];
    int epoll_fd;
    int wake_fd;
    uint32_t index;
    bool is_draining; /* the server stops: idle connections go */
    int spare_fd;     /* given up for a moment when the process has no more descriptors */
    slu_timer_id drain_timer;
    struct loop_message drain;

    struct mutex lock; /* of the mailbox */
    struct loop_message *first_message;
    struct loop_message *last_message;
    bool is_woken;
};

struct loop_options {
    struct net_server *server;
    struct slu_budget *budget;
    uint32_t index;
    uint32_t connections_max;
    uint32_t requests_max;
};

/* Returns 0; -EDQUOT; -ENOMEM; a negative errno of the system. */
SLU_MUST_USE int loop_init(struct loop *loop, const struct loop_options *options);

/* All connections have been closed. */
void loop_deinit(struct loop *loop);

/* Run until it was drained and nothing is left: the body of the loop's task. */
void loop_run(struct loop *loop);

/*
 * Have `message` run on the loop's thread; one that waits already is not queued again.
 *
 * Threads  any; the loop must be there
 */
void loop_post(struct loop *loop, struct loop_message *message);

/* On the loop: take no more connections, end those that are idle, and after `grace_ns` all. */
void loop_drain(struct loop *loop, uint64_t grace_ns);

/* Give the connection a turn before the loop waits again. */
void loop_turn_later(struct loop *loop, struct connection *connection);

/* "Thu, 26 Nov 2026 06:31:00 GMT", 29 bytes; made once a second. */
const char *loop_date(struct loop *loop);

static inline void loop_count(_Atomic uint64_t *counter, uint64_t by)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + by, memory_order_relaxed);
}

#endif
