#include "wire/otlp_rewrite.h"

#include <errno.h>
#include <string.h>

#include "codec/protobuf_block.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp_schema.h"

/* A container's own resource or scope is its first field, in all signals. */
#define OWNER_FIELD 1

struct rewriting {
    struct protobuf_block out;
    enum otlp_level level;
    otlp_visit_fn *visit;
    void *arg;
    struct otlp_view view;
    bool is_changed;
    uint64_t dropped_count;
    uint32_t depth; /* 0: the request; 1: ResourceX; 2: ScopeX; 3: a span, a metric */
};

/* How much of a container was taken over. */
struct taken {
    bool has_records; /* something with records is left in it */
    bool had_records; /* there was something */
    bool is_dropped;  /* by a verdict on what it belongs to */
};

static const struct otlp_field *message_field(const struct otlp_message *message,
                                              const struct protobuf_field *field)
{
    const struct otlp_field *known = otlp_field_find(message, field->number);
    bool is_message = known != NULL && known->message != NULL && field->wire == PROTOBUF_BYTES;
    return is_message ? known : NULL;
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
    while (message->has_records && protobuf_next(&reader, &field)) {
        const struct otlp_field *within = message_field(message, &field);
        count += within != NULL ? records_in(within->message, field.bytes) : 0;
    }
    return count;
}

static struct slu_bytes first_message(struct slu_bytes bytes, uint32_t number)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, bytes);
    while (protobuf_next(&reader, &field)) {
        if (field.number == number && field.wire == PROTOBUF_BYTES) {
            return field.bytes;
        }
    }
    return (struct slu_bytes){0};
}

/* Whether this is what is visited: an owner in its container, or what carries records. */
static bool is_visited(const struct rewriting *rewriting, const struct otlp_field *field)
{
    switch (rewriting->level) {
    case OTLP_RESOURCE_LEVEL:
        return rewriting->depth == 1 && field->number == OWNER_FIELD;
    case OTLP_SCOPE_LEVEL:
        return rewriting->depth == 2 && field->number == OWNER_FIELD;
    case OTLP_METRIC_LEVEL:
        return rewriting->depth == 2 && field->message->has_records;
    default:
        return field->message->is_record;
    }
}

/* Ask about one message, and write what the verdict says. Returns false if it was dropped. */
static bool message_visit(struct rewriting *rewriting, const struct otlp_field *known,
                          const struct protobuf_field *field)
{
    struct protobuf_mark mark;
    rewriting->view.kind = known->message;
    rewriting->view.self = field->bytes;
    protobuf_block_begin(&rewriting->out, field->number, &mark);
    enum otlp_verdict verdict = rewriting->visit(rewriting->arg, &rewriting->view, &rewriting->out);
    if (verdict == OTLP_CHANGE) {
        protobuf_block_end(&rewriting->out, mark);
        rewriting->is_changed = true;
        return true;
    }
    protobuf_block_drop(&rewriting->out, mark);
    if (verdict == OTLP_KEEP) {
        protobuf_block_raw(&rewriting->out, field->whole);
        return true;
    }
    rewriting->is_changed = true;
    return false;
}

static void container_write(struct rewriting *rewriting, const struct otlp_message *message,
                            struct slu_bytes bytes, struct taken *taken);

/* What is known of a container before its fields are read. */
static void view_enter(struct rewriting *rewriting, const struct otlp_message *message,
                       struct slu_bytes bytes)
{
    if (rewriting->depth == 1) {
        rewriting->view.resource = first_message(bytes, OWNER_FIELD);
    } else if (rewriting->depth == 2) {
        rewriting->view.scope = first_message(bytes, OWNER_FIELD);
    } else if (rewriting->depth == 3 && !message->is_record) {
        rewriting->view.metric = bytes;
    }
}

/* A container within: it goes if all that it held went. */
static void container_visit(struct rewriting *rewriting, const struct otlp_field *known,
                            const struct protobuf_field *field, struct taken *outer)
{
    struct protobuf_mark mark;
    struct taken taken = {0};
    outer->had_records = true;
    protobuf_block_begin(&rewriting->out, field->number, &mark);
    rewriting->depth++;
    view_enter(rewriting, known->message, field->bytes);
    container_write(rewriting, known->message, field->bytes, &taken);
    rewriting->depth--;
    if (taken.is_dropped || (taken.had_records && !taken.has_records)) {
        if (taken.is_dropped) {
            rewriting->dropped_count += records_in(known->message, field->bytes);
        }
        protobuf_block_drop(&rewriting->out, mark);
        rewriting->is_changed = true;
    } else {
        protobuf_block_end(&rewriting->out, mark);
        outer->has_records = true;
    }
}

static void field_write(struct rewriting *rewriting, const struct otlp_message *message,
                        const struct protobuf_field *field, struct taken *taken)
{
    const struct otlp_field *known = message_field(message, field);
    if (known == NULL) {
        protobuf_block_raw(&rewriting->out, field->whole);
    } else if (is_visited(rewriting, known)) {
        bool carries = known->message->is_record || known->message->has_records;
        bool is_kept = message_visit(rewriting, known, field);
        taken->had_records |= carries;
        taken->has_records |= carries && is_kept;
        taken->is_dropped |= !carries && !is_kept;
        if (carries && !is_kept) {
            rewriting->dropped_count += records_in(known->message, field->bytes);
        }
    } else if (known->message->has_records) {
        container_visit(rewriting, known, field, taken);
    } else {
        taken->had_records |= known->message->is_record;
        taken->has_records |= known->message->is_record;
        protobuf_block_raw(&rewriting->out, field->whole);
    }
}

/* Owners are visited where the sender left them out, too: they are empty then. */
static const struct protobuf_field no_owner = {.number = OWNER_FIELD, .wire = PROTOBUF_BYTES};

static bool is_owner_level(const struct rewriting *rewriting)
{
    return (rewriting->level == OTLP_RESOURCE_LEVEL && rewriting->depth == 1) ||
           (rewriting->level == OTLP_SCOPE_LEVEL && rewriting->depth == 2);
}

static void container_write(struct rewriting *rewriting, const struct otlp_message *message,
                            struct slu_bytes bytes, struct taken *taken)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    bool has_owner = false;
    protobuf_reader_init(&reader, bytes);
    while (!taken->is_dropped && rewriting->out.err == 0 && protobuf_next(&reader, &field)) {
        has_owner |= field.number == OWNER_FIELD;
        field_write(rewriting, message, &field, taken);
    }
    if (!has_owner && is_owner_level(rewriting) && !taken->is_dropped) {
        field_write(rewriting, message, &no_owner, taken);
    }
    if (protobuf_reader_end(&reader) != 0 && rewriting->out.err == 0) {
        rewriting->out.err = -EBADMSG;
    }
}

int otlp_rewrite(struct slu_budget *budget, enum otlp_signal signal, struct slu_bytes message,
                 enum otlp_level level, otlp_visit_fn *visit, void *arg, struct otlp_rewritten *out)
{
    struct rewriting rewriting = {
        .level = level, .visit = visit, .arg = arg, .view = {.signal = signal}};
    struct taken taken = {0};
    protobuf_block_init(&rewriting.out, budget);
    if (message.len > 0) {
        rewriting.out.err = block_begin(budget, message.len + 64, &rewriting.out.block);
    }
    container_write(&rewriting, otlp_request(signal), message, &taken);
    int err = rewriting.out.err;
    if (err != 0 || !rewriting.is_changed) {
        protobuf_block_deinit(&rewriting.out);
    }
    if (err == 0) {
        *out = (struct otlp_rewritten){.is_changed = rewriting.is_changed,
                                       .dropped_count = rewriting.dropped_count};
        if (rewriting.is_changed) {
            out->message = rewriting.out.block;
        }
    }
    return err;
}
