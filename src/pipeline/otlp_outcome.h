/*
 * What an OTLP receiver's answer means for who sent: whether to send again, and when.
 *
 * Source  opentelemetry.io/docs/specs/otlp, "Failures" under OTLP/gRPC and OTLP/HTTP
 */
#ifndef PIPELINE_OTLP_OUTCOME_H
#define PIPELINE_OTLP_OUTCOME_H

#include <stdbool.h>

struct outcome;
struct sender_answer;

/* `name` is the exporter's, for the reason. */
void otlp_http_outcome(const struct sender_answer *answer, const char *name,
                       struct outcome *outcome);
void otlp_grpc_outcome(const struct sender_answer *answer, const char *name,
                       struct outcome *outcome);

#endif
