/*
 * A fault in small: what a service does with a request, in a faulty or a fixed form. One program
 * has one form of one case: service.c brings the sockets, and the case what leaks, or does not.
 *
 * Cases take the time as an argument, so that it can be sped up, or made up. A case is called by
 * one thread at a time, but for one that says it is concurrent.
 */
#ifndef LAB_CASE_H
#define LAB_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slu_budget;
struct slu_scope;

#define LAB_FIGURES_MAX 8

struct lab_settings {
    struct slu_budget *budget; /* for fixed forms: all that they hold */
    struct slu_scope *scope;   /* for tasks; cancelled at the end */
    uint64_t seed;
    double speed;             /* how many times faster than the clock the time goes */
    uint32_t connections_max; /* at a time */
    uint64_t span_ns;         /* of windows; 0: as the case has it */
    const char *behind;       /* the socket of what stands behind the service; NULL: nothing */
};

struct lab_request {
    uint64_t now_ns;
    uint32_t connection; /* below connections_max */
    uint64_t client;
    const char *path; /* with its query */
};

/* What a case tells of itself at the end: a name and a number. */
struct lab_figure {
    const char *name;
    double value;
};

struct lab_case {
    /* Returns 0; a negative errno. */
    int (*create)(const struct lab_settings *settings, void **state);

    /* Returns the HTTP status that the client gets. On a WebSocket: a beat. */
    unsigned (*serve)(void *state, const struct lab_request *request);

    /* The client of a connection has come, or gone; may be NULL. */
    void (*open)(void *state, const struct lab_request *request);
    void (*close)(void *state, const struct lab_request *request);

    /* Called each 10 ms; may be NULL. */
    void (*advance)(void *state, uint64_t now_ns);

    /* Returns how many there are. */
    size_t (*figures)(void *state, struct lab_figure *figures);

    /* What is not given back here is the fault. */
    void (*destroy)(void *state);

    bool is_concurrent; /* `serve` may wait, and runs on several threads */
};

/* The one of this program. */
extern const struct lab_case lab_case;

#endif
