/*
 * The records of a request for logs or traces, and the profiles of one of Sluice's own, as rows of
 * streams, and rows as requests again. What came is what goes out: fields that this does not know
 * are kept.
 */
#ifndef WIRE_OTLP_ROWS_H
#define WIRE_OTLP_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "wire/otlp.h"
#include "wire/otlp_samples.h"

struct block;
struct otlp_row_reader;
struct slu_budget;

struct otlp_row {
    const struct otlp_label *labels; /* of the stream; as in otlp_sample */
    size_t label_count;
    uint64_t stream; /* changes when the labels or the resource are other ones than for the row
                            before, and may change when they are not */
    struct slu_bytes resource; /* the Resource message with its schema_url: see below */
    int64_t time_ns;
    int64_t duration_ns;    /* of spans: end - start; negative ones are kept; 0 without both */
    struct slu_bytes key;   /* the trace's id: 16 bytes, or none */
    struct slu_bytes text;  /* of log records the body: a string as it is, another value as JSON;
                               the span's name; of a profile its type (heap, goroutine, ...) */
    struct slu_bytes scope; /* the InstrumentationScope message and schema_url: see below */
    struct slu_bytes rest;  /* the record without what the members above say: see below */
};

typedef int otlp_row_fn(void *arg, const struct otlp_row *row);

SLU_MUST_USE int otlp_row_reader_create(struct slu_budget *budget, struct otlp_row_reader **out);
void otlp_row_reader_destroy(struct otlp_row_reader **reader);

/*
 * Read a message that otlp_check has accepted. The time of a log record is time_unix_nano, else
 * observed_time_unix_nano, else `now_ns`; of a span its start, else its end, else now_ns; of a
 * profile its own, else now_ns. Times of 0 and past INT64_MAX are none.
 *
 * Labels of the stream are the resource's attributes with names that Prometheus allows (other
 * characters become '_'; of two that become one the first stays), values as text (numbers and
 * booleans as JSON has them; arrays, maps and bytes as JSON), empty ones left out, cut after 1,024
 * bytes at the end of a character. A stream without service.name has the service_name
 * "unknown_service".
 *
 * `resource` and `scope` are ResourceLogs (ResourceSpans, ...) and ScopeLogs (ScopeSpans, ...)
 * without their records, as bytes: field 1 and schema_url, and what else they have. `rest` is the
 * LogRecord or Span without the fields that row members hold exactly; where a member does not (a
 * body that is no string, a field that comes twice), the field stays in `rest`, and a time that is
 * not the record's is 0 there.
 *
 * What has no record is no row: resources and scopes without one, and a request's unknown fields.
 *
 * Returns  0; -EBADMSG; what `visit` returned; -EDQUOT, -ENOMEM: no room for what is around a
 *          record, or for the record
 * Cost     linear; allocates nothing when messages are no larger than those before; under 150 ns a
 *          log record of 200 bytes
 */
SLU_MUST_USE int otlp_rows_read(struct otlp_row_reader *reader, enum otlp_signal signal,
                                struct slu_bytes message, int64_t now_ns, otlp_row_fn *visit,
                                void *arg);

/*
 * A request with one row, put behind what `out` has: requests in a row are one request. Reading it
 * at the same time gives the row again, and a request that was read and written row by row says
 * what it said. Labels are not written: the resource says them.
 *
 * out      of `budget`, or empty: then its memory is taken
 * Returns  0; -EDQUOT; -ENOMEM; -EOVERFLOW; then `out` has what it had
 */
SLU_MUST_USE int otlp_row_write(struct slu_budget *budget, enum otlp_signal signal,
                                const struct otlp_row *row, struct block *out);

#endif
