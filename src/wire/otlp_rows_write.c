#include "wire/otlp_rows.h"

#include <stdbool.h>

#include "base/block.h"
#include "codec/protobuf_block.h"
#include "wire/otlp_fields.h"
#include "wire/otlp_row_fields.h"

/* A record that is written: fields that `rest` has are not what the row's members say. */
struct record {
    struct protobuf_block *out;
    const struct otlp_row *row;
    uint64_t rest_fields; /* bit n: `rest` has a field n */
};

static uint64_t fields_in(struct slu_bytes rest)
{
    struct otlp_fields fields = otlp_fields_of(rest);
    struct otlp_part part;
    uint64_t numbers = 0;
    while (otlp_fields_next(&fields, &part)) {
        numbers |= part.number < 64 ? UINT64_C(1) << part.number : 0;
    }
    return numbers;
}

static bool is_left(const struct record *record, uint32_t field)
{
    return (record->rest_fields >> field & 1) != 0;
}

static void time_write(const struct record *record, uint32_t field, uint64_t time)
{
    protobuf_block_tag(record->out, field, PROTOBUF_FIXED64);
    protobuf_block_fixed64(record->out, time);
}

static void bytes_write(const struct record *record, uint32_t field, struct slu_bytes bytes)
{
    if (bytes.len > 0 && !is_left(record, field)) {
        protobuf_block_bytes(record->out, field, bytes);
    }
}

static void log_write(const struct record *record)
{
    const struct otlp_row *row = record->row;
    struct protobuf_mark body;
    if (!is_left(record, ROW_LOG_TIME)) {
        time_write(record, ROW_LOG_TIME, (uint64_t)row->time_ns);
    }
    if (row->text.len > 0 && !is_left(record, ROW_LOG_BODY)) {
        protobuf_block_begin(record->out, ROW_LOG_BODY, &body);
        protobuf_block_bytes(record->out, ROW_ANY_STRING, row->text);
        protobuf_block_end(record->out, body);
    }
    bytes_write(record, ROW_LOG_TRACE_ID, row->key);
}

static void span_write(const struct record *record)
{
    const struct otlp_row *row = record->row;
    bytes_write(record, ROW_SPAN_TRACE_ID, row->key);
    bytes_write(record, ROW_SPAN_NAME, row->text);
    if (!is_left(record, ROW_SPAN_START)) {
        time_write(record, ROW_SPAN_START, (uint64_t)row->time_ns);
    }
    if (!is_left(record, ROW_SPAN_END)) {
        time_write(record, ROW_SPAN_END, (uint64_t)row->time_ns + (uint64_t)row->duration_ns);
    }
}

static void profile_write(const struct record *record)
{
    bytes_write(record, ROW_PROFILE_NAME, record->row->text);
    if (!is_left(record, ROW_PROFILE_TIME)) {
        time_write(record, ROW_PROFILE_TIME, (uint64_t)record->row->time_ns);
    }
}

static void record_write(enum otlp_signal signal, struct protobuf_block *out,
                         const struct otlp_row *row)
{
    const struct record record = {out, row, fields_in(row->rest)};
    struct protobuf_mark mark;
    bool is_profile = signal == OTLP_PROFILES;
    protobuf_block_begin(out, is_profile ? ROW_RESOURCE_SCOPES : ROW_SCOPE_RECORDS, &mark);
    if (is_profile) {
        profile_write(&record);
    } else if (signal == OTLP_LOGS) {
        log_write(&record);
    } else {
        span_write(&record);
    }
    protobuf_block_raw(out, row->rest);
    protobuf_block_end(out, mark);
}

int otlp_row_write(struct slu_budget *budget, enum otlp_signal signal, const struct otlp_row *row,
                   struct block *out)
{
    struct protobuf_block writer = {.budget = budget, .block = *out};
    struct protobuf_mark resource;
    struct protobuf_mark scope;
    size_t len = out->len;
    protobuf_block_begin(&writer, ROW_REQUEST_RESOURCE, &resource);
    protobuf_block_raw(&writer, row->resource);
    if (signal == OTLP_PROFILES) {
        record_write(signal, &writer, row);
    } else {
        protobuf_block_begin(&writer, ROW_RESOURCE_SCOPES, &scope);
        protobuf_block_raw(&writer, row->scope);
        record_write(signal, &writer, row);
        protobuf_block_end(&writer, scope);
    }
    protobuf_block_end(&writer, resource);
    *out = writer.block;
    out->len = writer.err == 0 ? out->len : len;
    return writer.err;
}
