/* What /api/status says of the daemon; docs/http-api.md has it. */
#ifndef SERVE_DAEMON_STATUS_H
#define SERVE_DAEMON_STATUS_H

#include <stdint.h>

struct daemon_store;
struct graph;
struct json_writer;
struct memory_watch;
struct refusals;
struct slu_budget;

/* Borrowed for the call. */
struct daemon_status {
    const struct slu_budget *payloads;
    const struct slu_budget *queries;
    const struct slu_budget *configs;
    const struct daemon_store *store;
    struct memory_watch *watch;
    struct graph *graph;
    struct refusals *refusals;
    int64_t started_ns; /* since 1970 */
};

/* Write the members of its object. */
void daemon_status_write(const struct daemon_status *status, struct json_writer *json);

#endif
