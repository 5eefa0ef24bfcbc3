/*
 * What the health_check extension answers: whether the daemon runs, on every path, and on /metrics
 * what it counts about itself, as Prometheus reads it.
 */
#ifndef SERVE_ADMIN_H
#define SERVE_ADMIN_H

#include <sluice/api.h>

struct admin;
struct graph;
struct slu_budget;
struct slu_diag;
struct slu_scope;

/*
 * Returns  0; a negative errno, which `diag` says more of
 * Owner    the caller, until admin_stop, before the graph is stopped
 */
SLU_MUST_USE int admin_start(struct slu_budget *budget, struct slu_scope *scope,
                             const char *endpoint, struct graph *graph, struct slu_diag *diag,
                             struct admin **out);

/* NULL is accepted, and `*admin` becomes NULL. */
void admin_stop(struct admin **admin);

/* The port it listens on. */
unsigned admin_port(const struct admin *admin);

#endif
