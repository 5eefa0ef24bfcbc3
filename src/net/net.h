/*
 * Servers that speak HTTP/1.1, HTTP/2, gRPC and WebSocket on one port, in bounded memory.
 *
 *     static void hello(struct net_request *request, void *arg)
 *     {
 *         net_respond(request, 200, "text/plain", bytes_of("hello\n"));
 *     }
 *
 *     static const struct net_route routes[] = {
 *         {.methods = NET_GET, .path = "/", .handle = hello},
 *     };
 *     struct net_server_options options = {.budget = budget, .scope = scope, .listen = ":8080",
 *                                          .routes = routes, .route_count = 1};
 *     err = net_server_start(&options, &diag, &server);
 *
 * A handler runs on the event loop of its connection, and must not block there; or, with
 * NET_ON_WORKER, on a thread of a bounded pool, where it may. It answers at once with net_respond,
 * or piece by piece with net_response_begin, net_response_write and net_response_end; on the loop
 * it may return before that and go on from net_request_after, or hold the request and go on from
 * what another thread posts. When the client goes away, the request's scope is cancelled.
 *
 * Functions that take a request are called by its handler, and by what net_request_after and the
 * loop's callbacks call for it: on a worker by the handler's thread alone, otherwise on the loop's.
 */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct slu_arena;
struct slu_budget;
struct slu_diag;
struct slu_meter;
struct slu_scope;

struct net_request;
struct net_server;

/* Methods, as bits. A route for NET_GET answers HEAD, too: what its handler writes is left out. */
enum {
    NET_GET = 1,
    NET_HEAD = 2,
    NET_POST = 4,
    NET_PUT = 8,
    NET_DELETE = 16,
    NET_PATCH = 32,
    NET_OPTIONS = 64,
};

/* A handler, or anything else that is done for a request. */
typedef void net_request_fn(struct net_request *request, void *arg);

enum net_place {
    NET_ON_LOOP,   /* short, never blocks */
    NET_ON_WORKER, /* may block on its scope; refused with 503 when the pool is full */
};

struct net_route {
    unsigned methods;
    const char *path; /* "/a/b"; "/users/:id", one part; "/files/:rest*", all that is left */
    net_request_fn *handle;
    void *arg;
    enum net_place place;
    uint64_t body_bytes_max; /* as received and as decoded; 0: no body is taken */
    uint64_t timeout_ns;     /* of the whole request; 0: as the server; NET_NEVER: none */
    bool is_open;            /* needs no authentication */

    /*
     * Called on the loop when the head is complete and nothing of the body was read or charged:
     * answers, to refuse it, or returns without an answer, to take it. NULL: all are taken.
     */
    net_request_fn *admit;

    /*
     * What bodies are charged to while they come and when they are decoded, from the first byte on
     * and with nothing kept; a handler may take them over. NULL: the server's. Outlives the server.
     */
    struct slu_budget *body_budget;

    /*
     * Called in place of the handler when there is no memory for the body, or for what it decodes
     * to: answers. NULL: 503 with Retry-After, or gRPC's UNAVAILABLE.
     */
    net_request_fn *shed;
};

#define NET_NEVER             UINT64_MAX
#define NET_LENGTH_UNKNOWN    UINT64_MAX
#define NET_PARAMETERS_MAX    4 /* of a route's path */
#define NET_ROUTES_MAX        512
#define NET_REQUEST_TASKS_MAX 4 /* slu_go in the scope of a worker's request */
#define NET_LOOPS_MAX         64
#define NET_WORKERS_MAX       1024
#define NET_CONNECTIONS_MAX   (UINT32_C(1) << 20)

/* Who may use routes that are not open. Compared in a time that tells nothing of the secrets. */
struct net_auth {
    const char *const *tokens; /* Authorization: Bearer TOKEN */
    uint32_t token_count;
    const char *const *logins; /* "name:password", for Authorization: Basic */
    uint32_t login_count;
};

/* PEM files. */
struct net_tls {
    const char *certificate_path; /* with the chain */
    const char *key_path;
};

/* 0 or NULL: the value in parentheses. Times are in nanoseconds. */
struct net_server_options {
    struct slu_budget *budget; /* required: all memory of the server */
    struct slu_scope *scope;   /* required: the server's threads end with it */

    /*
     * "127.0.0.1:8080", ":8080" (loopback), "[::1]:0" (any free port). Another address than a
     * loopback one needs authentication, or allow_open.
     */
    const char *listen;
    int listen_fd; /* above 0: a listening socket that is handed over, in place of `listen` */
    bool allow_open;

    const struct net_route *routes; /* borrowed as long as the server */
    uint32_t route_count;

    uint32_t loop_count;          /* (1) */
    uint32_t worker_count;        /* (2 if a route needs them) */
    uint32_t worker_queue_max;    /* requests that wait for a worker (16 for each) */
    size_t worker_stack_bytes;    /* (256 KiB) */
    uint32_t connections_max;     /* of each loop (1024); reserved at the start */
    uint32_t requests_max;        /* of each loop, that are being handled (256) */
    uint32_t address_rate;        /* connections a second and address (unlimited) */
    uint32_t address_burst;       /* at once (address_rate) */
    uint32_t streams_max;         /* of one HTTP/2 connection at a time (100) */
    uint64_t websocket_bytes_max; /* of one message (1 MiB) */
    uint64_t response_bytes_max;  /* that wait for a slow reader, for each request (256 KiB) */

    uint64_t header_timeout_ns;  /* from a request's first byte to its head's last (10 s) */
    uint64_t body_timeout_ns;    /* for each 64 KiB of a body, begun ones too (20 s) */
    uint64_t write_timeout_ns;   /* for a reader who takes nothing (20 s) */
    uint64_t idle_timeout_ns;    /* between requests (75 s) */
    uint64_t request_timeout_ns; /* of a whole request (60 s) */
    uint64_t ping_ns; /* WebSocket: ping after so long in silence, close after two (30 s) */

    const struct net_auth *auth; /* borrowed; NULL: nobody is asked */
    const struct net_tls *tls;   /* copied, but its paths; NULL: clear text */
    int access_log_fd;           /* above 0: a line for each request is written there */
    bool access_log_combined;    /* Apache's combined form in place of JSON */
    struct slu_meter *meter;     /* NULL, or where its metrics go; must outlive the server */
    uint32_t meter_writer;       /* the first of loop_count writers */
};

/*
 * Start a server: its threads run as tasks of a scope below options->scope.
 *
 * Returns  0; -EINVAL for an option outside its range, or another address than a loopback one
 *          without authentication; -EDQUOT; -ENOMEM; a negative errno of the system; `diag` says
 *          which option or address, and why
 * Owner    the caller, until net_server_stop
 */
SLU_MUST_USE int net_server_start(const struct net_server_options *options, struct slu_diag *diag,
                                  struct net_server **out);

/*
 * Read certificate and key again, for connections from now on.
 *
 * Returns  0; -EINVAL if they cannot be used, and then the old ones stay; -EDQUOT; -ENOMEM
 * Threads  any
 */
SLU_MUST_USE int net_server_reload(struct net_server *server, struct slu_diag *diag);

/* The port it listens on. */
uint16_t net_server_port(const struct net_server *server);

/*
 * Stop: no connection is taken any more, idle ones are closed, requests are finished; what is still
 * there after `grace_ns` is cancelled. Returns when all threads have ended and all memory is given
 * back; NULL is accepted, and `*server` becomes NULL.
 *
 * Threads  any but the server's own
 */
void net_server_stop(struct net_server **server, uint64_t grace_ns);

struct net_server_stats {
    uint64_t accepted_count;
    uint64_t refused_count; /* connections beyond a limit */
    uint64_t connection_count;
    uint64_t request_count;
    uint64_t active_count; /* requests being handled */
    uint64_t timeout_count;
    uint64_t rejected_count; /* malformed, too large, or beyond what a client may do */
    uint64_t shed_count;     /* requests answered 503 for want of a worker, room or memory */
    uint64_t gone_count;     /* requests whose client went away */
    uint64_t log_dropped_count;
};

/* Threads: any. Each number is exact, together they are a moment's picture only in quiet. */
void net_server_stats(struct net_server *server, struct net_server_stats *out);

/*
 * Bring the server's gauges on its meter up to date, before an exposition.
 *
 * Returns  0; as slu_meter_set
 * Threads  any
 */
int net_server_measure(struct net_server *server, uint64_t now_ns);

/* What a request says; views are valid until it ends. */
unsigned net_request_method(const struct net_request *request);
struct slu_bytes net_request_path(const struct net_request *request); /* as sent, escapes and all */
struct slu_bytes net_request_query(const struct net_request *request); /* behind '?' */
struct slu_bytes net_request_body(const struct net_request *request);  /* decoded */

/*
 * The body's length as the client declared it: 0 if there is none, NET_LENGTH_UNKNOWN if it has not
 * said. What comes may be less in the end, but never more.
 */
uint64_t net_request_length(const struct net_request *request);

/* A body that is no request's any more. */
struct net_body {
    struct slu_budget *budget;
    void *block; /* NULL: the body is empty */
    size_t block_bytes;
    struct slu_bytes bytes; /* in it: the body, decoded; of a call that was not compressed, with the
                               prefix of five bytes, and net_grpc_message's view stays valid */
};

/*
 * Take the body over without a copy, in a handler of a route with a body_budget. For a call, after
 * net_grpc_message. It stays charged to the route's budget.
 *
 * Returns  0; -EINVAL if the route has no body_budget
 * Owner    the caller, until net_body_free
 */
SLU_MUST_USE int net_request_take_body(struct net_request *request, struct net_body *out);

/* Threads: any. An empty one does nothing. */
void net_body_free(struct net_body *body);

/* A header's value by its name in lower case, the first if there are several; false: none. */
bool net_request_header(const struct net_request *request, const char *name,
                        struct slu_bytes *value);

/* The part of the path that ":name" of the route stands for, as sent; empty if there is none. */
struct slu_bytes net_request_parameter(const struct net_request *request, const char *name);

/*
 * A value of the query, decoded, with a final zero.
 *
 * Returns  0; -ENOENT; -ENOBUFS if `size` is too small; -EBADMSG for a broken escape
 */
int net_request_query_value(const struct net_request *request, const char *name, char *value,
                            size_t size);

/*
 * The index-th value of that name in a form (application/x-www-form-urlencoded, such as a query or
 * a body), decoded, with a final zero. Errors as above.
 */
int net_form_value(struct slu_bytes form, const char *name, size_t index, char *value, size_t size);

/*
 * The request's scope: cancelled when the client goes away, the time-out comes or the server stops.
 * Made on first use. On a worker it takes NET_REQUEST_TASKS_MAX tasks, on a loop none.
 *
 * Returns  NULL if there is no memory, or the server's scope is cancelled
 */
struct slu_scope *net_request_scope(struct net_request *request);

/* Memory that is given back when the request ends. Made on first use; NULL if there is none. */
struct slu_arena *net_request_arena(struct net_request *request);

/* The server's budget. */
struct slu_budget *net_request_budget(const struct net_request *request);

/*
 * Add a header to the response, before it begins. Not Content-Length, Date, Connection or
 * Transfer-Encoding.
 *
 * Returns  0; -EINVAL for a name or value that HTTP does not allow; -ENOBUFS beyond 2 KiB in all
 */
int net_response_header(struct net_request *request, const char *name, struct slu_bytes value);

/*
 * Answer with all of a body at once.
 *
 * type     Content-Type, or NULL for none; a constant
 * body     copied
 * Returns  0; -EALREADY if the response has begun; -EDQUOT or -ENOMEM: then the client gets 503;
 *          -ECANCELED if it has gone
 */
int net_respond(struct net_request *request, unsigned status, const char *type,
                struct slu_bytes body);

/* The same with a body that stays where it is until the request ends: constant, or its arena's. */
int net_respond_borrowed(struct net_request *request, unsigned status, const char *type,
                         struct slu_bytes body);

/* Answer with a status and its name as text: for refusals. */
int net_respond_status(struct net_request *request, unsigned status);

/* Bytes that stay where they are and as they are as long as the server: pages, scripts, files. */
struct net_asset {
    const char *type;
    struct slu_bytes bytes;
    struct slu_bytes gzip; /* the same compressed, or empty */
    const char *etag;      /* in double quotes; NULL: none */
    bool is_immutable;     /* never another under this path */
};

/*
 * Answer with an asset: 304 to who knows it, gzip to who takes it, a part to who asks for one.
 *
 * Returns  as net_respond
 */
int net_respond_asset(struct net_request *request, const struct net_asset *asset);

/* Begin a response whose length is not known. Returns as net_respond. */
SLU_MUST_USE int net_response_begin(struct net_request *request, unsigned status, const char *type);

/* The same with a first piece: where there is no memory for that, nothing has begun. */
SLU_MUST_USE int net_response_begin_with(struct net_request *request, unsigned status,
                                         const char *type, struct slu_bytes piece);

/*
 * Write a piece of it, which is copied. On a worker this waits while response_bytes_max are on
 * their way to a slow reader.
 *
 * Returns  0; -EAGAIN on the loop, when so much is waiting: net_request_on_room says when to try
 *          again; -EDQUOT, -ENOMEM; -ECANCELED or -ETIMEDOUT when the request's scope is cancelled
 */
SLU_MUST_USE int net_response_write(struct net_request *request, struct slu_bytes piece);

/*
 * End it. A handler on a worker that returns without having ended what it began breaks it off: the
 * client's connection or stream ends with an error, so that it does not take the answer for whole.
 */
void net_response_end(struct net_request *request);

/* On the loop: call once, when there is room again after -EAGAIN. */
void net_request_on_room(struct net_request *request, net_request_fn *run, void *arg);

/* On the loop: call once when the client has gone before the response was complete. */
void net_request_on_gone(struct net_request *request, net_request_fn *run, void *arg);

/*
 * On the loop: call once after `delay_ns`, unless the request ends before; one at a time.
 *
 * Returns  0; -EBUSY if one is waiting; -EDQUOT
 */
SLU_MUST_USE int net_request_after(struct net_request *request, uint64_t delay_ns,
                                   net_request_fn *run, void *arg);

/*
 * On the loop, within a handler: keep the request until a function that net_request_post was given
 * has run. One hold at a time; each needs its post, and the server does not stop before.
 */
void net_request_hold(struct net_request *request);

/*
 * Have `run` called on the request's loop, once, which ends the hold. It may answer, or hold again.
 * If the client has gone meanwhile it runs all the same, and its answer fails with -ECANCELED.
 *
 * Threads  any; once for each hold, and from then on the request is the loop's
 */
void net_request_post(struct net_request *request, net_request_fn *run, void *arg);

/*
 * Server-sent events: begin the stream. On the loop it goes on from net_request_after.
 *
 * Source  the HTML standard, 9.2
 */
SLU_MUST_USE int net_events_begin(struct net_request *request);

/*
 * Write one event.
 *
 * event    its type, or NULL; a constant without line ends
 * data     UTF-8; each of its lines is one of the event's
 * Returns  as net_response_write; nothing is written then. -EMSGSIZE beyond 16 KiB
 */
SLU_MUST_USE int net_event_write(struct net_request *request, const char *event,
                                 struct slu_bytes data);

/*
 * gRPC, unary: the handler of a route {NET_POST, "/package.Service/Method"} asks for the message
 * and replies or fails. The client's deadline is the request's.
 *
 * Source  github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md
 */
enum net_grpc_status {
    NET_GRPC_OK = 0,
    NET_GRPC_CANCELLED = 1,
    NET_GRPC_UNKNOWN = 2,
    NET_GRPC_INVALID_ARGUMENT = 3,
    NET_GRPC_DEADLINE_EXCEEDED = 4,
    NET_GRPC_NOT_FOUND = 5,
    NET_GRPC_ALREADY_EXISTS = 6,
    NET_GRPC_PERMISSION_DENIED = 7,
    NET_GRPC_RESOURCE_EXHAUSTED = 8,
    NET_GRPC_FAILED_PRECONDITION = 9,
    NET_GRPC_ABORTED = 10,
    NET_GRPC_OUT_OF_RANGE = 11,
    NET_GRPC_UNIMPLEMENTED = 12,
    NET_GRPC_INTERNAL = 13,
    NET_GRPC_UNAVAILABLE = 14,
    NET_GRPC_DATA_LOSS = 15,
    NET_GRPC_UNAUTHENTICATED = 16,
};

/*
 * The one message of a call, decompressed (gzip, deflate), of at most the route's body_bytes_max.
 *
 * Returns  0; another value if there is none that can be read: then the call has been answered
 */
SLU_MUST_USE int net_grpc_message(struct net_request *request, struct slu_bytes *message);

/* Answer with a message, which is copied. Returns as net_respond. */
int net_grpc_reply(struct net_request *request, struct slu_bytes message);

/*
 * Answer with a status.
 *
 * text     for people, UTF-8; cut at 512 bytes
 * details  a google.rpc.Status, or empty; left out above 1 KiB
 */
int net_grpc_fail(struct net_request *request, enum net_grpc_status status, struct slu_bytes text,
                  struct slu_bytes details);

/*
 * The same with details that say when to try again: a google.rpc.RetryInfo. Clients of OTLP heed it
 * with NET_GRPC_UNAVAILABLE, and with NET_GRPC_RESOURCE_EXHAUSTED.
 */
int net_grpc_fail_later(struct net_request *request, enum net_grpc_status status,
                        struct slu_bytes text, uint64_t delay_ns);

/* A WebSocket, which belongs to its loop: all functions are called there. */
struct net_websocket;

enum net_message {
    NET_TEXT = 1, /* UTF-8 */
    NET_BINARY = 2,
};

struct net_websocket_events {
    /* A whole message, valid until this returns. */
    void (*on_message)(struct net_websocket *socket, enum net_message kind,
                       struct slu_bytes message, void *arg);
    /* There is room again, after -EAGAIN; may be NULL. */
    void (*on_room)(struct net_websocket *socket, void *arg);
    /* It is over, and `socket` is gone when this returns; may be NULL. 1006: without a goodbye */
    void (*on_close)(struct net_websocket *socket, unsigned code, void *arg);
};

/*
 * Turn a request into a WebSocket. The request is over then, and its functions must not be used any
 * more but for what has been asked of it.
 *
 * events   borrowed as long as the socket
 * Returns  0; -EINVAL if it does not ask for one, as version 13 does, over HTTP/1.1: answer 426;
 *          -EDQUOT; -ENOMEM
 * Source   RFC 6455
 */
SLU_MUST_USE int net_websocket_accept(struct net_request *request,
                                      const struct net_websocket_events *events, void *arg,
                                      struct net_websocket **out);

/*
 * Send a message, which is copied.
 *
 * Returns  0; -EAGAIN while response_bytes_max are waiting; -EDQUOT; -ENOMEM; -ECANCELED when it is
 *          being closed
 */
SLU_MUST_USE int net_websocket_send(struct net_websocket *socket, enum net_message kind,
                                    struct slu_bytes message);

/* Say goodbye: on_close follows when the other side has answered, or has not for 5 seconds. */
void net_websocket_close(struct net_websocket *socket, unsigned code);

typedef void net_websocket_fn(struct net_websocket *socket, void *arg);

/* Call once after `delay_ns`, one at a time. Returns 0; -EBUSY if one is waiting; -EDQUOT */
SLU_MUST_USE int net_websocket_after(struct net_websocket *socket, uint64_t delay_ns,
                                     net_websocket_fn *run, void *arg);

/*
 * A client for plain HTTP/1.1: keeps up to 32 connections for 30 seconds, blocks on a scope, and
 * holds no more than it is told.
 *
 * Threads  any number at a time
 */
struct net_client;

struct net_header {
    const char *name;
    const char *value;
};

/* 0 or NULL: the value in parentheses. */
struct net_ask {
    const char *url; /* http://HOST[:PORT][/PATH] */
    unsigned method; /* (NET_GET) */
    const struct net_header *headers;
    uint32_t header_count;
    struct slu_bytes body;
    uint64_t answer_bytes_max; /* of the body, as received and as decoded */
    uint64_t timeout_ns;       /* of all of it (30 s); NET_NEVER: none */
    bool accepts_gzip;         /* and decodes it, unless write_body takes the answer */

    /* The request's next piece, valid until the next call; an empty one ends it. (`body`) */
    int (*read_body)(void *arg, struct slu_bytes *piece);
    /* Takes the answer's pieces as they come. (they are gathered) */
    int (*write_body)(void *arg, struct slu_bytes piece);
    void *body_arg;
};

struct net_answer {
    unsigned status;
    char type[128]; /* Content-Type, or "" */
    struct slu_bytes body;
    void *block; /* private, with its size */
    size_t block_bytes;
};

/* Returns 0; -EDQUOT; -ENOMEM. Owner: the caller, until net_client_destroy */
SLU_MUST_USE int net_client_create(struct slu_budget *budget, struct net_client **out);

/* When no fetch is going on; NULL is accepted, and `*client` becomes NULL. */
void net_client_destroy(struct net_client **client);

/*
 * Ask, and wait for the answer, whatever its status.
 *
 * scope    ends the wait when it is cancelled; has room for one more callback
 * Returns  0; -ECANCELED, -ETIMEDOUT; -EFBIG beyond answer_bytes_max; -EBADMSG for an answer that
 *          cannot be read; -EINVAL, -EPROTONOSUPPORT for the URL; what read_body or write_body
 *          returned; -EDQUOT, -ENOMEM; an errno of the network. `diag` says it with the URL.
 * Owner    the caller frees the answer with net_answer_free
 */
SLU_MUST_USE int net_client_fetch(struct net_client *client, struct slu_scope *scope,
                                  const struct net_ask *ask, struct slu_diag *diag,
                                  struct net_answer *answer);

void net_answer_free(struct net_client *client, struct net_answer *answer);

/* A string's bytes, without the final zero. */
static inline struct slu_bytes net_text(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

#endif
