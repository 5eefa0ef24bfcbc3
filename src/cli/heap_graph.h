/* What `heap tree` and `heap peek` are: entries with their callers and callees. */
#ifndef CLI_HEAP_GRAPH_H
#define CLI_HEAP_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

struct heap_session;

struct heap_graph_options {
    const char *wanted; /* a pattern of labels; NULL: all */
    uint64_t entry_max; /* 0: all */
    bool by_cum;
    bool json;
};

/* Write it. Returns the exit status; errors have been told. */
int heap_graph_write(const struct heap_session *session, const struct heap_graph_options *options);

#endif
