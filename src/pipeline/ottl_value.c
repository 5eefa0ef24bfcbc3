/* What paths and conditions say of a message, and how a statement changes it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "base/sink.h"
#include "codec/protobuf_block.h"
#include "codec/protobuf_reader.h"
#include "match/regex.h"
#include "pipeline/ottl_node.h"
#include "wire/otlp_rewrite.h"
#include "wire/otlp_schema.h"

/* The field of a path in the message at hand: data points differ by their metric's type. */
static const struct otlp_field *field_of(const struct ottl_path *path,
                                         const struct ottl_subject *subject)
{
    if (path->name == NULL) {
        return path->field;
    }
    return otlp_field_named(subject->view->kind, path->name, strlen(path->name));
}

static struct slu_bytes message_of(const struct ottl_path *path, const struct otlp_view *view)
{
    switch (path->level) {
    case OTLP_RESOURCE_LEVEL:
        return view->resource;
    case OTLP_SCOPE_LEVEL:
        return view->scope;
    case OTLP_METRIC_LEVEL:
        return view->metric;
    default:
        return view->self;
    }
}

/* A field as it stands in a message; false if there is none. */
static bool raw_find(struct slu_bytes message, uint32_t number, struct protobuf_field *out)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    bool is_found = false;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == number) {
            *out = field;
            is_found = true;
        }
    }
    return is_found;
}

static struct otlp_value hex_of(struct slu_bytes id, char *room)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = id.data;
    size_t len = id.len < OTTL_ROOM_BYTES / 2 ? id.len : OTTL_ROOM_BYTES / 2;
    for (size_t i = 0; i < len; i++) {
        room[2 * i] = digits[at[i] >> 4];
        room[2 * i + 1] = digits[at[i] & 15];
    }
    return (struct otlp_value){.kind = OTLP_VALUE_STRING, .text = {room, 2 * len}};
}

static struct otlp_value value_of(const struct otlp_field *field, uint64_t number,
                                  struct slu_bytes bytes, char *room)
{
    struct otlp_value value = {.kind = OTLP_VALUE_INT};
    switch (field->kind) {
    case OTLP_STRING:
        return (struct otlp_value){.kind = OTLP_VALUE_STRING, .text = bytes};
    case OTLP_TRACE_ID:
    case OTLP_SPAN_ID:
        return hex_of(bytes, room);
    case OTLP_MESSAGE:
        return otlp_value_read(bytes);
    case OTLP_DOUBLE:
        value.kind = OTLP_VALUE_DOUBLE;
        memcpy(&value.number, &number, sizeof(value.number));
        return value;
    case OTLP_BOOL:
        return (struct otlp_value){.kind = OTLP_VALUE_BOOL, .boolean = number != 0};
    case OTLP_SINT32:
        value.integer = protobuf_zigzag(number);
        return value;
    default:
        value.integer = (int64_t)number;
        return value;
    }
}

/* What a field says that is not there: proto3's default, but for values and bodies. */
static struct otlp_value absent(const struct otlp_field *field)
{
    switch (field->kind) {
    case OTLP_STRING:
    case OTLP_TRACE_ID:
    case OTLP_SPAN_ID:
        return (struct otlp_value){.kind = OTLP_VALUE_STRING, .text = {"", 0}};
    case OTLP_MESSAGE:
    case OTLP_DOUBLE:
    case OTLP_SFIXED64:
        return (struct otlp_value){.kind = OTLP_NIL};
    case OTLP_BOOL:
        return (struct otlp_value){.kind = OTLP_VALUE_BOOL};
    default:
        return (struct otlp_value){.kind = OTLP_VALUE_INT};
    }
}

static bool field_read(const struct ottl_path *path, const struct ottl_subject *subject,
                       const struct otlp_field *field, struct protobuf_field *out)
{
    if (!path->is_self) {
        return raw_find(message_of(path, subject->view), field->number, out);
    }
    bool has_number = otlp_image_number(subject->image, field->number, &out->value);
    return otlp_image_bytes(subject->image, field->number, &out->bytes) && has_number;
}

struct otlp_value ottl_path_value(const struct ottl_path *path, const struct ottl_subject *subject,
                                  char *room)
{
    const struct otlp_field *field = field_of(path, subject);
    struct protobuf_field found = {0};
    if (field == NULL) {
        return (struct otlp_value){.kind = OTLP_NIL};
    }
    if (path->is_attributes) {
        return path->is_self
                   ? otlp_image_attribute(subject->image, field->number, path->key)
                   : otlp_attribute_of(message_of(path, subject->view), field->number, path->key);
    }
    bool is_there = field_read(path, subject, field, &found);
    if (path->inner != NULL) {
        field = path->inner;
        is_there = is_there && raw_find(found.bytes, field->number, &found);
    }
    return is_there ? value_of(field, found.value, found.bytes, room) : absent(field);
}

/* The bytes of a message in a field with one of its own fields put anew. */
static void inner_set(const struct ottl_path *path, const struct ottl_subject *subject,
                      const struct otlp_value *value)
{
    struct otlp_image inner;
    struct protobuf_block made;
    struct slu_bytes message = {0};
    if (otlp_image_init(&inner, subject->image->budget) != 0) {
        subject->image->err = -ENOMEM;
        return;
    }
    (void)otlp_image_bytes(subject->image, path->field->number, &message); /* or it is empty */
    otlp_image_read(&inner, message);
    if (path->inner->kind == OTLP_STRING && value->kind == OTLP_VALUE_STRING) {
        otlp_image_set_bytes(&inner, path->inner->number, value->text);
    } else if (path->inner->kind == OTLP_ENUM && value->kind == OTLP_VALUE_INT) {
        otlp_image_set_varint(&inner, path->inner->number, (uint64_t)value->integer);
    }
    protobuf_block_init(&made, subject->image->budget);
    otlp_image_write(&inner, &made);
    if (inner.is_changed && made.err == 0) {
        otlp_image_set_bytes(subject->image, path->field->number,
                             (struct slu_bytes){made.block.data, made.block.len});
    }
    protobuf_block_deinit(&made);
    otlp_image_deinit(&inner);
}

/* A field that is an AnyValue: the body of a log record. */
static void body_set(const struct otlp_field *field, const struct ottl_subject *subject,
                     const struct otlp_value *value)
{
    struct protobuf_block made;
    protobuf_block_init(&made, subject->image->budget);
    otlp_value_write(&made, value);
    if (made.err == 0) {
        otlp_image_set_bytes(subject->image, field->number,
                             (struct slu_bytes){made.block.data, made.block.len});
    }
    protobuf_block_deinit(&made);
}

static void number_set(const struct otlp_field *field, struct otlp_image *image,
                       const struct otlp_value *value)
{
    uint64_t bits = (uint64_t)value->integer;
    switch (field->kind) {
    case OTLP_ENUM:
    case OTLP_UINT32:
    case OTLP_INT64:
    case OTLP_UINT64:
        otlp_image_set_varint(image, field->number, bits);
        break;
    case OTLP_FIXED64:
    case OTLP_SFIXED64:
        otlp_image_set_fixed64(image, field->number, bits);
        break;
    default:
        break;
    }
}

/* A value of another type than the field's is left alone, as with error_mode: ignore. */
void ottl_path_set(const struct ottl_path *path, const struct ottl_subject *subject,
                   const struct otlp_value *value)
{
    const struct otlp_field *field = field_of(path, subject);
    struct otlp_image *image = subject->image;
    uint64_t bits = 0;
    if (field == NULL) {
        return;
    }
    if (path->is_attributes) {
        if (value->kind != OTLP_NIL) {
            otlp_image_set_attribute(image, field->number, path->key, value);
        }
    } else if (path->inner != NULL) {
        inner_set(path, subject, value);
    } else if (field->message == &otlp_any_value) {
        body_set(field, subject, value);
    } else if (field->kind == OTLP_STRING && value->kind == OTLP_VALUE_STRING) {
        otlp_image_set_bytes(image, field->number, value->text);
    } else if (field->kind == OTLP_DOUBLE && value->kind == OTLP_VALUE_DOUBLE) {
        memcpy(&bits, &value->number, sizeof(bits));
        otlp_image_set_fixed64(image, field->number, bits);
    } else if (value->kind == OTLP_VALUE_INT) {
        number_set(field, image, value);
    }
}

struct otlp_value ottl_node_value(const struct ottl_node *node, const struct ottl_subject *subject,
                                  char *room)
{
    if (node->kind == OTTL_LITERAL) {
        return node->literal;
    }
    if (node->kind == OTTL_PATH) {
        return ottl_path_value(&node->path, subject, room);
    }
    return (struct otlp_value){.kind = OTLP_VALUE_BOOL,
                               .boolean = ottl_node_is_true(node, subject)};
}

static int order(double a, double b)
{
    return (a > b) - (a < b);
}

static int text_order(struct slu_bytes a, struct slu_bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int result = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return result != 0 ? result : (a.len > b.len) - (a.len < b.len);
}

/* How two values stand to each other; false: they cannot be compared. */
static bool values_order(const struct otlp_value *a, const struct otlp_value *b, int *result)
{
    bool is_a_number = a->kind == OTLP_VALUE_INT || a->kind == OTLP_VALUE_DOUBLE;
    bool is_b_number = b->kind == OTLP_VALUE_INT || b->kind == OTLP_VALUE_DOUBLE;
    if (is_a_number && is_b_number) {
        if (a->kind == OTLP_VALUE_INT && b->kind == OTLP_VALUE_INT) {
            *result = (a->integer > b->integer) - (a->integer < b->integer);
            return true;
        }
        *result = order(a->kind == OTLP_VALUE_INT ? (double)a->integer : a->number,
                        b->kind == OTLP_VALUE_INT ? (double)b->integer : b->number);
        return true;
    }
    if (a->kind != b->kind) {
        return false;
    }
    if (a->kind == OTLP_VALUE_STRING || a->kind == OTLP_VALUE_OTHER) {
        *result = text_order(a->text, b->text);
    } else {
        *result = a->kind == OTLP_VALUE_BOOL ? a->boolean - b->boolean : 0;
    }
    return true;
}

static bool compare(const struct ottl_node *node, const struct ottl_subject *subject)
{
    char rooms[2][OTTL_ROOM_BYTES];
    struct otlp_value left = ottl_node_value(node->left, subject, rooms[0]);
    struct otlp_value right = ottl_node_value(node->right, subject, rooms[1]);
    int result = 0;
    if (!values_order(&left, &right, &result)) {
        return node->operation == OTTL_NE;
    }
    bool is_nil = left.kind == OTLP_NIL;
    switch (node->operation) {
    case OTTL_EQ:
        return result == 0;
    case OTTL_NE:
        return result != 0;
    case OTTL_LT:
        return !is_nil && result < 0;
    case OTTL_LE:
        return !is_nil && result <= 0;
    case OTTL_GT:
        return !is_nil && result > 0;
    default:
        return !is_nil && result >= 0;
    }
}

static bool is_match(const struct ottl_node *node, const struct ottl_subject *subject)
{
    char room[OTTL_ROOM_BYTES];
    char number[OTTL_ROOM_BYTES];
    struct otlp_value value = ottl_node_value(node->left, subject, room);
    if (value.kind == OTLP_VALUE_INT) {
        int len = snprintf(number, sizeof(number), "%lld", (long long)value.integer);
        value.text = (struct slu_bytes){number, (size_t)len};
    } else if (value.kind != OTLP_VALUE_STRING) {
        return false;
    }
    return regex_is_found(node->regex, value.text);
}

bool ottl_node_is_true(const struct ottl_node *node, const struct ottl_subject *subject)
{
    char room[OTTL_ROOM_BYTES];
    switch (node->kind) {
    case OTTL_COMPARE:
        return compare(node, subject);
    case OTTL_IS_MATCH:
        return is_match(node, subject);
    case OTTL_NOT:
        return !ottl_node_is_true(node->left, subject);
    case OTTL_AND:
        return ottl_node_is_true(node->left, subject) && ottl_node_is_true(node->right, subject);
    case OTTL_OR:
        return ottl_node_is_true(node->left, subject) || ottl_node_is_true(node->right, subject);
    default:
        break;
    }
    struct otlp_value value = ottl_node_value(node, subject, room);
    return value.kind == OTLP_VALUE_BOOL && value.boolean;
}

bool ottl_is_true(const struct ottl_condition *condition, const struct ottl_subject *subject)
{
    return ottl_node_is_true(condition->root, subject);
}

static bool is_key_kept(void *arg, struct slu_bytes key)
{
    const struct ottl_statement *statement = arg;
    bool is_named = false;
    for (size_t i = 0; i < statement->key_count && !is_named; i++) {
        is_named = text_order(statement->keys[i], key) == 0;
    }
    return is_named == (statement->function == OTTL_KEEP_KEYS);
}

/* What the text becomes goes through a block: it may be larger than the text was. */
static int append(void *context, const char *bytes, size_t len)
{
    struct protobuf_block *made = context;
    protobuf_block_raw(made, (struct slu_bytes){bytes, len});
    return made->err;
}

static void replace(const struct ottl_statement *statement, const struct ottl_subject *subject)
{
    char room[OTTL_ROOM_BYTES];
    char staging[256];
    struct sink sink;
    struct protobuf_block made;
    struct otlp_value value = ottl_path_value(&statement->target, subject, room);
    if (value.kind != OTLP_VALUE_STRING) {
        return;
    }
    protobuf_block_init(&made, subject->image->budget);
    sink_init(&sink, append, &made, staging, sizeof(staging));
    size_t count = regex_replace(statement->regex, value.text, statement->replacement, &sink);
    int err = sink_end(&sink);
    if (err != 0) {
        subject->image->err = err;
    } else if (count > 0) {
        value.text = (struct slu_bytes){made.block.data, made.block.len};
        ottl_path_set(&statement->target, subject, &value);
    }
    protobuf_block_deinit(&made);
}

void ottl_run(const struct ottl_statement *statement, const struct ottl_subject *subject)
{
    char room[OTTL_ROOM_BYTES];
    if (statement->where != NULL && !ottl_node_is_true(statement->where, subject)) {
        return;
    }
    if (statement->function == OTTL_SET) {
        struct otlp_value value = ottl_node_value(statement->value, subject, room);
        ottl_path_set(&statement->target, subject, &value);
    } else if (statement->function == OTTL_REPLACE_PATTERN) {
        replace(statement, subject);
    } else {
        const struct otlp_field *field = field_of(&statement->target, subject);
        if (field != NULL) {
            otlp_image_keep_attributes(subject->image, field->number, is_key_kept,
                                       (void *)(uintptr_t)statement); /* it is only read */
        }
    }
}
