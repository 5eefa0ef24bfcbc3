/* The head of an HTTP/1 answer, as far as a client of a few pages needs it. Source: RFC 9112. */
#ifndef CLI_HTTP_ANSWER_H
#define CLI_HTTP_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#define HTTP_ANSWER_HEAD_MAX 8192

struct http_answer {
    int status;
    uint64_t body_len; /* UINT64_MAX: until the connection ends */
    size_t head_len;
};

/*
 * Read what has come so far.
 *
 * Returns  0; -EAGAIN if more has to come; -EBADMSG if it is no answer of HTTP/1, its head is over
 *          HTTP_ANSWER_HEAD_MAX bytes, or its body comes in chunks
 */
int http_answer_read(struct slu_bytes received, struct http_answer *answer);

#endif
