/* Whether a message is what it says it is: all of it is visited, and its records are counted. */
#ifndef WIRE_OTLP_CHECK_H
#define WIRE_OTLP_CHECK_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "wire/otlp.h"

struct otlp_message;
struct slu_diag;

/* Messages within messages: values within values are what can be deep. */
#define OTLP_DEPTH_MAX 64

struct otlp_counts {
    uint64_t records; /* spans, data points, log records */
};

/*
 * Check an ExportTraceServiceRequest, ExportMetricsServiceRequest or ExportLogsServiceRequest:
 * that it is well formed to the last byte, its strings are UTF-8, its ids have their lengths, and
 * known fields have the types of the schema. Fields that are not known are passed over.
 *
 * diag     says which field is wrong: "resourceLogs[0].scopeLogs[2].logRecords[7].body"
 * Returns  0; -EBADMSG, and `out` is untouched
 * Cost     linear, about 3 GB/s; allocates nothing; stack of OTLP_DEPTH_MAX small frames
 */
SLU_MUST_USE int otlp_check(enum otlp_signal signal, struct slu_bytes message,
                            struct otlp_counts *out, struct slu_diag *diag);

#endif
