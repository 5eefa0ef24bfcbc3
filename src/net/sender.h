/*
 * Sends requests over HTTP/1.1, HTTP/2 and TLS with libcurl, as the daemon's exporters do, and says
 * what the other side answered.
 */
#ifndef NET_SENDER_H
#define NET_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

struct curl_library;
struct net_header;
struct slu_budget;
struct slu_scope;

#define SENDER_ANSWER_BYTES_MAX ((size_t)64 * 1024)
#define SENDER_FIELD_BYTES_MAX  1024
#define SENDER_HANDLES_MAX      64

/* Of TLS, and what goes with each request. */
struct sender_options {
    const char *ca_file;   /* NULL: the system's */
    const char *cert_file; /* NULL: none */
    const char *key_file;
    bool is_unverified;
    const struct net_header *headers;
    size_t header_count;
    uint64_t timeout_ns;
};

struct sender;

/* Meant for the stack. Text views live as long as the call of sender_send. */
struct sender_request {
    const char *url;
    const char *const *headers; /* "name: value", ends with NULL */
    struct slu_bytes prefix;    /* before the body */
    struct slu_bytes body;
    bool is_grpc;
};

/* An answer, or why there is none. */
struct sender_answer {
    bool is_answered;
    unsigned status;
    char type[128];
    char retry_after[64];
    char grpc_status[16];
    char grpc_message[SLU_DIAG_MESSAGE_MAX];
    char grpc_details[SENDER_FIELD_BYTES_MAX]; /* base64 */
    char error[SLU_DIAG_MESSAGE_MAX];
    size_t len;
    unsigned char *body; /* of SENDER_ANSWER_BYTES_MAX; what is more is left out */
};

/*
 * options  borrowed, with its texts
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until sender_destroy
 */
SLU_MUST_USE int sender_create(struct slu_budget *budget, const struct curl_library *curl,
                               const struct sender_options *options, struct sender **out);
void sender_destroy(struct sender **sender);

/*
 * Send and wait, for `timeout_ns` at the most, or until the scope is cancelled.
 *
 * answer   `body` is the caller's memory
 * Threads  any number at a time
 */
void sender_send(struct sender *sender, struct slu_scope *scope,
                 const struct sender_request *request, struct sender_answer *answer);

#endif
