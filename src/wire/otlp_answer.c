#include "wire/otlp_answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sink.h"
#include "codec/json_writer.h"
#include "codec/protobuf_reader.h"
#include "codec/protobuf_writer.h"

#define SECOND_NS         UINT64_C(1000000000)
#define RETRY_SECONDS_MAX (UINT64_C(86400) * 366)

static const char retry_type[] = "type.googleapis.com/google.rpc.RetryInfo";

/* Field numbers. */
enum {
    RESPONSE_PARTIAL = 1,
    PARTIAL_REJECTED = 1,
    PARTIAL_MESSAGE = 2,
    STATUS_CODE = 1,
    STATUS_MESSAGE = 2,
    STATUS_DETAILS = 3,
    ANY_TYPE = 1,
    ANY_VALUE = 2,
    RETRY_DELAY = 1,
    DURATION_SECONDS = 1,
    DURATION_NANOS = 2,
};

static struct slu_bytes text_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static const char *rejected_name(enum otlp_signal signal)
{
    static const char *const names[] = {[OTLP_TRACES] = "rejectedSpans",
                                        [OTLP_METRICS] = "rejectedDataPoints",
                                        [OTLP_LOGS] = "rejectedLogRecords"};
    return names[signal];
}

static bool is_full(const struct otlp_partial *partial)
{
    return partial->rejected_count == 0 && partial->message[0] == '\0';
}

static void partial_fields(struct protobuf_writer *writer, const void *context)
{
    const struct otlp_partial *partial = context;
    if (partial->rejected_count != 0) {
        protobuf_write_int(writer, PARTIAL_REJECTED, partial->rejected_count);
    }
    protobuf_write_bytes(writer, PARTIAL_MESSAGE, text_of(partial->message));
}

static void partial_write_json(struct sink *sink, enum otlp_signal signal,
                               const struct otlp_partial *partial)
{
    struct json_writer json;
    char number[24];
    json_writer_init(&json, sink, JSON_COMPACT);
    json_begin_object(&json);
    if (!is_full(partial)) {
        (void)snprintf(number, sizeof(number), "%lld", (long long)partial->rejected_count);
        json_write_key(&json, "partialSuccess");
        json_begin_object(&json);
        json_write_key(&json, rejected_name(signal));
        json_write_string(&json, number); /* 64 bits are strings in OTLP's JSON */
        json_write_key(&json, "errorMessage");
        json_write_string(&json, partial->message);
        json_end_object(&json);
    }
    json_end_object(&json);
    json_writer_end(&json);
}

void otlp_partial_write(struct sink *sink, bool is_json, enum otlp_signal signal,
                        const struct otlp_partial *partial)
{
    if (is_json) {
        partial_write_json(sink, signal, partial);
    } else if (!is_full(partial)) {
        struct protobuf_writer writer;
        protobuf_writer_init(&writer, sink);
        protobuf_write_message(&writer, RESPONSE_PARTIAL, partial_fields, partial);
    }
}

static void duration_fields(struct protobuf_writer *writer, const void *context)
{
    const struct otlp_status *status = context;
    protobuf_write_uint(writer, DURATION_SECONDS, status->retry_ns / SECOND_NS);
    protobuf_write_uint(writer, DURATION_NANOS, status->retry_ns % SECOND_NS);
}

static void retry_fields(struct protobuf_writer *writer, const void *context)
{
    protobuf_write_message(writer, RETRY_DELAY, duration_fields, context);
}

static void detail_fields(struct protobuf_writer *writer, const void *context)
{
    protobuf_write_bytes(writer, ANY_TYPE, text_of(retry_type));
    protobuf_write_message(writer, ANY_VALUE, retry_fields, context);
}

static void status_write_json(struct sink *sink, const struct otlp_status *status)
{
    struct json_writer json;
    json_writer_init(&json, sink, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "code");
    json_write_int(&json, status->code);
    json_write_key(&json, "message");
    json_write_string(&json, status->message);
    if (status->has_retry) {
        char delay[48];
        (void)snprintf(delay, sizeof(delay), "%llu.%09llus",
                       (unsigned long long)(status->retry_ns / SECOND_NS),
                       (unsigned long long)(status->retry_ns % SECOND_NS));
        json_write_key(&json, "details");
        json_begin_array(&json);
        json_begin_object(&json);
        json_write_key(&json, "@type");
        json_write_string(&json, retry_type);
        json_write_key(&json, "retryDelay");
        json_write_string(&json, delay);
        json_end_object(&json);
        json_end_array(&json);
    }
    json_end_object(&json);
    json_writer_end(&json);
}

void otlp_status_write(struct sink *sink, bool is_json, const struct otlp_status *status)
{
    if (is_json) {
        status_write_json(sink, status);
        return;
    }
    struct protobuf_writer writer;
    protobuf_writer_init(&writer, sink);
    protobuf_write_int(&writer, STATUS_CODE, status->code);
    protobuf_write_bytes(&writer, STATUS_MESSAGE, text_of(status->message));
    if (status->has_retry) {
        protobuf_write_message(&writer, STATUS_DETAILS, detail_fields, status);
    }
}

/* What fits, whole characters. */
static void text_copy(char *text, size_t size, struct slu_bytes bytes)
{
    struct sink sink;
    sink_init_fixed(&sink, text, size);
    sink_put(&sink, bytes.data, bytes.len); /* its error says that something was cut */
}

static int partial_fields_read(struct slu_bytes message, struct otlp_partial *partial)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == PARTIAL_REJECTED && field.wire == PROTOBUF_VARINT) {
            partial->rejected_count = (int64_t)field.value;
        } else if (field.number == PARTIAL_MESSAGE && field.wire == PROTOBUF_BYTES) {
            text_copy(partial->message, sizeof(partial->message), field.bytes);
        }
    }
    return protobuf_reader_end(&reader);
}

int otlp_partial_read(struct slu_bytes message, struct otlp_partial *out)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    struct otlp_partial partial = {0};
    int err = 0;
    protobuf_reader_init(&reader, message);
    while (err == 0 && protobuf_next(&reader, &field)) {
        if (field.number == RESPONSE_PARTIAL && field.wire == PROTOBUF_BYTES) {
            err = partial_fields_read(field.bytes, &partial);
        }
    }
    if (err == 0) {
        err = protobuf_reader_end(&reader);
    }
    if (err == 0) {
        *out = partial;
    }
    return err;
}

static int duration_read(struct slu_bytes message, uint64_t *out)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t seconds = 0;
    uint64_t nanos = 0;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == DURATION_SECONDS) {
            seconds = field.value;
        } else if (field.number == DURATION_NANOS) {
            nanos = field.value;
        }
    }
    int err = protobuf_reader_end(&reader);
    if (err == 0 && (seconds > RETRY_SECONDS_MAX || nanos >= SECOND_NS)) {
        err = -EBADMSG; /* negative ones are far above */
    }
    if (err == 0) {
        *out = seconds * SECOND_NS + nanos;
    }
    return err;
}

/* The first field of a number that has a length; empty if there is none. */
static struct slu_bytes part_of(struct slu_bytes message, uint32_t number)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == number && field.wire == PROTOBUF_BYTES) {
            return field.bytes;
        }
    }
    return (struct slu_bytes){0};
}

static void detail_read(struct slu_bytes detail, struct otlp_status *status)
{
    struct slu_bytes type = part_of(detail, ANY_TYPE);
    if (type.len != sizeof(retry_type) - 1 || memcmp(type.data, retry_type, type.len) != 0) {
        return;
    }
    struct slu_bytes delay = part_of(part_of(detail, ANY_VALUE), RETRY_DELAY);
    status->has_retry = duration_read(delay, &status->retry_ns) == 0;
}

int otlp_status_read(struct slu_bytes message, struct otlp_status *out)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    struct otlp_status status = {0};
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == STATUS_CODE && field.wire == PROTOBUF_VARINT) {
            status.code = (int32_t)field.value;
        } else if (field.number == STATUS_MESSAGE && field.wire == PROTOBUF_BYTES) {
            text_copy(status.message, sizeof(status.message), field.bytes);
        } else if (field.number == STATUS_DETAILS && field.wire == PROTOBUF_BYTES) {
            detail_read(field.bytes, &status);
        }
    }
    int err = protobuf_reader_end(&reader);
    if (err == 0) {
        *out = status;
    }
    return err;
}
