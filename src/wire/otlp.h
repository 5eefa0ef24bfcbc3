/*
 * OpenTelemetry's protocol: the bytes of an ExportServiceRequest, and what may be done to them.
 *
 * A message stays the bytes that came: what is passed on has every field that was sent, unknown
 * ones too. Two requests of one signal in a row are one request with the records of both, because
 * their only field is repeated.
 *
 * Source  opentelemetry.io/docs/specs/otlp, opentelemetry-proto 1.x
 */
#ifndef WIRE_OTLP_H
#define WIRE_OTLP_H

enum otlp_signal {
    OTLP_TRACES,  /* records are spans */
    OTLP_METRICS, /* records are data points */
    OTLP_LOGS,    /* records are log records */

    /*
     * Heap profiles and stacks of threads, in pprof's format, with their resource. This message is
     * Sluice's own: OpenTelemetry's signal of profiles is not stable. otlp_schema.c has it.
     */
    OTLP_PROFILES,
};

#define OTLP_SIGNAL_COUNT     3 /* of OpenTelemetry's own */
#define PIPELINE_SIGNAL_COUNT 4

/* "traces", "metrics", "logs", "profiles"; as pipelines are named. */
const char *otlp_signal_name(enum otlp_signal signal);

/* Messages by what they are, in all signals. */
enum otlp_level {
    OTLP_RESOURCE_LEVEL, /* resources; empty ones where the sender left them out */
    OTLP_SCOPE_LEVEL,    /* scopes */
    OTLP_METRIC_LEVEL,   /* metrics, of which other signals have none */
    OTLP_RECORD_LEVEL,   /* spans, data points, log records */
};

#endif
