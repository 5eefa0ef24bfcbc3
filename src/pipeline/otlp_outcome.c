#include "pipeline/otlp_outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "codec/base64.h"
#include "net/net.h"
#include "net/sender.h"
#include "pipeline/payload.h"
#include "wire/otlp_answer.h"

#define SECOND_NS         UINT64_C(1000000000)
#define RETRY_SECONDS_MAX 3600
#define GRPC_PREFIX_BYTES 5

/* Retry-After in its form of seconds; a date is left to the exporter's own interval. */
static uint64_t retry_after_ns(const char *text)
{
    char *end = NULL;
    unsigned long seconds = strtoul(text, &end, 10);
    if (end == text || *end != '\0') {
        return 0;
    }
    return (seconds < RETRY_SECONDS_MAX ? seconds : RETRY_SECONDS_MAX) * SECOND_NS;
}

static void say(struct outcome *outcome, enum outcome_kind kind, const char *name, const char *what,
                const char *text)
{
    outcome->kind = kind;
    (void)snprintf(outcome->reason, sizeof(outcome->reason), "%.40s: %.100s%s%.100s", name, what,
                   text[0] != '\0' ? ": " : "", text);
}

static void read_partial(struct slu_bytes body, const char *name, struct outcome *outcome)
{
    struct otlp_partial partial = {0};
    if (otlp_partial_read(body, &partial) == 0 && partial.rejected_count > 0) {
        outcome->refused_count = (uint64_t)partial.rejected_count;
        (void)snprintf(outcome->reason, sizeof(outcome->reason), "%s: %.200s", name,
                       partial.message);
    }
}

static bool is_retryable(unsigned status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

void otlp_http_outcome(const struct sender_answer *answer, const char *name,
                       struct outcome *outcome)
{
    struct slu_bytes body = {answer->body, answer->len};
    bool is_protobuf = strncasecmp(answer->type, "application/x-protobuf", 22) == 0;
    if (!answer->is_answered) {
        say(outcome, OUTCOME_LATER, name, answer->error, "");
        return;
    }
    if (answer->status >= 200 && answer->status < 300) {
        if (is_protobuf) {
            read_partial(body, name, outcome);
        }
        return;
    }
    struct otlp_status status = {0};
    char what[32];
    (void)snprintf(what, sizeof(what), "answered %u", answer->status);
    if (is_protobuf && otlp_status_read(body, &status) != 0) {
        status.message[0] = '\0'; /* any server may answer anything */
    }
    say(outcome, is_retryable(answer->status) ? OUTCOME_LATER : OUTCOME_REFUSED, name, what,
        status.message);
    if (outcome->kind == OUTCOME_LATER) {
        outcome->retry_ns = retry_after_ns(answer->retry_after);
    }
}

/* google.rpc.Status of the trailers, if there is one. */
static void read_details(const struct sender_answer *answer, struct otlp_status *status)
{
    unsigned char bytes[SENDER_FIELD_BYTES_MAX];
    size_t len = 0;
    struct slu_bytes text = net_text(answer->grpc_details);
    bool is_read = base64_decoded_max(text.len) <= sizeof(bytes) &&
                   base64_decode(text, bytes, &len) == 0 &&
                   otlp_status_read((struct slu_bytes){bytes, len}, status) == 0;
    if (!is_read) {
        status->has_retry = false; /* the code alone says what it says */
    }
}

static enum outcome_kind grpc_kind(unsigned long code, const struct otlp_status *status)
{
    switch (code) {
    case NET_GRPC_OK:
        return OUTCOME_TAKEN;
    case NET_GRPC_CANCELLED:
    case NET_GRPC_DEADLINE_EXCEEDED:
    case NET_GRPC_ABORTED:
    case NET_GRPC_OUT_OF_RANGE:
    case NET_GRPC_UNAVAILABLE:
    case NET_GRPC_DATA_LOSS:
        return OUTCOME_LATER;
    case NET_GRPC_RESOURCE_EXHAUSTED:
        return status->has_retry ? OUTCOME_LATER : OUTCOME_REFUSED;
    default:
        return OUTCOME_REFUSED;
    }
}

/* The message behind its prefix; compressed ones were not asked for. */
static struct slu_bytes grpc_body(const struct sender_answer *answer)
{
    if (answer->len < GRPC_PREFIX_BYTES || answer->body[0] != 0) {
        return (struct slu_bytes){0};
    }
    return (struct slu_bytes){answer->body + GRPC_PREFIX_BYTES, answer->len - GRPC_PREFIX_BYTES};
}

void otlp_grpc_outcome(const struct sender_answer *answer, const char *name,
                       struct outcome *outcome)
{
    if (!answer->is_answered) {
        say(outcome, OUTCOME_LATER, name, answer->error, "");
        return;
    }
    if (answer->grpc_status[0] == '\0') { /* something between, which speaks HTTP alone */
        otlp_http_outcome(answer, name, outcome);
        if (outcome->kind == OUTCOME_TAKEN) {
            say(outcome, OUTCOME_LATER, name, "answered without a gRPC status", "");
        }
        return;
    }
    struct otlp_status status = {0};
    unsigned long code = strtoul(answer->grpc_status, NULL, 10);
    char what[48];
    (void)snprintf(what, sizeof(what), "answered gRPC status %lu", code);
    read_details(answer, &status);
    enum outcome_kind kind = grpc_kind(code, &status);
    if (kind == OUTCOME_TAKEN) {
        read_partial(grpc_body(answer), name, outcome);
        return;
    }
    say(outcome, kind, name, what, answer->grpc_message);
    outcome->retry_ns = status.retry_ns;
}
