/*
 * One page of /debug/pprof/: the row that describes it, and what its writer is given. A page is a
 * file page_NAME.c and a line in http_pages.c.
 */
#ifndef PRELOAD_PAGE_H
#define PRELOAD_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/http_request.h"

struct modules;
struct profile;
struct profile_mapping;
struct profile_snapshot;
struct sink;
struct unwind_tables;

#define PAGE_FOLDER      "/debug/pprof/"
#define PAGE_SECONDS_MAX 3600 /* of a difference between two moments */

enum page_format {
    PAGE_TEXT,
    PAGE_HTML,
    PAGE_JSON,
    PAGE_PROFILE, /* pprof's format, which names are put into before it is sent */
};

/*
 * What pages are made from. All of it is for the one thread that makes them: one of our own, or, in
 * a program of a single thread, that one within a hook, with all signals held back. There the
 * allocator below is not at work, nor is the dynamic loader, and the program waits.
 */
struct page_source {
    const struct profile *profile;
    struct modules *modules;
    struct unwind_tables *tables;
    uint64_t start_ns;                /* when profiling began, monotonic */
    struct profile_mapping *mappings; /* room for MODULES_MAX */
    void *scratch;                    /* profile_write_bytes(), aligned to 64 */
    const uintptr_t *caller_pcs;      /* return addresses below the hook that makes the page ... */
    size_t caller_pc_count;           /* ... or 0: a thread of our own does */
};

/* What is asked for. */
struct page_query {
    struct http_request request;
    uint64_t debug;
    uint32_t seconds;                     /* 0, or what changes in this time */
    bool ages;                            /* what is in use by age */
    const struct profile_snapshot *since; /* the moment that a difference counts from, or NULL */
    uint64_t since_ns;
};

struct page {
    const char *name;  /* behind PAGE_FOLDER */
    const char *about; /* a phrase for the index; NULL: it is not listed */
    bool takes_post;   /* besides GET and HEAD, which change nothing */
    bool has_seconds;
    bool has_ages;
    enum page_format format;
    enum page_format debug_format; /* of ?debug=1 and above */

    /* A number for the index, or NULL. */
    uint64_t (*count)(const struct page_source *source);

    /* Returns 0; -EINVAL if the query asks for what there is not; another negative errno. */
    int (*write)(const struct page_source *source, const struct page_query *query,
                 struct sink *sink);
};

/* All rows, NULL behind the last. */
extern const struct page *const page_table[];

extern const struct page page_allocs;
extern const struct page page_heap;
extern const struct page page_index;
extern const struct page page_threads;
extern const struct page page_memory;

#endif
