/*
 * A profile of any size, as of a large service: functions that call a few others each, deep stacks
 * that share their beginnings, inlined functions, labels.
 *
 *   make_profile SAMPLES FILE [SEED]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sink.h"
#include "profile/gzip_writer.h"
#include "profile/pprof_writer.h"

#define FUNCTION_COUNT 20000
#define CALLEES        4
#define SITES          3 /* lines of a function that call one callee */
#define DEPTH_MIN      12
#define DEPTH_MAX      60
#define STAGE_BYTES    65536
#define NAME_BYTES     160

#define LOCATION_COUNT ((uint64_t)FUNCTION_COUNT * SITES)

struct making {
    uint64_t random;
    int fd;
    struct sink file;
    struct gzip_writer gzip;
    struct sink text;
    struct pprof_writer writer;
    char file_stage[STAGE_BYTES];
    char text_stage[STAGE_BYTES];
};

static uint64_t below(struct making *making, uint64_t bound)
{
    making->random = making->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (making->random >> 33) % bound;
}

static int file_write(void *context, const char *bytes, size_t len)
{
    const int *fd = context;
    while (len > 0) {
        ssize_t written = write(*fd, bytes, len);
        if (written < 0) {
            return -errno;
        }
        bytes += written;
        len -= (size_t)written;
    }
    return 0;
}

static uint64_t string(struct making *making, const char *text)
{
    return pprof_write_string(&making->writer, (struct slu_bytes){text, strlen(text)});
}

static void heads_write(struct making *making)
{
    static const char *const types[][2] = {{"alloc_objects", "count"},
                                           {"alloc_space", "bytes"},
                                           {"inuse_objects", "count"},
                                           {"inuse_space", "bytes"}};
    for (size_t i = 0; i < 4; i++) {
        uint64_t name = string(making, types[i][0]);
        pprof_write_sample_type(&making->writer, name, string(making, types[i][1]));
    }
    uint64_t space = string(making, "space");
    pprof_write_period(&making->writer, space, string(making, "bytes"), 524288);
    struct pprof_mapping mapping = {.id = 1,
                                    .start = 0x400000,
                                    .limit = 0x4000000,
                                    .file = string(making, "/usr/bin/service"),
                                    .has_functions = true};
    pprof_write_mapping(&making->writer, &mapping);
}

static void functions_write(struct making *making)
{
    for (uint64_t i = 0; i < FUNCTION_COUNT; i++) {
        char name[NAME_BYTES];
        snprintf(name, sizeof(name), "github.com/example/service/package%02d.(*Thing%d).Method%d",
                 (int)(i % 97), (int)(i % 1009), (int)i);
        struct pprof_function function = {.id = i + 1, .name = string(making, name)};
        function.system_name = function.name;
        snprintf(name, sizeof(name), "/home/build/service/package%02d/file%d.go", (int)(i % 97),
                 (int)(i % 499));
        function.file = string(making, name);
        pprof_write_function(&making->writer, &function);
    }
}

/* One location in five has a second function, inlined. */
static void locations_write(struct making *making)
{
    for (uint64_t i = 0; i < LOCATION_COUNT; i++) {
        struct pprof_line lines[2] = {{i / SITES + 1, (int64_t)(10 + i % 90)},
                                      {i / SITES + 1, (int64_t)(20 + i % 50)}};
        bool inlined = i % 5 == 0;
        lines[0].function_id = inlined ? (i * 7919) % FUNCTION_COUNT + 1 : lines[0].function_id;
        struct pprof_location location = {.id = i + 1,
                                          .mapping_id = 1,
                                          .address = 0x400000 + 16 * i,
                                          .lines = lines,
                                          .line_count = inlined ? 2 : 1};
        pprof_write_location(&making->writer, &location);
    }
}

/* From main on down a graph in which each function calls few others, mostly the first of them. */
static void sample_write(struct making *making, uint64_t bytes_key, uint64_t bytes_unit)
{
    uint64_t ids[DEPTH_MAX];
    size_t depth = DEPTH_MIN + below(making, DEPTH_MAX - DEPTH_MIN);
    uint64_t function = 0;
    for (size_t i = 0; i < depth; i++) {
        uint64_t site = below(making, 4) == 0 ? below(making, SITES) : 0;
        uint64_t callee = below(making, 4) == 0 ? below(making, CALLEES) : 0;
        ids[depth - 1 - i] = function * SITES + site + 1;
        function = (function * CALLEES + callee + 1) * 2654435761 % FUNCTION_COUNT;
    }
    int64_t size = INT64_C(16) << below(making, 12);
    int64_t count = 1 + (int64_t)below(making, UINT64_C(1) << below(making, 12));
    int64_t alive = below(making, 3) == 0 ? 0 : 1 + (int64_t)below(making, (uint64_t)count);
    int64_t values[] = {count, count * size, alive, alive * size};
    struct pprof_label label = {.key = bytes_key, .number = size, .unit = bytes_unit};
    struct pprof_sample sample = {.location_ids = ids,
                                  .location_count = depth,
                                  .values = values,
                                  .value_count = 4,
                                  .labels = &label,
                                  .label_count = 1};
    pprof_write_sample(&making->writer, &sample);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "make_profile SAMPLES FILE [SEED]\n");
        return 2;
    }
    struct making *making = calloc(1, sizeof(*making));
    int fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (making == NULL || fd < 0) {
        perror(argv[2]);
        return 3;
    }
    making->fd = fd;
    making->random = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    sink_init(&making->file, file_write, &making->fd, making->file_stage, STAGE_BYTES);
    gzip_writer_init(&making->gzip, &making->file);
    sink_init(&making->text, gzip_write, &making->gzip, making->text_stage, STAGE_BYTES);
    pprof_writer_init(&making->writer, &making->text);
    heads_write(making);
    uint64_t key = string(making, "bytes");
    for (uint64_t i = strtoull(argv[1], NULL, 10); i > 0; i--) {
        sample_write(making, key, key);
    }
    locations_write(making);
    functions_write(making);
    int err = sink_end(&making->text);
    gzip_writer_end(&making->gzip);
    err = err != 0 ? err : sink_end(&making->file);
    err = close(fd) != 0 && err == 0 ? -errno : err;
    free(making);
    if (err != 0) {
        fprintf(stderr, "%s: %s\n", argv[2], strerror(-err));
        return 3;
    }
    return 0;
}
