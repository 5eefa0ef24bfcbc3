#include "net/sender.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "net/curl_library.h"
#include "net/net.h"
#include "sys/mutex.h"

#define MILLISECOND_NS     UINT64_C(1000000)
#define HEADER_BYTES_MAX   4096
#define CONNECT_TIMEOUT_MS 5000L

/* Handles keep their connections; one that is in use is its thread's. */
struct sender {
    struct slu_budget *budget;
    const struct curl_library *curl;
    const struct sender_options *options;
    struct mutex lock;
    size_t idle_count;
    CURL *idle[SENDER_HANDLES_MAX];
};

/* One exchange, for libcurl's callbacks. */
struct exchange {
    struct slu_scope *scope;
    const struct sender_request *request;
    struct sender_answer *answer;
    size_t sent; /* of prefix and body */
};

static size_t give_body(char *buffer, size_t size, size_t count, void *arg)
{
    struct exchange *exchange = arg;
    const struct slu_bytes parts[] = {exchange->request->prefix, exchange->request->body};
    size_t room = size * count;
    size_t given = 0;
    size_t begin = 0;
    for (int i = 0; i < 2; i++) {
        size_t end = begin + parts[i].len;
        if (exchange->sent < end && given < room) {
            size_t len = end - exchange->sent < room - given ? end - exchange->sent : room - given;
            memcpy(buffer + given, (const char *)parts[i].data + (exchange->sent - begin), len);
            exchange->sent += len;
            given += len;
        }
        begin = end;
    }
    return given;
}

/* On a connection that was closed meanwhile libcurl sends again. */
static int seek_body(void *arg, curl_off_t offset, int origin)
{
    struct exchange *exchange = arg;
    size_t len = exchange->request->prefix.len + exchange->request->body.len;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > len) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    exchange->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct sender_answer *answer = ((struct exchange *)arg)->answer;
    size_t len = size * count;
    size_t room = SENDER_ANSWER_BYTES_MAX - answer->len;
    size_t kept = len < room ? len : room;
    memcpy(answer->body + answer->len, bytes, kept);
    answer->len += kept;
    return len;
}

/* Copy a field's value if this is its line. */
static void take_field(struct slu_bytes line, const char *name, char *value, size_t size)
{
    size_t name_len = strlen(name);
    const char *text = line.data;
    if (line.len <= name_len || text[name_len] != ':' || strncasecmp(text, name, name_len) != 0) {
        return;
    }
    size_t begin = name_len + 1;
    size_t end = line.len;
    while (begin < end && (text[begin] == ' ' || text[begin] == '\t')) {
        begin++;
    }
    while (end > begin && (unsigned char)text[end - 1] <= ' ') {
        end--;
    }
    size_t len = end - begin < size - 1 ? end - begin : size - 1;
    memcpy(value, text + begin, len);
    value[len] = '\0';
}

static size_t take_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct sender_answer *answer = ((struct exchange *)arg)->answer;
    struct slu_bytes line = {bytes, size * count};
    take_field(line, "content-type", answer->type, sizeof(answer->type));
    take_field(line, "retry-after", answer->retry_after, sizeof(answer->retry_after));
    take_field(line, "grpc-status", answer->grpc_status, sizeof(answer->grpc_status));
    take_field(line, "grpc-message", answer->grpc_message, sizeof(answer->grpc_message));
    take_field(line, "grpc-status-details-bin", answer->grpc_details, sizeof(answer->grpc_details));
    return line.len;
}

/* Called at least once a second: whether to give up. */
static int is_cancelled(void *arg, curl_off_t download_bytes, curl_off_t downloaded_bytes,
                        curl_off_t upload_bytes, curl_off_t uploaded_bytes)
{
    (void)download_bytes;
    (void)downloaded_bytes;
    (void)upload_bytes;
    (void)uploaded_bytes;
    return slu_scope_error(((struct exchange *)arg)->scope) != 0;
}

int sender_create(struct slu_budget *budget, const struct curl_library *curl,
                  const struct sender_options *options, struct sender **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct sender), &memory);
    if (err == 0) {
        struct sender *sender = memory;
        sender->budget = budget;
        sender->curl = curl;
        sender->options = options;
        mutex_init(&sender->lock);
        *out = sender;
    }
    return err;
}

void sender_destroy(struct sender **out)
{
    struct sender *sender = *out;
    if (sender == NULL) {
        return;
    }
    for (size_t i = 0; i < sender->idle_count; i++) {
        sender->curl->easy_cleanup(sender->idle[i]);
    }
    mutex_deinit(&sender->lock);
    slu_budget_free(sender->budget, sender, sizeof(*sender));
    *out = NULL;
}

static CURL *handle_take(struct sender *sender)
{
    CURL *handle = NULL;
    mutex_lock(&sender->lock);
    if (sender->idle_count > 0) {
        handle = sender->idle[--sender->idle_count];
    }
    mutex_unlock(&sender->lock);
    return handle != NULL ? handle : sender->curl->easy_init();
}

static void handle_give(struct sender *sender, CURL *handle)
{
    sender->curl->easy_reset(handle); /* connections stay */
    mutex_lock(&sender->lock);
    bool is_kept = sender->idle_count < SENDER_HANDLES_MAX;
    if (is_kept) {
        sender->idle[sender->idle_count++] = handle;
    }
    mutex_unlock(&sender->lock);
    if (!is_kept) {
        sender->curl->easy_cleanup(handle);
    }
}

/* NULL where there is no memory for all of them. */
static struct curl_slist *headers_make(const struct sender *sender,
                                       const struct sender_request *request)
{
    const struct curl_library *curl = sender->curl;
    struct curl_slist *list = curl->slist_append(NULL, "Expect:");
    for (const char *const *header = request->headers; list != NULL && *header != NULL; header++) {
        struct curl_slist *longer = curl->slist_append(list, *header);
        if (longer == NULL) {
            curl->slist_free_all(list);
        }
        list = longer;
    }
    for (size_t i = 0; list != NULL && i < sender->options->header_count; i++) {
        char line[HEADER_BYTES_MAX];
        const struct net_header *header = &sender->options->headers[i];
        (void)snprintf(line, sizeof(line), "%s: %s", header->name, header->value);
        struct curl_slist *longer = curl->slist_append(list, line);
        if (longer == NULL) {
            curl->slist_free_all(list);
        }
        list = longer;
    }
    return list;
}

static bool set_text(const struct curl_library *curl, CURL *handle, CURLoption option,
                     const char *text)
{
    return text == NULL || curl->easy_setopt(handle, option, text) == CURLE_OK;
}

static bool tls_set(const struct sender *sender, CURL *handle)
{
    const struct curl_library *curl = sender->curl;
    const struct sender_options *options = sender->options;
    long verified = options->is_unverified ? 0L : 1L;
    return set_text(curl, handle, CURLOPT_CAINFO, options->ca_file) &&
           set_text(curl, handle, CURLOPT_SSLCERT, options->cert_file) &&
           set_text(curl, handle, CURLOPT_SSLKEY, options->key_file) &&
           curl->easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, verified) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2 * verified) == CURLE_OK;
}

static long http_version(const struct sender_request *request)
{
    if (!request->is_grpc) {
        return CURL_HTTP_VERSION_1_1;
    }
    return strncmp(request->url, "https:", 6) == 0 ? CURL_HTTP_VERSION_2TLS
                                                   : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
}

static bool callbacks_set(const struct curl_library *curl, CURL *handle, struct exchange *exchange)
{
    return curl->easy_setopt(handle, CURLOPT_READFUNCTION, give_body) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_READDATA, exchange) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_SEEKFUNCTION, seek_body) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_SEEKDATA, exchange) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_WRITEDATA, exchange) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_HEADERDATA, exchange) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, is_cancelled) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_XFERINFODATA, exchange) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
}

/* Whether the connection may be another request's, before or after. */
static bool reuse_set(const struct curl_library *curl, CURL *handle,
                      const struct sender_request *request)
{
    bool is_fresh =
        http_version(request) == CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE && !curl->keeps_clear_http2;
    long fresh = is_fresh ? 1L : 0L;
    return curl->easy_setopt(handle, CURLOPT_FRESH_CONNECT, fresh) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_FORBID_REUSE, fresh) == CURLE_OK;
}

static bool request_set(const struct sender *sender, CURL *handle,
                        const struct sender_request *request, const struct curl_slist *headers)
{
    const struct curl_library *curl = sender->curl;
    curl_off_t len = (curl_off_t)(request->prefix.len + request->body.len);
    long timeout_ms = (long)(sender->options->timeout_ns / MILLISECOND_NS);
    return curl->easy_setopt(handle, CURLOPT_URL, request->url) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_POST, 1L) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, len) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_HTTP_VERSION, http_version(request)) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
           curl->easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) == CURLE_OK &&
           reuse_set(curl, handle, request) && tls_set(sender, handle);
}

static void exchange_run(struct sender *sender, CURL *handle, struct exchange *exchange)
{
    const struct curl_library *curl = sender->curl;
    struct sender_answer *answer = exchange->answer;
    struct curl_slist *headers = headers_make(sender, exchange->request);
    if (headers == NULL || !request_set(sender, handle, exchange->request, headers) ||
        !callbacks_set(curl, handle, exchange)) {
        (void)snprintf(answer->error, sizeof(answer->error), "no memory for the request");
        curl->slist_free_all(headers);
        return;
    }
    CURLcode code = curl->easy_perform(handle);
    long status = 0;
    if (code == CURLE_OK) {
        code = curl->easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    }
    answer->is_answered = code == CURLE_OK;
    answer->status = (unsigned)status;
    if (code != CURLE_OK) {
        (void)snprintf(answer->error, sizeof(answer->error), "%s: %s", exchange->request->url,
                       curl->easy_strerror(code));
    }
    curl->slist_free_all(headers);
}

void sender_send(struct sender *sender, struct slu_scope *scope,
                 const struct sender_request *request, struct sender_answer *answer)
{
    unsigned char *body = answer->body;
    *answer = (struct sender_answer){.body = body};
    struct exchange exchange = {.scope = scope, .request = request, .answer = answer};
    CURL *handle = handle_take(sender);
    if (handle == NULL) {
        (void)snprintf(answer->error, sizeof(answer->error), "no memory for a connection");
        return;
    }
    exchange_run(sender, handle, &exchange);
    handle_give(sender, handle);
}
