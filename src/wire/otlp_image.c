#include "wire/otlp_image.h"

#include <errno.h>
#include <string.h>

#include <sluice/arena.h>

#include "codec/protobuf_block.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp_schema.h"

#define CHUNK_BYTES ((size_t)4096)
#define FIELDS_MIN  ((size_t)64)

/* Of KeyValue and AnyValue. */
enum {
    KEY_FIELD = 1,
    VALUE_FIELD = 2,
    STRING_VALUE = 1,
    BOOL_VALUE = 2,
    INT_VALUE = 3,
    DOUBLE_VALUE = 4,
};

/* One field: its bytes, tag included; those of length 0 are gone. */
struct image_field {
    uint32_t number;
    enum protobuf_wire wire;
    uint64_t value;
    struct slu_bytes bytes;
    struct slu_bytes whole;
};

static struct image_field *fields_of(const struct otlp_image *image)
{
    return image->fields.data;
}

int otlp_image_init(struct otlp_image *image, struct slu_budget *budget)
{
    struct slu_arena_options options = {.chunk_bytes = CHUNK_BYTES,
                                        .limit_bytes = OTLP_IMAGE_BYTES_MAX};
    struct otlp_image made = {.budget = budget};
    int err = slu_arena_create(budget, &options, NULL, &made.arena);
    if (err == 0) {
        err = block_begin(budget, FIELDS_MIN * sizeof(struct image_field), &made.fields);
    }
    if (err != 0) {
        slu_arena_destroy(&made.arena);
        return err;
    }
    *image = made;
    return 0;
}

void otlp_image_deinit(struct otlp_image *image)
{
    if (image->arena != NULL) {
        block_free(image->budget, &image->fields);
        slu_arena_destroy(&image->arena);
    }
}

static void field_add(struct otlp_image *image, const struct image_field *field)
{
    if (image->err == 0) {
        image->err = block_append(image->budget, &image->fields, field, sizeof(*field));
        image->field_count += image->err == 0;
    }
}

void otlp_image_read(struct otlp_image *image, struct slu_bytes message)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    slu_arena_reset(image->arena);
    image->fields.len = 0;
    image->field_count = 0;
    image->is_changed = false;
    image->err = 0;
    protobuf_reader_init(&reader, message);
    while (image->err == 0 && protobuf_next(&reader, &field)) {
        struct image_field taken = {.number = field.number,
                                    .wire = field.wire,
                                    .value = field.value,
                                    .bytes = field.bytes,
                                    .whole = field.whole};
        field_add(image, &taken);
    }
    if (image->err == 0) {
        image->err = protobuf_reader_end(&reader);
    }
}

void otlp_image_write(const struct otlp_image *image, struct protobuf_block *out)
{
    const struct image_field *fields = fields_of(image);
    for (size_t i = 0; i < image->field_count; i++) {
        protobuf_block_raw(out, fields[i].whole);
    }
    if (image->err != 0 && out->err == 0) {
        out->err = image->err;
    }
}

static struct image_field *field_find(const struct otlp_image *image, uint32_t number)
{
    struct image_field *fields = fields_of(image);
    for (size_t i = image->field_count; i > 0; i--) {
        if (fields[i - 1].number == number && fields[i - 1].whole.len > 0) {
            return &fields[i - 1];
        }
    }
    return NULL;
}

bool otlp_image_number(const struct otlp_image *image, uint32_t number, uint64_t *value)
{
    const struct image_field *field = field_find(image, number);
    if (field != NULL) {
        *value = field->value;
    }
    return field != NULL;
}

bool otlp_image_bytes(const struct otlp_image *image, uint32_t number, struct slu_bytes *bytes)
{
    const struct image_field *field = field_find(image, number);
    if (field != NULL) {
        *bytes = field->bytes;
    }
    return field != NULL;
}

/* Have the image own what a writer made: one field, tag included. */
static bool field_own(struct otlp_image *image, struct protobuf_block *made,
                      struct image_field *out)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    char *copy = NULL;
    int err = made->err;
    if (err == 0) {
        err = slu_arena_copy(image->arena, made->block.data, made->block.len, &copy);
    }
    if (err == 0) {
        protobuf_reader_init(&reader, (struct slu_bytes){copy, made->block.len});
        err = protobuf_next(&reader, &field) ? 0 : -EBADMSG;
    }
    protobuf_block_deinit(made);
    if (err != 0) {
        image->err = image->err != 0 ? image->err : err;
        return false;
    }
    *out = (struct image_field){.number = field.number,
                                .wire = field.wire,
                                .value = field.value,
                                .bytes = field.bytes,
                                .whole = field.whole};
    return true;
}

/* Put what was made in place of `at`, or behind the others. */
static void field_put(struct otlp_image *image, struct image_field *at, struct protobuf_block *made)
{
    struct image_field field;
    if (!field_own(image, made, &field)) {
        return;
    }
    image->is_changed = true;
    if (at != NULL) {
        *at = field;
    } else {
        field_add(image, &field);
    }
}

void otlp_image_set_varint(struct otlp_image *image, uint32_t field, uint64_t value)
{
    struct protobuf_block made;
    protobuf_block_init(&made, image->budget);
    protobuf_block_tag(&made, field, PROTOBUF_VARINT);
    protobuf_block_varint(&made, value);
    field_put(image, field_find(image, field), &made);
}

void otlp_image_set_fixed64(struct otlp_image *image, uint32_t field, uint64_t value)
{
    struct protobuf_block made;
    protobuf_block_init(&made, image->budget);
    protobuf_block_tag(&made, field, PROTOBUF_FIXED64);
    protobuf_block_fixed64(&made, value);
    field_put(image, field_find(image, field), &made);
}

void otlp_image_set_bytes(struct otlp_image *image, uint32_t field, struct slu_bytes bytes)
{
    struct protobuf_block made;
    protobuf_block_init(&made, image->budget);
    protobuf_block_bytes(&made, field, bytes);
    field_put(image, field_find(image, field), &made);
}

void otlp_image_remove(struct otlp_image *image, uint32_t number)
{
    struct image_field *field = NULL;
    while ((field = field_find(image, number)) != NULL) {
        field->whole.len = 0;
        image->is_changed = true;
    }
}

struct slu_bytes otlp_bytes_of(struct slu_bytes message, uint32_t number)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    struct slu_bytes found = {0};
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == number && field.wire == PROTOBUF_BYTES) {
            found = field.bytes;
        }
    }
    return found;
}

static bool is_same(struct slu_bytes a, struct slu_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static struct image_field *attribute_find(const struct otlp_image *image, uint32_t number,
                                          struct slu_bytes key)
{
    struct image_field *fields = fields_of(image);
    for (size_t i = 0; i < image->field_count; i++) {
        if (fields[i].number == number && fields[i].whole.len > 0 &&
            is_same(otlp_bytes_of(fields[i].bytes, KEY_FIELD), key)) {
            return &fields[i];
        }
    }
    return NULL;
}

struct otlp_value otlp_image_attribute(const struct otlp_image *image, uint32_t field,
                                       struct slu_bytes key)
{
    const struct image_field *found = attribute_find(image, field, key);
    return found != NULL ? otlp_value_read(otlp_bytes_of(found->bytes, VALUE_FIELD))
                         : (struct otlp_value){0};
}

void otlp_image_set_attribute(struct otlp_image *image, uint32_t number, struct slu_bytes key,
                              const struct otlp_value *value)
{
    struct image_field *found = attribute_find(image, number, key);
    struct protobuf_block made;
    struct protobuf_mark attribute;
    struct protobuf_mark content;
    if (value->kind == OTLP_NIL) {
        if (found != NULL) {
            found->whole.len = 0;
            image->is_changed = true;
        }
        return;
    }
    protobuf_block_init(&made, image->budget);
    protobuf_block_begin(&made, number, &attribute);
    protobuf_block_bytes(&made, KEY_FIELD, key);
    protobuf_block_begin(&made, VALUE_FIELD, &content);
    otlp_value_write(&made, value);
    protobuf_block_end(&made, content);
    protobuf_block_end(&made, attribute);
    field_put(image, found, &made);
}

void otlp_image_keep_attributes(struct otlp_image *image, uint32_t number,
                                bool (*is_kept)(void *arg, struct slu_bytes key), void *arg)
{
    struct image_field *fields = fields_of(image);
    for (size_t i = 0; i < image->field_count; i++) {
        if (fields[i].number == number && fields[i].whole.len > 0 &&
            !is_kept(arg, otlp_bytes_of(fields[i].bytes, KEY_FIELD))) {
            fields[i].whole.len = 0;
            image->is_changed = true;
        }
    }
}

bool otlp_image_next(const struct otlp_image *image, uint32_t number, size_t *at,
                     struct slu_bytes *attribute)
{
    const struct image_field *fields = fields_of(image);
    while (*at < image->field_count) {
        const struct image_field *field = &fields[(*at)++];
        if (field->number == number && field->whole.len > 0) {
            *attribute = field->bytes;
            return true;
        }
    }
    return false;
}

struct otlp_value otlp_attribute_of(struct slu_bytes message, uint32_t number, struct slu_bytes key)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == number && field.wire == PROTOBUF_BYTES &&
            is_same(otlp_bytes_of(field.bytes, KEY_FIELD), key)) {
            return otlp_value_read(otlp_bytes_of(field.bytes, VALUE_FIELD));
        }
    }
    return (struct otlp_value){0};
}

struct otlp_value otlp_value_read(struct slu_bytes any_value)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    struct otlp_value value = {.kind = OTLP_NIL};
    protobuf_reader_init(&reader, any_value);
    while (protobuf_next(&reader, &field)) {
        switch (field.number) {
        case STRING_VALUE:
            value = (struct otlp_value){.kind = OTLP_VALUE_STRING, .text = field.bytes};
            break;
        case BOOL_VALUE:
            value = (struct otlp_value){.kind = OTLP_VALUE_BOOL, .boolean = field.value != 0};
            break;
        case INT_VALUE:
            value = (struct otlp_value){.kind = OTLP_VALUE_INT, .integer = (int64_t)field.value};
            break;
        case DOUBLE_VALUE:
            value = (struct otlp_value){.kind = OTLP_VALUE_DOUBLE};
            memcpy(&value.number, &field.value, sizeof(value.number));
            break;
        default:
            value = (struct otlp_value){.kind = OTLP_VALUE_OTHER, .text = any_value};
            break;
        }
    }
    return value;
}

void otlp_value_write(struct protobuf_block *out, const struct otlp_value *value)
{
    uint64_t bits = 0;
    switch (value->kind) {
    case OTLP_VALUE_STRING:
        protobuf_block_bytes(out, STRING_VALUE, value->text);
        break;
    case OTLP_VALUE_BOOL:
        protobuf_block_tag(out, BOOL_VALUE, PROTOBUF_VARINT);
        protobuf_block_varint(out, value->boolean);
        break;
    case OTLP_VALUE_INT:
        protobuf_block_tag(out, INT_VALUE, PROTOBUF_VARINT);
        protobuf_block_varint(out, (uint64_t)value->integer);
        break;
    case OTLP_VALUE_DOUBLE:
        memcpy(&bits, &value->number, sizeof(bits));
        protobuf_block_tag(out, DOUBLE_VALUE, PROTOBUF_FIXED64);
        protobuf_block_fixed64(out, bits);
        break;
    case OTLP_VALUE_OTHER:
        protobuf_block_raw(out, value->text);
        break;
    default:
        break;
    }
}

uint32_t otlp_attributes_field(const struct otlp_message *message)
{
    const struct otlp_field *field = otlp_field_named(message, "attributes", 10);
    return field != NULL ? field->number : 0;
}
