/* The answers of HTTP/1: heads, bodies of known length and chunked ones. */
#ifndef NET_HTTP1_ANSWER_H
#define NET_HTTP1_ANSWER_H

#include <stdbool.h>

#include <sluice/bytes.h>

struct connection;
struct net_request;

#define ANSWER_HEAD_ROOM ((size_t)3072) /* more than a head can have */

/* As request_protocol: answer at once into `out`. */
bool http1_respond(struct net_request *request, struct slu_bytes body);

/*
 * Write what there is of the answer, and what was written before it.
 *
 * Returns  whether anything has moved
 */
bool http1_write(struct connection *connection);

/* An answer for want of a request, or for one that does not end; the connection closes behind it.
 */
void http1_error_write(struct connection *connection, unsigned status);

#endif
