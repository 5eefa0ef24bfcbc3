/*
 * A request from its head to the last byte of its answer, whatever protocol it came by.
 *
 * It lives as long as its handler runs, it is held, or its answer is not written; the connection
 * may be gone before. Everything in it is the loop's, but for `pending`, `waiting_bytes` and
 * `error`, which a worker shares under the lock, and what the handler's functions touch while it
 * runs: the loop leaves that alone until the worker has told that it returned.
 */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/pool.h>
#include <sluice/wheel.h>

#include "base/block.h"
#include "codec/decompress.h"
#include "net/http1_head.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/slabs.h"
#include "sys/mutex.h"

struct connection;
struct net_request;
struct scope_waiter;

#define RESPONSE_FIELDS_BYTES_MAX 2048
#define PIECE_HEADROOM            20 /* before a piece's bytes: "%zx\r\n" of its chunk */

/* Bytes of a body on their way out; lies at the front of its own slab, unless it is borrowed. */
struct piece {
    struct piece *next;
    struct slab slab;
    const unsigned char *data;
    size_t len;
};

/* What a handler has answered, in the order in which it did. */
struct response {
    struct piece *first;
    struct piece *last;
    const char *type;
    uint64_t length; /* of a whole body */
    unsigned status;
    bool is_begun;
    bool is_whole; /* the length is known */
    bool is_ended;
};

/* What a protocol does when there is more of an answer. */
struct request_protocol {
    /*
     * Answer at once, without keeping the body; false if that cannot be done here, and then the
     * body is kept and `wake` called.
     */
    bool (*respond)(struct net_request *request, struct slu_bytes body);
    /* There is more of the response. */
    void (*wake)(struct net_request *request);
    /*
     * The time-out has come, the server stops for good, or the handler has broken off: let the
     * client go, with `status` if it has heard nothing yet.
     */
    void (*expel)(struct net_request *request, unsigned status);
    /* It has ended, and its memory goes. */
    void (*forget)(struct net_request *request);
};

struct request_call {
    net_request_fn *run; /* NULL: none */
    void *arg;
};

struct net_request {
    struct loop *loop;
    struct connection *connection; /* NULL once the client has gone */
    const struct request_protocol *protocol;
    const struct net_route *route; /* NULL: none, and it is answered without a handler */
    struct slu_bytes path;
    struct slu_bytes query;
    struct slu_bytes body;
    struct slu_bytes parameters[NET_PARAMETERS_MAX];
    struct slab head_slab; /* of the fields, if they are not the connection's */
    struct slab body_slab;
    size_t body_len;
    struct block decoded; /* of the body, or its message */
    struct response response;
    struct piece borrowed;
    struct slu_scope *scope;
    struct slu_scope *worker_scope; /* below it, the worker's */
    struct slu_arena *arena;
    struct request_call on_room;
    struct request_call on_gone;
    struct request_call after;
    struct request_call post; /* written by who posts, before `posted` */
    uint64_t start_ns;
    uint64_t deadline_ns; /* NET_NEVER: none */
    uint64_t sent_bytes;
    slu_pool_handle handle;
    slu_timer_id after_timer;
    slu_timer_id deadline_timer;
    struct net_request *next_queued; /* for a worker */
    struct net_request *next_stream; /* of the same HTTP/2 connection */
    struct net_request *previous_stream;
    uint64_t length;         /* of the body, for who admits it: NET_LENGTH_UNKNOWN, 0 for none */
    uint64_t declared_bytes; /* of the body, in HTTP/2; 0: nothing was said */
    size_t head_bytes;       /* used of head_slab, in HTTP/2 */
    int32_t stream_id;
    bool is_routed;     /* its head is complete, in HTTP/2 */
    bool is_oversize;   /* and was too large */
    bool is_dispatched; /* its body is, too */
    bool is_submitted;  /* the answer has begun */
    bool has_body;      /* the answer has one to send */
    unsigned method;
    unsigned version;      /* 10, 11, 20 */
    bool is_head;          /* no body is written */
    bool on_worker;        /* the calls come from there */
    bool is_running;       /* the handler has not returned */
    bool is_held;          /* until what was posted has run */
    bool is_counted;       /* among those being handled */
    bool is_sent;          /* the protocol has all of the answer */
    bool is_refused;       /* answered without a handler */
    uint16_t fields_bytes; /* of response_fields */
    uint16_t trailers_at;  /* where trailers begin there */
    bool has_trailers;

    struct loop_message message;  /* the worker has written */
    struct loop_message farewell; /* and, once, has returned: it touches the request no more */
    struct loop_message posted;   /* by any thread, once for each hold */
    struct mutex lock;
    struct response pending;
    uint64_t waiting_bytes; /* written and not sent */
    struct scope_waiter *waiter;
    int error; /* 0; -ECANCELED, -ETIMEDOUT once the client was let go */

    struct head_fields fields;
    char response_fields[RESPONSE_FIELDS_BYTES_MAX]; /* "name: value\r\n", as they are sent */
};

/* Take a request, begun now; NULL if there is none, or it would be too many (counted). */
struct net_request *request_take(struct connection *connection,
                                 const struct request_protocol *protocol);

/*
 * The head is there: find the route and say whether the request may go on.
 *
 * body_bytes  as declared, or 0
 * Returns     0; or the status to refuse it with
 */
unsigned request_route(struct net_request *request, uint64_t body_bytes);

/*
 * Before the body is read: ask the route whether it takes it. `body_bytes` as net_request_length.
 *
 * Returns  false: it has been answered, and may be gone
 */
bool request_admit(struct net_request *request, uint64_t body_bytes);

/* On the loop: there is no memory for the body, which the route answers, or 503. */
void request_shed(struct net_request *request);

/* Have the handler run, here or on a worker; the body is whole. */
void request_dispatch(struct net_request *request);

/*
 * Decompress what lies in the request's body; the output is the request's until it ends. Once only.
 * As decompress_all.
 */
int request_decompress(struct net_request *request, enum compression compression,
                       struct slu_bytes input, const struct decompress_limits *limits,
                       struct slu_bytes *output);

/* As net_respond, with a body in parts. */
int response_parts(struct net_request *request, unsigned status, const char *type,
                   const struct slu_bytes *parts, size_t count);

/* Split a target into path and query. */
void request_target(struct net_request *request, struct slu_bytes target);

/* Have the time-out noticed while the request waits: for its body, its handler, its answer. */
void request_deadline_start(struct net_request *request);

/* Answer without a handler. */
void request_refuse(struct net_request *request, unsigned status);

/* There is room in the response: tell who waits for it. The request may be gone afterwards. */
void request_room(struct net_request *request);

/* Add bytes to the body: they are copied. Returns 0; -EDQUOT; -ENOMEM. */
int request_body_add(struct net_request *request, struct slu_bytes bytes, uint64_t length_hint);

/* Room in the body's slab for what is still to come. As request_body_add. */
int request_body_room(struct net_request *request, uint64_t length_hint);

/* Take Content-Encoding off. Returns 0, or the status to refuse the body with. */
unsigned request_body_decode(struct net_request *request);

/* Give the body's memory back, as far as nobody has taken it. */
void request_body_drop(struct net_request *request);

/* The first piece of the response has been taken as far as `len` bytes. */
void request_sent(struct net_request *request, size_t len);

/* All of the answer is with the protocol: it ends as soon as the handler has returned. */
void request_complete(struct net_request *request);

/* The client has gone, or is let go: `err` is what the handler hears. */
void request_abandon(struct net_request *request, int err);

/* Take a piece with at least `room` bytes behind its headroom. Returns 0; -EDQUOT; -ENOMEM. */
int piece_take(struct slabs *slabs, size_t room, struct piece **out);

/* Framed, or partly sent: it takes no more. */
bool piece_is_sealed(const struct piece *piece);

/* Where the next byte of a piece would lie, and how many have room. */
unsigned char *piece_end(const struct piece *piece);
size_t piece_room(const struct piece *piece);

/* Whether the calling handler runs on the loop. */
static inline bool request_is_on_loop(const struct net_request *request)
{
    return !request->on_worker;
}

/* In request.c, for response.c: there is more of the response. */
void request_wake(struct net_request *request);

/* For worker.c: run the handler, here. */
void request_run(struct net_request *request);

#endif
