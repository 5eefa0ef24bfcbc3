/* The clients of a load: connections on one epoll, each with one request under way at most. */
#ifndef LAB_LOAD_CLIENT_H
#define LAB_LOAD_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

struct load_clients;
struct slu_budget;
struct slu_quantile_sketch;

struct load_options {
    const char *path; /* a template; borrowed */
    uint16_t port;
    uint32_t connections;
    uint64_t ids;
    uint64_t clients;
    uint64_t hold; /* requests of a connection; 0: any number */
    uint32_t abandon_percent;
    bool beats; /* WebSockets */
    uint64_t seed;
};

struct load_count {
    uint64_t sent;      /* requests or beats, whole */
    uint64_t answered;  /* 200 */
    uint64_t refused;   /* another status */
    uint64_t abandoned; /* sent, and not waited for */
    uint64_t failed;    /* the connection broke before the answer */
    uint64_t late;      /* due, and no connection was free for a turn */
    double p50_ms;      /* of the time from a request to its answer; NaN without any */
    double p99_ms;
    double p999_ms;
};

/* Connect all. Returns 0; a negative errno. Owner: the caller, until load_clients_destroy. */
int load_clients_create(struct slu_budget *budget, const struct load_options *options,
                        struct load_clients **out);
void load_clients_destroy(struct load_clients **clients);

/* Send what is due of `due_count` since the beginning; take answers for up to `wait_ns`. */
void load_clients_turn(struct load_clients *clients, uint64_t due_count, uint64_t wait_ns);

/* Send nothing more, and wait until all that is under way is answered: two seconds at most. */
void load_clients_finish(struct load_clients *clients);

struct load_count load_clients_count(const struct load_clients *clients);

#endif
