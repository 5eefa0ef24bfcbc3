/*
 * The pages of http_pages.h on a socket: one thread, a few connections, strict times. A client that
 * is slow or hostile costs a place for a few seconds and nothing else.
 */
#ifndef PRELOAD_HTTP_SERVER_H
#define PRELOAD_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/page.h"

/* What http_server_start is given; copied where nothing else is said. */
struct http_server_options {
    const char *listen;        /* as http_address.h reads it; port 0: any that is free */
    bool anywhere;             /* also at an address that others reach */
    const char *symbolizer;    /* borrowed for ever; "": none */
    struct page_source source; /* but for its room */
};

/*
 * Listen, say where, and serve on a thread of the profiler's own. What goes wrong is said, and the
 * program goes on without the pages. Threads: where a thread may be started (own_thread.h).
 */
void http_server_start(const struct http_server_options *options);

/* In the child of fork: the pages stay with the parent. */
void http_server_after_fork_child(void);

#endif
