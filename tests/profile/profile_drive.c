/*
 * Carries out what profile_reader_test.py asks for, a step a line on standard input, numbers in
 * decimal and names without blanks:
 *
 *   o RATE SAMPLES STACKS PCS           begin a profile
 *   r HANDLE ADDRESS SIZE RATE NOW PC*  record an allocation
 *   f HANDLE ADDRESS                    forget it
 *   m START LIMIT OFFSET FILE BUILD-ID  a mapping; - for no name
 *   c COMMENT
 *   s                                   what follows is written as a difference from now
 *   w FORMAT TYPE AGES TIME DURATION NOW FILE
 */
#include "profile/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sink.h"

#define LINE_BYTES_MAX 8192
#define HANDLES_MAX    100000
#define MAPPINGS_MAX   64

struct drive {
    struct profile *profile;
    void *scratch;
    struct profile_mapping mappings[MAPPINGS_MAX];
    struct profile_write_options options;
    uint32_t indices[HANDLES_MAX];
    char *at; /* in the line */
    char words[16384];
    size_t words_len;
};

static void require(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "profile_drive: %s\n", what);
        exit(1);
    }
}

static void *zeroed(size_t bytes)
{
    size_t whole = (bytes + 63) / 64 * 64;
    void *block = aligned_alloc(64, whole);
    require(block != NULL, "no memory");
    memset(block, 0, whole);
    return block;
}

static uint64_t number(struct drive *drive)
{
    return strtoull(drive->at, &drive->at, 10);
}

/* It stays until the end. */
static const char *word(struct drive *drive)
{
    drive->at += strspn(drive->at, " ");
    size_t len = strcspn(drive->at, " \n");
    require(len < sizeof(drive->words) - drive->words_len, "words");
    char *copy = drive->words + drive->words_len;
    memcpy(copy, drive->at, len);
    drive->words_len += len + 1;
    drive->at += len;
    return copy;
}

static struct slu_bytes name(struct drive *drive)
{
    const char *text = word(drive);
    return strcmp(text, "-") == 0 ? (struct slu_bytes){NULL, 0}
                                  : (struct slu_bytes){text, strlen(text)};
}

static void begin(struct drive *drive)
{
    struct profile_options options = {0};
    size_t bytes = 0;
    options.rate_bytes = number(drive);
    options.samples_max = (uint32_t)number(drive);
    options.stacks_max = (uint32_t)number(drive);
    options.pcs_max = (uint32_t)number(drive);
    require(profile_bytes(&options, NULL, &bytes) == 0, "options");
    drive->profile = profile_init(zeroed(bytes), &options, 0);
    drive->scratch = zeroed(profile_write_bytes(drive->profile));
}

static void record(struct drive *drive)
{
    uint64_t pcs[PROFILE_FRAMES_MAX + 1];
    struct profile_allocation allocation = {.return_pcs = pcs, .thread_id = 1};
    uint64_t handle = number(drive);
    require(handle < HANDLES_MAX, "handle");
    allocation.address = number(drive);
    allocation.size_bytes = number(drive);
    allocation.rate_bytes = number(drive);
    uint64_t now_ns = number(drive);
    while (strspn(drive->at, " \n") < strlen(drive->at)) {
        require(allocation.frame_count <= PROFILE_FRAMES_MAX, "frames");
        pcs[allocation.frame_count++] = number(drive);
    }
    drive->indices[handle] = PROFILE_NONE;
    (void)profile_record(drive->profile, &allocation, now_ns, &drive->indices[handle]); /* full */
}

static void forget(struct drive *drive)
{
    uint64_t handle = number(drive);
    require(handle < HANDLES_MAX, "handle");
    uint32_t index = drive->indices[handle];
    if (index != PROFILE_NONE) {
        require(profile_forget(drive->profile, index, number(drive)) == 0, "stale");
    }
}

static void map(struct drive *drive)
{
    require(drive->options.mapping_count < MAPPINGS_MAX, "mappings");
    struct profile_mapping *mapping = &drive->mappings[drive->options.mapping_count++];
    mapping->start = number(drive);
    mapping->limit = number(drive);
    mapping->file_offset = number(drive);
    mapping->file = name(drive);
    mapping->build_id = name(drive);
}

static void take_snapshot(struct drive *drive)
{
    void *block = zeroed(profile_snapshot_bytes(drive->profile));
    drive->options.since = profile_snapshot_take(drive->profile, block);
}

static int write_out(void *context, const char *bytes, size_t len)
{
    return fwrite(bytes, 1, len, context) == len ? 0 : -1;
}

static void write_profile(struct drive *drive)
{
    static char stage[4096];
    struct sink sink;
    drive->options.mappings = drive->mappings;
    drive->options.format = (enum profile_format)number(drive);
    drive->options.default_sample_type = (enum profile_sample_type)number(drive);
    drive->options.ages = number(drive) != 0;
    drive->options.time_ns = (int64_t)number(drive);
    drive->options.duration_ns = (int64_t)number(drive);
    drive->options.now_ns = number(drive);
    FILE *file = fopen(word(drive), "wb");
    require(file != NULL, "no file");
    sink_init(&sink, write_out, file, stage, sizeof(stage));
    require(profile_write(drive->profile, &drive->options, drive->scratch, &sink) == 0, "write");
    require(fclose(file) == 0, "write");
}

static void carry_out(struct drive *drive, char *line)
{
    drive->at = line + 1;
    switch (line[0]) {
    case 'o':
        begin(drive);
        break;
    case 'r':
        record(drive);
        break;
    case 'f':
        forget(drive);
        break;
    case 'm':
        map(drive);
        break;
    case 'c':
        drive->options.comment = word(drive);
        break;
    case 's':
        take_snapshot(drive);
        break;
    case 'w':
        write_profile(drive);
        break;
    default:
        require(0, "unknown step");
    }
}

int main(void)
{
    static struct drive drive;
    static char line[LINE_BYTES_MAX];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        carry_out(&drive, line);
    }
    return 0;
}
