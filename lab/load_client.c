#include "load_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/quantile.h>

#define TEXT_BYTES    2048
#define EVENTS_MAX    256
#define FINISH_NS     UINT64_C(2000000000)
#define BEAT_BYTES    7 /* a masked text frame of one byte */
#define GREETING_WAIT 100

struct client {
    int fd;
    uint64_t session;    /* the how-manieth that was connected */
    uint64_t sent_count; /* since then */
    uint64_t asked_ns;
    bool is_waiting; /* for an answer */
    struct client *next_free;
};

struct load_clients {
    struct slu_budget *budget;
    struct slu_quantile_sketch *latency; /* in milliseconds */
    struct load_options options;
    struct load_count count;
    uint64_t random;
    uint64_t session_count;
    uint64_t asked_count; /* of what was due, sent or late */
    int epoll;
    uint32_t waiting_count;
    struct client *free_first; /* a queue, so that each has its turn */
    struct client *free_last;
    struct client clients[];
};

/* xorshift64*: Vigna 2016. */
static uint64_t random_below(struct load_clients *clients, uint64_t bound)
{
    clients->random ^= clients->random >> 12;
    clients->random ^= clients->random << 25;
    clients->random ^= clients->random >> 27;
    return (clients->random * UINT64_C(2685821657736338717) >> 16) % bound;
}

static uint64_t place_value(struct load_clients *clients, const struct client *client,
                            const char *name, size_t len)
{
    if (len == 2 && memcmp(name, "id", 2) == 0) {
        return random_below(clients, clients->options.ids);
    }
    if (len == 6 && memcmp(name, "client", 6) == 0) {
        return random_below(clients, clients->options.clients);
    }
    if (len == 7 && memcmp(name, "session", 7) == 0) {
        return client->session;
    }
    return len == 3 ? clients->count.sent : (uint64_t)(client - clients->clients);
}

/* The template with its numbers. Returns its length. */
static size_t path_write(struct load_clients *clients, const struct client *client, char *text,
                         size_t bytes)
{
    size_t len = 0;
    for (const char *at = clients->options.path; *at != '\0' && len + 24 < bytes;) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end == NULL) {
            text[len++] = *at++;
            continue;
        }
        uint64_t value = place_value(clients, client, at + 1, (size_t)(end - at) - 1);
        len += (size_t)snprintf(text + len, bytes - len, "%" PRIu64, value);
        at = end + 1;
    }
    text[len] = '\0';
    return len;
}

static int client_connect(struct load_clients *clients, struct client *client)
{
    const struct sockaddr_in server = {.sin_family = AF_INET,
                                       .sin_port = htons(clients->options.port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int one = 1;
    client->session = clients->session_count++;
    client->sent_count = 0;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (const struct sockaddr *)&server, sizeof(server)) != 0 ||
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
        epoll_ctl(clients->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0) {
        return -errno;
    }
    return 0;
}

/* A WebSocket's greeting, and the server's answer. */
static int client_greet(const struct client *client)
{
    static const char greeting[] = "GET /beat HTTP/1.1\r\nHost: lab\r\nUpgrade: websocket\r\n"
                                   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char answer[TEXT_BYTES];
    size_t len = 0;
    if (send(client->fd, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL) !=
        (ssize_t)sizeof(greeting) - 1) {
        return -errno;
    }
    while (len < 4 || memcmp(answer + len - 4, "\r\n\r\n", 4) != 0) {
        ssize_t got = len < sizeof(answer) ? recv(client->fd, answer + len, 1, 0) : 0;
        if (got <= 0) {
            return -ECONNRESET;
        }
        len++;
    }
    return memcmp(answer, "HTTP/1.1 101", 12) == 0 ? 0 : -ECONNREFUSED;
}

static void free_put(struct load_clients *clients, struct client *client)
{
    client->next_free = NULL;
    *(clients->free_first == NULL ? &clients->free_first : &clients->free_last->next_free) = client;
    clients->free_last = client;
}

static struct client *free_take(struct load_clients *clients)
{
    struct client *client = clients->free_first;
    if (client != NULL) {
        clients->free_first = client->next_free;
    }
    return client;
}

static size_t bytes_of(const struct load_options *options)
{
    return sizeof(struct load_clients) + options->connections * sizeof(struct client);
}

int load_clients_create(struct slu_budget *budget, const struct load_options *options,
                        struct load_clients **out)
{
    const struct slu_quantile_sketch_options sketch = {.size_bytes = 16384};
    void *block = NULL;
    int err = slu_budget_alloc(budget, bytes_of(options), &block);
    if (err != 0) {
        return err;
    }
    struct load_clients *clients = block;
    clients->budget = budget;
    clients->options = *options;
    clients->random = options->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    clients->epoll = epoll_create1(EPOLL_CLOEXEC);
    err = clients->epoll < 0 ? -errno
                             : slu_quantile_sketch_create(budget, &sketch, NULL, &clients->latency);
    for (uint32_t i = 0; i < options->connections; i++) {
        clients->clients[i].fd = -1;
    }
    for (uint32_t i = 0; i < options->connections && err == 0; i++) {
        err = client_connect(clients, &clients->clients[i]);
        err = err == 0 && options->beats ? client_greet(&clients->clients[i]) : err;
        free_put(clients, &clients->clients[i]);
    }
    *out = clients;
    if (err != 0) {
        load_clients_destroy(out);
    }
    return err;
}

void load_clients_destroy(struct load_clients **clients)
{
    for (uint32_t i = 0; i < (*clients)->options.connections; i++) {
        if ((*clients)->clients[i].fd >= 0) {
            close((*clients)->clients[i].fd);
        }
    }
    if ((*clients)->epoll >= 0) {
        close((*clients)->epoll);
    }
    slu_quantile_sketch_destroy(&(*clients)->latency);
    slu_budget_free((*clients)->budget, *clients, bytes_of(&(*clients)->options));
    *clients = NULL;
}

/* As a new client. One that cannot connect stays away. */
static void client_renew(struct load_clients *clients, struct client *client)
{
    close(client->fd);
    if (client_connect(clients, client) == 0) {
        free_put(clients, client);
    } else {
        clients->count.failed++;
    }
}

static void beat_send(struct load_clients *clients, struct client *client)
{
    static const unsigned char beat[BEAT_BYTES] = {0x81, 0x81, 1, 2, 3, 4, 'b' ^ 1};
    if (send(client->fd, beat, sizeof(beat), MSG_NOSIGNAL) == BEAT_BYTES) {
        clients->count.sent++;
        free_put(clients, client);
    } else {
        clients->count.failed++;
    }
}

static void request_send(struct load_clients *clients, struct client *client)
{
    char text[TEXT_BYTES];
    char path[TEXT_BYTES / 2];
    (void)path_write(clients, client, path, sizeof(path));
    int len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: lab\r\n\r\n", path);
    if (send(client->fd, text, (size_t)len, MSG_NOSIGNAL) != len) {
        clients->count.failed++;
        client_renew(clients, client);
        return;
    }
    clients->count.sent++;
    client->sent_count++;
    if (random_below(clients, 100) < clients->options.abandon_percent) {
        clients->count.abandoned++;
        client_renew(clients, client);
    } else {
        client->is_waiting = true;
        client->asked_ns = slu_clock_monotonic_ns();
        clients->waiting_count++;
    }
}

/* An answer is small: it comes in one piece. */
static void answer_take(struct load_clients *clients, struct client *client)
{
    char answer[TEXT_BYTES];
    ssize_t got = recv(client->fd, answer, sizeof(answer), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    bool was_waiting = client->is_waiting;
    clients->waiting_count -= was_waiting ? 1 : 0;
    client->is_waiting = false;
    if (got <= 0) {
        clients->count.failed += was_waiting ? 1 : 0;
        client_renew(clients, client);
        return;
    }
    if (was_waiting) {
        double passed_ms = (double)(slu_clock_monotonic_ns() - client->asked_ns) / 1e6;
        clients->count.failed += slu_quantile_sketch_add(clients->latency, passed_ms) != 0;
    }
    bool is_fine = got > 12 && memcmp(answer + 9, "200", 3) == 0;
    clients->count.answered += is_fine && was_waiting ? 1 : 0;
    clients->count.refused += !is_fine && was_waiting ? 1 : 0;
    if (clients->options.hold > 0 && client->sent_count >= clients->options.hold) {
        client_renew(clients, client);
    } else if (was_waiting) {
        free_put(clients, client);
    }
}

static void answers_take(struct load_clients *clients, uint64_t wait_ns)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(clients->epoll, events, EVENTS_MAX, (int)(wait_ns / 1000000));
    for (int i = 0; i < count; i++) {
        answer_take(clients, events[i].data.ptr);
    }
}

void load_clients_turn(struct load_clients *clients, uint64_t due_count, uint64_t wait_ns)
{
    while (clients->asked_count < due_count && clients->free_first != NULL) {
        struct client *client = free_take(clients);
        clients->asked_count++;
        if (clients->options.beats) {
            beat_send(clients, client);
        } else {
            request_send(clients, client);
        }
    }
    if (clients->asked_count < due_count) {
        clients->count.late += due_count - clients->asked_count;
        clients->asked_count = due_count;
    }
    answers_take(clients, wait_ns);
}

void load_clients_finish(struct load_clients *clients)
{
    uint64_t end_ns = slu_clock_monotonic_ns() + FINISH_NS;
    while (clients->waiting_count > 0 && slu_clock_monotonic_ns() < end_ns) {
        answers_take(clients, UINT64_C(1000000));
    }
    clients->count.failed += clients->waiting_count;
}

struct load_count load_clients_count(const struct load_clients *clients)
{
    static const double asked[] = {0.5, 0.99, 0.999};
    double found[3] = {NAN, NAN, NAN};
    struct load_count count = clients->count;
    if (slu_quantile_sketch_get(clients->latency, asked, 3, found) == 0) {
        count.p50_ms = found[0];
        count.p99_ms = found[1];
        count.p999_ms = found[2];
    }
    return count;
}
