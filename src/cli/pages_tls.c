#include "cli/pages_tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "cli/host.h"
#include "net/curl_library.h"

#define MEMORY_BYTES ((uint64_t)64 << 20)
#define JSON_TYPE    "Content-Type: application/json"

struct asking {
    const struct pages_tls *wanted;
    const struct curl_library *library;
    CURL *easy;
    uint64_t written_bytes;
    int err; /* by which writing ended */
};

static size_t body_take(char *bytes, size_t one, size_t count, void *context)
{
    struct asking *asking = context;
    size_t len = one * count;
    asking->written_bytes += len;
    if (asking->written_bytes > asking->wanted->body_bytes_max) {
        asking->err = -EFBIG;
    } else if (asking->wanted->fd >= 0) {
        int fd = asking->wanted->fd;
        asking->err = host_write(&fd, bytes, len);
    }
    return asking->err == 0 ? len : 0;
}

static CURLcode options_set(struct asking *asking, struct curl_slist *headers)
{
    const struct curl_library *library = asking->library;
    const struct pages_tls *wanted = asking->wanted;
    const char *authorities = getenv("SSL_CERT_FILE");
    CURL *easy = asking->easy;
    long timeout_ms = (long)(wanted->timeout_ns / 1000000) + 1;
    CURLcode code = library->easy_setopt(easy, CURLOPT_URL, wanted->url);
    code = code ? code : library->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    code = code ? code : library->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    code = code ? code : library->easy_setopt(easy, CURLOPT_NOPROXY, "*");
    code = code ? code : library->easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    code = code ? code : library->easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_take);
    code = code ? code : library->easy_setopt(easy, CURLOPT_WRITEDATA, asking);
    if (authorities != NULL && authorities[0] != '\0') {
        code = code ? code : library->easy_setopt(easy, CURLOPT_CAINFO, authorities);
    }
    if (wanted->json != NULL) {
        code = code ? code
                    : library->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                           (curl_off_t)wanted->json->len);
        code = code ? code : library->easy_setopt(easy, CURLOPT_POSTFIELDS, wanted->json->data);
        code = code ? code : library->easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    }
    return code;
}

static int failure_told(const struct asking *asking, CURLcode code, struct slu_diag *diag)
{
    const char *url = asking->wanted->url;
    if (asking->err != 0) {
        return diag_fail(diag, asking->err, "%.120s: %s", url, strerror(-asking->err));
    }
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return diag_fail(diag, -EACCES,
                         "%.120s: its certificate is not trusted (%.60s); SSL_CERT_FILE names a "
                         "file with the authority's",
                         url, asking->library->easy_strerror(code));
    case CURLE_OPERATION_TIMEDOUT:
        return diag_fail(diag, -ETIMEDOUT, "%.120s has not answered in time", url);
    case CURLE_COULDNT_CONNECT:
        return diag_fail(diag, -ECONNREFUSED, "%.120s: nobody listens there", url);
    case CURLE_OUT_OF_MEMORY:
        return diag_fail(diag, -ENOMEM, "%.120s: no memory", url);
    default:
        return diag_fail(diag, -EIO, "%.120s: %.80s", url, asking->library->easy_strerror(code));
    }
}

static int ask(struct asking *asking, int *status, struct slu_diag *diag)
{
    const struct curl_library *library = asking->library;
    struct curl_slist *headers = NULL;
    long answered = 0;
    if (asking->wanted->json != NULL) {
        headers = library->slist_append(NULL, JSON_TYPE);
    }
    CURLcode code = asking->wanted->json != NULL && headers == NULL ? CURLE_OUT_OF_MEMORY
                                                                    : options_set(asking, headers);
    code = code ? code : library->easy_perform(asking->easy);
    code = code ? code : library->easy_getinfo(asking->easy, CURLINFO_RESPONSE_CODE, &answered);
    library->slist_free_all(headers);
    *status = (int)answered;
    return code == CURLE_OK ? 0 : failure_told(asking, code, diag);
}

int pages_tls_ask(const struct pages_tls *wanted, int *status, struct slu_diag *diag)
{
    struct curl_library library = {0};
    struct slu_budget *budget = NULL;
    int err = slu_budget_create(NULL, "libcurl", MEMORY_BYTES, &budget);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for libcurl");
    }
    err = curl_library_load(&library, budget, diag);
    if (err == 0) {
        struct asking asking = {.wanted = wanted, .library = &library, .easy = library.easy_init()};
        err = asking.easy == NULL ? diag_fail(diag, -ENOMEM, "no memory for libcurl")
                                  : ask(&asking, status, diag);
        library.easy_cleanup(asking.easy);
    }
    curl_library_unload(&library);
    slu_budget_destroy(&budget);
    return err;
}
