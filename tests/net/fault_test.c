/* A server whose memory and whose system calls fail, one after the other. */
#include "net/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/diag.h>
#include <sluice/scope.h>

#include "budget.h"
#include "call_fault.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define ASKED_MAX    2048

static void hello(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, "text/plain", net_text("hello\n"));
}

static void echo(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, NULL, net_request_body(request));
}

static void lines(struct net_request *request, void *arg)
{
    (void)arg;
    int err = net_response_begin(request, 200, NULL);
    for (int i = 0; err == 0 && i < 2000; i++) {
        err = net_response_write(request, net_text("a line\n"));
    }
    net_response_end(request);
}

static const struct net_route routes[] = {
    {.methods = NET_GET, .path = "/", .handle = hello},
    {.methods = NET_POST, .path = "/echo", .handle = echo, .body_bytes_max = 100000},
    {.methods = NET_GET, .path = "/lines", .handle = lines, .place = NET_ON_WORKER},
};

struct subject {
    struct slu_budget *budget;
    struct slu_scope *scope;
    struct net_server *server;
};

static void open_parts(struct subject *subject)
{
    subject->budget = budget_of(BUDGET_BYTES);
    struct slu_scope_options options = {.name = "fault", .budget = subject->budget};
    assert_int_equal(slu_scope_create(NULL, &options, NULL, &subject->scope), 0);
    subject->server = NULL;
}

static int start(struct subject *subject, struct slu_diag *diag)
{
    struct net_server_options options = {.budget = subject->budget,
                                         .scope = subject->scope,
                                         .listen = ":0",
                                         .routes = routes,
                                         .route_count = 3,
                                         .loop_count = 2,
                                         .connections_max = 16,
                                         .requests_max = 8,
                                         .address_rate = 100000};
    return net_server_start(&options, diag, &subject->server);
}

static void close_parts(struct subject *subject)
{
    net_server_stop(&subject->server, 0);
    assert_int_equal(slu_scope_close(&subject->scope), 0);
    slu_budget_destroy(&subject->budget); /* asserts that nothing is charged any more */
}

/* Not one of the wrapped calls: read and write. Returns what came, or less. */
static size_t ask(const struct subject *subject, const char *asked, char *answer, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(net_server_port(subject->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fds[1] = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (fds[0] < 0) {
        return 0; /* that one was to fail */
    }
    size_t len = 0;
    if (connect(fds[0], (struct sockaddr *)(void *)&address, sizeof(address)) == 0 &&
        write(fds[0], asked, strlen(asked)) > 0) {
        for (ssize_t got; len < size && (got = read(fds[0], answer + len, size - len)) > 0;) {
            len += (size_t)got;
        }
    }
    close(fds[0]);
    return len;
}

static const char *const asked[] = {
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    "GET /lines HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
};

static const size_t answered_min[] = {90, 90, 14000};

static void check_serves(const struct subject *subject)
{
    static char answer[32768];
    for (size_t i = 0; i < 3; i++) {
        size_t len = ask(subject, asked[i], answer, sizeof(answer));
        assert_true(len > 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0);
        assert_true(len >= answered_min[i]);
    }
}

static void no_failing_allocation_at_the_start_leaves_anything(void **state)
{
    (void)state;
    int err = -ENOMEM;
    for (uint64_t nth = 1; err != 0; nth++) {
        struct subject subject;
        open_parts(&subject);
        int64_t live = alloc_live_count();
        alloc_fault_at(nth);
        err = start(&subject, NULL);
        bool was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_true(was_hit == (err != 0));
        assert_true(err == 0 || err == -ENOMEM || err == -EAGAIN);
        if (err == 0) {
            check_serves(&subject);
        } else {
            assert_int_equal(alloc_live_count(), live);
        }
        close_parts(&subject);
    }
}

static void no_failing_call_at_the_start_leaves_anything(void **state)
{
    (void)state;
    int err = -EMFILE;
    for (uint64_t nth = 1; err != 0; nth++) {
        struct subject subject;
        struct slu_diag diag = {.message = ""};
        open_parts(&subject);
        int64_t live = alloc_live_count();
        call_fault_at(nth, EMFILE);
        err = start(&subject, &diag);
        call_fault_at(0, 0);
        assert_true(err == 0 || (err == -EMFILE && diag.message[0] != '\0'));
        if (err != 0) {
            assert_int_equal(alloc_live_count(), live);
        }
        close_parts(&subject);
    }
}

/* Each call that one of three requests needs fails once, in each of these ways. */
static void no_failing_call_ends_the_server(void **state)
{
    (void)state;
    static const int errors[] = {EINTR, EAGAIN, ECONNRESET, ENOMEM, EMFILE, EPIPE};
    static char answer[32768];
    struct subject subject;
    struct net_server_stats stats;
    open_parts(&subject);
    assert_int_equal(start(&subject, NULL), 0);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        for (size_t which = 0; which < 3; which++) {
            bool was_hit = true;
            for (uint64_t nth = 1; was_hit && nth < 60; nth++) {
                /* EAGAIN without a reason promises an event that does not come. */
                bool waits = errors[i] == EAGAIN;
                call_fault_at(waits ? 0 : nth, errors[i]);
                (void)ask(&subject, asked[which], answer, sizeof(answer)); /* or less of it */
                was_hit = call_fault_hit();
                call_fault_at(0, 0);
            }
        }
        check_serves(&subject);
    }
    do {
        net_server_stats(subject.server, &stats);
    } while (stats.connection_count > 0 || stats.active_count > 0);
    close_parts(&subject);
}

static void options_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const struct net_route no_slash[] = {{.methods = NET_GET, .path = "a", .handle = hello}};
    static const struct net_route no_handler[] = {{.methods = NET_GET, .path = "/"}};
    static const struct net_route behind_star[] = {
        {.methods = NET_GET, .path = "/:a*/b", .handle = hello}};
    static const char *const empty[] = {""};
    static const struct net_auth anybody = {.tokens = empty, .token_count = 1};
    struct subject subject;
    open_parts(&subject);
    const struct net_server_options good = {.budget = subject.budget,
                                            .scope = subject.scope,
                                            .listen = ":0",
                                            .routes = routes,
                                            .route_count = 3};
    struct net_server_options bad[10];
    for (size_t i = 0; i < 10; i++) {
        bad[i] = good;
    }
    bad[0].budget = NULL;
    bad[1].scope = NULL;
    bad[2].listen = NULL;
    bad[3].listen = "0.0.0.0:0"; /* open to others, and nobody is asked */
    bad[4].listen = "somewhere";
    bad[5].routes = no_slash;
    bad[6].routes = no_handler;
    bad[7].routes = behind_star;
    bad[8].auth = &anybody;
    bad[9].listen_fd = 12345;
    for (size_t i = 0; i < 10; i++) {
        struct slu_diag diag = {.message = ""};
        bad[i].route_count = i >= 5 && i <= 7 ? 1 : 3;
        assert_int_equal(net_server_start(&bad[i], &diag, &subject.server), -EINVAL);
        assert_true(diag.message[0] != '\0');
    }
    close_parts(&subject);
}

static void a_cancelled_scope_ends_the_server(void **state)
{
    (void)state;
    struct subject subject;
    open_parts(&subject);
    assert_int_equal(start(&subject, NULL), 0);
    check_serves(&subject);
    slu_scope_cancel(subject.scope);
    close_parts(&subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_failing_allocation_at_the_start_leaves_anything),
        cmocka_unit_test(no_failing_call_at_the_start_leaves_anything),
        cmocka_unit_test(no_failing_call_ends_the_server),
        cmocka_unit_test(options_that_cannot_be_are_refused),
        cmocka_unit_test(a_cancelled_scope_ends_the_server),
    };
    return TEST_RUN("net_fault", tests);
}
