#include "wire/otlp_rows.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "codec/protobuf_block.h"
#include "wire/otlp_fields.h"
#include "wire/otlp_labels.h"

/* Fields of the messages around records; the same for logs and traces. */
#define REQUEST_RESOURCE    1
#define RESOURCE_RESOURCE   1
#define RESOURCE_SCOPES     2 /* of profiles, the records */
#define SCOPE_RECORDS       2
#define RESOURCE_ATTRIBUTES 1

#define LOG_TIME     1
#define LOG_BODY     5
#define LOG_TRACE_ID 9
#define LOG_OBSERVED 11

#define SPAN_TRACE_ID 1
#define SPAN_NAME     5
#define SPAN_START    7
#define SPAN_END      8

#define PROFILE_NAME 1
#define PROFILE_TIME 2

#define ANY_STRING     1
#define TRACE_ID_BYTES 16
#define FIRST_BYTES    ((size_t)4096)
#define BODY_ROOM      ((size_t)64 * 1024)

struct otlp_row_reader {
    struct slu_budget *budget;
    struct otlp_labels labels;
    struct block resource; /* the message around the records, without them */
    struct block scope;
    struct block rest;
    char body[BODY_ROOM];
    uint64_t stream;
    int64_t now_ns;
    enum otlp_signal signal;
    otlp_row_fn *visit;
    void *arg;
};

int otlp_row_reader_create(struct slu_budget *budget, struct otlp_row_reader **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct otlp_row_reader), &memory);
    if (err != 0) {
        return err;
    }
    struct otlp_row_reader *reader = memory;
    reader->budget = budget;
    reader->labels.count = 0;
    reader->labels.used = 0;
    reader->stream = 0;
    reader->resource = (struct block){0};
    reader->scope = (struct block){0};
    reader->rest = (struct block){0};
    err = block_begin(budget, FIRST_BYTES, &reader->resource);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &reader->scope);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &reader->rest);
    if (err != 0) {
        otlp_row_reader_destroy(&reader);
        return err;
    }
    *out = reader;
    return 0;
}

void otlp_row_reader_destroy(struct otlp_row_reader **out)
{
    struct otlp_row_reader *reader = *out;
    *out = NULL;
    if (reader != NULL) {
        block_free(reader->budget, &reader->rest);
        block_free(reader->budget, &reader->scope);
        block_free(reader->budget, &reader->resource);
        slu_budget_free(reader->budget, reader, sizeof(*reader));
    }
}

static int part_keep(struct otlp_row_reader *reader, struct block *block,
                     const struct otlp_part *part)
{
    return block_append(reader->budget, block, part->whole.data, part->whole.len);
}

/* Times that do not fit are as good as none. */
static bool is_time(uint64_t time)
{
    return time != 0 && time <= INT64_MAX;
}

/* The string of an AnyValue that is nothing else, and not empty. */
static bool body_is_string(struct slu_bytes any_value, struct slu_bytes *text)
{
    struct otlp_fields fields = otlp_fields_of(any_value);
    struct otlp_part part;
    if (!otlp_fields_next(&fields, &part) || part.number != ANY_STRING || fields.at != fields.end ||
        part.bytes.len == 0 || part.whole.len != any_value.len) {
        return false;
    }
    *text = part.bytes;
    return true;
}

/* What a member of the row does not hold exactly stays in `rest`: a marker for the time. */
static int time_mark(struct otlp_row_reader *reader, unsigned field)
{
    const unsigned char marker[9] = {(unsigned char)(field << 3 | PROTOBUF_FIXED64)};
    return block_append(reader->budget, &reader->rest, marker, sizeof(marker));
}

static int log_body(struct otlp_row_reader *reader, const struct otlp_part *part,
                    struct otlp_row *row)
{
    if (body_is_string(part->bytes, &row->text)) {
        return 0;
    }
    row->text = otlp_value_text(part->bytes, reader->body, sizeof(reader->body));
    return part_keep(reader, &reader->rest, part);
}

static int log_part(struct otlp_row_reader *reader, const struct otlp_part *part,
                    struct otlp_row *row, uint64_t *observed)
{
    switch (part->number) {
    case LOG_TIME:
        row->time_ns = is_time(part->value) ? (int64_t)part->value : 0;
        return 0;
    case LOG_BODY:
        return log_body(reader, part, row);
    case LOG_TRACE_ID:
        if (part->bytes.len == TRACE_ID_BYTES) {
            row->key = part->bytes;
            return 0;
        }
        break;
    case LOG_OBSERVED:
        *observed = part->value;
        break;
    default:
        break;
    }
    return part_keep(reader, &reader->rest, part);
}

static int log_read(struct otlp_row_reader *reader, struct slu_bytes record, struct otlp_row *row)
{
    struct otlp_fields fields = otlp_fields_of(record);
    struct otlp_part part;
    uint64_t observed = 0;
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        err = log_part(reader, &part, row, &observed);
    }
    if (err == 0 && row->time_ns == 0) {
        row->time_ns = is_time(observed) ? (int64_t)observed : reader->now_ns;
        err = time_mark(reader, LOG_TIME);
    }
    return fields.is_broken ? -EBADMSG : err;
}

/* The times of a span that has them both. */
struct span_times {
    struct otlp_part start;
    struct otlp_part end;
};

static int span_part(struct otlp_row_reader *reader, const struct otlp_part *part,
                     struct otlp_row *row, struct span_times *times)
{
    switch (part->number) {
    case SPAN_TRACE_ID:
        if (part->bytes.len == TRACE_ID_BYTES) {
            row->key = part->bytes;
            return 0;
        }
        break;
    case SPAN_NAME:
        row->text = part->bytes;
        return 0;
    case SPAN_START:
        times->start = *part;
        return 0;
    case SPAN_END:
        times->end = *part;
        return 0;
    default:
        break;
    }
    return part_keep(reader, &reader->rest, part);
}

static int span_times_take(struct otlp_row_reader *reader, const struct span_times *times,
                           struct otlp_row *row)
{
    int err = 0;
    if (is_time(times->start.value) && times->end.value <= INT64_MAX) {
        row->time_ns = (int64_t)times->start.value;
        row->duration_ns = (int64_t)times->end.value - row->time_ns;
        return 0;
    }
    row->time_ns = is_time(times->start.value) ? (int64_t)times->start.value
                   : is_time(times->end.value) ? (int64_t)times->end.value
                                               : reader->now_ns;
    err = times->start.whole.len > 0 ? part_keep(reader, &reader->rest, &times->start)
                                     : time_mark(reader, SPAN_START);
    if (err == 0 && times->end.whole.len > 0) {
        err = part_keep(reader, &reader->rest, &times->end);
    }
    return err;
}

static int span_read(struct otlp_row_reader *reader, struct slu_bytes record, struct otlp_row *row)
{
    struct otlp_fields fields = otlp_fields_of(record);
    struct otlp_part part;
    struct span_times times = {.start = {.value = 0}};
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        err = span_part(reader, &part, row, &times);
    }
    err = err != 0 ? err : span_times_take(reader, &times, row);
    return fields.is_broken ? -EBADMSG : err;
}

static int profile_read(struct otlp_row_reader *reader, struct slu_bytes record,
                        struct otlp_row *row)
{
    struct otlp_fields fields = otlp_fields_of(record);
    struct otlp_part part;
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == PROFILE_NAME) {
            row->text = part.bytes;
        } else if (part.number == PROFILE_TIME) {
            row->time_ns = is_time(part.value) ? (int64_t)part.value : 0;
        } else {
            err = part_keep(reader, &reader->rest, &part);
        }
    }
    if (err == 0 && row->time_ns == 0) {
        row->time_ns = reader->now_ns;
        err = time_mark(reader, PROFILE_TIME);
    }
    return fields.is_broken ? -EBADMSG : err;
}

static int record_read(struct otlp_row_reader *reader, struct slu_bytes record)
{
    struct otlp_row row = {.labels = reader->labels.labels,
                           .label_count = reader->labels.count,
                           .stream = reader->stream,
                           .resource = {reader->resource.data, reader->resource.len},
                           .scope = {reader->scope.data, reader->scope.len}};
    reader->rest.len = 0;
    int err = reader->signal == OTLP_LOGS     ? log_read(reader, record, &row)
              : reader->signal == OTLP_TRACES ? span_read(reader, record, &row)
                                              : profile_read(reader, record, &row);
    if (err != 0) {
        return err;
    }
    row.rest = (struct slu_bytes){reader->rest.data, reader->rest.len};
    return reader->visit(reader->arg, &row);
}

/* A message without the records in it: what else it has, as it stands. */
static int around_keep(struct otlp_row_reader *reader, struct slu_bytes message, uint32_t within,
                       struct block *block)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    int err = 0;
    block->len = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number != within) {
            err = part_keep(reader, block, &part);
        }
    }
    return fields.is_broken ? -EBADMSG : err;
}

static int records_read(struct otlp_row_reader *reader, struct slu_bytes message, uint32_t within)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == within) {
            err = record_read(reader, part.bytes);
        }
    }
    return err;
}

static int scopes_read(struct otlp_row_reader *reader, struct slu_bytes message)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == RESOURCE_SCOPES) {
            err = around_keep(reader, part.bytes, SCOPE_RECORDS, &reader->scope);
            err = err != 0 ? err : records_read(reader, part.bytes, SCOPE_RECORDS);
        }
    }
    return err;
}

static void labels_take(struct otlp_row_reader *reader, struct slu_bytes message)
{
    static const struct slu_bytes service = {"service_name", 12};
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    otlp_labels_return(&reader->labels, (struct otlp_labels_mark){0, 0});
    while (otlp_fields_next(&fields, &part)) {
        struct otlp_fields resource = otlp_fields_of(part.bytes);
        struct otlp_part attribute;
        while (part.number == RESOURCE_RESOURCE && otlp_fields_next(&resource, &attribute)) {
            if (attribute.number == RESOURCE_ATTRIBUTES) {
                otlp_labels_add_attribute(&reader->labels, attribute.bytes);
            }
        }
    }
    if (otlp_labels_find(&reader->labels, service) == NULL) {
        otlp_labels_add(&reader->labels, service, (struct slu_bytes){"unknown_service", 15});
    }
    reader->stream++;
}

int otlp_rows_read(struct otlp_row_reader *reader, enum otlp_signal signal,
                   struct slu_bytes message, int64_t now_ns, otlp_row_fn *visit, void *arg)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    int err = 0;
    reader->signal = signal;
    reader->now_ns = now_ns;
    reader->visit = visit;
    reader->arg = arg;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number != REQUEST_RESOURCE) {
            continue;
        }
        err = around_keep(reader, part.bytes, RESOURCE_SCOPES, &reader->resource);
        if (err == 0) {
            labels_take(reader, part.bytes);
            reader->scope.len = 0;
            err = signal == OTLP_PROFILES ? records_read(reader, part.bytes, RESOURCE_SCOPES)
                                          : scopes_read(reader, part.bytes);
        }
    }
    return fields.is_broken ? -EBADMSG : err;
}

/* Whether `rest` has a field: then no member of the row stands for it. */
static bool rest_has(struct slu_bytes rest, uint32_t number)
{
    struct otlp_fields fields = otlp_fields_of(rest);
    struct otlp_part part;
    while (otlp_fields_next(&fields, &part)) {
        if (part.number == number) {
            return true;
        }
    }
    return false;
}

static void fixed64_write(struct protobuf_block *out, uint32_t field, uint64_t value)
{
    protobuf_block_tag(out, field, PROTOBUF_FIXED64);
    protobuf_block_fixed64(out, value);
}

static void log_write(struct protobuf_block *out, const struct otlp_row *row)
{
    struct protobuf_mark body;
    if (!rest_has(row->rest, LOG_TIME)) {
        fixed64_write(out, LOG_TIME, (uint64_t)row->time_ns);
    }
    if (row->text.len > 0 && !rest_has(row->rest, LOG_BODY)) {
        protobuf_block_begin(out, LOG_BODY, &body);
        protobuf_block_bytes(out, ANY_STRING, row->text);
        protobuf_block_end(out, body);
    }
    if (row->key.len > 0) {
        protobuf_block_bytes(out, LOG_TRACE_ID, row->key);
    }
}

static void span_write(struct protobuf_block *out, const struct otlp_row *row)
{
    if (row->key.len > 0) {
        protobuf_block_bytes(out, SPAN_TRACE_ID, row->key);
    }
    if (row->text.len > 0) {
        protobuf_block_bytes(out, SPAN_NAME, row->text);
    }
    if (!rest_has(row->rest, SPAN_START)) {
        fixed64_write(out, SPAN_START, (uint64_t)row->time_ns);
        fixed64_write(out, SPAN_END, (uint64_t)row->time_ns + (uint64_t)row->duration_ns);
    }
}

static void profile_write(struct protobuf_block *out, const struct otlp_row *row)
{
    protobuf_block_bytes(out, PROFILE_NAME, row->text);
    if (!rest_has(row->rest, PROFILE_TIME)) {
        fixed64_write(out, PROFILE_TIME, (uint64_t)row->time_ns);
    }
}

int otlp_row_write(struct slu_budget *budget, enum otlp_signal signal, const struct otlp_row *row,
                   struct block *out)
{
    struct protobuf_block writer = {.budget = budget, .block = *out};
    struct protobuf_mark resource;
    struct protobuf_mark scope;
    struct protobuf_mark record;
    bool has_scope = signal != OTLP_PROFILES;
    protobuf_block_begin(&writer, REQUEST_RESOURCE, &resource);
    protobuf_block_raw(&writer, row->resource);
    if (has_scope) {
        protobuf_block_begin(&writer, RESOURCE_SCOPES, &scope);
        protobuf_block_raw(&writer, row->scope);
    }
    protobuf_block_begin(&writer, has_scope ? SCOPE_RECORDS : RESOURCE_SCOPES, &record);
    if (signal == OTLP_LOGS) {
        log_write(&writer, row);
    } else if (signal == OTLP_TRACES) {
        span_write(&writer, row);
    } else {
        profile_write(&writer, row);
    }
    protobuf_block_raw(&writer, row->rest);
    protobuf_block_end(&writer, record);
    if (has_scope) {
        protobuf_block_end(&writer, scope);
    }
    protobuf_block_end(&writer, resource);
    *out = writer.block;
    return writer.err;
}
