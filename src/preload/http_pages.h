/* What is served of the profile over HTTP: each page is written whole into a file in memory. */
#ifndef PRELOAD_HTTP_PAGES_H
#define PRELOAD_HTTP_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request;
struct modules;
struct profile;
struct profile_snapshot;

struct http_pages;

#define HTTP_SECONDS_MAX 3600 /* of a difference between two moments */

enum http_page_kind {
    HTTP_PAGE_INDEX,
    HTTP_PAGE_HEAP,   /* what is in use first */
    HTTP_PAGE_ALLOCS, /* what was allocated first */
};

struct http_page {
    enum http_page_kind kind;
    bool is_text;     /* ?debug=1: the older format, for people */
    uint32_t seconds; /* 0, or what changes in this time */
};

/*
 * The page that a request asks for.
 *
 * Returns  200; or the status to refuse it with: 400, 404, 405
 */
int http_page_find(const struct http_request *request, struct http_page *page);

/* The bytes of the block that http_pages_init takes. */
size_t http_pages_bytes(const struct profile *profile);

/*
 * block       zero pages
 * symbolizer  the program that knows names (symbolizer.h), or ""; borrowed
 */
struct http_pages *http_pages_init(void *block, const struct profile *profile,
                                   struct modules *modules, const char *symbolizer,
                                   uint64_t start_ns);

/* A page, ready to be sent; the receiver closes the file. */
struct http_content {
    int file;
    uint64_t len;
    const char *type;
};

/*
 * Make a page.
 *
 * since    the moment that a page with seconds counts from, or NULL
 * Returns  0; a negative errno of the system
 * Cost     reads all stacks; with names, a program is run for seconds at most
 * Threads  one at a time
 */
int http_page_make(struct http_pages *pages, const struct http_page *page,
                   const struct profile_snapshot *since, uint64_t since_ns,
                   struct http_content *content);

#endif
