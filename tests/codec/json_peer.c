#include "json_peer.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static void hand_out(json_t *value, json_piece_take take, void *context);

static void members_hand_out(json_t *object, json_piece_take take, void *context)
{
    const char *key = NULL;
    json_t *member = NULL;
    take(context, &(struct json_piece){.kind = '{'});
    json_object_foreach(object, key, member)
    {
        take(context, &(struct json_piece){.kind = 'k', .bytes = key, .len = strlen(key)});
        hand_out(member, take, context);
    }
    take(context, &(struct json_piece){.kind = '}'});
}

static void hand_out(json_t *value, json_piece_take take, void *context)
{
    struct json_piece piece = {.kind = '0'};
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        members_hand_out(value, take, context);
        return;
    case JSON_ARRAY:
        take(context, &(struct json_piece){.kind = '['});
        for (size_t i = 0; i < json_array_size(value); i++) {
            hand_out(json_array_get(value, i), take, context);
        }
        piece.kind = ']';
        break;
    case JSON_STRING:
        piece.kind = 's';
        piece.bytes = json_string_value(value);
        piece.len = json_string_length(value);
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        piece.kind = 'n';
        piece.number = json_number_value(value);
        break;
    case JSON_TRUE:
        piece.kind = 't';
        break;
    case JSON_FALSE:
        piece.kind = 'f';
        break;
    case JSON_NULL:
        break;
    }
    take(context, &piece);
}

int json_peer_read(const char *text, size_t len, json_piece_take take, void *context)
{
    json_error_t error;
    json_t *value = json_loadb(text, len,
                               JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL |
                                   JSON_REJECT_DUPLICATES,
                               &error);
    if (value != NULL) {
        hand_out(value, take, context);
        json_decref(value);
        return 0;
    }
    switch (json_error_code(&error)) {
    case json_error_duplicate_key:
    case json_error_null_byte_in_key:
    case json_error_numeric_overflow:
        return -ENOTSUP;
    default:
        return -EBADMSG;
    }
}
