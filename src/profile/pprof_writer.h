/*
 * A profile in pprof's format, profile.proto, written as it comes.
 *
 * Parts may come in any order; numbers that one part uses for another (strings, mappings,
 * functions, locations) are the caller's and need not be known to the writer, which keeps nothing
 * but the count of strings.
 *
 *     pprof_writer_init(&writer, &sink);
 *     uint64_t bytes = pprof_write_string(&writer, text("bytes"));
 *     pprof_write_sample_type(&writer, pprof_write_string(&writer, text("space")), bytes);
 *     ...
 *     err = sink_end(&sink);
 *
 * Source  github.com/google/pprof, proto/profile.proto
 */
#ifndef PROFILE_PPROF_WRITER_H
#define PROFILE_PPROF_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "codec/protobuf_writer.h"

/* Meant for the stack; members are private. */
struct pprof_writer {
    struct protobuf_writer protobuf;
    uint64_t string_count;
};

/* Strings are their numbers in the string table; 0 is the empty one. Identities are above 0. */
struct pprof_mapping {
    uint64_t id;
    uint64_t start;
    uint64_t limit;
    uint64_t file_offset;
    uint64_t file;
    uint64_t build_id;
    bool has_functions;
    bool has_files;
    bool has_lines;
    bool has_inlined;
};

struct pprof_function {
    uint64_t id;
    uint64_t name;
    uint64_t system_name; /* as the linker knows it: mangled */
    uint64_t file;
    int64_t start_line;
};

struct pprof_line {
    uint64_t function_id;
    int64_t line;
};

struct pprof_location {
    uint64_t id;
    uint64_t mapping_id; /* 0: none */
    uint64_t address;
    const struct pprof_line *lines; /* inlined functions first, their caller last */
    size_t line_count;
    bool is_folded; /* more functions share the address */
};

/* Either `text` is above 0, or `number` counts. */
struct pprof_label {
    uint64_t key;
    uint64_t text;
    int64_t number;
    uint64_t unit;
};

struct pprof_sample {
    const uint64_t *location_ids; /* the innermost first */
    size_t location_count;
    const int64_t *values; /* one for each sample type */
    size_t value_count;
    const struct pprof_label *labels;
    size_t label_count;
};

/* Begin a profile; `sink` is borrowed while it is written. */
void pprof_writer_init(struct pprof_writer *writer, struct sink *sink);

/* Go on with a profile that has `string_count` strings already, which somebody else has written. */
void pprof_writer_continue(struct pprof_writer *writer, struct sink *sink, uint64_t string_count);

/* Add a string to the table. Returns its number; the empty one is always 0. */
uint64_t pprof_write_string(struct pprof_writer *writer, struct slu_bytes text);

/* What the values of samples mean, in their order. */
void pprof_write_sample_type(struct pprof_writer *writer, uint64_t type, uint64_t unit);
void pprof_write_default_sample_type(struct pprof_writer *writer, uint64_t type);

void pprof_write_mapping(struct pprof_writer *writer, const struct pprof_mapping *mapping);
void pprof_write_function(struct pprof_writer *writer, const struct pprof_function *function);
void pprof_write_location(struct pprof_writer *writer, const struct pprof_location *location);
void pprof_write_sample(struct pprof_writer *writer, const struct pprof_sample *sample);

/* Once each. */
void pprof_write_time(struct pprof_writer *writer, int64_t time_ns, int64_t duration_ns);
void pprof_write_period(struct pprof_writer *writer, uint64_t type, uint64_t unit, int64_t period);
void pprof_write_frame_filters(struct pprof_writer *writer, uint64_t drop, uint64_t keep);

/* As often as wanted. */
void pprof_write_comment(struct pprof_writer *writer, uint64_t text);

#endif
