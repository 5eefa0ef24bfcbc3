/*
 * The pages of a profiled program, fetched: by the number of a process (the socket that
 * control_name.h names) or by an http or https URL.
 */
#ifndef CLI_PAGES_CLIENT_H
#define CLI_PAGES_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct slu_diag;

struct pages_wanted {
    const char *source;  /* digits, or http[s]://HOST[:PORT][/PATH] */
    const char *page;    /* "heap"; put behind a URL that has no path or ends in / */
    uint64_t seconds;    /* 0, or a difference between two moments */
    uint64_t timeout_ns; /* for the whole, besides those seconds */
};

/* Whether `source` is one of the two: otherwise it may be a file. */
bool pages_is_source(const char *source);

/*
 * Write what the page holds to `fd`.
 *
 * Returns  0; -ESRCH, -EACCES, -ECONNREFUSED, -ETIMEDOUT, -EBADMSG, -EINVAL or another negative
 *          errno, and `diag` says what can be done
 */
SLU_MUST_USE int pages_fetch(const struct pages_wanted *wanted, int fd, struct slu_diag *diag);

/*
 * Send JSON to a URL, and wait for the server to say that it has it.
 *
 * Returns  0; -EINVAL; -EBADMSG for an answer other than 2xx; as pages_fetch, and `diag` says it
 */
SLU_MUST_USE int pages_post(const char *url, struct slu_bytes json, struct slu_diag *diag);

#endif
