/*
 * A stage of a pipeline: takes payloads over, and hands on what it makes of them.
 */
#ifndef PIPELINE_STAGE_H
#define PIPELINE_STAGE_H

#include <stdatomic.h>
#include <stdint.h>

struct payload;

/* Meant for embedding at the front of a stage. */
struct stage {
    /* Take the payload over. Never blocks. Threads: any */
    void (*consume)(struct stage *stage, struct payload *payload, uint64_t now_ns);
    const char *name;               /* the component's id; lives as long as the configuration */
    _Atomic uint64_t in_count;      /* records */
    _Atomic uint64_t dropped_count; /* by intent */
    _Atomic uint64_t refused_count; /* told to the sender */
};

static inline void stage_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    stage->consume(stage, payload, now_ns);
}

static inline void stage_count(_Atomic uint64_t *counter, uint64_t records)
{
    atomic_fetch_add_explicit(counter, records, memory_order_relaxed);
}

#endif
