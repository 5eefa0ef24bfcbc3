/* The metrics of a server, on a meter. */
#ifndef NET_MEASURES_H
#define NET_MEASURES_H

#include <stdint.h>

#include <sluice/api.h>

struct measures;
struct net_request;
struct net_server;

/* Register them. Returns 0; as slu_meter_register. */
SLU_MUST_USE int measures_start(struct net_server *server, struct measures **out);

void measures_destroy(struct measures **measures);

/* A request has ended. Threads: its loop's. */
void measures_add(struct measures *measures, const struct net_request *request, uint64_t now_ns);

#endif
