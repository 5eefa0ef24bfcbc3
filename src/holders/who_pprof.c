#include "holders/who_pprof.h"

#include <string.h>

#include "base/sink.h"
#include "holders/holders.h"
#include "holders/report.h"
#include "profile/pprof_writer.h"

#define TEXT_BYTES    4096
#define LOCATIONS_MAX 128

static uint64_t text_write(struct pprof_writer *writer, const char *text)
{
    return pprof_write_string(writer, (struct slu_bytes){text, strlen(text)});
}

/* A function and a location for each group, both numbered as it is, from 1 on. */
static void step_write(struct pprof_writer *writer, const struct report *report, uint32_t group)
{
    char text[TEXT_BYTES];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    report_write_step(report, group, &sink);
    size_t skipped = text[0] == ' ' ? 1 : 0; /* before an arrow */
    struct pprof_function function = {
        .id = (uint64_t)group + 1,
        .name = pprof_write_string(writer, (struct slu_bytes){text + skipped, sink.len - skipped}),
    };
    struct pprof_line line = {.function_id = function.id};
    struct pprof_location location = {.id = function.id, .lines = &line, .line_count = 1};
    pprof_write_function(writer, &function);
    pprof_write_location(writer, &location);
}

static void sample_write(struct pprof_writer *writer, const struct report *report, uint32_t group)
{
    const struct group *row = groups_at(&report->groups, group);
    uint64_t locations[LOCATIONS_MAX];
    size_t count = 0;
    for (uint32_t at = group; at != GROUP_NONE && count < LOCATIONS_MAX;
         at = groups_at(&report->groups, at)->above) {
        locations[count++] = (uint64_t)at + 1;
    }
    int64_t values[] = {(int64_t)row->count, (int64_t)row->bytes};
    struct pprof_sample sample = {
        .location_ids = locations,
        .location_count = count,
        .values = values,
        .value_count = 2,
    };
    pprof_write_sample(writer, &sample);
}

static void leaks_write(struct pprof_writer *writer, const struct report *report, uint64_t id)
{
    struct pprof_function function = {.id = id, .name = text_write(writer, "nothing points to it")};
    struct pprof_line line = {.function_id = id};
    struct pprof_location location = {.id = id, .lines = &line, .line_count = 1};
    int64_t values[] = {(int64_t)report->groups.leaked_count, (int64_t)report->groups.leaked_bytes};
    struct pprof_sample sample = {
        .location_ids = &id, .location_count = 1, .values = values, .value_count = 2};
    if (report->groups.leaked_count == 0) {
        return;
    }
    pprof_write_function(writer, &function);
    pprof_write_location(writer, &location);
    pprof_write_sample(writer, &sample);
}

void who_pprof_write(const struct report *report, struct sink *out)
{
    struct pprof_writer writer;
    uint32_t count = (uint32_t)(report->groups.rows.len / sizeof(struct group));
    pprof_writer_init(&writer, out);
    uint64_t bytes = text_write(&writer, "bytes");
    uint64_t space = text_write(&writer, "inuse_space");
    pprof_write_sample_type(&writer, text_write(&writer, "inuse_objects"),
                            text_write(&writer, "count"));
    pprof_write_sample_type(&writer, space, bytes);
    pprof_write_default_sample_type(&writer, space);
    pprof_write_period(&writer, space, bytes, 1);
    for (uint32_t i = 0; i < count; i++) {
        step_write(&writer, report, i);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (groups_at(&report->groups, i)->count > 0) {
            sample_write(&writer, report, i);
        }
    }
    leaks_write(&writer, report, (uint64_t)count + 1);
}
