/*
 * One message taken apart into its fields, so that they can be looked at and changed, and put
 * together again: fields that nobody touched keep their bytes and their order.
 */
#ifndef WIRE_OTLP_IMAGE_H
#define WIRE_OTLP_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"

struct protobuf_block;
struct slu_arena;
struct slu_budget;

enum otlp_value_kind {
    OTLP_NIL, /* there is none */
    OTLP_VALUE_STRING,
    OTLP_VALUE_BOOL,
    OTLP_VALUE_INT,
    OTLP_VALUE_DOUBLE,
    OTLP_VALUE_OTHER, /* bytes, an array, a map: the bytes of its AnyValue */
};

struct otlp_value {
    enum otlp_value_kind kind;
    struct slu_bytes text; /* of STRING and OTHER */
    union {
        bool boolean;
        int64_t integer;
        double number;
    };
};

/* Members are private but for `err` and `is_changed`. */
struct otlp_image {
    struct slu_budget *budget;
    struct slu_arena *arena; /* of what was put in */
    struct block fields;
    size_t field_count;
    bool is_changed;
    int err; /* the first of -EDQUOT, -ENOMEM, -EBADMSG */
};

#define OTLP_IMAGE_BYTES_MAX ((size_t)64 << 20) /* of what is put into one message */

/* Returns 0; -EDQUOT; -ENOMEM. Owner: the caller, until otlp_image_deinit */
SLU_MUST_USE int otlp_image_init(struct otlp_image *image, struct slu_budget *budget);
void otlp_image_deinit(struct otlp_image *image);

/* Take a message apart, which is borrowed. What was put in before is gone. */
void otlp_image_read(struct otlp_image *image, struct slu_bytes message);

/* Put it together. */
void otlp_image_write(const struct otlp_image *image, struct protobuf_block *out);

/* A field's value: its number, or its bytes; the last if there are several. False: none */
bool otlp_image_number(const struct otlp_image *image, uint32_t field, uint64_t *value);
bool otlp_image_bytes(const struct otlp_image *image, uint32_t field, struct slu_bytes *bytes);

/* Put a field in place of what it has; with none, behind the others. */
void otlp_image_set_varint(struct otlp_image *image, uint32_t field, uint64_t value);
void otlp_image_set_fixed64(struct otlp_image *image, uint32_t field, uint64_t value);
void otlp_image_set_bytes(struct otlp_image *image, uint32_t field, struct slu_bytes bytes);
void otlp_image_remove(struct otlp_image *image, uint32_t field);

/* Of the attributes in `field`, the one of a key. OTLP_NIL: there is none */
struct otlp_value otlp_image_attribute(const struct otlp_image *image, uint32_t field,
                                       struct slu_bytes key);

/* Give a key its value, new or not. OTLP_NIL removes it. */
void otlp_image_set_attribute(struct otlp_image *image, uint32_t field, struct slu_bytes key,
                              const struct otlp_value *value);

/* Remove the attributes that `is_kept` says no of. */
void otlp_image_keep_attributes(struct otlp_image *image, uint32_t field,
                                bool (*is_kept)(void *arg, struct slu_bytes key), void *arg);

/* The next attribute, a KeyValue; `at` begins with 0. False at the end */
bool otlp_image_next(const struct otlp_image *image, uint32_t field, size_t *at,
                     struct slu_bytes *attribute);

/* What a message has in a field of bytes, the last if there are several; empty: nothing. */
struct slu_bytes otlp_bytes_of(struct slu_bytes message, uint32_t field);

/* Of a message's attributes, the one of a key; for who only looks. */
struct otlp_value otlp_attribute_of(struct slu_bytes message, uint32_t field, struct slu_bytes key);

/* What an AnyValue says, and one that says it. */
struct otlp_value otlp_value_read(struct slu_bytes any_value);
void otlp_value_write(struct protobuf_block *out, const struct otlp_value *value);

/* In which field the attributes of a message are; 0: it has none. */
struct otlp_message;
uint32_t otlp_attributes_field(const struct otlp_message *message);

#endif
