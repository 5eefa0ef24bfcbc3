/*
 * Pages behind TLS, by libcurl, which is loaded for as long as it takes: a program that asks none
 * does without it.
 */
#ifndef CLI_PAGES_TLS_H
#define CLI_PAGES_TLS_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct slu_diag;

struct pages_tls {
    const char *url;              /* https:// */
    const struct slu_bytes *json; /* what is sent; NULL: the page is fetched */
    int fd;                       /* where what comes is written; -1: nowhere */
    uint64_t body_bytes_max;
    uint64_t timeout_ns;
};

/*
 * Ask. The server's certificate has to be good for its name, by the authorities of the system or
 * those of the environment's SSL_CERT_FILE.
 *
 * status   of the answer, which is written whatever it is
 * Returns  0; -ELIBACC without libcurl; -EACCES for a certificate; -ETIMEDOUT; -ECONNREFUSED;
 *          -EFBIG; -EIO; `diag` says what can be done
 */
SLU_MUST_USE int pages_tls_ask(const struct pages_tls *wanted, int *status, struct slu_diag *diag);

#endif
