#include "wire/otlp_rows.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "wire/otlp_fields.h"
#include "wire/otlp_labels.h"
#include "wire/otlp_row_fields.h"

#define FIRST_BYTES ((size_t)4096)
#define BODY_ROOM   ((size_t)64 * 1024)

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

/*
 * A field of a record that a member of the row is to hold: the last of that number. Only one that
 * is there once can go into the member alone; of several, all stay in `rest`, as they stand.
 */
struct held {
    struct otlp_part part;
    bool is_there;
    bool is_repeated;
};

static int held_take(struct otlp_row_reader *reader, const struct otlp_part *part,
                     struct held *held)
{
    int err = 0;
    if (held->is_there && !held->is_repeated) {
        err = part_keep(reader, &reader->rest, &held->part);
    }
    held->is_repeated = held->is_there;
    held->is_there = true;
    held->part = *part;
    return held->is_repeated && err == 0 ? part_keep(reader, &reader->rest, part) : err;
}

static bool held_is_one(const struct held *held)
{
    return held->is_there && !held->is_repeated;
}

/* The member does not say all that the field does. */
static int held_leave(struct otlp_row_reader *reader, const struct held *held)
{
    return held_is_one(held) ? part_keep(reader, &reader->rest, &held->part) : 0;
}

static int text_hold(struct otlp_row_reader *reader, const struct held *held,
                     struct slu_bytes *text)
{
    *text = held->part.bytes;
    return held_is_one(held) && text->len > 0 ? 0 : held_leave(reader, held);
}

static int trace_id_hold(struct otlp_row_reader *reader, const struct held *held,
                         struct otlp_row *row)
{
    if (held->part.bytes.len == ROW_TRACE_ID_BYTES) {
        row->key = held->part.bytes;
        if (held_is_one(held)) {
            return 0;
        }
    }
    return held_leave(reader, held);
}

/* In `rest`, a time of 0 says that the row's is not the record's. */
static int time_mark(struct otlp_row_reader *reader, unsigned field)
{
    const unsigned char marker[9] = {(unsigned char)(field << 3 | PROTOBUF_FIXED64)};
    return block_append(reader->budget, &reader->rest, marker, sizeof(marker));
}

/* The time of a record that has one of its own, or `other_ns`. */
static int time_hold(struct otlp_row_reader *reader, const struct held *held, unsigned field,
                     int64_t other_ns, struct otlp_row *row)
{
    bool is_right = is_time(held->part.value);
    row->time_ns = is_right ? (int64_t)held->part.value : other_ns;
    if (is_right && held_is_one(held)) {
        return 0;
    }
    return held->is_there ? held_leave(reader, held) : time_mark(reader, field);
}

/* An AnyValue that is a string, not empty, and nothing else. */
static bool is_only_string(struct slu_bytes any_value)
{
    struct otlp_fields fields = otlp_fields_of(any_value);
    struct otlp_part part;
    return otlp_fields_next(&fields, &part) && part.number == ROW_ANY_STRING &&
           part.bytes.len > 0 && fields.at == fields.end;
}

static int body_hold(struct otlp_row_reader *reader, const struct held *held, struct otlp_row *row)
{
    struct slu_bytes any_value = held->part.bytes;
    row->text = otlp_value_text(any_value, reader->body, sizeof(reader->body));
    return held_is_one(held) && is_only_string(any_value) ? 0 : held_leave(reader, held);
}

static int log_read(struct otlp_row_reader *reader, struct slu_bytes record, struct otlp_row *row)
{
    struct otlp_fields fields = otlp_fields_of(record);
    struct otlp_part part;
    struct held time = {.is_there = false};
    struct held body = {.is_there = false};
    struct held trace_id = {.is_there = false};
    uint64_t observed = 0;
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == ROW_LOG_TIME) {
            err = held_take(reader, &part, &time);
        } else if (part.number == ROW_LOG_BODY) {
            err = held_take(reader, &part, &body);
        } else if (part.number == ROW_LOG_TRACE_ID) {
            err = held_take(reader, &part, &trace_id);
        } else {
            observed = part.number == ROW_LOG_OBSERVED ? part.value : observed;
            err = part_keep(reader, &reader->rest, &part);
        }
    }
    int64_t other_ns = is_time(observed) ? (int64_t)observed : reader->now_ns;
    err = err != 0 ? err : time_hold(reader, &time, ROW_LOG_TIME, other_ns, row);
    err = err != 0 ? err : body_hold(reader, &body, row);
    err = err != 0 ? err : trace_id_hold(reader, &trace_id, row);
    return fields.is_broken ? -EBADMSG : err;
}

/*
 * A span's end is held as its duration, which needs a start that is held too. One that has not
 * ended lasts for nothing.
 */
static int span_times_hold(struct otlp_row_reader *reader, const struct held *start,
                           const struct held *end, struct otlp_row *row)
{
    bool has_start = is_time(start->part.value);
    bool has_end = is_time(end->part.value);
    int64_t other_ns = has_end ? (int64_t)end->part.value : reader->now_ns;
    int err = time_hold(reader, start, ROW_SPAN_START, other_ns, row);
    row->duration_ns = has_start && has_end ? (int64_t)end->part.value - row->time_ns : 0;
    if (err != 0 || (has_start && has_end && held_is_one(start) && held_is_one(end))) {
        return err;
    }
    return end->is_there ? held_leave(reader, end) : time_mark(reader, ROW_SPAN_END);
}

static int span_read(struct otlp_row_reader *reader, struct slu_bytes record, struct otlp_row *row)
{
    struct otlp_fields fields = otlp_fields_of(record);
    struct otlp_part part;
    struct held trace_id = {.is_there = false};
    struct held name = {.is_there = false};
    struct held start = {.is_there = false};
    struct held end = {.is_there = false};
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == ROW_SPAN_TRACE_ID) {
            err = held_take(reader, &part, &trace_id);
        } else if (part.number == ROW_SPAN_NAME) {
            err = held_take(reader, &part, &name);
        } else if (part.number == ROW_SPAN_START) {
            err = held_take(reader, &part, &start);
        } else if (part.number == ROW_SPAN_END) {
            err = held_take(reader, &part, &end);
        } else {
            err = part_keep(reader, &reader->rest, &part);
        }
    }
    err = err != 0 ? err : trace_id_hold(reader, &trace_id, row);
    err = err != 0 ? err : text_hold(reader, &name, &row->text);
    err = err != 0 ? err : span_times_hold(reader, &start, &end, row);
    return fields.is_broken ? -EBADMSG : err;
}

static int profile_read(struct otlp_row_reader *reader, struct slu_bytes record,
                        struct otlp_row *row)
{
    struct otlp_fields fields = otlp_fields_of(record);
    struct otlp_part part;
    struct held name = {.is_there = false};
    struct held time = {.is_there = false};
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == ROW_PROFILE_NAME) {
            err = held_take(reader, &part, &name);
        } else if (part.number == ROW_PROFILE_TIME) {
            err = held_take(reader, &part, &time);
        } else {
            err = part_keep(reader, &reader->rest, &part);
        }
    }
    err = err != 0 ? err : text_hold(reader, &name, &row->text);
    err = err != 0 ? err : time_hold(reader, &time, ROW_PROFILE_TIME, reader->now_ns, row);
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
        if (part.number == ROW_RESOURCE_SCOPES) {
            err = around_keep(reader, part.bytes, ROW_SCOPE_RECORDS, &reader->scope);
            err = err != 0 ? err : records_read(reader, part.bytes, ROW_SCOPE_RECORDS);
        }
    }
    return err;
}

static void labels_take(struct otlp_row_reader *reader, struct slu_bytes message)
{
    static const struct slu_bytes service = {"service_name", 12};
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    otlp_labels_return(&reader->labels, (struct otlp_labels_mark){0});
    while (otlp_fields_next(&fields, &part)) {
        struct otlp_fields resource = otlp_fields_of(part.bytes);
        struct otlp_part attribute;
        while (part.number == ROW_RESOURCE_RESOURCE && otlp_fields_next(&resource, &attribute)) {
            if (attribute.number == ROW_RESOURCE_ATTRIBUTES) {
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
        if (part.number != ROW_REQUEST_RESOURCE) {
            continue;
        }
        err = around_keep(reader, part.bytes, ROW_RESOURCE_SCOPES, &reader->resource);
        if (err == 0) {
            labels_take(reader, part.bytes);
            reader->scope.len = 0;
            err = signal == OTLP_PROFILES ? records_read(reader, part.bytes, ROW_RESOURCE_SCOPES)
                                          : scopes_read(reader, part.bytes);
        }
    }
    return fields.is_broken ? -EBADMSG : err;
}
