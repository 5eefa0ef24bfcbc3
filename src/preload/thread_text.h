/* The stacks of threads, for people. */
#ifndef PRELOAD_THREAD_TEXT_H
#define PRELOAD_THREAD_TEXT_H

#include <stdint.h>

struct profile_mapping;
struct sink;
struct thread_stack;
struct thread_stacks;

struct thread_places {
    const struct profile_mapping *mappings; /* ascending by start */
    uint32_t count;
};

/* Room for thread_state_text. */
#define THREAD_TEXT_BYTES 96

/* What the thread does, and what is missing of it: "sleeping in futex". */
void thread_state_text(const struct thread_stack *stack, char text[THREAD_TEXT_BYTES]);

/*
 * Each stack once, with how many threads have it and which: as Go's goroutine profile with debug=1,
 * which pprof reads. The table's order is changed.
 */
void threads_write_grouped(struct thread_stacks *stacks, const struct thread_places *places,
                           struct sink *sink);

/* A paragraph for each thread. */
void threads_write_each(const struct thread_stacks *stacks, const struct thread_places *places,
                        struct sink *sink);

#endif
