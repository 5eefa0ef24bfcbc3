/* The client against our own server, and against sockets that answer badly. */
#include "net/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/scope.h>

#include "budget.h"
#include "harness.h"
#include "net/url.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define SECOND_NS    UINT64_C(1000000000)
#define LARGE_BYTES  ((size_t)300000)

static char large[LARGE_BYTES];

static void answer(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, "text/plain", (struct slu_bytes){large, sizeof(large)});
}

static void echo(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, "text/echo", net_request_body(request));
}

static void lines(struct net_request *request, void *arg)
{
    (void)arg;
    int err = net_response_begin(request, 201, NULL);
    for (int i = 0; err == 0 && i < 3000; i++) {
        err = net_response_write(request, net_text("a line\n"));
    }
    net_response_end(request);
}

static void silence(struct net_request *request, void *arg)
{
    (void)request;
    (void)arg;
}

static const struct net_route routes[] = {
    {.methods = NET_GET, .path = "/large", .handle = answer},
    {.methods = NET_POST | NET_PUT, .path = "/echo", .handle = echo, .body_bytes_max = 1 << 20},
    {.methods = NET_GET, .path = "/lines", .handle = lines, .place = NET_ON_WORKER},
    {.methods = NET_GET, .path = "/silence", .handle = silence},
};

struct subject {
    struct slu_budget *budget;
    struct slu_scope *scope; /* of who asks: its end must not end the server */
    struct slu_scope *server_scope;
    struct net_server *server;
    struct net_client *client;
    char url[64];
};

static int setup(void **state)
{
    static struct subject subject;
    subject = (struct subject){.budget = budget_of(BUDGET_BYTES)};
    struct slu_scope_options options = {
        .name = "client", .budget = subject.budget, .callback_max = 4};
    struct net_server_options server = {
        .listen = ":0", .routes = routes, .route_count = 4, .budget = subject.budget};
    assert_int_equal(slu_scope_create(NULL, &options, NULL, &subject.scope), 0);
    options.name = "server";
    assert_int_equal(slu_scope_create(NULL, &options, NULL, &subject.server_scope), 0);
    server.scope = subject.server_scope;
    assert_int_equal(net_server_start(&server, NULL, &subject.server), 0);
    assert_int_equal(net_client_create(subject.budget, &subject.client), 0);
    for (size_t i = 0; i < LARGE_BYTES; i++) {
        large[i] = (char)(i % 251);
    }
    *state = &subject;
    return 0;
}

static int teardown(void **state)
{
    struct subject *subject = *state;
    net_client_destroy(&subject->client);
    net_server_stop(&subject->server, 0);
    assert_int_equal(slu_scope_close(&subject->server_scope), 0);
    assert_int_equal(slu_scope_close(&subject->scope), 0);
    slu_budget_destroy(&subject->budget); /* asserts that nothing is charged any more */
    return 0;
}

static const char *url_of(struct subject *subject, unsigned port, const char *path)
{
    int len = snprintf(subject->url, sizeof(subject->url), "http://127.0.0.1:%u%s", port, path);
    assert_true(len > 0 && len < (int)sizeof(subject->url));
    return subject->url;
}

static struct net_ask ask_of(struct subject *subject, const char *path)
{
    return (struct net_ask){.url = url_of(subject, net_server_port(subject->server), path),
                            .answer_bytes_max = 1 << 20};
}

static int fetch(struct subject *subject, const struct net_ask *ask, struct net_answer *got)
{
    struct slu_diag diag = {.message = ""};
    int err = net_client_fetch(subject->client, subject->scope, ask, &diag, got);
    assert_true((err == 0) == (diag.message[0] == '\0'));
    return err;
}

static void answers_come_whole_over_one_connection(void **state)
{
    struct subject *subject = *state;
    struct net_answer got;
    struct net_server_stats stats;
    for (int i = 0; i < 20; i++) {
        struct net_ask ask = ask_of(subject, i % 2 == 0 ? "/large" : "/lines");
        assert_int_equal(fetch(subject, &ask, &got), 0);
        assert_int_equal(got.status, i % 2 == 0 ? 200 : 201);
        assert_int_equal(got.body.len, i % 2 == 0 ? LARGE_BYTES : 21000);
        if (i % 2 == 0) {
            assert_memory_equal(got.body.data, large, LARGE_BYTES);
            assert_string_equal(got.type, "text/plain");
        }
        net_answer_free(subject->client, &got);
    }
    struct net_ask head = ask_of(subject, "/large");
    head.method = NET_HEAD;
    assert_int_equal(fetch(subject, &head, &got), 0);
    assert_int_equal(got.body.len, 0);
    net_answer_free(subject->client, &got);
    struct net_ask none = ask_of(subject, "/none");
    assert_int_equal(fetch(subject, &none, &got), 0);
    assert_int_equal(got.status, 404);
    net_answer_free(subject->client, &got);
    net_server_stats(subject->server, &stats);
    assert_int_equal(stats.accepted_count, 1);
}

struct pieces {
    size_t sent;
    size_t taken;
};

static int piece_read(void *arg, struct slu_bytes *piece)
{
    struct pieces *pieces = arg;
    size_t left = LARGE_BYTES - pieces->sent;
    *piece = (struct slu_bytes){large + pieces->sent, left < 7777 ? left : 7777};
    pieces->sent += piece->len;
    return 0;
}

static int piece_write(void *arg, struct slu_bytes piece)
{
    struct pieces *pieces = arg;
    assert_memory_equal(piece.data, large + pieces->taken, piece.len);
    pieces->taken += piece.len;
    return 0;
}

static int piece_refuse(void *arg, struct slu_bytes piece)
{
    (void)arg;
    (void)piece;
    return -EXDEV;
}

static void bodies_stream_both_ways(void **state)
{
    struct subject *subject = *state;
    struct pieces pieces = {0};
    struct net_answer got;
    struct net_ask ask = ask_of(subject, "/echo");
    ask.method = NET_POST;
    ask.read_body = piece_read;
    ask.write_body = piece_write;
    ask.body_arg = &pieces;
    assert_int_equal(fetch(subject, &ask, &got), 0);
    assert_int_equal(pieces.taken, LARGE_BYTES);
    net_answer_free(subject->client, &got);
    pieces = (struct pieces){0};
    ask.write_body = piece_refuse;
    assert_int_equal(fetch(subject, &ask, &got), -EXDEV);
    struct net_ask whole = ask_of(subject, "/echo");
    whole.method = NET_PUT;
    whole.body = (struct slu_bytes){large, 1000};
    assert_int_equal(fetch(subject, &whole, &got), 0);
    assert_int_equal(got.body.len, 1000);
    assert_string_equal(got.type, "text/echo");
    net_answer_free(subject->client, &got);
}

static void limits_and_times_hold(void **state)
{
    struct subject *subject = *state;
    struct net_answer got;
    struct net_ask ask = ask_of(subject, "/large");
    ask.answer_bytes_max = LARGE_BYTES - 1;
    assert_int_equal(fetch(subject, &ask, &got), -EFBIG);
    struct net_ask quiet = ask_of(subject, "/silence");
    quiet.timeout_ns = SECOND_NS / 20;
    uint64_t begun_ns = slu_clock_monotonic_ns();
    assert_int_equal(fetch(subject, &quiet, &got), -ETIMEDOUT);
    assert_true(slu_clock_monotonic_ns() - begun_ns >= SECOND_NS / 20);
    struct net_ask bad = {.url = "https://localhost/"};
    assert_int_equal(fetch(subject, &bad, &got), -EPROTONOSUPPORT);
    struct net_header split = {"a", "b\r\nc: d"};
    struct net_ask smuggle = ask_of(subject, "/large");
    smuggle.headers = &split;
    smuggle.header_count = 1;
    assert_int_equal(fetch(subject, &smuggle, &got), -EINVAL);
}

static void *cancel(void *arg)
{
    struct subject *subject = arg;
    struct net_server_stats stats = {0};
    while (stats.active_count == 0) {
        net_server_stats(subject->server, &stats);
    }
    slu_scope_cancel(subject->scope);
    return NULL;
}

static void a_cancelled_scope_ends_the_wait(void **state)
{
    struct subject *subject = *state;
    struct net_answer got;
    pthread_t thread;
    struct net_ask quiet = ask_of(subject, "/silence");
    assert_int_equal(pthread_create(&thread, NULL, cancel, subject), 0);
    assert_int_equal(fetch(subject, &quiet, &got), -ECANCELED);
    pthread_join(thread, NULL);
}

/* A server that says one thing, whatever it is asked, and closes. */
struct liar {
    int listener;
    const char *says;
};

static void *lie(void *arg)
{
    const struct liar *liar = arg;
    char asked[4096];
    int fd = accept(liar->listener, NULL, NULL);
    assert_true(fd >= 0 && read(fd, asked, sizeof(asked)) > 0);
    assert_true(write(fd, liar->says, strlen(liar->says)) == (ssize_t)strlen(liar->says));
    close(fd);
    return NULL;
}

static int lied_to(struct subject *subject, const char *says, struct net_answer *got)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct liar liar = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .says = says};
    pthread_t thread;
    assert_int_equal(bind(liar.listener, (struct sockaddr *)(void *)&address, len), 0);
    assert_int_equal(listen(liar.listener, 1), 0);
    assert_int_equal(getsockname(liar.listener, (struct sockaddr *)(void *)&address, &len), 0);
    assert_int_equal(pthread_create(&thread, NULL, lie, &liar), 0);
    struct net_ask ask = {.url = url_of(subject, ntohs(address.sin_port), "/"),
                          .answer_bytes_max = 1000};
    int err = fetch(subject, &ask, got);
    pthread_join(thread, NULL);
    close(liar.listener);
    return err;
}

static void answers_that_are_none_are_refused(void **state)
{
    struct subject *subject = *state;
    static const struct {
        const char *says;
        int err;
        size_t len;
    } table[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0, 5},
        {"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", 0, 2},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", 0, 13},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 0, 2},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", -ECONNRESET, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", -ECONNRESET, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz", -EBADMSG, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nhello", -ECONNRESET, 0},
        {"HTTP/1.1 20 OK\r\n\r\n", -EBADMSG, 0},
        {"HTTP/1.1 200 OK\nA: b\n\n", -EBADMSG, 0},
        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", -EBADMSG, 0},
        {"HTTP/1.1 200 OK\r\n", -ECONNRESET, 0},
        {"", -ECONNRESET, 0},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct net_answer got;
        assert_int_equal(lied_to(subject, table[i].says, &got), table[i].err);
        if (table[i].err == 0) {
            assert_int_equal(got.body.len, table[i].len);
            net_answer_free(subject->client, &got);
        }
    }
}

static void addresses_are_read_as_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int err;
        const char *host;
        const char *port;
        const char *target;
    } table[] = {
        {"http://a", 0, "a", "80", "/"},
        {"HTTP://a.b:8080/c/d?e=f#g", 0, "a.b", "8080", "/c/d?e=f"},
        {"http://[::1]:90/", 0, "::1", "90", "/"},
        {"http://[::1]", 0, "::1", "80", "/"},
        {"https://a", -EPROTONOSUPPORT, NULL, NULL, NULL},
        {"a/b", -EINVAL, NULL, NULL, NULL},
        {"http://", -EINVAL, NULL, NULL, NULL},
        {"http://:80/", -EINVAL, NULL, NULL, NULL},
        {"http://a:/", -EINVAL, NULL, NULL, NULL},
        {"http://a:65536/", -EINVAL, NULL, NULL, NULL},
        {"http://a:8x/", -EINVAL, NULL, NULL, NULL},
        {"http://u@a/", -EINVAL, NULL, NULL, NULL},
        {"http://[::1/", -EINVAL, NULL, NULL, NULL},
        {"http://[::1]x/", -EINVAL, NULL, NULL, NULL},
        {"http://a/b c", -EINVAL, NULL, NULL, NULL},
        {"http://a?b", -EINVAL, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct url url;
        assert_int_equal(url_read(table[i].text, &url), table[i].err);
        if (table[i].err == 0) {
            assert_string_equal(url.host, table[i].host);
            assert_string_equal(url.port, table[i].port);
            assert_int_equal(url.target.len, strlen(table[i].target));
            assert_memory_equal(url.target.data, table[i].target, url.target.len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_come_whole_over_one_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_stream_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(limits_and_times_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_scope_ends_the_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_that_are_none_are_refused, setup, teardown),
        cmocka_unit_test(addresses_are_read_as_they_are_written),
    };
    return TEST_RUN("net_client", tests);
}
