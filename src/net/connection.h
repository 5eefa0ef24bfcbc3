/*
 * A connection: a socket on its loop, with what has been read and what is to be written, and the
 * protocol that is spoken on it. Watched edge-triggered from its beginning to its end, so that no
 * request costs a change of what is watched.
 */
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <sluice/pool.h>
#include <sluice/wheel.h>

#include "net/http1.h"
#include "net/slabs.h"

struct connection;
struct http2;
struct loop;
struct tls_session;
struct net_websocket;

/* What is spoken. The functions may close the connection, which is the last thing they do then. */
struct protocol {
    /* Something has changed: bytes, room, a handler's answer. Goes as far as it can. */
    void (*turn)(struct connection *connection);
    void (*on_timeout)(struct connection *connection); /* its deadline has come */
    void (*on_drain)(struct connection *connection);   /* the server stops: end soon */
    void (*on_close)(struct connection *connection);   /* let go of all requests */
};

/* Bytes from `begin` to `end` of a slab that is there as long as there are any. */
struct stretch {
    struct slab slab;
    uint32_t begin;
    uint32_t end;
};

struct connection {
    struct loop *loop;
    const struct protocol *protocol;
    struct http1 http1;
    struct http2 *http2;
    struct net_websocket *websocket;
    struct stretch in;
    struct stretch out;
    struct tls_session *tls; /* NULL in clear text */
    struct connection *next_ready;
    slu_pool_handle handle;
    slu_timer_id timer;
    uint64_t timer_ns;    /* when it comes; never later than deadline_ns */
    uint64_t deadline_ns; /* NET_NEVER: none */
    int fd;
    bool is_ready; /* in the loop's list */
    bool in_turn;
    bool is_readable; /* there may be more to read */
    bool is_writable;
    bool has_hung_up; /* the other side has ended something: read on until it is told */
    bool at_end;      /* and it will send no more */
    bool is_broken;   /* it cannot be written to or read from any more */
    bool is_closing;  /* closed at the end of the turn */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address; /* of the other side */
};

/* Take a socket that was accepted; closed if that fails. */
void connection_open(struct loop *loop, int fd, const void *address, size_t address_len);

/* Let go of everything. Within a turn it happens at the turn's end. */
void connection_close(struct connection *connection);

void connection_event(struct connection *connection, uint32_t events);
void connection_turn(struct connection *connection);

/* Its turn comes again, unless it has one now. */
void connection_wake(struct connection *connection);

/* Let the protocol's on_timeout be called after this time, in place of what was set before. */
void connection_deadline(struct connection *connection, uint64_t delay_ns);

/*
 * Read what there is into `in`, as far as its slab has room.
 *
 * Returns  true if there is more than before
 */
bool connection_read(struct connection *connection);

/* Read into other memory. Returns how much; 0 when there is nothing, or nothing any more. */
size_t connection_read_into(struct connection *connection, void *bytes, size_t size_bytes);

/* Write parts; returns how much was taken, 0 when there is no room. */
size_t connection_write(struct connection *connection, const struct iovec *parts, int count);

/* Tell the other side that nothing more comes. */
void connection_shut(struct connection *connection);

/* Write what `out` has. Returns true if that is all gone. */
bool connection_flush(struct connection *connection);

/* Room for `size_bytes` behind what `out` has; NULL if there is no memory. size: at most a slab. */
unsigned char *connection_out_room(struct connection *connection, size_t size_bytes);

static inline size_t stretch_len(const struct stretch *stretch)
{
    return stretch->end - stretch->begin;
}

static inline unsigned char *stretch_bytes(const struct stretch *stretch)
{
    return stretch->slab.bytes == NULL ? NULL : stretch->slab.bytes + stretch->begin;
}

/* Give the slab back when nothing is in it. */
void connection_release(struct connection *connection, struct stretch *stretch);

/* Let the first `len` bytes go. */
void connection_consume(struct connection *connection, struct stretch *stretch, size_t len);

#endif
