#include "net/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/gate.h>
#include <sluice/scope.h>

#include "base/diag.h"
#include "net/access_log.h"
#include "net/auth.h"
#include "net/connection.h"
#include "net/http1_head.h"
#include "net/listener.h"
#include "net/measures.h"
#include "net/request.h"
#include "net/tls.h"
#include "net/worker.h"
#include "sys/deadline.h"

#define SECOND_NS        UINT64_C(1000000000)
#define ACCEPT_MAX       64 /* in one round */
#define ADDRESSES_MAX    16384
#define LOOP_STACK_BYTES ((size_t)256 * 1024)
#define ARENA_BYTES_MAX  ((uint64_t)64 * 1024 * 1024)

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value == 0 ? otherwise : value;
}

static void numbers_fill(struct net_server_options *options)
{
    bool needs_workers = false;
    for (uint32_t i = 0; i < options->route_count; i++) {
        needs_workers |= options->routes[i].place == NET_ON_WORKER;
    }
    options->loop_count = (uint32_t)or_default(options->loop_count, 1);
    options->worker_count = (uint32_t)or_default(options->worker_count, needs_workers ? 2 : 0);
    options->worker_queue_max =
        (uint32_t)or_default(options->worker_queue_max, 16 * (uint64_t)options->worker_count);
    options->worker_stack_bytes = or_default(options->worker_stack_bytes, LOOP_STACK_BYTES);
    options->connections_max = (uint32_t)or_default(options->connections_max, 1024);
    options->requests_max = (uint32_t)or_default(options->requests_max, 256);
    options->address_burst = (uint32_t)or_default(options->address_burst, options->address_rate);
    options->streams_max = (uint32_t)or_default(options->streams_max, 100);
    options->websocket_bytes_max = or_default(options->websocket_bytes_max, 1 << 20);
    options->response_bytes_max = or_default(options->response_bytes_max, 256 * 1024);
}

static void times_fill(struct net_server_options *options)
{
    options->header_timeout_ns = or_default(options->header_timeout_ns, 10 * SECOND_NS);
    options->body_timeout_ns = or_default(options->body_timeout_ns, 20 * SECOND_NS);
    options->write_timeout_ns = or_default(options->write_timeout_ns, 20 * SECOND_NS);
    options->idle_timeout_ns = or_default(options->idle_timeout_ns, 75 * SECOND_NS);
    options->request_timeout_ns = or_default(options->request_timeout_ns, 60 * SECOND_NS);
    options->ping_ns = or_default(options->ping_ns, 30 * SECOND_NS);
}

static int secrets_check(const char *const *secrets, uint32_t count, struct slu_diag *diag)
{
    for (uint32_t i = 0; i < count; i++) {
        if (secrets[i] == NULL || secrets[i][0] == '\0') {
            return diag_fail(diag, -EINVAL, "an empty token or login would let anybody in");
        }
    }
    return 0;
}

static int options_check(const struct net_server_options *options, struct slu_diag *diag)
{
    struct routes routes = {options->routes, options->route_count};
    if (options->budget == NULL || options->scope == NULL ||
        (options->listen == NULL && options->listen_fd <= 0)) {
        return diag_fail(diag, -EINVAL, "a server needs a budget, a scope and an address");
    }
    if (options->loop_count > NET_LOOPS_MAX || options->worker_count > NET_WORKERS_MAX ||
        options->connections_max > NET_CONNECTIONS_MAX ||
        options->requests_max > NET_CONNECTIONS_MAX) {
        return diag_fail(diag, -EINVAL, "at most %d loops, %d workers, %u connections and requests",
                         NET_LOOPS_MAX, NET_WORKERS_MAX, NET_CONNECTIONS_MAX);
    }
    int err = routes_check(&routes, diag);
    if (err == 0 && options->auth != NULL) {
        err = secrets_check(options->auth->tokens, options->auth->token_count, diag);
    }
    if (err == 0 && options->auth != NULL) {
        err = secrets_check(options->auth->logins, options->auth->login_count, diag);
    }
    return err;
}

static int listen_start(struct net_server *server, struct slu_diag *diag)
{
    const struct net_server_options *options = &server->options;
    bool allow_others = options->allow_open || options->auth != NULL;
    struct listener listener;
    int err = options->listen_fd > 0
                  ? listener_adopt(options->listen_fd, allow_others, diag, &listener)
                  : listener_open(options->listen, allow_others, diag, &listener);
    if (err == 0) {
        server->listen_fd = listener.fd;
        server->port = listener.port;
    }
    return err;
}

static int gate_start(struct net_server *server)
{
    const struct net_server_options *options = &server->options;
    if (options->address_rate == 0) {
        return 0;
    }
    struct slu_gate_class class_of = {.limit = {.count = options->address_rate,
                                                .period_ns = SECOND_NS,
                                                .burst = options->address_burst}};
    struct slu_gate_options gate = {
        .keys_max = ADDRESSES_MAX, .classes = &class_of, .class_count = 1, .policy = SLU_GATE_DENY};
    return slu_gate_create(server->budget, &gate, NULL, &server->gate);
}

static int scope_start(struct net_server *server, struct slu_diag *diag)
{
    const struct net_server_options *options = &server->options;
    struct slu_scope_options scope = {
        .name = "net-server",
        .budget = server->budget,
        .task_max =
            options->loop_count + options->worker_count + (options->access_log_fd > 0 ? 1u : 0u),
        .callback_max = 1,
        .task_stack_bytes = options->worker_stack_bytes < LOOP_STACK_BYTES
                                ? LOOP_STACK_BYTES
                                : options->worker_stack_bytes,
    };
    return slu_scope_create(options->scope, &scope, diag, &server->scope);
}

static void run_loop(struct slu_scope *scope, void *arg)
{
    struct loop *loop = arg;
    struct net_server *server = loop->server;
    (void)scope;
    loop_run(loop);
    mutex_lock(&server->lock);
    if (--server->running_count == 0) {
        condition_broadcast(&server->ended);
    }
    mutex_unlock(&server->lock);
}

static void on_drain(struct loop *loop, struct loop_message *message)
{
    (void)message;
    mutex_lock(&loop->server->lock);
    uint64_t grace_ns = loop->server->grace_ns;
    mutex_unlock(&loop->server->lock);
    loop_drain(loop, grace_ns);
}

/* All loops, once they have been told. */
static void drain(struct net_server *server, uint64_t grace_ns)
{
    mutex_lock(&server->lock);
    server->grace_ns = grace_ns < server->grace_ns ? grace_ns : server->grace_ns;
    mutex_unlock(&server->lock);
    for (uint32_t i = 0; i < server->options.loop_count; i++) {
        loop_post(&server->loops[i], &server->loops[i].drain);
    }
}

static void on_cancel(struct slu_scope *scope, void *arg)
{
    struct net_server *server = arg;
    (void)scope;
    drain(server, 0);
    if (server->workers != NULL) {
        workers_stop(server->workers);
    }
    if (server->log != NULL) {
        access_log_stop(server->log);
    }
}

static int loops_init(struct net_server *server, uint32_t *made)
{
    int err = 0;
    for (*made = 0; err == 0 && *made < server->options.loop_count; *made += err == 0) {
        struct loop_options loop = {
            .server = server,
            .budget = server->budget,
            .index = *made,
            .connections_max = server->options.connections_max,
            .requests_max = server->options.requests_max,
        };
        err = loop_init(&server->loops[*made], &loop);
        server->loops[*made].drain.run = on_drain;
    }
    return err;
}

static int log_start(struct net_server *server)
{
    struct access_log_options log = {.budget = server->budget,
                                     .scope = server->scope,
                                     .fd = server->options.access_log_fd,
                                     .is_combined = server->options.access_log_combined};
    return log.fd > 0 ? access_log_start(&log, &server->log) : 0;
}

static int tasks_start(struct net_server *server)
{
    int err = log_start(server);
    if (err == 0 && server->options.meter != NULL) {
        err = measures_start(server, &server->measures);
    }
    if (err == 0 && server->options.worker_count > 0) {
        struct workers_options workers = {.budget = server->budget,
                                          .scope = server->scope,
                                          .worker_count = server->options.worker_count,
                                          .queue_max = server->options.worker_queue_max};
        err = workers_start(&workers, &server->workers);
    }
    for (uint32_t i = 0; err == 0 && i < server->options.loop_count; i++) {
        mutex_lock(&server->lock);
        server->running_count++;
        mutex_unlock(&server->lock);
        err = slu_go(server->scope, "net-loop", run_loop, &server->loops[i]);
        if (err != 0) {
            mutex_lock(&server->lock);
            server->running_count--;
            mutex_unlock(&server->lock);
        }
    }
    if (err == 0) {
        err = slu_scope_callback_add(server->scope, on_cancel, server, &server->cancel_handle);
    }
    return err;
}

static void tasks_end(struct net_server *server)
{
    mutex_lock(&server->lock);
    while (server->running_count > 0) {
        (void)condition_wait_until(&server->ended, &server->lock, DEADLINE_NEVER);
    }
    mutex_unlock(&server->lock);
    if (server->workers != NULL) {
        workers_stop(server->workers);
    }
    if (server->log != NULL) {
        access_log_stop(server->log);
    }
}

static void server_free(struct net_server **server, uint32_t loops_made)
{
    struct net_server *gone = *server;
    if (gone->scope != NULL) {
        int err = slu_scope_close(&gone->scope);
        SLU_ASSERT(err == 0); /* net_server_stop is not called from its threads */
    }
    workers_destroy(&gone->workers);
    access_log_destroy(&gone->log);
    measures_destroy(&gone->measures);
    for (uint32_t i = 0; i < loops_made; i++) {
        loop_deinit(&gone->loops[i]);
    }
    if (gone->listen_fd >= 0) {
        close(gone->listen_fd);
    }
    tls_destroy(&gone->tls);
    slu_gate_destroy(&gone->gate);
    condition_deinit(&gone->ended);
    mutex_deinit(&gone->lock);
    slu_budget_free(gone->budget, gone, gone->block_bytes);
    *server = NULL;
}

static int parts_start(struct net_server *server, struct slu_diag *diag, uint32_t *loops_made)
{
    int err = gate_start(server);
    if (err == 0 && server->options.tls != NULL) {
        err = tls_create(server->budget, server->options.tls, diag, &server->tls);
    }
    if (err == 0) {
        err = scope_start(server, diag);
    }
    if (err == 0) {
        err = listen_start(server, diag);
    }
    if (err == 0) {
        err = loops_init(server, loops_made);
    }
    if (err == 0) {
        err = tasks_start(server);
        if (err != 0) {
            drain(server, 0);
            tasks_end(server);
        }
    }
    return err;
}

int net_server_start(const struct net_server_options *options, struct slu_diag *diag,
                     struct net_server **out)
{
    int err = options_check(options, diag);
    if (err != 0) {
        return err;
    }
    uint32_t loop_count = options->loop_count == 0 ? 1 : options->loop_count;
    size_t block_bytes = sizeof(struct net_server) + loop_count * sizeof(struct loop);
    void *block = NULL;
    err = slu_budget_alloc(options->budget, block_bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err, "the budget %s has no room for a server",
                         slu_budget_name(options->budget));
    }
    struct net_server *server = block;
    server->options = *options;
    server->budget = options->budget;
    server->routes = (struct routes){options->routes, options->route_count};
    server->block_bytes = block_bytes;
    server->listen_fd = -1;
    server->grace_ns = NET_NEVER;
    server->arena_bytes_max = ARENA_BYTES_MAX;
    mutex_init(&server->lock);
    condition_init(&server->ended);
    numbers_fill(&server->options);
    times_fill(&server->options);
    uint32_t loops_made = 0;
    err = parts_start(server, diag, &loops_made);
    if (err != 0) {
        server_free(&server, loops_made);
        return err == -EINVAL ? err
                              : diag_fail(diag, err, "cannot start the server on %.100s: %s",
                                          options->listen != NULL ? options->listen : "its socket",
                                          strerror(-err));
    }
    *out = server;
    return 0;
}

uint16_t net_server_port(const struct net_server *server)
{
    return server->port;
}

int net_server_reload(struct net_server *server, struct slu_diag *diag)
{
    return server->tls == NULL ? 0 : tls_reload(server->tls, diag);
}

void net_server_stop(struct net_server **server, uint64_t grace_ns)
{
    if (server == NULL || *server == NULL) {
        return;
    }
    drain(*server, grace_ns);
    tasks_end(*server);
    (void)slu_scope_callback_remove((*server)->scope, (*server)->cancel_handle); /* or it has run */
    server_free(server, (*server)->options.loop_count);
}

void net_server_stats(struct net_server *server, struct net_server_stats *out)
{
    struct net_server_stats sum = {0};
    for (uint32_t i = 0; i < server->options.loop_count; i++) {
        struct loop_counters *counters = &server->loops[i].counters;
        sum.accepted_count += atomic_load_explicit(&counters->accepted, memory_order_relaxed);
        sum.refused_count += atomic_load_explicit(&counters->refused, memory_order_relaxed);
        sum.connection_count += atomic_load_explicit(&counters->connections, memory_order_relaxed);
        sum.request_count += atomic_load_explicit(&counters->requests, memory_order_relaxed);
        sum.active_count += atomic_load_explicit(&counters->active, memory_order_relaxed);
        sum.timeout_count += atomic_load_explicit(&counters->timeouts, memory_order_relaxed);
        sum.rejected_count += atomic_load_explicit(&counters->rejected, memory_order_relaxed);
        sum.shed_count += atomic_load_explicit(&counters->shed, memory_order_relaxed);
        sum.gone_count += atomic_load_explicit(&counters->gone, memory_order_relaxed);
    }
    sum.log_dropped_count = server->log == NULL ? 0 : access_log_dropped(server->log);
    *out = sum;
}

/* The process has no descriptor left: take the first who waits, and send it away. */
static void accept_shed(struct loop *loop)
{
    if (loop->spare_fd < 0) {
        return;
    }
    close(loop->spare_fd);
    int fd = accept4(loop->server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        loop_count(&loop->counters.refused, 1);
        close(fd);
    }
    loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static bool address_is_let_in(struct net_server *server, struct loop *loop, const void *address,
                              size_t len)
{
    struct slu_gate_key key;
    if (server->gate == NULL ||
        slu_gate_key_sockaddr(server->gate, address, len, &key) != 0) { /* of the machine's own */
        return true;
    }
    return slu_gate_allow(server->gate, 0, key, loop->now_ns);
}

void server_accept(struct net_server *server, struct loop *loop)
{
    for (int i = 0; i < ACCEPT_MAX && !loop->is_draining; i++) {
        struct sockaddr_storage address;
        socklen_t len = sizeof(address);
        int fd = accept4(server->listen_fd, (struct sockaddr *)(void *)&address, &len,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                accept_shed(loop);
            }
            return;
        }
        if (address_is_let_in(server, loop, &address, len)) {
            connection_open(loop, fd, &address, len);
        } else {
            loop_count(&loop->counters.refused, 1);
            close(fd);
        }
    }
}

bool server_allows(const struct net_server *server, const struct net_request *request)
{
    struct slu_bytes value;
    return server->options.auth == NULL ||
           (head_field_find(&request->fields, "authorization", &value) &&
            auth_allows(server->options.auth, value));
}

const char *server_challenge(const struct net_server *server)
{
    return server->options.auth->login_count > 0 ? "Basic realm=\"sluice\"" : "Bearer";
}

void server_request_ended(struct net_server *server, const struct net_request *request)
{
    if (server->log == NULL && server->measures == NULL) {
        return;
    }
    uint64_t now_ns = slu_clock_monotonic_ns(); /* the loop's is that of its turn's beginning */
    if (server->log != NULL) {
        access_log_add(server->log, request, now_ns);
    }
    if (server->measures != NULL) {
        measures_add(server->measures, request, now_ns);
    }
}
