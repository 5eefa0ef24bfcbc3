/* The streams of an HTTP/2 connection: each is a request. */
#ifndef NET_HTTP2_STREAM_H
#define NET_HTTP2_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>
#include <sluice/bytes.h>

struct connection;
struct net_request;

/* A connection's, in a block of its own. */
struct http2 {
    struct connection *connection;
    nghttp2_session *session;
    struct net_request *first; /* of the streams that have one */
    struct slu_bytes chunk;    /* of frames, with nghttp2 until the next is taken */
    uint64_t reset_ns;         /* a bucket of resets, as a time */
    size_t used_bytes;
    size_t charged_bytes;
    uint32_t stream_count;
    bool is_waiting; /* its deadline is set */
    bool said_goodbye;
};

void http2_stream_callbacks(nghttp2_session_callbacks *callbacks);

/* All clients of the connection are gone. */
void http2_streams_abandon(struct http2 *http2);

/* In http2.c, for the streams. */
void http2_stream_begun(struct http2 *http2);
void http2_stream_ended(struct http2 *http2);

/* The client has taken a stream back; whoever does that too often is sent away. */
int http2_reset_heed(struct http2 *http2);

#endif
