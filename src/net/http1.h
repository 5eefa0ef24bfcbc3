/*
 * HTTP/1.1 on a connection, requests one after the other. Source: RFC 9112.
 *
 * A request's head stays in the connection's slab until the request is over; a body that fits
 * behind it stays there, too, and a larger one is read into a block of its own.
 */
#ifndef NET_HTTP1_H
#define NET_HTTP1_H

#include <stdbool.h>
#include <stdint.h>

#include "net/http1_chunked.h"

struct connection;
struct net_request;

enum http1_phase {
    HTTP1_HEAD,    /* waiting for a head, or the rest of one */
    HTTP1_BODY,    /* reading a body */
    HTTP1_ANSWER,  /* the request is with its handler, or its answer is written */
    HTTP1_CLOSING, /* the last bytes are written, then the other side is given time to read them */
};

/* What the connection's deadline is about. */
enum http1_wait {
    HTTP1_WAIT_ANEW, /* to be chosen, whatever it was */
    HTTP1_WAIT_NONE,
    HTTP1_WAIT_IDLE,
    HTTP1_WAIT_HEAD,
    HTTP1_WAIT_BODY,
    HTTP1_WAIT_WRITE,
    HTTP1_WAIT_CLOSE,
};

struct http1 {
    struct net_request *request;
    struct chunked chunked;
    uint64_t body_left;     /* of a declared length: not read yet */
    uint64_t progress_left; /* of a body: until its time begins anew */
    uint64_t discarded;     /* while closing */
    size_t scanned;
    uint32_t head_len;
    uint32_t hold_len; /* at the slab's front: kept until the request is over */
    enum http1_phase phase;
    enum http1_wait wait;
    bool closes;     /* after this answer */
    bool is_chunked; /* the request's body */
    bool in_place;   /* the body stays behind the head */
    bool is_started; /* the answer's head is in `out` */
    bool frames;     /* the answer is chunked */
    bool has_shut;   /* nothing more is sent */
    bool is_known;   /* not HTTP/2: its first bytes have been looked at */
};

/* Speak HTTP/1 on a new connection, and HTTP/2 if that is what comes. */
void http1_begin(struct connection *connection);

/*
 * Leave the connection to another protocol, which has written its own answer to `request`: that is
 * over then, and what came behind it stays in `in`.
 */
void http1_leave(struct net_request *request);

#endif
