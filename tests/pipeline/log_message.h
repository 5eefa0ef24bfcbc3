/*
 * OTLP log messages of a test: record i has `i` as its time and a body, below one resource and
 * scope for every `per_scope` records.
 */
#ifndef TESTS_PIPELINE_LOG_MESSAGE_H
#define TESTS_PIPELINE_LOG_MESSAGE_H

#include <string.h>

#include "base/block.h"
#include "codec/protobuf_reader.h"
#include "flow.h"

/* A field of bytes. `out` has room. */
static inline size_t field_write(unsigned char *out, unsigned number, const void *bytes, size_t len)
{
    size_t at = 0;
    size_t rest = len;
    out[at++] = (unsigned char)(number << 3 | 2);
    while (rest >= 0x80) {
        out[at++] = (unsigned char)(rest | 0x80);
        rest >>= 7;
    }
    out[at++] = (unsigned char)rest;
    memcpy(out + at, bytes, len);
    return at + len;
}

static inline size_t record_write(unsigned char *out, uint64_t id)
{
    unsigned char record[16] = {1 << 3 | 1}; /* time_unix_nano, fixed64 */
    memcpy(record + 1, &id, sizeof(id));
    return field_write(out, 2, record, 9);
}

/* A payload of records `first_id` and those behind it. */
static inline struct payload *log_payload(struct slu_budget *budget, uint64_t first_id,
                                          uint64_t count, uint64_t per_scope,
                                          struct delivery *delivery)
{
    static _Thread_local unsigned char scope[1 << 16];
    static _Thread_local unsigned char resource[1 << 16];
    static _Thread_local unsigned char message[1 << 16];
    struct block block = {0};
    struct payload *payload = NULL;
    assert_true(per_scope <= 1000);
    assert_int_equal(block_begin(budget, 64, &block), 0);
    for (uint64_t done = 0; done < count;) {
        size_t len = 0;
        for (uint64_t i = 0; i < per_scope && done < count; i++) {
            len += record_write(scope + len, first_id + done++);
        }
        size_t resource_len = field_write(resource, 2, scope, len);
        size_t message_len = field_write(message, 1, resource, resource_len);
        assert_int_equal(block_append(budget, &block, message, message_len), 0);
    }
    assert_int_equal(payload_create_block(budget, &block, &payload), 0);
    payload->signal = OTLP_LOGS;
    payload->record_count = count;
    if (delivery != NULL) {
        payload_deliver(payload, delivery);
    }
    return payload;
}

/* The ids of the records in a message, in their order. Returns how many there are. */
static inline size_t log_ids(struct slu_bytes message, uint64_t *ids, size_t most)
{
    struct protobuf_reader readers[3];
    struct protobuf_field field;
    size_t count = 0;
    protobuf_reader_init(&readers[0], message);
    while (protobuf_next(&readers[0], &field)) {
        protobuf_reader_init(&readers[1], field.bytes);
        while (protobuf_next(&readers[1], &field)) {
            protobuf_reader_init(&readers[2], field.bytes);
            while (protobuf_next(&readers[2], &field)) {
                assert_true(count < most);
                memcpy(&ids[count++], (const char *)field.bytes.data + 1, sizeof(ids[0]));
            }
        }
    }
    return count;
}

#endif
