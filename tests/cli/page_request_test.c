#include "cli/page_request.h"

#include <errno.h>
#include <string.h>

#include "harness.h"

static int read_text(const char *text, struct page_request *request)
{
    return page_request_read((struct slu_bytes){text, strlen(text)}, request);
}

static void assert_bytes(struct slu_bytes bytes, const char *text)
{
    assert_int_equal(bytes.len, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.len);
}

static void a_request_is_read_into_its_parts(void **state)
{
    (void)state;
    struct page_request request;
    assert_int_equal(read_text("GET /api/top?at=1 HTTP/1.1\r\nHOST:  localhost:80 \r\n"
                               "Accept-Encoding: br, gzip\r\nIf-None-Match: \"a\"\r\n\r\n",
                               &request),
                     0);
    assert_bytes(request.path, "/api/top");
    assert_bytes(request.query, "at=1");
    assert_bytes(request.host, "localhost:80");
    assert_bytes(request.if_none_match, "\"a\"");
    assert_true(request.is_get && !request.is_head && request.takes_gzip);
    assert_int_equal(read_text("HEAD / HTTP/1.0\r\n\r\n", &request), 0);
    assert_true(request.is_get && request.is_head && !request.takes_gzip);
    assert_int_equal(read_text("POST / HTTP/1.1\r\n\r\n", &request), 0);
    assert_false(request.is_get);
}

static void every_beginning_of_a_request_is_waited_for(void **state)
{
    (void)state;
    static const char text[] = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct page_request request;
    for (size_t len = 0; len + 1 < sizeof(text) - 1; len++) {
        assert_int_equal(page_request_read((struct slu_bytes){text, len}, &request), -EAGAIN);
    }
}

static void what_is_no_request_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.2\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET http://localhost/ HTTP/1.1\r\n\r\n",
        "GET /a\tb HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n folded: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct page_request request;
        assert_int_equal(read_text(texts[i], &request), -EBADMSG);
    }
    char large[PAGE_REQUEST_BYTES_MAX];
    struct page_request request;
    memset(large, 'a', sizeof(large));
    assert_int_equal(page_request_read((struct slu_bytes){large, sizeof(large)}, &request),
                     -ENOBUFS);
}

static void only_this_machine_is_local(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool is_local;
    } rows[] = {
        {"localhost", true},       {"LOCALHOST:8080", true}, {"127.0.0.1", true},
        {"127.8.8.8:1", true},     {"[::1]:80", true},       {"", false},
        {"[::2]:80", false},       {"[::1", false},          {"127.evil.example", false},
        {"localhost.evil", false}, {"10.0.0.1", false},      {"127.", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct page_request request = {.host = {rows[i].host, strlen(rows[i].host)}};
        assert_int_equal(page_request_is_local(&request), rows[i].is_local);
    }
}

static void values_are_decoded_within_their_room(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int err;
        const char *value;
    } rows[] = {
        {"name=a", 0, "a"},
        {"x=1&name=a%20b+c", 0, "a b c"},
        {"name=", 0, ""},
        {"name=%4a%4B", 0, "JK"},
        {"names=a", -ENOENT, NULL},
        {"name", -ENOENT, NULL},
        {"", -ENOENT, NULL},
        {"name=%4", -EBADMSG, NULL},
        {"name=%00", -EBADMSG, NULL},
        {"name=%g0", -EBADMSG, NULL},
        {"name=1234567", 0, "1234567"},
        {"name=12345678", -ENOBUFS, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct page_request request = {.query = {rows[i].query, strlen(rows[i].query)}};
        char value[8];
        assert_int_equal(page_request_value(&request, "name", value, sizeof(value)), rows[i].err);
        if (rows[i].err == 0) {
            assert_string_equal(value, rows[i].value);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_into_its_parts),
        cmocka_unit_test(every_beginning_of_a_request_is_waited_for),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(only_this_machine_is_local),
        cmocka_unit_test(values_are_decoded_within_their_room),
    };
    return TEST_RUN("page_request", tests);
}
