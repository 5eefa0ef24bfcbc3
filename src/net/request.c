#include "net/request.h"

#include <errno.h>
#include <string.h>

#include <sluice/arena.h>
#include <sluice/budget.h>
#include <sluice/scope.h>

#include "base/assert.h"
#include "net/connection.h"
#include "net/grpc.h"
#include "net/route.h"
#include "net/server.h"
#include "net/worker.h"
#include "scope/wait.h"

#define ARENA_CHUNK_BYTES   ((size_t)4 * 1024)
#define SCOPE_CALLBACKS_MAX 16

static void request_free(struct net_request *request);

static void on_message(struct loop *loop, struct loop_message *message);
static void on_farewell(struct loop *loop, struct loop_message *message);
static void on_posted(struct loop *loop, struct loop_message *message);

struct net_request *request_take(struct connection *connection,
                                 const struct request_protocol *protocol)
{
    struct loop *loop = connection->loop;
    slu_pool_handle handle = 0;
    void *record = NULL;
    if (slu_pool_take(loop->requests, &handle, &record) != 0) {
        loop_count(&loop->counters.shed, 1);
        return NULL;
    }
    struct net_request *request = record;
    memset(request, 0, offsetof(struct net_request, fields));
    request->fields.count = 0;
    request->loop = loop;
    request->connection = connection;
    request->protocol = protocol;
    request->handle = handle;
    request->start_ns = loop->now_ns;
    request->deadline_ns = NET_NEVER;
    request->message.run = on_message;
    request->farewell.run = on_farewell;
    request->posted.run = on_posted;
    mutex_init(&request->lock);
    return request;
}

static void pieces_drop(struct loop *loop, struct response *response)
{
    while (response->first != NULL) {
        struct slab slab = response->first->slab;
        response->first = response->first->next;
        slabs_give(&loop->slabs, &slab);
    }
    response->last = NULL;
}

static void timers_stop(struct net_request *request)
{
    if (request->after_timer != 0) {
        (void)slu_wheel_stop(request->loop->wheel, request->after_timer); /* or it is running */
        request->after_timer = 0;
    }
    if (request->deadline_timer != 0) {
        (void)slu_wheel_stop(request->loop->wheel, request->deadline_timer);
        request->deadline_timer = 0;
    }
}

static void request_free(struct net_request *request)
{
    struct loop *loop = request->loop;
    server_request_ended(loop->server, request);
    if (request->is_counted) {
        loop_count(&loop->counters.active, UINT64_MAX);
    }
    if (request->connection != NULL) {
        request->protocol->forget(request);
    }
    timers_stop(request);
    pieces_drop(loop, &request->response);
    pieces_drop(loop, &request->pending);
    slabs_give(&loop->slabs, &request->head_slab);
    request_body_drop(request);
    if (request->scope != NULL) {
        int err = slu_scope_close(&request->scope);
        SLU_ASSERT(err == 0); /* nothing runs in it: the handler has returned */
    }
    slu_arena_destroy(&request->arena);
    mutex_deinit(&request->lock);
    int err = slu_pool_give(loop->requests, request->handle);
    SLU_ASSERT(err == 0);
}

static void free_if_over(struct net_request *request)
{
    if (!request->is_running && !request->is_held &&
        (request->is_sent || request->connection == NULL)) {
        request_free(request);
    }
}

static void refusal_count(struct net_request *request, unsigned status)
{
    struct loop_counters *counters = &request->loop->counters;
    if (status == 503) {
        loop_count(&counters->shed, 1);
    } else if (status != 404 && status != 405) {
        loop_count(&counters->rejected, 1);
    }
}

void request_refuse(struct net_request *request, unsigned status)
{
    refusal_count(request, status);
    request->is_refused = true;
    request->on_worker = false;
    if (grpc_is_call(request)) {
        grpc_refuse(request, status);
        return;
    }
    if (status == 503) {
        (void)net_response_header(request, "retry-after", net_text("1")); /* there is room */
    }
    if (status == 401) {
        (void)net_response_header(request, "www-authenticate",
                                  net_text(server_challenge(request->loop->server)));
    }
    (void)net_respond_status(request, status); /* a client that has gone hears nothing */
}

/* What a route's own function answers, in place of its handler. Returns whether it did. */
static bool answered_by(struct net_request *request, net_request_fn *run)
{
    request->is_running = true; /* so that it lives when this returns */
    run(request, request->route->arg);
    request->is_running = false;
    return request->response.is_begun;
}

bool request_admit(struct net_request *request, uint64_t body_bytes)
{
    request->length = body_bytes;
    if (request->route->admit == NULL || !answered_by(request, request->route->admit)) {
        return true;
    }
    refusal_count(request, request->response.status);
    request->is_refused = true;
    free_if_over(request);
    return false;
}

void request_shed(struct net_request *request)
{
    if (request->route->shed == NULL || !answered_by(request, request->route->shed)) {
        request_refuse(request, 503);
        return;
    }
    loop_count(&request->loop->counters.shed, 1);
    request->is_refused = true;
    free_if_over(request);
}

static void allow_write(struct net_request *request, unsigned allowed)
{
    char text[64];
    size_t len = 0;
    for (unsigned method = 1; method <= NET_OPTIONS; method <<= 1) {
        if ((allowed & method) != 0) {
            const char *name = method_name(method);
            size_t name_len = strlen(name);
            memcpy(text + len, name, name_len);
            memcpy(text + len + name_len, ", ", 2);
            len += name_len + 2;
        }
    }
    (void)net_response_header(request, "allow", (struct slu_bytes){text, len - 2});
}

unsigned request_route(struct net_request *request, uint64_t body_bytes)
{
    struct net_server *server = request->loop->server;
    unsigned allowed = 0;
    request->route =
        routes_find(&server->routes, request->method, request->path, request->parameters, &allowed);
    if (request->route == NULL) {
        if (allowed == 0) {
            return 404;
        }
        allow_write(request, allowed);
        return 405;
    }
    const struct net_route *route = request->route;
    if (!route->is_open && !server_allows(server, request)) {
        return 401;
    }
    if (body_bytes > route->body_bytes_max) {
        return 413;
    }
    uint64_t timeout_ns =
        route->timeout_ns == 0 ? server->options.request_timeout_ns : route->timeout_ns;
    request->deadline_ns =
        timeout_ns >= NET_NEVER - request->start_ns ? NET_NEVER : request->start_ns + timeout_ns;
    return 0;
}

static void on_deadline(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct net_request *request = arg;
    (void)wheel;
    (void)timer;
    (void)now_ns;
    request->deadline_timer = 0;
    loop_count(&request->loop->counters.timeouts, 1);
    request->protocol->expel(request, 504);
}

void request_deadline_start(struct net_request *request)
{
    struct loop *loop = request->loop;
    if (request->deadline_ns == NET_NEVER || request->deadline_timer != 0) {
        return;
    }
    uint64_t delay_ns =
        request->deadline_ns > loop->now_ns ? request->deadline_ns - loop->now_ns : 0;
    int err = slu_wheel_add(loop->wheel, loop->now_ns, delay_ns, on_deadline, request,
                            &request->deadline_timer);
    SLU_ASSERT(err == 0); /* the wheel has two for each request */
}

void request_run(struct net_request *request)
{
    const struct net_route *route = request->route;
    unsigned status = request_body_decode(request);
    if (status == 0) {
        route->handle(request, route->arg);
    } else if (status == 503 && route->shed != NULL) {
        route->shed(request, route->arg);
    } else {
        if (status == 503) {
            (void)net_response_header(request, "retry-after", net_text("1")); /* there is room */
        }
        (void)net_respond_status(request, status); /* or the client has gone */
    }
}

static void run_on_loop(struct net_request *request)
{
    request->is_running = true;
    request_run(request);
    request->is_running = false;
    if (!request->is_sent && request->connection != NULL) {
        request_deadline_start(request);
    }
    free_if_over(request);
}

void request_dispatch(struct net_request *request)
{
    struct loop *loop = request->loop;
    request->is_counted = true;
    loop_count(&loop->counters.active, 1);
    if (request->body_slab.bytes != NULL) {
        request->body = (struct slu_bytes){request->body_slab.bytes, request->body_len};
    }
    if (request->route->place == NET_ON_LOOP) {
        run_on_loop(request);
        return;
    }
    if (net_request_scope(request) == NULL) {
        request_refuse(request, 503);
        return;
    }
    request->on_worker = true;
    request->is_running = true;
    if (workers_push(loop->server->workers, request) != 0) {
        request->is_running = false;
        request_refuse(request, 503);
        return;
    }
    request_deadline_start(request);
}

static void call(struct net_request *request, struct request_call *once)
{
    struct request_call now = *once;
    *once = (struct request_call){0};
    if (now.run != NULL) {
        bool was_running = request->is_running;
        request->is_running = true;
        now.run(request, now.arg);
        request->is_running = was_running;
    }
}

void request_sent(struct net_request *request, size_t len)
{
    struct response *response = &request->response;
    struct piece *piece = response->first;
    request->sent_bytes += len;
    piece->data += len;
    piece->len -= len;
    if (piece->len == 0) {
        struct slab slab = piece->slab;
        response->first = piece->next;
        response->last = response->first == NULL ? NULL : response->last;
        slabs_give(&request->loop->slabs, &slab);
    }
    if (request->on_worker) {
        mutex_lock(&request->lock);
    }
    request->waiting_bytes -= len < request->waiting_bytes ? len : request->waiting_bytes;
    if (request->waiter != NULL) {
        scope_waiter_wake(request->waiter);
        request->waiter = NULL;
    }
    if (request->on_worker) {
        mutex_unlock(&request->lock);
    }
}

void request_complete(struct net_request *request)
{
    request->is_sent = true;
    free_if_over(request);
}

void request_abandon(struct net_request *request, int err)
{
    loop_count(&request->loop->counters.gone, 1);
    request->connection = NULL;
    mutex_lock(&request->lock);
    request->error = err;
    if (request->waiter != NULL) {
        scope_waiter_wake(request->waiter);
        request->waiter = NULL;
    }
    mutex_unlock(&request->lock);
    if (request->scope != NULL) {
        slu_scope_advance(request->scope, request->loop->now_ns); /* so that a time-out is told */
        slu_scope_cancel(request->scope);
    }
    timers_stop(request);
    pieces_drop(request->loop, &request->response);
    if (request_is_on_loop(request)) {
        call(request, &request->on_gone);
    }
    free_if_over(request);
}

/* A piece with little in it takes no slab of its own for long. */
static bool piece_melt(struct loop *loop, struct response *to, struct piece *piece)
{
    if (to->last == NULL || piece->slab.bytes == NULL || piece_room(to->last) < piece->len) {
        return false;
    }
    memcpy(piece_end(to->last), piece->data, piece->len);
    to->last->len += piece->len;
    struct slab slab = piece->slab;
    slabs_give(&loop->slabs, &slab);
    return true;
}

static void pieces_join(struct loop *loop, struct response *to, struct response *from)
{
    while (from->first != NULL) {
        struct piece *piece = from->first;
        from->first = piece->next;
        piece->next = NULL;
        if (piece_melt(loop, to, piece)) {
            continue;
        }
        if (to->first == NULL) {
            to->first = piece;
        } else {
            to->last->next = piece;
        }
        to->last = piece;
    }
    from->last = NULL;
}

static void response_join(struct response *to, const struct response *from)
{
    if (from->is_begun && !to->is_begun) {
        to->status = from->status;
        to->type = from->type;
        to->length = from->length;
        to->is_whole = from->is_whole;
        to->is_begun = true;
    }
    to->is_ended |= from->is_ended;
}

/* The worker's handler has returned, and has not answered all. */
static void leave_unanswered(struct net_request *request)
{
    if (request->response.is_begun) {
        request->protocol->expel(request, 500);
        return;
    }
    int err = slu_scope_check(request->scope, request->loop->now_ns);
    request->fields_bytes = 0;
    request_refuse(request, err == -ETIMEDOUT ? 504 : err == -ECANCELED ? 503 : 500);
}

/* What the worker has written since the last time. */
static void collect(struct net_request *request)
{
    mutex_lock(&request->lock);
    response_join(&request->response, &request->pending);
    pieces_join(request->loop, &request->response, &request->pending);
    mutex_unlock(&request->lock);
    if (request->connection == NULL) {
        pieces_drop(request->loop, &request->response);
    } else {
        request->protocol->wake(request);
    }
}

static void on_message(struct loop *loop, struct loop_message *message)
{
    (void)loop;
    collect(
        (struct net_request *)(void *)((char *)message - offsetof(struct net_request, message)));
}

/* Posted last, so that no other message of the request is on its way. */
static void on_farewell(struct loop *loop, struct loop_message *message)
{
    struct net_request *request =
        (struct net_request *)(void *)((char *)message - offsetof(struct net_request, farewell));
    (void)loop;
    collect(request);
    if (request->connection != NULL && !request->response.is_ended) {
        leave_unanswered(request);
    }
    request->is_running = false;
    free_if_over(request);
}

static void on_posted(struct loop *loop, struct loop_message *message)
{
    struct net_request *request =
        (struct net_request *)(void *)((char *)message - offsetof(struct net_request, posted));
    (void)loop;
    request->is_held = false;
    call(request, &request->post);
    free_if_over(request);
}

void net_request_hold(struct net_request *request)
{
    SLU_ASSERT(request_is_on_loop(request) && request->is_running && !request->is_held);
    request->is_held = true;
}

void net_request_post(struct net_request *request, net_request_fn *run, void *arg)
{
    request->post = (struct request_call){run, arg}; /* the loop's lock publishes it */
    loop_post(request->loop, &request->posted);
}

void request_wake(struct net_request *request)
{
    if (request_is_on_loop(request)) {
        request->protocol->wake(request);
    } else {
        loop_post(request->loop, &request->message);
    }
}

static struct slu_scope *scope_make(struct net_request *request, struct slu_scope *parent,
                                    uint32_t task_max)
{
    struct slu_scope_options options = {
        .name = "request",
        .deadline_ns = request->deadline_ns == NET_NEVER ? 0 : request->deadline_ns,
        .callback_max = SCOPE_CALLBACKS_MAX,
        .task_max = task_max,
        .task_stack_bytes = task_max == 0 ? 0 : request->loop->server->options.worker_stack_bytes,
    };
    struct slu_scope *scope = NULL;
    return slu_scope_create(parent, &options, NULL, &scope) == 0 ? scope : NULL;
}

struct slu_scope *net_request_scope(struct net_request *request)
{
    if (request->scope == NULL) {
        request->scope = scope_make(request, request->loop->server->scope, 0);
        if (request->scope != NULL && request->connection == NULL) {
            slu_scope_cancel(request->scope);
        }
    }
    if (request_is_on_loop(request)) {
        return request->scope;
    }
    if (request->worker_scope == NULL) {
        request->worker_scope = scope_make(request, request->scope, NET_REQUEST_TASKS_MAX);
    }
    return request->worker_scope == NULL ? request->scope : request->worker_scope;
}

struct slu_arena *net_request_arena(struct net_request *request)
{
    if (request->arena == NULL) {
        struct slu_arena_options options = {.chunk_bytes = ARENA_CHUNK_BYTES,
                                            .limit_bytes = request->loop->server->arena_bytes_max};
        if (slu_arena_create(request->loop->budget, &options, NULL, &request->arena) != 0) {
            return NULL;
        }
    }
    return request->arena;
}

struct slu_budget *net_request_budget(const struct net_request *request)
{
    return request->loop->budget;
}

void net_request_on_room(struct net_request *request, net_request_fn *run, void *arg)
{
    request->on_room = (struct request_call){run, arg};
}

void net_request_on_gone(struct net_request *request, net_request_fn *run, void *arg)
{
    request->on_gone = (struct request_call){run, arg};
}

void request_room(struct net_request *request)
{
    call(request, &request->on_room);
    free_if_over(request);
}

static void on_after(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct net_request *request = arg;
    (void)wheel;
    (void)timer;
    (void)now_ns;
    request->after_timer = 0;
    call(request, &request->after);
    free_if_over(request);
}

int net_request_after(struct net_request *request, uint64_t delay_ns, net_request_fn *run,
                      void *arg)
{
    struct loop *loop = request->loop;
    SLU_ASSERT(request_is_on_loop(request));
    if (request->after_timer != 0) {
        return -EBUSY;
    }
    request->after = (struct request_call){run, arg};
    return slu_wheel_add(loop->wheel, loop->now_ns, delay_ns, on_after, request,
                         &request->after_timer);
}
