/*
 * An HTTP/1 request, as far as a server of a few pages needs it: a body is taken and not read.
 *
 * Source  RFC 9112
 */
#ifndef PRELOAD_HTTP_REQUEST_H
#define PRELOAD_HTTP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/bytes.h>

#define HTTP_REQUEST_BYTES_MAX 4096 /* the head, and a body */

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_OTHER,
};

/* Views into what was received. */
struct http_request {
    enum http_method method;
    struct slu_bytes path;
    struct slu_bytes query; /* behind the question mark; empty without one */
    bool is_of_page;        /* a browser sends it for a page of somewhere (Origin) */
};

/*
 * Read what has come so far.
 *
 * Returns  0; -EAGAIN if more has to come; -EBADMSG if it is no HTTP/1 request; -ENOBUFS if there
 *          are HTTP_REQUEST_BYTES_MAX bytes and the head has no end; -EFBIG if the body would not
 *          fit behind it; -ENOTSUP if its length is not told beforehand (chunks)
 */
int http_request_read(struct slu_bytes received, struct http_request *request);

/*
 * The number that the query gives for `name`, the first if there are more.
 *
 * Returns  0; -ENOENT if it does not name it; -EBADMSG if that is no decimal number of 64 bits
 */
int http_request_number(const struct http_request *request, const char *name, uint64_t *value);

#endif
