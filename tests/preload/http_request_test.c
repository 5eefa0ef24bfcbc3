#include "preload/http_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sys/address.h"

#include "harness.h"

static int read_text(const char *text, struct http_request *request)
{
    return http_request_read((struct slu_bytes){text, strlen(text)}, request);
}

static void assert_bytes(struct slu_bytes bytes, const char *expected)
{
    assert_int_equal(bytes.len, strlen(expected));
    assert_memory_equal(bytes.data, expected, bytes.len);
}

static void a_request_is_read_when_its_head_is_whole(void **state)
{
    (void)state;
    static const char text[] = "GET /debug/pprof/heap?seconds=5&debug=1 HTTP/1.1\r\n"
                               "Host: localhost:6070\r\n\r\n";
    struct http_request request;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        assert_int_equal(http_request_read((struct slu_bytes){text, len}, &request), -EAGAIN);
    }
    assert_int_equal(read_text(text, &request), 0);
    assert_int_equal(request.method, HTTP_GET);
    assert_bytes(request.path, "/debug/pprof/heap");
    assert_bytes(request.query, "seconds=5&debug=1");
    assert_int_equal(read_text("HEAD / HTTP/1.0\r\n\r\n", &request), 0);
    assert_int_equal(request.method, HTTP_HEAD);
    assert_bytes(request.query, "");
    assert_int_equal(read_text("POST / HTTP/1.1\r\n\r\n", &request), 0);
    assert_int_equal(request.method, HTTP_POST);
    assert_false(request.is_of_page);
    assert_int_equal(read_text("POST / HTTP/1.1\r\nHost: a\r\norigin: null\r\n\r\n", &request), 0);
    assert_true(request.is_of_page);
    assert_int_equal(read_text("GET / HTTP/1.1\r\nOriginal: x\r\n\r\n", &request), 0);
    assert_false(request.is_of_page);
    assert_int_equal(read_text("DELETE /x HTTP/1.1\r\n\r\n", &request), 0);
    assert_int_equal(request.method, HTTP_OTHER);
}

static void what_is_no_request_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "\r\n\r\n",
        "\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET heap HTTP/1.1\r\n\r\n",
        "GET http://other/ HTTP/1.1\r\n\r\n",
        "GET /\t HTTP/1.1\r\n\r\n",
        "GET /\xff HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\nHost: x\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct http_request request;
        print_message("# %zu\n", i);
        assert_int_equal(read_text(refused[i], &request), -EBADMSG);
    }
}

static void a_head_without_an_end_is_too_large(void **state)
{
    (void)state;
    static char text[HTTP_REQUEST_BYTES_MAX];
    struct http_request request;
    memset(text, 'x', sizeof(text));
    assert_int_equal(http_request_read((struct slu_bytes){text, sizeof(text) - 1}, &request),
                     -EAGAIN);
    assert_int_equal(http_request_read((struct slu_bytes){text, sizeof(text)}, &request), -ENOBUFS);
}

static void a_body_is_waited_for_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        const char *body;
        int result;
    } cases[] = {
        {"Content-Length: 0\r\n", "", 0},
        {"Host: x\r\ncontent-LENGTH:5 \r\n", "trim=", 0},
        {"Content-Length: 6\r\n", "trim=", -EAGAIN},
        {"Content-Length: 4000\r\n", "", -EAGAIN},
        {"Content-Length: 4096\r\n", "", -EFBIG},
        {"Content-Length: 18446744073709551615\r\n", "", -EFBIG},
        {"Content-Length: 18446744073709551616\r\n", "", -EBADMSG},
        {"Content-Length: -1\r\n", "", -EBADMSG},
        {"Content-Length:\r\n", "", -EBADMSG},
        {"Content-Length: 1\r\nContent-Length: 1\r\n", "x", -EBADMSG},
        {"Transfer-Encoding: chunked\r\n", "0\r\n\r\n", -ENOTSUP},
        {"X-Content-Length: 7\r\nContent-Lengths: 8\r\n", "", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        struct http_request request;
        snprintf(text, sizeof(text), "POST /x HTTP/1.1\r\n%s\r\n%s", cases[i].fields,
                 cases[i].body);
        print_message("# %zu\n", i);
        assert_int_equal(read_text(text, &request), cases[i].result);
    }
}

static void numbers_of_a_query_are_found_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int result;
        uint64_t value;
    } cases[] = {
        {"", -ENOENT, 0},
        {"debug=1", -ENOENT, 0},
        {"seconds=30", 0, 30},
        {"debug=1&seconds=7&seconds=8", 0, 7},
        {"xseconds=1&secondsx=2&seconds=3", 0, 3},
        {"seconds", -EBADMSG, 0},
        {"seconds=", -EBADMSG, 0},
        {"seconds=-1", -EBADMSG, 0},
        {"seconds=1.5", -EBADMSG, 0},
        {"seconds=18446744073709551615", 0, UINT64_MAX},
        {"seconds=18446744073709551616", -EBADMSG, 0},
        {"&&seconds=4&", 0, 4},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_request request = {.query = {cases[i].query, strlen(cases[i].query)}};
        uint64_t value = 0;
        print_message("# %s\n", cases[i].query);
        assert_int_equal(http_request_number(&request, "seconds", &value), cases[i].result);
        assert_int_equal(value, cases[i].value);
    }
}

static void addresses_are_read_and_loopback_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int family;
        unsigned port;
        bool is_loopback;
    } good[] = {
        {"6070", AF_INET, 6070, true},          {":6070", AF_INET, 6070, true},
        {"localhost:0", AF_INET, 0, true},      {"127.0.0.1:65535", AF_INET, 65535, true},
        {"127.9.8.7:1", AF_INET, 1, true},      {"0.0.0.0:1", AF_INET, 1, false},
        {"192.168.0.1:80", AF_INET, 80, false}, {"[::1]:6070", AF_INET6, 6070, true},
        {"[::]:6070", AF_INET6, 6070, false},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct address address;
        print_message("# %s\n", good[i].text);
        assert_int_equal(address_read(good[i].text, &address), 0);
        assert_int_equal(address.socket.any.sa_family, good[i].family);
        assert_int_equal(ntohs(address.socket.v4.sin_port), good[i].port); /* as in v6 */
        assert_int_equal(address.is_loopback, good[i].is_loopback);
    }
    static const char *const bad[] = {
        "",      ":",        "x",         "65536", "-1",          "1 ",
        "a.b:1", "::1:6070", "[::1]6070", "[]:1",  "[1.2.3.4]:1", "127.0.0.1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct address address;
        print_message("# %s\n", bad[i]);
        assert_int_equal(address_read(bad[i], &address), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_when_its_head_is_whole),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(a_head_without_an_end_is_too_large),
        cmocka_unit_test(a_body_is_waited_for_and_bounded),
        cmocka_unit_test(numbers_of_a_query_are_found_by_name),
        cmocka_unit_test(addresses_are_read_and_loopback_is_known),
    };
    return TEST_RUN("http_request", tests);
}
