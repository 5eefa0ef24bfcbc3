/* What gRPC asks of the layers below: deadlines, and refusals in its own form. */
#ifndef NET_GRPC_H
#define NET_GRPC_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/bytes.h>

struct net_request;

/* Whether the request is a call: application/grpc over HTTP/2. */
bool grpc_is_call(const struct net_request *request);

/* Bring the request's deadline forward to the client's, if it has said one. */
void grpc_deadline_read(struct net_request *request);

/* How long the body is whose first bytes these are, as its message says; 0: it does not say. */
uint64_t grpc_length(const struct net_request *request, struct slu_bytes first);

/* Answer a call with the status that stands for one of HTTP. */
void grpc_refuse(struct net_request *request, unsigned http_status);

#endif
