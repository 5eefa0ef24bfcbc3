/* What the files of the client share. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/http1_head.h"
#include "net/net.h"
#include "net/slabs.h"
#include "net/url.h"
#include "sys/mutex.h"

struct slu_scope;

#define CLIENT_IDLE_MAX 32

struct idle_connection {
    int fd; /* below 0: the place is free */
    uint64_t since_ns;
    char host[URL_HOST_BYTES_MAX + 1];
    char port[6];
};

struct net_client {
    struct slu_budget *budget;
    uint64_t idle_ns;
    struct mutex lock;
    struct idle_connection idle[CLIENT_IDLE_MAX];
};

/* A fetch that is going on; waits end with its scope, and at its deadline. */
struct fetch {
    struct net_client *client;
    struct slu_scope *scope;
    uint64_t deadline_ns;
    uint64_t callback;
    int wake_fd; /* becomes readable when the scope is cancelled */
    int fd;
    bool is_reused;
    bool was_answered; /* at least one byte has come */
    struct slab in;    /* the head, then pieces of the body */
    size_t in_begin;
    size_t in_end;
    uint32_t head_len;
    struct http1_head head;
    struct head_fields fields;
};

/* Returns 0; a negative errno: -ECANCELED, -ETIMEDOUT, or of the system. */
int fetch_connect(struct fetch *fetch, const struct url *url, bool may_reuse);

/* Give the connection to the pool, or close it. */
void fetch_disconnect(struct fetch *fetch, const struct url *url, bool is_reusable);

/* Write all. */
int fetch_write(struct fetch *fetch, const void *bytes, size_t len);

/* Read at least one byte; returns how many, 0 at the end. */
ssize_t fetch_read(struct fetch *fetch, void *bytes, size_t size_bytes);

#endif
