/*
 * What receivers of OTLP answer: export responses with what they refused, and failures.
 *
 * Source  opentelemetry.io/docs/specs/otlp, "Partial Success", "Failures"; google/rpc/status.proto
 *         and error_details.proto (RetryInfo)
 */
#ifndef WIRE_OTLP_ANSWER_H
#define WIRE_OTLP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

#include "wire/otlp.h"

struct sink;

/* An ExportTraceServiceResponse, or that of metrics or logs. */
struct otlp_partial {
    int64_t rejected_count; /* records; 0 with a message is a warning */
    char message[SLU_DIAG_MESSAGE_MAX];
};

/* A google.rpc.Status. */
struct otlp_status {
    int32_t code;
    bool has_retry;    /* it carries a RetryInfo */
    uint64_t retry_ns; /* which says that */
    char message[SLU_DIAG_MESSAGE_MAX];
};

/* In Protocol Buffers or JSON; full success is an empty message. */
void otlp_partial_write(struct sink *sink, bool is_json, enum otlp_signal signal,
                        const struct otlp_partial *partial);
void otlp_status_write(struct sink *sink, bool is_json, const struct otlp_status *status);

/* Read one in Protocol Buffers, long messages cut. Returns 0; -EBADMSG, and `out` is untouched */
SLU_MUST_USE int otlp_partial_read(struct slu_bytes message, struct otlp_partial *out);
SLU_MUST_USE int otlp_status_read(struct slu_bytes message, struct otlp_status *out);

#endif
