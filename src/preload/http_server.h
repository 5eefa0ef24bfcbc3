/*
 * The pages of http_pages.h on sockets: a few connections, strict times. A client that is slow or
 * hostile costs a place for a few seconds and nothing else.
 *
 * Where a program has threads, one of ours serves. In a program of a single thread a second one
 * would make libc take locks that it does not take for one; there allocations serve: the next one
 * that is sampled looks for clients.
 */
#ifndef PRELOAD_HTTP_SERVER_H
#define PRELOAD_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/page.h"

/* What http_server_start is given; copied where nothing else is said. */
struct http_server_options {
    const char *listen;     /* as sys/address.h reads it; port 0: any that is free; "": nowhere */
    bool anywhere;          /* also at an address that others reach */
    bool has_control;       /* also on the socket of the process's number, for its user and root */
    bool has_threads;       /* the program, or others of ours */
    const char *symbolizer; /* borrowed for ever; "": none */
    struct page_source source; /* but for its room */
};

/*
 * Listen, and say where the public can. What goes wrong is said, and the program goes on without
 * the pages. Threads: where a thread may be started (own_thread.h).
 */
void http_server_start(const struct http_server_options *options);

/* The program has threads from now on: serve on one of our own. Threads: as above; or any later. */
void http_server_take_thread(void);

/*
 * Within a hook, after a sample of this stack: serve who has come, unless a thread does.
 *
 * Cost  a clock's comparison; every 10 ms two system calls, and whatever is asked for
 */
void http_server_tick(uint64_t now_ns, const uintptr_t *pcs, size_t count);

/* In the child of fork: public pages stay with the parent; its own control socket comes later. */
void http_server_after_fork_child(void);

#endif
