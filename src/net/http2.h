/* HTTP/2 on a connection. Source: RFC 9113; the framing is nghttp2's. */
#ifndef NET_HTTP2_H
#define NET_HTTP2_H

#include <stdbool.h>

struct connection;

#define HTTP2_PREFACE       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HTTP2_PREFACE_BYTES ((size_t)24)

/* Go on in HTTP/2: the preface has come, or TLS says so. Returns true. */
bool http2_begin(struct connection *connection);

#endif
