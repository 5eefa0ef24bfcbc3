#include <string.h>

#include "base/decimal.h"
#include "base/sink.h"

#include "profile/profile_state.h"

static void put_number(struct sink *sink, int64_t value)
{
    char places[20];
    uint64_t digits = value < 0 ? -(uint64_t)value : (uint64_t)value;
    if (value < 0) {
        sink_char(sink, '-');
    }
    sink_put(sink, places, decimal_write(digits, places));
}

static void put_hexadecimal(struct sink *sink, uint64_t value)
{
    char places[16];
    size_t start = sizeof(places);
    do {
        places[--start] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value > 0);
    sink_put(sink, places + start, sizeof(places) - start);
}

/* On one line, whatever it is. */
static void put_name(struct sink *sink, struct slu_bytes name)
{
    const char *bytes = name.data;
    for (size_t i = 0; i < name.len; i++) {
        sink_char(sink, (unsigned char)bytes[i] < ' ' ? '?' : bytes[i]);
    }
}

static void put_values(struct sink *sink, const struct profile_values *values)
{
    put_number(sink, values->inuse_objects);
    sink_text(sink, ": ");
    put_number(sink, values->inuse_bytes);
    sink_text(sink, " [");
    put_number(sink, values->alloc_objects);
    sink_text(sink, ": ");
    put_number(sink, values->alloc_bytes);
    sink_text(sink, "] @");
}

/* Readers take one off each address but the first: that one is written as the location's. */
static void put_stack(struct sink *sink, const struct profile *profile, uint32_t number)
{
    const uint64_t *pcs = NULL;
    uint32_t count = profile_stack(profile, number, &pcs);
    for (uint32_t i = 0; i < count; i++) {
        sink_text(sink, " 0x");
        put_hexadecimal(sink, i == 0 ? pcs[i] - 1 : pcs[i]);
    }
    if (count == 0) { /* readers drop a sample without an address */
        sink_text(sink, " 0x0\n# ");
        sink_text(sink, number == STACK_TABLE_FULL ? "stack table full" : "unknown stack");
    }
    sink_char(sink, '\n');
}

static void put_mapping(struct sink *sink, const struct profile_mapping *mapping)
{
    put_hexadecimal(sink, mapping->start);
    sink_char(sink, '-');
    put_hexadecimal(sink, mapping->limit);
    sink_text(sink, " r-xp ");
    put_hexadecimal(sink, mapping->file_offset);
    sink_text(sink, " 00:00 0 ");
    put_name(sink, mapping->file);
    sink_char(sink, '\n');
}

static void put_remark(struct sink *sink, const char *name, uint64_t value)
{
    sink_text(sink, "# ");
    sink_text(sink, name);
    sink_text(sink, " = ");
    put_number(sink, (int64_t)value);
    sink_char(sink, '\n');
}

static void put_remarks(struct sink *sink, const struct profile *profile, const char *comment)
{
    struct profile_stats stats;
    profile_stats(profile, &stats);
    sink_char(sink, '\n');
    put_remark(sink, "rate_bytes", stats.rate_bytes);
    put_remark(sink, "samples_recorded", stats.samples_recorded);
    put_remark(sink, "samples_live", stats.samples_live);
    put_remark(sink, "samples_dropped", stats.samples_dropped);
    put_remark(sink, "stack_count", stats.stack_count);
    put_remark(sink, "stacks_dropped", stats.stacks_dropped);
    if (comment != NULL) {
        sink_text(sink, "# ");
        put_name(sink, (struct slu_bytes){comment, strlen(comment)});
        sink_char(sink, '\n');
    }
}

static struct profile_values total_of(const struct profile *profile,
                                      const struct profile_write_options *options)
{
    struct profile_values total = {0};
    for (uint32_t slot = 0; slot < profile_slot_end(profile); slot++) {
        uint32_t number = profile_stack_in_slot(profile, slot);
        if (number != PROFILE_NONE) {
            struct profile_values values = profile_stack_values(profile, number, options);
            total.alloc_objects += values.alloc_objects;
            total.alloc_bytes += values.alloc_bytes;
            total.inuse_objects += values.inuse_objects;
            total.inuse_bytes += values.inuse_bytes;
        }
    }
    return total;
}

void profile_write_mappings(const struct profile_mapping *mappings, uint32_t count,
                            struct sink *sink)
{
    for (uint32_t i = 0; i < count; i++) {
        put_mapping(sink, &mappings[i]);
    }
}

void profile_write_text(const struct profile *profile, const struct profile_write_options *options,
                        struct sink *sink)
{
    struct profile_values total = total_of(profile, options);
    sink_text(sink, "heap profile: ");
    put_values(sink, &total);
    /* Half of the number is the rate to scale by: values are scaled already. */
    sink_text(sink, " heap/2\n");
    for (uint32_t slot = 0; slot < profile_slot_end(profile); slot++) {
        uint32_t number = profile_stack_in_slot(profile, slot);
        if (number == PROFILE_NONE) {
            continue;
        }
        struct profile_values values = profile_stack_values(profile, number, options);
        if (!profile_values_are_zero(&values)) {
            put_values(sink, &values);
            put_stack(sink, profile, number);
        }
    }
    put_remarks(sink, profile, options->comment);
    sink_text(sink, "\nMAPPED_LIBRARIES:\n");
    profile_write_mappings(options->mappings, options->mapping_count, sink);
}
