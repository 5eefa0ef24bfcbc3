#include "diagnose/capsule.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/sink.h"
#include "codec/ustar.h"

#define NAME_BYTES (USTAR_NAME_MAX + 1)

bool capsule_is(struct slu_bytes bytes)
{
    return bytes.len >= CAPSULE_BLOCK_BYTES &&
           memcmp((const char *)bytes.data + USTAR_MAGIC_AT, "ustar", 5) == 0;
}

void capsule_reader_init(struct capsule_reader *reader, struct slu_bytes file)
{
    *reader = (struct capsule_reader){.file = file};
}

/* Octal digits up to a blank or NUL. */
static bool octal_read(const char *field, size_t len, uint64_t *number)
{
    uint64_t value = 0;
    size_t at = 0;
    while (at < len && field[at] == ' ') {
        at++;
    }
    size_t first = at;
    for (; at < len && field[at] >= '0' && field[at] <= '7'; at++) {
        value = value * 8 + (uint64_t)(field[at] - '0');
    }
    *number = value;
    return at > first && (at == len || field[at] == ' ' || field[at] == '\0');
}

/* The name begins with the time in milliseconds, which the archive has in whole seconds. */
static double exact_time(const struct capsule_part *part)
{
    char *end = NULL;
    double seconds = 0;
    if (part->name[0] >= '0' && part->name[0] <= '9') {
        seconds = (double)strtoull(part->name, &end, 10) / 1000;
    }
    return end != NULL && *end == '.' && fabs(seconds - part->seconds) <= 1 ? seconds
                                                                            : part->seconds;
}

bool capsule_block_is_end(const char block[CAPSULE_BLOCK_BYTES])
{
    for (size_t i = 0; i < CAPSULE_BLOCK_BYTES; i++) {
        if (block[i] != 0) {
            return false;
        }
    }
    return true;
}

bool capsule_part_read(const char block[CAPSULE_BLOCK_BYTES], struct capsule_part *part)
{
    uint64_t size = 0;
    uint64_t time = 0;
    uint64_t sum = 0;
    if (!octal_read(block + USTAR_SUM_AT, USTAR_SUM_BYTES, &sum) || sum != ustar_sum(block) ||
        !octal_read(block + USTAR_SIZE_AT, 12, &size) ||
        !octal_read(block + USTAR_TIME_AT, 12, &time) || size >= CAPSULE_PART_MAX) {
        return false;
    }
    memcpy(part->name, block, NAME_BYTES);
    part->name[NAME_BYTES] = '\0';
    part->seconds = (double)time;
    part->seconds = exact_time(part);
    part->bytes = (struct slu_bytes){NULL, (size_t)size};
    return true;
}

/* Read the block at hand and move past the part; false for a fault. */
static bool part_take(struct capsule_reader *reader, struct capsule_part *part, bool *is_file)
{
    const char *block = (const char *)reader->file.data + reader->at;
    uint64_t left = reader->file.len - reader->at - CAPSULE_BLOCK_BYTES;
    if (!capsule_part_read(block, part) || part->bytes.len > left) {
        return false;
    }
    uint64_t whole = ustar_padded(part->bytes.len);
    part->bytes.data = block + CAPSULE_BLOCK_BYTES;
    *is_file = block[USTAR_KIND_AT] == '0' || block[USTAR_KIND_AT] == '\0';
    reader->at += CAPSULE_BLOCK_BYTES + (whole < left ? whole : left);
    return true;
}

bool capsule_next(struct capsule_reader *reader, struct capsule_part *part)
{
    while (!reader->has_ended && reader->file.len - reader->at >= CAPSULE_BLOCK_BYTES) {
        bool is_file = false;
        if (capsule_block_is_end((const char *)reader->file.data + reader->at)) {
            reader->has_ended = true;
        } else if (!part_take(reader, part, &is_file)) {
            return false;
        } else if (is_file) {
            return true;
        }
    }
    return false;
}

int capsule_end(const struct capsule_reader *reader)
{
    return reader->has_ended ? 0 : -EBADMSG;
}

void capsule_write(struct sink *out, const char *name, double seconds, struct slu_bytes bytes)
{
    char block[CAPSULE_BLOCK_BYTES];
    char timed[NAME_BYTES];
    SLU_ASSERT(strlen(name) <= CAPSULE_NAME_BYTES - 32 && bytes.len < CAPSULE_PART_MAX);
    SLU_ASSERT(seconds >= 0 && seconds <= (double)USTAR_NUMBER_MAX);
    snprintf(timed, sizeof(timed), "%013llu.%s", (unsigned long long)(seconds * 1000), name);
    ustar_block_make(block, timed, bytes.len, (uint64_t)seconds);
    sink_put(out, block, sizeof(block));
    sink_put(out, bytes.data, bytes.len);
    sink_repeat(out, '\0', (size_t)(ustar_padded(bytes.len) - bytes.len));
}

void capsule_write_end(struct sink *out)
{
    sink_repeat(out, '\0', (size_t)2 * CAPSULE_BLOCK_BYTES);
}
