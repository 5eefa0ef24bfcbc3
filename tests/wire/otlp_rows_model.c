#include "otlp_rows_model.h"

#include "codec/protobuf_reader.h"

#define BUCKETS 64 /* fields of numbers above are kept in their order among themselves */

/* FNV-1a: its quality is enough for records to differ. */
static uint64_t hash_bytes(uint64_t hash, struct slu_bytes bytes)
{
    const uint8_t *at = bytes.data;
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return (hash ^ bytes.len) * UINT64_C(0x100000001b3);
}

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
    return hash_bytes(hash, (struct slu_bytes){&number, sizeof(number)});
}

static uint64_t hash_field(uint64_t hash, const struct protobuf_field *field)
{
    hash = hash_number(hash, (uint64_t)field->number << 3 | field->wire);
    return hash_bytes(hash_number(hash, field->value), field->bytes);
}

static bool is_time_field(enum otlp_signal signal, uint32_t number)
{
    return signal == OTLP_LOGS     ? number == 1
           : signal == OTLP_TRACES ? number == 7 || number == 8
                                   : number == 2;
}

static uint64_t hash_body(uint64_t hash, struct slu_bytes any_value)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, any_value);
    while (protobuf_next(&reader, &field)) {
        hash = hash_field(hash, &field);
    }
    return hash;
}

static uint64_t record_hash(enum otlp_signal signal, struct slu_bytes record)
{
    uint64_t buckets[BUCKETS] = {0};
    uint64_t hash = 0;
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, record);
    while (protobuf_next(&reader, &field)) {
        uint64_t *bucket = &buckets[field.number < BUCKETS ? field.number : 0];
        if (is_time_field(signal, field.number) && field.value == 0) {
            continue;
        }
        *bucket = signal == OTLP_LOGS && field.number == 5 ? hash_body(*bucket + 1, field.bytes)
                                                           : hash_field(*bucket, &field);
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        hash = hash_number(hash, buckets[i]);
    }
    return hash;
}

/* What a container says beside what it contains. */
static uint64_t around_hash(uint64_t hash, struct slu_bytes message)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        hash = field.number == 2 ? hash : hash_bytes(hash, field.whole);
    }
    return hash_number(hash, 0);
}

static void records_add(struct otlp_said *said, enum otlp_signal signal, struct slu_bytes message,
                        uint64_t around)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == 2 && said->count < OTLP_SAID_MAX) {
            said->records[said->count++] = hash_number(around, record_hash(signal, field.bytes));
        } else if (field.number == 2) {
            said->is_full = true;
        }
    }
}

void otlp_said_add(struct otlp_said *said, enum otlp_signal signal, struct slu_bytes message)
{
    struct protobuf_reader reader;
    struct protobuf_field resource;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &resource)) {
        struct protobuf_reader scopes;
        struct protobuf_field scope;
        if (resource.number != 1) {
            continue;
        }
        uint64_t around = around_hash(1, resource.bytes);
        if (signal == OTLP_PROFILES) {
            records_add(said, signal, resource.bytes, around);
            continue;
        }
        protobuf_reader_init(&scopes, resource.bytes);
        while (protobuf_next(&scopes, &scope)) {
            if (scope.number == 2) {
                records_add(said, signal, scope.bytes, around_hash(around, scope.bytes));
            }
        }
    }
}
