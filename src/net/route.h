/*
 * The table of routes: from a method and a path to a handler, checked when the server starts.
 *
 * A path's parts are compared as they were sent. Where several routes fit, constant parts win over
 * parameters, from the left.
 */
#ifndef NET_ROUTE_H
#define NET_ROUTE_H

#include <stdint.h>

#include <sluice/bytes.h>

#include "net/net.h"

struct slu_diag;

struct routes {
    const struct net_route *list;
    uint32_t count;
};

/* Returns 0; -EINVAL for a path, a method or a handler that cannot be; `diag` says which. */
int routes_check(const struct routes *routes, struct slu_diag *diag);

/*
 * Find the route.
 *
 * parameters  NET_PARAMETERS_MAX, in the order of the path
 * allowed     all methods that the path has routes for
 * Returns     NULL if there is none
 * Cost        O(routes x parts)
 */
const struct net_route *routes_find(const struct routes *routes, unsigned method,
                                    struct slu_bytes path, struct slu_bytes *parameters,
                                    unsigned *allowed);

/* Which parameter of a route has this name, or -1. */
int route_parameter(const struct net_route *route, const char *name);

/* The method's bit, or 0. */
unsigned method_of(struct slu_bytes name);

/* "GET" */
const char *method_name(unsigned method);

#endif
