/*
 * The head of a request for a page of our own, and the few headers that matter to it. Whatever is
 * not plainly HTTP/1 is refused. Source: RFC 9112.
 */
#ifndef CLI_PAGE_REQUEST_H
#define CLI_PAGE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#define PAGE_REQUEST_BYTES_MAX ((size_t)8192)

/* Views into what was received. */
struct page_request {
    struct slu_bytes path;
    struct slu_bytes query; /* behind the question mark */
    struct slu_bytes host;
    struct slu_bytes if_none_match;
    bool is_get; /* or HEAD */
    bool is_head;
    bool takes_gzip;
};

/*
 * Read what has come so far.
 *
 * Returns  0; -EAGAIN if more has to come; -EBADMSG; -ENOBUFS if PAGE_REQUEST_BYTES_MAX bytes have
 *          no end
 */
SLU_MUST_USE int page_request_read(struct slu_bytes received, struct page_request *request);

/* Whether Host names this machine: localhost, or a loopback address, with any port. */
bool page_request_is_local(const struct page_request *request);

/*
 * A value of the query, decoded, with a final zero.
 *
 * Returns  0; -ENOENT; -ENOBUFS; -EBADMSG for a broken escape or a zero byte
 */
SLU_MUST_USE int page_request_value(const struct page_request *request, const char *name,
                                    char *value, size_t size_bytes);

#endif
