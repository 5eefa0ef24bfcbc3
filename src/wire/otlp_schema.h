/*
 * The messages of OTLP as tables: what is checked, read from JSON and written as JSON is said once.
 *
 * Source  github.com/open-telemetry/opentelemetry-proto, v1.5
 */
#ifndef WIRE_OTLP_SCHEMA_H
#define WIRE_OTLP_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/otlp.h"

enum otlp_kind {
    OTLP_UNKNOWN, /* no field of that number */
    OTLP_STRING,
    OTLP_BYTES,
    OTLP_TRACE_ID, /* 16 bytes or none; hex in JSON */
    OTLP_SPAN_ID,  /* 8 bytes or none */
    OTLP_MESSAGE,
    OTLP_BOOL,
    OTLP_ENUM,
    OTLP_UINT32,
    OTLP_SINT32,
    OTLP_INT64,
    OTLP_UINT64,
    OTLP_FIXED32,
    OTLP_FIXED64,
    OTLP_SFIXED64,
    OTLP_DOUBLE,
};

struct otlp_message;

struct otlp_enum_name {
    const char *name;
    int32_t value;
};

struct otlp_field {
    const char *name; /* in lowerCamelCase */
    const struct otlp_message *message;
    const struct otlp_enum_name *names; /* of an enum; ends with NULL */
    uint8_t number;
    uint8_t kind;
    bool is_repeated; /* numbers: packed, and read in either form */
};

#define OTLP_FIELD_NUMBER_MAX 16

struct otlp_message {
    const char *name;
    bool is_record;
    bool has_records; /* somewhere within, and is none itself */
    uint8_t field_count;
    const struct otlp_field *fields;
    uint8_t by_number[OTLP_FIELD_NUMBER_MAX + 1]; /* index in fields + 1; 0: none */
};

/* The request of a signal. */
const struct otlp_message *otlp_request(enum otlp_signal signal);

/* Where resources, scopes, metrics and records are described; of data points, one of a number. */
const struct otlp_message *otlp_level_message(enum otlp_signal signal, enum otlp_level level);

/* AnyValue, for what stands alone. */
extern const struct otlp_message otlp_any_value;

/* NULL: there is no such field. */
static inline const struct otlp_field *otlp_field_find(const struct otlp_message *message,
                                                       uint64_t number)
{
    if (number > OTLP_FIELD_NUMBER_MAX || message->by_number[number] == 0) {
        return NULL;
    }
    return &message->fields[message->by_number[number] - 1];
}

/* By its name in lowerCamelCase, or as the proto files have it. NULL: none */
const struct otlp_field *otlp_field_named(const struct otlp_message *message, const char *name,
                                          size_t len);

#endif
