#include "net/client.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/scope.h>

#include "base/assert.h"
#include "base/block.h"
#include "base/diag.h"
#include "base/sink.h"
#include "base/sink_number.h"
#include "codec/decompress.h"
#include "net/http1_chunked.h"
#include "net/route.h"

#define HEAD_SENT_MAX ((size_t)8 * 1024)
#define INTERIM_MAX   16 /* answers 1xx before the real one */
#define RATIO_MAX     200
#define IDLE_NS       UINT64_C(30000000000)

/* Where the body goes as it comes. */
struct body {
    struct fetch *fetch;
    const struct net_ask *ask;
    struct net_answer *answer;
};

int net_client_create(struct slu_budget *budget, struct net_client **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct net_client), &block);
    if (err != 0) {
        return err;
    }
    struct net_client *client = block;
    client->budget = budget;
    client->idle_ns = IDLE_NS;
    mutex_init(&client->lock);
    for (int i = 0; i < CLIENT_IDLE_MAX; i++) {
        client->idle[i].fd = -1;
    }
    *out = client;
    return 0;
}

void net_client_destroy(struct net_client **client)
{
    if (client == NULL || *client == NULL) {
        return;
    }
    for (int i = 0; i < CLIENT_IDLE_MAX; i++) {
        if ((*client)->idle[i].fd >= 0) {
            close((*client)->idle[i].fd);
        }
    }
    mutex_deinit(&(*client)->lock);
    slu_budget_free((*client)->budget, *client, sizeof(**client));
    *client = NULL;
}

static unsigned method_in(const struct net_ask *ask)
{
    return ask->method == 0 ? NET_GET : ask->method;
}

static int head_send(struct fetch *fetch, const struct net_ask *ask, const struct url *url)
{
    char text[HEAD_SENT_MAX];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    sink_text(&sink, method_name(method_in(ask)));
    sink_char(&sink, ' ');
    sink_put(&sink, url->target.data, url->target.len);
    sink_text(&sink, " HTTP/1.1\r\nHost: ");
    sink_put(&sink, url->authority.data, url->authority.len);
    sink_text(&sink, "\r\nUser-Agent: sluice\r\n");
    if (ask->accepts_gzip) {
        sink_text(&sink, "Accept-Encoding: gzip\r\n");
    }
    for (uint32_t i = 0; i < ask->header_count; i++) {
        if (!head_is_token(net_text(ask->headers[i].name)) ||
            !head_is_value(net_text(ask->headers[i].value))) {
            return -EINVAL;
        }
        sink_text(&sink, ask->headers[i].name);
        sink_text(&sink, ": ");
        sink_text(&sink, ask->headers[i].value);
        sink_text(&sink, "\r\n");
    }
    if (ask->read_body != NULL) {
        sink_text(&sink, "Transfer-Encoding: chunked\r\n");
    } else if (ask->body.len > 0 || method_in(ask) == NET_POST || method_in(ask) == NET_PUT) {
        sink_text(&sink, "Content-Length: ");
        sink_uint(&sink, ask->body.len);
        sink_text(&sink, "\r\n");
    }
    sink_text(&sink, "\r\n");
    size_t len = sink.len;
    int err = sink_end(&sink);
    return err != 0 ? err : fetch_write(fetch, text, len);
}

/* Pieces as long as there are any, each a chunk. */
static int body_stream(struct fetch *fetch, const struct net_ask *ask)
{
    char size[24];
    for (;;) {
        struct slu_bytes piece = {0};
        int err = ask->read_body(ask->body_arg, &piece);
        if (err != 0) {
            return err;
        }
        if (piece.len == 0) {
            return fetch_write(fetch, "0\r\n\r\n", 5);
        }
        struct sink sink;
        sink_init_fixed(&sink, size, sizeof(size));
        sink_format(&sink, "%zx\r\n", piece.len);
        err = fetch_write(fetch, size, sink.len);
        err = err != 0 ? err : fetch_write(fetch, piece.data, piece.len);
        err = err != 0 ? err : fetch_write(fetch, "\r\n", 2);
        if (err != 0) {
            return err;
        }
    }
}

static int request_send(struct fetch *fetch, const struct net_ask *ask, const struct url *url)
{
    int err = head_send(fetch, ask, url);
    if (err == 0 && ask->read_body != NULL) {
        return body_stream(fetch, ask);
    }
    return err == 0 ? fetch_write(fetch, ask->body.data, ask->body.len) : err;
}

static int more(struct fetch *fetch)
{
    ssize_t got =
        fetch_read(fetch, fetch->in.bytes + fetch->in_end, fetch->in.size_bytes - fetch->in_end);
    if (got <= 0) {
        return got == 0 ? -ECONNRESET : (int)got;
    }
    fetch->in_end += (size_t)got;
    return 0;
}

/* One head, which stays at the front of `in`. */
static int head_receive(struct fetch *fetch)
{
    size_t scanned = 0;
    size_t len = 0;
    int err = -EAGAIN;
    while (err == -EAGAIN) {
        err = http1_head_end(fetch->in.bytes, fetch->in_end, &scanned, &len);
        if (err == -EAGAIN) {
            int read_err = fetch->in_end >= HEAD_BYTES_MAX ? -EBADMSG : more(fetch);
            if (read_err != 0) {
                return read_err;
            }
        }
    }
    if (err != 0 || len > HEAD_BYTES_MAX) {
        return -EBADMSG;
    }
    fetch->in_begin = len;
    return http1_response_read(fetch->in.bytes, len, &fetch->head, &fetch->fields);
}

static int answer_head_receive(struct fetch *fetch)
{
    for (int i = 0; i < INTERIM_MAX; i++) {
        int err = head_receive(fetch);
        if (err != 0 || fetch->head.status >= 200) {
            return err;
        }
        memmove(fetch->in.bytes, fetch->in.bytes + fetch->in_begin,
                fetch->in_end - fetch->in_begin);
        fetch->in_end -= fetch->in_begin;
        fetch->in_begin = 0;
    }
    return -EBADMSG;
}

static int body_take(struct body *body, struct slu_bytes piece)
{
    struct net_answer *answer = body->answer;
    if (body->ask->write_body != NULL) {
        return piece.len == 0 ? 0 : body->ask->write_body(body->ask->body_arg, piece);
    }
    if (piece.len > body->ask->answer_bytes_max - answer->body.len) {
        return -EFBIG;
    }
    size_t wanted = answer->body.len + piece.len;
    if (wanted > answer->block_bytes) {
        size_t size = wanted > 2 * answer->block_bytes ? wanted : 2 * answer->block_bytes;
        void *block = NULL;
        int err = slu_budget_alloc(body->fetch->client->budget, size, &block);
        if (err != 0) {
            return err;
        }
        memcpy(block, answer->block == NULL ? "" : answer->block, answer->body.len);
        slu_budget_free(body->fetch->client->budget, answer->block, answer->block_bytes);
        answer->block = block;
        answer->block_bytes = size;
    }
    if (piece.len > 0) {
        memcpy((char *)answer->block + answer->body.len, piece.data, piece.len);
    }
    answer->body = (struct slu_bytes){answer->block, wanted};
    return 0;
}

/* What has been read and not used; the room is read into anew when that is nothing. */
static int piece_next(struct fetch *fetch, struct slu_bytes *piece)
{
    if (fetch->in_begin == fetch->in_end) {
        size_t head_len = (size_t)fetch->head_len;
        fetch->in_begin = head_len;
        fetch->in_end = head_len;
        ssize_t got =
            fetch_read(fetch, fetch->in.bytes + head_len, fetch->in.size_bytes - head_len);
        if (got <= 0) {
            return got == 0 ? -ENODATA : (int)got;
        }
        fetch->in_end += (size_t)got;
    }
    *piece = (struct slu_bytes){fetch->in.bytes + fetch->in_begin, fetch->in_end - fetch->in_begin};
    return 0;
}

static int body_declared(struct body *body, uint64_t left)
{
    while (left > 0) {
        struct slu_bytes piece;
        int err = piece_next(body->fetch, &piece);
        if (err != 0) {
            return err == -ENODATA ? -ECONNRESET : err;
        }
        piece.len = piece.len < left ? piece.len : (size_t)left;
        err = body_take(body, piece);
        if (err != 0) {
            return err;
        }
        body->fetch->in_begin += piece.len;
        left -= piece.len;
    }
    return 0;
}

static int body_chunked(struct body *body)
{
    struct chunked chunked = {0};
    while (!chunked_is_complete(&chunked)) {
        struct slu_bytes input;
        struct slu_bytes piece;
        int err = piece_next(body->fetch, &input);
        if (err != 0) {
            return err == -ENODATA ? -ECONNRESET : err;
        }
        size_t before = input.len;
        err = chunked_next(&chunked, &input, &piece);
        err = err != 0 ? err : body_take(body, piece);
        if (err != 0) {
            return err;
        }
        body->fetch->in_begin += before - input.len;
    }
    return 0;
}

static int body_until_end(struct body *body)
{
    for (;;) {
        struct slu_bytes piece;
        int err = piece_next(body->fetch, &piece);
        if (err == 0) {
            err = body_take(body, piece);
            body->fetch->in_begin += piece.len;
        }
        if (err != 0) {
            return err == -ENODATA ? 0 : err;
        }
    }
}

static int body_receive(struct body *body, bool *is_reusable)
{
    const struct http1_head *head = &body->fetch->head;
    *is_reusable = head->minor == 1 && (head->flags & HEAD_CLOSE) == 0;
    if (method_in(body->ask) == NET_HEAD || head->status == 204 || head->status == 304) {
        return 0;
    }
    if ((head->flags & HEAD_CHUNKED) != 0) {
        return body_chunked(body);
    }
    if ((head->flags & HEAD_CONTENT_LENGTH) != 0) {
        return body_declared(body, head->content_length);
    }
    *is_reusable = false;
    return body_until_end(body);
}

static int body_decode(struct body *body)
{
    struct slu_bytes name;
    struct net_answer *answer = body->answer;
    struct slu_budget *budget = body->fetch->client->budget;
    if (body->ask->write_body != NULL || answer->body.len == 0 ||
        !head_field_find(&body->fetch->fields, "content-encoding", &name) ||
        compression_named(name) == COMPRESSION_NONE) {
        return 0;
    }
    struct decompress_limits limits = {body->ask->answer_bytes_max, RATIO_MAX};
    struct block text;
    int err = decompress_all(budget, compression_named(name), answer->body, &limits, &text);
    if (err == 0) {
        slu_budget_free(budget, answer->block, answer->block_bytes);
        answer->block = text.data;
        answer->block_bytes = text.size_bytes;
        answer->body = (struct slu_bytes){text.data, text.len};
    }
    return err;
}

static void type_keep(struct fetch *fetch, struct net_answer *answer)
{
    struct slu_bytes type = {0};
    if (head_field_find(&fetch->fields, "content-type", &type) && type.len < sizeof(answer->type)) {
        memcpy(answer->type, type.data, type.len);
        answer->type[type.len] = '\0';
    }
}

static int exchange(struct fetch *fetch, const struct net_ask *ask, const struct url *url,
                    struct net_answer *answer)
{
    struct body body = {fetch, ask, answer};
    bool is_reusable = false;
    fetch->in_begin = 0;
    fetch->in_end = 0;
    int err = request_send(fetch, ask, url);
    bool was_cut = err == -EPIPE || err == -ECONNRESET; /* it may have answered before */
    if (err == 0 || was_cut) {
        int head_err = answer_head_receive(fetch);
        err = head_err == 0 || !was_cut ? head_err : err;
    }
    if (err == 0) {
        fetch->head_len = (uint32_t)fetch->in_begin;
        answer->status = fetch->head.status;
        type_keep(fetch, answer);
        err = body_receive(&body, &is_reusable);
    }
    if (err == 0) {
        err = body_decode(&body);
    }
    fetch_disconnect(fetch, url, err == 0 && !was_cut && is_reusable);
    return err;
}

static void on_cancel(struct slu_scope *scope, void *arg)
{
    const struct fetch *fetch = arg;
    uint64_t one = 1;
    (void)scope;
    ssize_t written = write(fetch->wake_fd, &one, sizeof(one));
    SLU_ASSERT(written == (ssize_t)sizeof(one)); /* a counter of 64 bits is never full */
}

static int fetch_begin(struct fetch *fetch, const struct net_ask *ask)
{
    uint64_t now_ns = slu_clock_monotonic_ns();
    uint64_t timeout_ns = ask->timeout_ns == 0 ? UINT64_C(30000000000) : ask->timeout_ns;
    uint64_t scope_ns = slu_scope_deadline_ns(fetch->scope);
    fetch->deadline_ns = timeout_ns >= NET_NEVER - now_ns ? NET_NEVER : now_ns + timeout_ns;
    fetch->deadline_ns = scope_ns < fetch->deadline_ns ? scope_ns : fetch->deadline_ns;
    fetch->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fetch->wake_fd < 0) {
        return -errno;
    }
    int err = slab_alloc(fetch->client->budget, SLAB_BYTES, &fetch->in);
    if (err == 0) {
        err = slu_scope_callback_add(fetch->scope, on_cancel, fetch, &fetch->callback);
    }
    if (err != 0) {
        slu_budget_free(fetch->client->budget, fetch->in.bytes, fetch->in.size_bytes);
        close(fetch->wake_fd);
    }
    return err;
}

static void fetch_end(struct fetch *fetch)
{
    (void)slu_scope_callback_remove(fetch->scope, fetch->callback); /* or it has run */
    slu_budget_free(fetch->client->budget, fetch->in.bytes, fetch->in.size_bytes);
    close(fetch->wake_fd);
}

/* A connection that was kept may have been closed by the other side just now. */
static bool may_repeat(const struct fetch *fetch, const struct net_ask *ask, int err)
{
    return fetch->is_reused && !fetch->was_answered && ask->read_body == NULL &&
           (err == -ECONNRESET || err == -EPIPE) && method_in(ask) != NET_POST;
}

static const char *error_text(int err)
{
    switch (err) {
    case -EFBIG:
        return "the answer is too large";
    case -EBADMSG:
        return "the answer is no HTTP";
    case -EHOSTUNREACH:
        return "no such host";
    default:
        return strerror(-err);
    }
}

int net_client_fetch(struct net_client *client, struct slu_scope *scope, const struct net_ask *ask,
                     struct slu_diag *diag, struct net_answer *answer)
{
    struct url url;
    struct fetch fetch = {.client = client, .scope = scope, .fd = -1};
    struct net_answer got = {0};
    int err = url_read(ask->url, &url);
    if (err != 0) {
        return diag_fail(diag, err, "%s: %s", ask->url,
                         err == -EPROTONOSUPPORT ? "only http:// is spoken here"
                                                 : "no address of the form http://HOST:PORT/PATH");
    }
    err = fetch_begin(&fetch, ask);
    if (err != 0) {
        return diag_fail(diag, err, "%s: %s", ask->url, error_text(err));
    }
    err = fetch_connect(&fetch, &url, true);
    err = err != 0 ? err : exchange(&fetch, ask, &url, &got);
    if (may_repeat(&fetch, ask, err)) {
        err = fetch_connect(&fetch, &url, false);
        err = err != 0 ? err : exchange(&fetch, ask, &url, &got);
    }
    fetch_end(&fetch);
    if (err != 0) {
        slu_budget_free(client->budget, got.block, got.block_bytes);
        return diag_fail(diag, err, "%s: %s", ask->url, error_text(err));
    }
    *answer = got;
    return 0;
}

void net_answer_free(struct net_client *client, struct net_answer *answer)
{
    slu_budget_free(client->budget, answer->block, answer->block_bytes);
    *answer = (struct net_answer){0};
}
