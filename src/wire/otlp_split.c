#include "wire/otlp_split.h"

#include <errno.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/block.h"
#include "wire/otlp_schema.h"

/* A part that is being written, and what of the message is copied to it next. */
struct part {
    struct protobuf_block block;
    struct slu_bytes run;
    uint64_t left; /* records that there is room for */
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

/* How many records there are, but no more than `most` + 1: to know more would cost more. */
static uint64_t records_in(const struct otlp_message *message, struct slu_bytes bytes,
                           uint64_t most)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t count = 0;
    if (message->is_record) {
        return 1;
    }
    protobuf_reader_init(&reader, bytes);
    while (count <= most && protobuf_next(&reader, &field)) {
        const struct otlp_message *within = carrier(message, &field);
        count += within != NULL ? records_in(within, field.bytes, most - count) : 0;
    }
    return count;
}

static void level_advance(struct otlp_cut_level *level)
{
    level->within = NULL;
    while (level->within == NULL && protobuf_next(&level->reader, &level->next)) {
        level->within = carrier(level->message, &level->next);
    }
}

/* Come to a container, and gather what it says of itself. */
static void level_push(struct otlp_cutter *cutter, const struct otlp_message *message,
                       uint32_t number, struct slu_bytes bytes)
{
    SLU_ASSERT(cutter->depth < OTLP_CUT_LEVELS_MAX);
    struct otlp_cut_level *level = &cutter->levels[cutter->depth++];
    struct protobuf_field field;
    *level = (struct otlp_cut_level){
        .message = message, .number = number, .own_at = protobuf_block_len(&cutter->own)};
    protobuf_reader_init(&level->reader, bytes);
    while (protobuf_next(&level->reader, &field)) {
        if (carrier(message, &field) == NULL) {
            protobuf_block_raw(&cutter->own, field.whole);
        }
    }
    if (protobuf_reader_end(&level->reader) != 0) {
        cutter->err = -EBADMSG;
    } else if (cutter->own.err != 0) {
        cutter->err = cutter->own.err;
    }
    level->own_len = protobuf_block_len(&cutter->own) - level->own_at;
    protobuf_reader_init(&level->reader, bytes);
    level_advance(level);
}

static void run_end(struct part *part)
{
    protobuf_block_raw(&part->block, part->run);
    part->run = (struct slu_bytes){0};
}

/* Records in a row are copied as one. */
static void run_add(struct part *part, struct slu_bytes whole)
{
    if (part->run.len > 0 && (const char *)part->run.data + part->run.len == whole.data) {
        part->run.len += whole.len;
        return;
    }
    run_end(part);
    part->run = whole;
}

static void level_begin(const struct otlp_cutter *cutter, struct otlp_cut_level *level,
                        struct part *part)
{
    run_end(part);
    if (level->number != 0) { /* the request is no field */
        protobuf_block_begin(&part->block, level->number, &level->mark);
    }
    if (level->own_len > 0) {
        const char *own = cutter->own.block.data;
        protobuf_block_raw(&part->block, (struct slu_bytes){own + level->own_at, level->own_len});
    }
}

static void level_end(struct otlp_cut_level *level, struct part *part)
{
    run_end(part);
    if (level->number != 0) {
        protobuf_block_end(&part->block, level->mark);
    }
}

static void level_pop(struct otlp_cutter *cutter, struct part *part)
{
    struct otlp_cut_level *level = &cutter->levels[--cutter->depth];
    level_end(level, part);
    if (cutter->own.err == 0) {
        cutter->own.block.len = level->own_at;
    }
}

/* Give out what is next in the innermost container, or go into it. */
static void level_step(struct otlp_cutter *cutter, struct otlp_cut_level *level, struct part *part)
{
    const struct otlp_message *within = level->within;
    struct protobuf_field field = level->next;
    bool is_all = part->left == UINT64_MAX;
    uint64_t count = is_all ? 0 : records_in(within, field.bytes, part->left);
    level_advance(level);
    if (count <= part->left) {
        run_add(part, field.whole);
        part->left -= count;
        return;
    }
    level_push(cutter, within, field.number, field.bytes);
    level_begin(cutter, &cutter->levels[cutter->depth - 1], part);
}

static void part_fill(struct otlp_cutter *cutter, struct part *part)
{
    for (uint32_t i = 0; i < cutter->depth; i++) {
        level_begin(cutter, &cutter->levels[i], part);
    }
    while (cutter->depth > 0 && cutter->err == 0 && part->block.err == 0) {
        struct otlp_cut_level *level = &cutter->levels[cutter->depth - 1];
        if (level->within == NULL) {
            level_pop(cutter, part); /* the next part does not begin with what has ended */
        } else if (part->left > 0) {
            level_step(cutter, level, part);
        } else {
            break;
        }
    }
    for (uint32_t i = cutter->depth; i > 0; i--) {
        level_end(&cutter->levels[i - 1], part);
    }
    run_end(part);
}

int otlp_cutter_init(struct otlp_cutter *cutter, struct slu_budget *budget, enum otlp_signal signal,
                     struct slu_bytes message)
{
    cutter->budget = budget;
    cutter->err = 0;
    cutter->depth = 0;
    protobuf_block_init(&cutter->own, budget);
    level_push(cutter, otlp_request(signal), 0, message);
    if (cutter->err != 0) {
        otlp_cutter_deinit(cutter);
    }
    return cutter->err;
}

int otlp_cutter_next(struct otlp_cutter *cutter, uint64_t count, struct block *out)
{
    SLU_ASSERT(count > 0);
    struct part part = {.left = count};
    protobuf_block_init(&part.block, cutter->budget);
    if (cutter->err == 0) {
        part_fill(cutter, &part);
    }
    if (cutter->err == 0) {
        cutter->err = part.block.err;
    }
    if (cutter->err != 0) {
        protobuf_block_deinit(&part.block);
        return cutter->err;
    }
    *out = part.block.block;
    return 0;
}

void otlp_cutter_deinit(struct otlp_cutter *cutter)
{
    protobuf_block_deinit(&cutter->own);
}

int otlp_split(struct slu_budget *budget, enum otlp_signal signal, struct slu_bytes message,
               uint64_t count, struct block *first, struct block *rest)
{
    struct otlp_cutter cutter;
    struct block parts[2] = {0};
    int err = otlp_cutter_init(&cutter, budget, signal, message);
    if (err != 0) {
        return err;
    }
    err = otlp_cutter_next(&cutter, count, &parts[0]);
    if (err == 0) {
        err = otlp_cutter_next(&cutter, UINT64_MAX, &parts[1]);
    }
    otlp_cutter_deinit(&cutter);
    if (err != 0) {
        block_free(budget, &parts[0]);
        return err;
    }
    *first = parts[0];
    *rest = parts[1];
    return 0;
}
