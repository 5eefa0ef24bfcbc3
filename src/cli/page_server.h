/*
 * A server for the page of one person at this machine: loopback only, one answer at a time, each on
 * a connection of its own. Connections that say nothing hold nobody up.
 *
 * The network layer of the daemon serves many; it brings libraries that this program is to do
 * without.
 */
#ifndef CLI_PAGE_SERVER_H
#define CLI_PAGE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "cli/page_request.h"

struct sink;
struct slu_diag;

#define PAGE_CONNECTIONS_MAX 32
#define PAGE_IDLE_NS         UINT64_C(10000000000) /* for a request to come */
#define PAGE_SEND_SECONDS    20                    /* for a piece of an answer to be taken */
#define PAGE_URL_BYTES       64

struct page_connection {
    int fd;
    size_t len;
    uint64_t until_ns;
    char bytes[PAGE_REQUEST_BYTES_MAX];
};

struct page_server {
    int fd;
    uint16_t port;
    char url[PAGE_URL_BYTES];
    uint32_t connection_count;
    struct page_connection connections[PAGE_CONNECTIONS_MAX];
};

/* An answer that is being given. */
struct page_answer {
    int fd;
    int err;
    bool is_head;
    bool has_begun;
};

/* Answer a request by one of the functions below. */
typedef void (*page_handle)(void *context, const struct page_request *request,
                            struct page_answer *answer);

/*
 * Listen.
 *
 * listen   "127.0.0.1:8080", "[::1]:8080", "8080"; port 0: any that is free
 * Returns  0; -EINVAL for another address; a negative errno of the system; `diag` says it
 */
SLU_MUST_USE int page_server_open(struct page_server *server, const char *listen,
                                  struct slu_diag *diag);
void page_server_close(struct page_server *server);

/*
 * Wait for requests until `until_ns` and answer them.
 *
 * Returns  0; a negative errno of poll
 */
SLU_MUST_USE int page_server_wait(struct page_server *server, uint64_t until_ns, page_handle handle,
                                  void *context);

/* Answer with all of a body. `encoding` and `etag` may be NULL. */
void page_answer_bytes(struct page_answer *answer, const char *status, const char *type,
                       const char *encoding, const char *etag, struct slu_bytes body);

/* Answer with what is written as it comes; the end of the connection is its end. */
void page_answer_begin(struct page_answer *answer, const char *type);

/* Of a sink: hand on what is written. */
int page_answer_write(void *answer, const char *bytes, size_t len);

#endif
