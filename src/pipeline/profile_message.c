#include "pipeline/profile_message.h"

#include <stddef.h>
#include <string.h>

#include <sluice/clock.h>

#include "base/block.h"
#include "codec/protobuf_block.h"
#include "pipeline/config.h"
#include "pipeline/payload.h"
#include "pipeline/profile_names.h"
#include "pipeline/stage.h"

/* Field numbers, as otlp_schema.c has them. */
enum {
    REQUEST_RESOURCE = 1,
    RESOURCE_RESOURCE = 1,
    RESOURCE_PROFILE = 2,
    ATTRIBUTES = 1,
    KEY = 1,
    VALUE = 2,
    STRING_VALUE = 1,
    PROFILE_NAME = 1,
    PROFILE_TIME = 2,
    PROFILE_PPROF = 3,
};

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static void attribute_write(struct protobuf_block *out, const char *key, const char *value)
{
    struct protobuf_mark attribute;
    struct protobuf_mark content;
    if (value == NULL) {
        return;
    }
    protobuf_block_begin(out, ATTRIBUTES, &attribute);
    protobuf_block_bytes(out, KEY, bytes_of(key));
    protobuf_block_begin(out, VALUE, &content);
    protobuf_block_bytes(out, STRING_VALUE, bytes_of(value));
    protobuf_block_end(out, content);
    protobuf_block_end(out, attribute);
}

static void message_write(struct protobuf_block *out, const struct profile_facts *facts)
{
    struct protobuf_mark request;
    struct protobuf_mark mark;
    protobuf_block_begin(out, REQUEST_RESOURCE, &request);
    protobuf_block_begin(out, RESOURCE_RESOURCE, &mark);
    attribute_write(out, "service.name", facts->service);
    attribute_write(out, "service.instance.id", facts->instance);
    for (size_t i = 0; facts->labels != NULL && i < facts->labels->count; i++) {
        attribute_write(out, facts->labels->entries[i].key, facts->labels->entries[i].value.text);
    }
    protobuf_block_end(out, mark);
    protobuf_block_begin(out, RESOURCE_PROFILE, &mark);
    protobuf_block_bytes(out, PROFILE_NAME, bytes_of(facts->name));
    protobuf_block_tag(out, PROFILE_TIME, PROTOBUF_FIXED64);
    protobuf_block_fixed64(out, facts->time_ns);
    protobuf_block_bytes(out, PROFILE_PPROF, facts->pprof);
    protobuf_block_end(out, mark);
    protobuf_block_end(out, request);
}

static int message_send(struct slu_budget *budget, struct stage *next,
                        const struct profile_facts *facts)
{
    struct protobuf_block out;
    struct payload *payload = NULL;
    protobuf_block_init(&out, budget);
    message_write(&out, facts);
    int err = out.err != 0 ? out.err : payload_create_block(budget, &out.block, &payload);
    if (err != 0) {
        protobuf_block_deinit(&out);
        return err;
    }
    payload->signal = OTLP_PROFILES;
    payload->record_count = 1;
    payload->arrived_ns = slu_clock_monotonic_ns();
    stage_consume(next, payload, payload->arrived_ns);
    return 0;
}

int profile_send(struct slu_budget *budget, struct stage *next, const struct profile_facts *facts)
{
    struct profile_facts sent = *facts;
    struct block named = {0};
    /* Without names it is a profile all the same: whoever reads it may find them. */
    if (facts->names != NULL && profile_names_find(facts->names, facts->pprof, &named) == 0) {
        sent.pprof = (struct slu_bytes){named.data, named.len};
    }
    int err = message_send(budget, next, &sent);
    if (named.data != NULL) {
        block_free(facts->names->budget, &named);
    }
    return err;
}
