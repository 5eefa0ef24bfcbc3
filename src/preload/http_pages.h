/* What is served over HTTP: the table of pages, each written whole into a file in memory. */
#ifndef PRELOAD_HTTP_PAGES_H
#define PRELOAD_HTTP_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "preload/page.h"

struct http_pages;

/*
 * The page that a request asks for.
 *
 * query    filled but for the moment of a difference; its views are those of the request
 * Returns  200; or the status to refuse it with: 400, 403, 404; 405 with the page, for its methods
 */
int http_page_find(const struct http_request *request, const struct page **page,
                   struct page_query *query);

/* What the header Allow says of a page. */
const char *http_page_methods(const struct page *page);

/* The bytes of the block that http_pages_init takes. */
size_t http_pages_bytes(const struct profile *profile);

/*
 * block       zero pages
 * source      copied; the room for mappings and the scratch memory are in the block
 * symbolizer  the program that knows names (symbolizer.h), or ""; borrowed
 */
struct http_pages *http_pages_init(void *block, const struct page_source *source,
                                   const char *symbolizer);

/* Pages are made within a hook from now on, with this stack; with 0, no more. Borrowed. */
void http_pages_set_caller(struct http_pages *pages, const uintptr_t *pcs, size_t count);

/* A page, ready to be sent; the receiver closes the file. */
struct http_content {
    int file;
    uint64_t len;
    const char *type;
};

/*
 * Make a page.
 *
 * Returns  0; -EINVAL if the page cannot be what the query asks; a negative errno of the system
 * Cost     the page's own; with names, a program is run for seconds at most
 * Threads  one at a time
 */
int http_page_make(struct http_pages *pages, const struct page *page,
                   const struct page_query *query, struct http_content *content);

#endif
