#include "net/http2.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>
#include <sluice/budget.h>

#include "base/assert.h"
#include "net/connection.h"
#include "net/http2_stream.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/request.h"
#include "net/server.h"

#define ROUNDS_MAX       32
#define CHARGE_BYTES     ((size_t)16 * 1024) /* what nghttp2 takes is charged in such steps */
#define MEMORY_BYTES_MAX ((size_t)1024 * 1024)
#define HEADER_LIST_MAX  16384
#define STREAM_WINDOW    (512 * 1024)
#define SESSION_WINDOW   (2 * 1024 * 1024)
#define SETTINGS_ACK_MAX 64 /* answers to pings and settings that wait for a slow reader */
#define RESET_BURST      200
#define RESET_NS         UINT64_C(20000000) /* each gives one reset back */

/*
 * nghttp2's memory. What it holds is counted by usable size, and charged ahead in steps, so that a
 * request in steady state charges nothing.
 */
static bool memory_grow(struct http2 *http2, size_t used_bytes)
{
    while (used_bytes > http2->charged_bytes) {
        if (http2->charged_bytes >= MEMORY_BYTES_MAX ||
            slu_budget_charge(http2->connection->loop->budget, CHARGE_BYTES) != 0) {
            return false;
        }
        http2->charged_bytes += CHARGE_BYTES;
    }
    return true;
}

static void *counted(struct http2 *http2, void *block)
{
    if (block == NULL) {
        return NULL;
    }
    size_t used_bytes = http2->used_bytes + malloc_usable_size(block);
    if (!memory_grow(http2, used_bytes)) {
        free(block);
        return NULL;
    }
    http2->used_bytes = used_bytes;
    return block;
}

static void *hook_malloc(size_t size, void *context)
{
    return counted(context, malloc(size));
}

static void *hook_calloc(size_t count, size_t size, void *context)
{
    return counted(context, calloc(count, size));
}

static void hook_free(void *block, void *context)
{
    struct http2 *http2 = context;
    if (block != NULL) {
        http2->used_bytes -= malloc_usable_size(block);
        free(block);
    }
}

static void *hook_realloc(void *block, size_t size, void *context)
{
    struct http2 *http2 = context;
    size_t before = block == NULL ? 0 : malloc_usable_size(block);
    size_t more = size > before ? size - before : 0;
    if (!memory_grow(http2, http2->used_bytes + more + before)) { /* both may be there at once */
        return NULL;
    }
    void *moved = realloc(block, size);
    if (moved != NULL || size == 0) {
        http2->used_bytes -= before;
        http2->used_bytes += moved == NULL ? 0 : malloc_usable_size(moved);
    }
    return moved;
}

void http2_stream_begun(struct http2 *http2)
{
    http2->stream_count++;
    http2->is_waiting = false;
}

void http2_stream_ended(struct http2 *http2)
{
    http2->stream_count--;
    http2->is_waiting = false;
}

int http2_reset_heed(struct http2 *http2)
{
    uint64_t now_ns = http2->connection->loop->now_ns;
    uint64_t span_ns = RESET_BURST * RESET_NS;
    uint64_t earliest_ns = now_ns > span_ns ? now_ns - span_ns : 0;
    if (http2->reset_ns < earliest_ns) {
        http2->reset_ns = earliest_ns;
    }
    http2->reset_ns += RESET_NS;
    if (http2->reset_ns <= now_ns) {
        return 0;
    }
    loop_count(&http2->connection->loop->counters.rejected, 1);
    return nghttp2_session_terminate_session(http2->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static int session_start(struct http2 *http2)
{
    const struct net_server_options *options = &http2->connection->loop->server->options;
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    nghttp2_mem memory = {.mem_user_data = http2,
                          .malloc = hook_malloc,
                          .calloc = hook_calloc,
                          .free = hook_free,
                          .realloc = hook_realloc};
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options->streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_MAX},
    };
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return -ENOMEM;
    }
    int status = nghttp2_option_new(&option);
    if (status == 0) {
        http2_stream_callbacks(callbacks);
        nghttp2_option_set_max_outbound_ack(option, SETTINGS_ACK_MAX);
        nghttp2_option_set_no_closed_streams(option, 1);
        status = nghttp2_session_server_new3(&http2->session, callbacks, http2, option, &memory);
        nghttp2_option_del(option);
    }
    nghttp2_session_callbacks_del(callbacks);
    if (status == 0) {
        status = nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, settings, 3);
    }
    if (status == 0) {
        status = nghttp2_session_set_local_window_size(http2->session, NGHTTP2_FLAG_NONE, 0,
                                                       SESSION_WINDOW);
    }
    return status == 0 ? 0 : -ENOMEM;
}

/* Bytes of frames into `out`; what does not fit stays with nghttp2, and is written from there. */
static bool frames_gather(struct http2 *http2)
{
    struct connection *connection = http2->connection;
    bool moved = false;
    while (http2->chunk.len == 0) {
        const uint8_t *data = NULL;
        ssize_t len = nghttp2_session_mem_send(http2->session, &data);
        if (len < 0) {
            connection->is_broken = true;
            return moved;
        }
        if (len == 0) {
            return moved;
        }
        moved = true;
        unsigned char *room = connection_out_room(connection, (size_t)len);
        if (room == NULL) {
            http2->chunk = (struct slu_bytes){data, (size_t)len};
            return moved;
        }
        memcpy(room, data, (size_t)len);
        connection->out.end += (uint32_t)len;
    }
    return moved;
}

static bool write_out(struct http2 *http2)
{
    struct connection *connection = http2->connection;
    bool moved = frames_gather(http2);
    size_t first = stretch_len(&connection->out);
    if (first + http2->chunk.len == 0 || !connection->is_writable) {
        return moved;
    }
    struct iovec parts[2] = {
        {.iov_base = first == 0 ? NULL : stretch_bytes(&connection->out), .iov_len = first},
        {.iov_base = (void *)(uintptr_t)http2->chunk.data, .iov_len = http2->chunk.len},
    };
    size_t written = first == 0 ? connection_write(connection, parts + 1, 1)
                                : connection_write(connection, parts, http2->chunk.len > 0 ? 2 : 1);
    size_t of_first = written < first ? written : first;
    connection_consume(connection, &connection->out, of_first);
    if (written > of_first) {
        http2->chunk.data = (const char *)http2->chunk.data + (written - of_first);
        http2->chunk.len -= written - of_first;
    }
    if (written > 0) {
        http2->is_waiting = false;
    }
    return written > 0;
}

static bool read_in(struct http2 *http2)
{
    struct connection *connection = http2->connection;
    struct stretch *in = &connection->in;
    if (stretch_len(&connection->out) > 0 || http2->chunk.len > 0) {
        return false; /* until it has read what it asked for */
    }
    bool got = connection_read(connection);
    if (stretch_len(in) == 0) {
        return false;
    }
    ssize_t used = nghttp2_session_mem_recv(http2->session, stretch_bytes(in), stretch_len(in));
    if (used < 0) {
        loop_count(&connection->loop->counters.rejected, 1);
        connection->is_broken = true;
        return got;
    }
    connection_consume(connection, in, stretch_len(in));
    return true;
}

/* What the connection may take its time for. */
static void wait_choose(struct http2 *http2)
{
    struct connection *connection = http2->connection;
    const struct net_server_options *options = &connection->loop->server->options;
    if (http2->is_waiting) {
        return;
    }
    http2->is_waiting = true;
    if (stretch_len(&connection->out) > 0 || http2->chunk.len > 0) {
        connection_deadline(connection, options->write_timeout_ns);
    } else {
        connection_deadline(connection,
                            http2->stream_count == 0 ? options->idle_timeout_ns : NET_NEVER);
    }
}

static void turn(struct connection *connection)
{
    struct http2 *http2 = connection->http2;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        bool moved = read_in(http2);
        moved |= write_out(http2);
        if (connection->is_broken) {
            return;
        }
        if (!moved) {
            bool has_unsent = stretch_len(&connection->out) > 0 || http2->chunk.len > 0;
            bool is_over = nghttp2_session_want_read(http2->session) == 0 &&
                           nghttp2_session_want_write(http2->session) == 0;
            is_over |= connection->loop->is_draining && http2->stream_count == 0;
            connection->is_closing = connection->at_end || (is_over && !has_unsent);
            wait_choose(http2);
            return;
        }
    }
    loop_turn_later(connection->loop, connection);
}

static void on_timeout(struct connection *connection)
{
    struct http2 *http2 = connection->http2;
    if (http2->said_goodbye || stretch_len(&connection->out) > 0 || http2->chunk.len > 0) {
        connection_close(connection);
        return;
    }
    http2->said_goodbye = true;
    if (nghttp2_session_terminate_session(http2->session, NGHTTP2_NO_ERROR) != 0) {
        connection_close(connection);
        return;
    }
    http2->is_waiting = false;
    connection_wake(connection);
}

static void on_drain(struct connection *connection)
{
    struct http2 *http2 = connection->http2;
    int32_t last = nghttp2_session_get_last_proc_stream_id(http2->session);
    if (nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0) !=
        0) {
        connection_close(connection);
        return;
    }
    connection_wake(connection);
}

static void on_close(struct connection *connection)
{
    struct http2 *http2 = connection->http2;
    struct slu_budget *budget = connection->loop->budget;
    http2_streams_abandon(http2);
    nghttp2_session_del(http2->session);
    SLU_ASSERT(http2->used_bytes == 0);
    slu_budget_release(budget, http2->charged_bytes);
    slu_budget_free(budget, http2, sizeof(*http2));
    connection->http2 = NULL;
}

static const struct protocol http2_protocol = {
    .turn = turn,
    .on_timeout = on_timeout,
    .on_drain = on_drain,
    .on_close = on_close,
};

bool http2_begin(struct connection *connection)
{
    void *block = NULL;
    if (slu_budget_alloc(connection->loop->budget, sizeof(struct http2), &block) != 0) {
        loop_count(&connection->loop->counters.shed, 1);
        connection->is_broken = true;
        return true;
    }
    struct http2 *http2 = block;
    http2->connection = connection;
    if (session_start(http2) != 0) {
        loop_count(&connection->loop->counters.shed, 1);
        nghttp2_session_del(http2->session);
        slu_budget_release(connection->loop->budget, http2->charged_bytes);
        slu_budget_free(connection->loop->budget, http2, sizeof(*http2));
        connection->is_broken = true;
        return true;
    }
    connection->http2 = http2;
    connection->protocol = &http2_protocol;
    return true;
}
