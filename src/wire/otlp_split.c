#include "wire/otlp_split.h"

#include <errno.h>

#include "codec/protobuf_block.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp_schema.h"

struct splitting {
    struct protobuf_block first;
    struct protobuf_block rest;
    uint64_t left; /* records that the first has room for */
};

/* The message that holds records, or is one, in a field; NULL: the field has none. */
static const struct otlp_message *carrier(const struct otlp_message *message,
                                          const struct protobuf_field *field)
{
    const struct otlp_field *known = otlp_field_find(message, field->number);
    if (known == NULL || known->message == NULL || field->wire != PROTOBUF_BYTES) {
        return NULL;
    }
    return known->message->is_record || known->message->has_records ? known->message : NULL;
}

static uint64_t records_in(const struct otlp_message *message, struct slu_bytes bytes)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t count = 0;
    if (message->is_record) {
        return 1;
    }
    protobuf_reader_init(&reader, bytes);
    while (protobuf_next(&reader, &field)) {
        const struct otlp_message *within = carrier(message, &field);
        count += within != NULL ? records_in(within, field.bytes) : 0;
    }
    return count;
}

static void message_split(struct splitting *splitting, const struct otlp_message *message,
                          struct slu_bytes bytes);

/* A field with records: to one side as a whole, or to both. */
static void carrier_split(struct splitting *splitting, const struct otlp_message *within,
                          const struct protobuf_field *field)
{
    uint64_t count = splitting->left > 0 ? records_in(within, field->bytes) : 0;
    if (splitting->left == 0) {
        protobuf_block_raw(&splitting->rest, field->whole);
    } else if (count <= splitting->left) {
        splitting->left -= count;
        protobuf_block_raw(&splitting->first, field->whole);
    } else {
        struct protobuf_mark first;
        struct protobuf_mark rest;
        protobuf_block_begin(&splitting->first, field->number, &first);
        protobuf_block_begin(&splitting->rest, field->number, &rest);
        message_split(splitting, within, field->bytes);
        protobuf_block_end(&splitting->first, first);
        protobuf_block_end(&splitting->rest, rest);
    }
}

/* What a container says of itself, both sides say; only one container at a level is cut. */
static void message_split(struct splitting *splitting, const struct otlp_message *message,
                          struct slu_bytes bytes)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, bytes);
    while (protobuf_next(&reader, &field)) {
        const struct otlp_message *within = carrier(message, &field);
        if (within != NULL) {
            carrier_split(splitting, within, &field);
        } else {
            protobuf_block_raw(&splitting->first, field.whole);
            protobuf_block_raw(&splitting->rest, field.whole);
        }
    }
    if (protobuf_reader_end(&reader) != 0 && splitting->first.err == 0) {
        splitting->first.err = -EBADMSG;
    }
}

int otlp_split(struct slu_budget *budget, enum otlp_signal signal, struct slu_bytes message,
               uint64_t count, struct block *first, struct block *rest)
{
    struct splitting splitting = {.left = count};
    protobuf_block_init(&splitting.first, budget);
    protobuf_block_init(&splitting.rest, budget);
    message_split(&splitting, otlp_request(signal), message);
    int err = splitting.first.err != 0 ? splitting.first.err : splitting.rest.err;
    if (err != 0) {
        protobuf_block_deinit(&splitting.first);
        protobuf_block_deinit(&splitting.rest);
        return err;
    }
    *first = splitting.first.block;
    *rest = splitting.rest.block;
    return 0;
}
