/* The pages, and the interfaces by which they and other clients read the store. docs/http-api.md */
#ifndef SERVE_WEB_H
#define SERVE_WEB_H

#include <stdint.h>

#include <sluice/api.h>

struct graph;
struct json_writer;
struct slu_budget;
struct slu_diag;
struct slu_scope;
struct store;
struct web;

struct web_options {
    struct slu_budget *budget;
    struct slu_budget *queries; /* of all that are under way */
    struct slu_scope *scope;
    const char *endpoint; /* "localhost:7800" */
    struct store *store;  /* NULL: there is none, and what reads it answers 503 */
    struct graph *graph;  /* whose metrics are shown; outlives it */
    const char *version;
    const char *data_path; /* where a file may lie for a moment */

    /* Writes members of the object of /api/status. On a worker */
    void (*status)(void *arg, struct json_writer *json);
    void *status_arg;

    int (*heap_write)(const char *path); /* the process's own profile; NULL: it has none */
};

/* Returns 0; a negative errno, which `diag` says more of. Owner: the caller, until web_stop */
SLU_MUST_USE int web_start(const struct web_options *options, struct slu_diag *diag,
                           struct web **out);
void web_stop(struct web **web);
unsigned web_port(const struct web *web);

#endif
