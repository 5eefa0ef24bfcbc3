#include <string.h>

#include "base/layout.h"
#include "base/sink.h"

#include "profile/age_buckets.h"
#include "profile/gzip_writer.h"
#include "profile/pprof_places.h"
#include "profile/pprof_writer.h"
#include "profile/profile_state.h"

#define SECOND_NS UINT64_C(1000000000)

/* Written first and in this order, so that the number of each is known. */
enum text {
    TEXT_EMPTY,
    TEXT_ALLOC_OBJECTS,
    TEXT_COUNT,
    TEXT_ALLOC_SPACE,
    TEXT_BYTES,
    TEXT_INUSE_OBJECTS,
    TEXT_INUSE_SPACE,
    TEXT_SPACE,
    TEXT_AGE,
    TEXT_SECONDS,
    TEXT_TABLE_FULL,
    TEXT_UNKNOWN,
    TEXT_END,
};

static const char *const texts[TEXT_END] = {
    [TEXT_EMPTY] = "",
    [TEXT_ALLOC_OBJECTS] = "alloc_objects",
    [TEXT_COUNT] = "count",
    [TEXT_ALLOC_SPACE] = "alloc_space",
    [TEXT_BYTES] = "bytes",
    [TEXT_INUSE_OBJECTS] = "inuse_objects",
    [TEXT_INUSE_SPACE] = "inuse_space",
    [TEXT_SPACE] = "space",
    [TEXT_AGE] = "age",
    [TEXT_SECONDS] = "seconds",
    [TEXT_TABLE_FULL] = "[stack table full]",
    [TEXT_UNKNOWN] = "[unknown stack]",
};

/* Locations, and functions, that stand for a stack without frames. */
enum stand_in {
    STAND_IN_TABLE_FULL = 1,
    STAND_IN_UNKNOWN = 2,
};

struct scratch {
    struct location_cache locations;
    struct gzip_writer gzip;
    char stage[4096];
};

struct encoder {
    const struct profile *profile;
    const struct profile_write_options *options;
    struct pprof_places places;
    uint32_t *heads; /* for each stack the first of its live samples, plus one */
    uint32_t *nexts; /* for each live sample the next one of its stack, plus one */
    uint32_t head_count;
    struct pprof_writer writer;
};

struct scratch_plan {
    size_t heads;
    size_t nexts;
    size_t bytes;
};

static struct scratch_plan plan_of(const struct profile *profile)
{
    struct layout layout = {0};
    struct scratch_plan plan;
    (void)layout_add(&layout, 1, sizeof(struct scratch), 64);
    plan.heads = layout_add(&layout, profile->stacks.stacks_max, sizeof(uint32_t), 64);
    plan.nexts = layout_add(&layout, profile->live.samples_max, sizeof(uint32_t), 64);
    plan.bytes = layout.size_bytes;
    return plan;
}

size_t profile_write_bytes(const struct profile *profile)
{
    return plan_of(profile).bytes;
}

static uint64_t put_string(struct encoder *encoder, const char *text)
{
    return pprof_write_string(&encoder->writer, (struct slu_bytes){text, strlen(text)});
}

/* What there is but samples, locations and mappings. */
static void put_head(struct encoder *encoder)
{
    static const enum text default_types[] = {
        [PROFILE_INUSE_SPACE] = TEXT_INUSE_SPACE,
        [PROFILE_INUSE_OBJECTS] = TEXT_INUSE_OBJECTS,
        [PROFILE_ALLOC_SPACE] = TEXT_ALLOC_SPACE,
        [PROFILE_ALLOC_OBJECTS] = TEXT_ALLOC_OBJECTS,
    };
    const struct profile_write_options *options = encoder->options;
    struct pprof_writer *writer = &encoder->writer;
    for (size_t i = TEXT_EMPTY + 1; i < TEXT_END; i++) {
        (void)put_string(encoder, texts[i]);
    }
    pprof_write_sample_type(writer, TEXT_ALLOC_OBJECTS, TEXT_COUNT);
    pprof_write_sample_type(writer, TEXT_ALLOC_SPACE, TEXT_BYTES);
    pprof_write_sample_type(writer, TEXT_INUSE_OBJECTS, TEXT_COUNT);
    pprof_write_sample_type(writer, TEXT_INUSE_SPACE, TEXT_BYTES);
    pprof_write_default_sample_type(writer, default_types[options->default_sample_type]);
    pprof_write_period(writer, TEXT_SPACE, TEXT_BYTES, (int64_t)profile_rate(encoder->profile));
    pprof_write_time(writer, options->time_ns, options->duration_ns);
}

static void put_loss(struct encoder *encoder, uint64_t count, const char *what)
{
    char text[128];
    struct sink sink;
    if (count > 0) {
        sink_init_fixed(&sink, text, sizeof(text));
        sink_format(&sink, "%llu %s", (unsigned long long)count, what);
        pprof_write_comment(&encoder->writer, put_string(encoder, text));
    }
}

static void put_comments(struct encoder *encoder)
{
    const struct profile *profile = encoder->profile;
    if (encoder->options->comment != NULL) {
        pprof_write_comment(&encoder->writer, put_string(encoder, encoder->options->comment));
    }
    put_loss(encoder, atomic_load_explicit(&profile->samples_dropped, memory_order_relaxed),
             "samples are not in use here: the table of live samples was full");
    put_loss(encoder, atomic_load_explicit(&profile->stacks_dropped, memory_order_relaxed),
             "samples are in [stack table full]: the table of stacks was full");
}

/* The locations of a stack, at least one. Returns how many. */
static size_t put_locations(struct encoder *encoder, uint32_t number,
                            uint64_t ids[PROFILE_FRAMES_MAX])
{
    const uint64_t *pcs = NULL;
    uint32_t count = profile_stack(encoder->profile, number, &pcs);
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = pprof_places_add(&encoder->places, pcs[i] - 1);
    }
    if (count == 0) {
        ids[0] = number == STACK_TABLE_FULL ? STAND_IN_TABLE_FULL : STAND_IN_UNKNOWN;
        return 1;
    }
    return count;
}

static void put_values(struct encoder *encoder, struct pprof_sample *sample,
                       const struct profile_values *values)
{
    int64_t written[] = {values->alloc_objects, values->alloc_bytes, values->inuse_objects,
                         values->inuse_bytes};
    if (!profile_values_are_zero(values)) {
        sample->values = written;
        sample->value_count = sizeof(written) / sizeof(written[0]);
        pprof_write_sample(&encoder->writer, sample);
    }
}

static uint32_t age_bucket(const struct encoder *encoder, uint64_t birth_ns)
{
    uint64_t now_ns = encoder->options->now_ns;
    uint64_t age_ns = now_ns > birth_ns ? now_ns - birth_ns : 0;
    return age_bucket_of((int64_t)(age_ns / SECOND_NS));
}

/* Chain the live samples of each stack. Stacks that are newer than the profile are left out. */
static void chain_samples(struct encoder *encoder)
{
    struct profile_sample sample;
    uint32_t stack_count =
        atomic_load_explicit(&encoder->profile->stacks.stack_count, memory_order_relaxed);
    memset(encoder->heads, 0, stack_count * sizeof(*encoder->heads));
    encoder->head_count = stack_count;
    uint32_t end = profile_sample_end(encoder->profile);
    for (uint32_t index = 0; index < end; index++) {
        if (profile_sample_at(encoder->profile, index, &sample) && sample.stack < stack_count) {
            encoder->nexts[index] = encoder->heads[sample.stack];
            encoder->heads[sample.stack] = index + 1;
        }
    }
}

/* What is in use by age: each live sample of the chain that is still of this stack. */
static void put_ages(struct encoder *encoder, uint32_t number, struct pprof_sample *sample)
{
    struct stack_counts buckets[AGE_BUCKETS] = {0};
    struct profile_sample live;
    for (uint32_t next = encoder->heads[number]; next != 0; next = encoder->nexts[next - 1]) {
        if (profile_sample_at(encoder->profile, next - 1, &live) && live.stack == number) {
            struct stack_counts *bucket = &buckets[age_bucket(encoder, live.birth_ns)];
            bucket->alloc_objects += stack_objects_of(live.weight);
            bucket->alloc_bytes += sampling_weighted_bytes(live.size_bytes, live.weight);
        }
    }
    for (uint32_t i = 0; i < AGE_BUCKETS; i++) {
        struct pprof_label label = {
            .key = TEXT_AGE, .number = age_bucket_seconds(i), .unit = TEXT_SECONDS};
        struct profile_values values = profile_values_of(&buckets[i], NULL);
        values.alloc_objects = 0;
        values.alloc_bytes = 0;
        sample->labels = &label;
        sample->label_count = 1;
        put_values(encoder, sample, &values);
    }
}

static void put_stack(struct encoder *encoder, uint32_t number)
{
    const struct profile_write_options *options = encoder->options;
    uint64_t ids[PROFILE_FRAMES_MAX];
    struct profile_values values = profile_stack_values(encoder->profile, number, options);
    if (profile_values_are_zero(&values)) {
        return;
    }
    struct pprof_sample sample = {.location_ids = ids};
    sample.location_count = put_locations(encoder, number, ids);
    if (options->ages) {
        values.inuse_objects = 0;
        values.inuse_bytes = 0;
    }
    put_values(encoder, &sample, &values);
    if (options->ages && number < encoder->head_count) {
        put_ages(encoder, number, &sample);
    }
}

static void encode(struct encoder *encoder, struct sink *sink)
{
    pprof_writer_init(&encoder->writer, sink);
    put_head(encoder);
    put_comments(encoder);
    pprof_places_begin(&encoder->places, STAND_IN_UNKNOWN);
    pprof_write_stand_in(&encoder->writer, STAND_IN_TABLE_FULL, TEXT_TABLE_FULL);
    pprof_write_stand_in(&encoder->writer, STAND_IN_UNKNOWN, TEXT_UNKNOWN);
    if (encoder->options->ages) {
        chain_samples(encoder);
    }
    for (uint32_t slot = 0; slot < profile_slot_end(encoder->profile); slot++) {
        uint32_t number = profile_stack_in_slot(encoder->profile, slot);
        if (number != PROFILE_NONE) {
            put_stack(encoder, number);
        }
    }
}

void profile_write_pprof(const struct profile *profile, const struct profile_write_options *options,
                         void *block, struct sink *sink)
{
    struct scratch *scratch = block;
    struct scratch_plan plan = plan_of(profile);
    struct encoder encoder = {
        .profile = profile,
        .options = options,
        .heads = (void *)((char *)block + plan.heads),
        .nexts = (void *)((char *)block + plan.nexts),
    };
    encoder.places = (struct pprof_places){.writer = &encoder.writer,
                                           .cache = &scratch->locations,
                                           .mappings = options->mappings,
                                           .mapping_count = options->mapping_count};
    if (options->format == PROFILE_PPROF) {
        encode(&encoder, sink);
        return;
    }
    struct sink inner;
    gzip_writer_init(&scratch->gzip, sink);
    sink_init(&inner, gzip_write, &scratch->gzip, scratch->stage, sizeof(scratch->stage));
    encode(&encoder, &inner);
    sink_flush(&inner); /* its error is the outer sink's */
    gzip_writer_end(&scratch->gzip);
}
