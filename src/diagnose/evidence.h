/*
 * All that was observed of one process: profiles of memory and of tasks, the collector's trace,
 * what the operating system counts, requests. Inputs are told apart by what is in them, and reduced
 * to numbers over time when they come in.
 */
#ifndef DIAGNOSE_EVIDENCE_H
#define DIAGNOSE_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "diagnose/held.h"
#include "diagnose/record.h"

struct pprof_symbols;
struct sites;
struct slu_budget;
struct slu_diag;

enum evidence_kind {
    EVIDENCE_NOTHING, /* none of what follows */
    EVIDENCE_HEAP,
    EVIDENCE_TASKS,
    EVIDENCE_TRACE,   /* of Go's collector */
    EVIDENCE_SAMPLES, /* of the operating system, or of load */
    EVIDENCE_HOLDERS, /* who holds the memory */
    EVIDENCE_CAPSULE, /* holds others */
    EVIDENCE_KIND_COUNT,
};

/* Times of a trace count from the program's beginning, others as the inputs have them. */
struct evidence {
    struct slu_budget *budget;
    struct sites *heap;
    struct sites *tasks;
    struct record rss;
    struct record thread_count; /* as the operating system has it */
    struct record requests;     /* since some beginning */
    struct record live;         /* of the collector, after each cycle */
    struct record pause_ms;
    struct record cycle_number;
    struct record goal;
    struct record returned; /* given back by the scavenger */
    struct record idle;
    struct held held; /* the newest answer */
    double held_seconds;
    double limit_bytes; /* 0: not known */
    double trace_seconds;
    uint64_t damaged_lines;
    uint64_t forced_cycles;
    uint32_t input_count[EVIDENCE_KIND_COUNT];
};

struct evidence_input {
    struct slu_bytes bytes;
    const char *name;                    /* for messages */
    double seconds;                      /* when it was written: for what tells no time */
    const struct pprof_symbols *symbols; /* NULL: addresses without names stay so */
    bool is_live; /* it was taken at `seconds`: the clock of who made it is not believed */
};

/* Returns 0; -EDQUOT; -ENOMEM. Owner: the caller, until evidence_destroy. */
SLU_MUST_USE int evidence_create(struct slu_budget *budget, struct evidence **out);
void evidence_destroy(struct evidence **evidence);

/* What `bytes` begin as. */
enum evidence_kind evidence_kind_of(struct slu_bytes bytes);

/*
 * Take an input in. A capsule's parts are taken in one by one; what they hold that is not known is
 * passed over.
 *
 * kind     what it was
 * Returns  0, also for EVIDENCE_NOTHING; -EBADMSG, and `diag` says where; -EDQUOT; -ENOMEM. What is
 *          in by then stays.
 * Cost     memory of the profile's model while it is read
 */
SLU_MUST_USE int evidence_add(struct evidence *evidence, const struct evidence_input *input,
                              enum evidence_kind *kind, struct slu_diag *diag);

/* Forget what is older, but for the collector's trace. */
void evidence_forget(struct evidence *evidence, double seconds);

#endif
