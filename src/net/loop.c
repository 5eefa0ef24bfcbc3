#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "base/assert.h"
#include "net/connection.h"
#include "net/request.h"
#include "net/server.h"
#include "sys/wall_clock.h"

#define EVENTS_MAX     128
#define TICK_NS        (UINT64_C(1) << 22) /* 4 ms */
#define TIMER_WORK_MAX 4096                /* in one round, so that connections get theirs */
#define SOURCE_WAKE    0                   /* no pool gives this handle */
#define SOURCE_LISTEN  UINT64_MAX

static int watch(struct loop *loop, int fd, uint32_t events, uint64_t source)
{
    struct epoll_event event = {.events = events, .data.u64 = source};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static int descriptors_open(struct loop *loop)
{
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        return -errno;
    }
    loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int err = loop->wake_fd < 0 ? -errno : watch(loop, loop->wake_fd, EPOLLIN, SOURCE_WAKE);
    if (err == 0) {
        err = watch(loop, loop->server->listen_fd, EPOLLIN | EPOLLEXCLUSIVE, SOURCE_LISTEN);
    }
    return err;
}

static int memory_take(struct loop *loop, const struct loop_options *options)
{
    struct slu_wheel_options wheel = {
        .start_ns = slu_clock_monotonic_ns(),
        .tick_ns = TICK_NS,
        .timers_max = 2 * options->connections_max + 2 * options->requests_max + 1,
    };
    struct slu_pool_options connections = {.record_bytes = sizeof(struct connection),
                                           .align_bytes = 64,
                                           .capacity = options->connections_max,
                                           .zeroed = true};
    struct slu_pool_options requests = {.record_bytes = sizeof(struct net_request),
                                        .align_bytes = 64,
                                        .capacity = options->requests_max};
    int err = slu_wheel_create(loop->budget, &wheel, NULL, &loop->wheel);
    if (err == 0) {
        err = slu_pool_create(loop->budget, &connections, NULL, &loop->connections);
    }
    if (err == 0) {
        err = slu_pool_create(loop->budget, &requests, NULL, &loop->requests);
    }
    return err;
}

int loop_init(struct loop *loop, const struct loop_options *options)
{
    *loop = (struct loop){.server = options->server,
                          .budget = options->budget,
                          .index = options->index,
                          .epoll_fd = -1,
                          .wake_fd = -1,
                          .spare_fd = -1};
    mutex_init(&loop->lock);
    slabs_init(&loop->slabs, options->budget);
    int err = memory_take(loop, options);
    if (err == 0) {
        err = descriptors_open(loop);
    }
    if (err != 0) {
        loop_deinit(loop);
    }
    return err;
}

void loop_deinit(struct loop *loop)
{
    if (loop->spare_fd >= 0) {
        close(loop->spare_fd);
    }
    if (loop->wake_fd >= 0) {
        close(loop->wake_fd);
    }
    if (loop->epoll_fd >= 0) {
        close(loop->epoll_fd);
    }
    slabs_deinit(&loop->slabs);
    slu_pool_destroy(&loop->requests);
    slu_pool_destroy(&loop->connections);
    slu_wheel_destroy(&loop->wheel);
    mutex_deinit(&loop->lock);
}

/* Under the lock: once the message is taken, the loop may end, and its descriptors with it. */
static void wake(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof(one));
    SLU_ASSERT(written == (ssize_t)sizeof(one)); /* a counter of 64 bits is never full */
}

void loop_post(struct loop *loop, struct loop_message *message)
{
    mutex_lock(&loop->lock);
    if (!message->is_queued) {
        message->is_queued = true;
        message->next = NULL;
        if (loop->first_message == NULL) {
            loop->first_message = message;
        } else {
            loop->last_message->next = message;
        }
        loop->last_message = message;
        if (!loop->is_woken) {
            loop->is_woken = true;
            wake(loop);
        }
    }
    mutex_unlock(&loop->lock);
}

static struct loop_message *message_take(struct loop *loop)
{
    mutex_lock(&loop->lock);
    struct loop_message *message = loop->first_message;
    if (message != NULL) {
        loop->first_message = message->next;
        message->is_queued = false;
    }
    mutex_unlock(&loop->lock);
    return message;
}

static void mailbox_empty(struct loop *loop)
{
    uint64_t count = 0;
    ssize_t got = read(loop->wake_fd, &count, sizeof(count));
    (void)got; /* nothing to read: then another round has */
    mutex_lock(&loop->lock);
    loop->is_woken = false;
    mutex_unlock(&loop->lock);
    for (struct loop_message *message; (message = message_take(loop)) != NULL;) {
        message->run(loop, message);
    }
}

void loop_turn_later(struct loop *loop, struct connection *connection)
{
    if (connection->is_ready) {
        return;
    }
    connection->is_ready = true;
    connection->next_ready = NULL;
    if (loop->first_ready == NULL) {
        loop->first_ready = connection;
    } else {
        loop->last_ready->next_ready = connection;
    }
    loop->last_ready = connection;
}

/* Those that are there now; what they put behind themselves waits for the next round. */
static void ready_turn(struct loop *loop)
{
    struct connection *connection = loop->first_ready;
    loop->first_ready = NULL;
    while (connection != NULL) {
        struct connection *next = connection->next_ready;
        connection->is_ready = false;
        connection_turn(connection);
        connection = next;
    }
}

const char *loop_date(struct loop *loop)
{
    uint64_t second = loop->now_ns / 1000000000u;
    if (second != loop->date_second || loop->date_text[0] == '\0') {
        time_t now = (time_t)(wall_clock_ns() / 1000000000);
        struct tm parts;
        gmtime_r(&now, &parts);
        strftime(loop->date_text, sizeof(loop->date_text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        loop->date_second = second;
    }
    return loop->date_text;
}

static void event_handle(struct loop *loop, const struct epoll_event *event)
{
    if (event->data.u64 == SOURCE_WAKE) {
        mailbox_empty(loop);
    } else if (event->data.u64 == SOURCE_LISTEN) {
        server_accept(loop->server, loop);
    } else {
        struct connection *connection = slu_pool_resolve(loop->connections, event->data.u64);
        if (connection != NULL) { /* else it was closed earlier in this round */
            connection_event(connection, event->events);
        }
    }
}

static int timeout_of(struct loop *loop, bool timers_left)
{
    if (loop->first_ready != NULL || timers_left) {
        return 0;
    }
    return slu_wheel_timeout_ms(loop->wheel, loop->now_ns);
}

static bool drain_is_over(struct loop *loop)
{
    struct slu_pool_stats requests;
    slu_pool_stats(loop->requests, &requests);
    return requests.taken_count == 0 &&
           atomic_load_explicit(&loop->counters.connections, memory_order_relaxed) == 0;
}

/* Each connection once, whatever the function closes. */
static void connections_each(struct loop *loop, void (*run)(struct connection *connection))
{
    uint32_t position = 0;
    slu_pool_handle handle = 0;
    void *record = NULL;
    while (slu_pool_next(loop->connections, &position, &handle, &record)) {
        run(record);
    }
}

static void connection_drain(struct connection *connection)
{
    connection->protocol->on_drain(connection);
}

static void on_grace_over(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    (void)wheel;
    (void)timer;
    (void)now_ns;
    connections_each(arg, connection_close);
}

void loop_drain(struct loop *loop, uint64_t grace_ns)
{
    if (!loop->is_draining) {
        loop->is_draining = true;
        (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, loop->server->listen_fd, NULL);
        connections_each(loop, connection_drain);
    }
    if (grace_ns == 0) {
        connections_each(loop, connection_close);
    } else if (loop->drain_timer == 0) {
        int err = slu_wheel_add(loop->wheel, loop->now_ns, grace_ns, on_grace_over, loop,
                                &loop->drain_timer);
        SLU_ASSERT(err == 0); /* the wheel has one for this */
    }
}

void loop_run(struct loop *loop)
{
    struct epoll_event events[EVENTS_MAX];
    bool timers_left = false;
    loop->now_ns = slu_clock_monotonic_ns();
    while (!loop->is_draining || !drain_is_over(loop)) {
        int count = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, timeout_of(loop, timers_left));
        loop->now_ns = slu_clock_monotonic_ns();
        SLU_ASSERT(count >= 0 || errno == EINTR);
        for (int i = 0; i < count; i++) {
            event_handle(loop, &events[i]);
        }
        ready_turn(loop);
        timers_left = slu_wheel_advance(loop->wheel, loop->now_ns, TIMER_WORK_MAX);
    }
}
