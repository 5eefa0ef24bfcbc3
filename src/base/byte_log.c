/*
 * A record, at an offset that is a multiple of 8:
 *
 *   byte 0..3   owner, or OWNER_NONE for a string that was dropped and for filler
 *   byte 4..7   length of the string
 *   byte 8..    the string, padded to a multiple of 8
 *
 * No record lies across the end of the block: where one does not fit, a filler takes what is left.
 *
 * The bound. Let C be the most that live records may take, R the size of the longest record, S the
 * size of the block, and k = SCAN_FACTOR. While the gap is below T = S/k + 7R, each put of s bytes
 * visits at least k*s bytes at the tail: live records move to the head, which leaves the gap as it
 * was, and the others are freed. Between the moment when the gap falls below T and the moment when
 * all that then lay in the log has been visited, at most S/k + R bytes are put, and the head passes
 * the end at most twice, with a filler below R each time. So the gap stays above
 * T - 2R - (S/k + R) - 2R >= 2R, which a put or a move needs at most: room in time, always. In the
 * end all that was not live at the beginning, at least S - T - C, has been freed, so the gap is at
 * least S - C - S/k - 5R; that is T again if S >= (C + 12R) / (1 - 2/k). With k = 8: 4/3 (C + 12R).
 */
#include "base/byte_log.h"

#include "base/assert.h"

#define RECORD_ALIGN ((uint64_t)8)
#define OWNER_NONE   UINT32_MAX
#define SCAN_FACTOR  8

struct header {
    uint32_t owner;
    uint32_t len;
};

static uint64_t record_bytes(uint32_t len)
{
    return (sizeof(struct header) + len + RECORD_ALIGN - 1) & ~(RECORD_ALIGN - 1);
}

static uint64_t options_live_max(const struct byte_log_options *options)
{
    uint64_t overhead = sizeof(struct header) + RECORD_ALIGN - 1;
    return options->bytes_max + options->owner_count * overhead;
}

static uint64_t options_size(const struct byte_log_options *options)
{
    uint64_t need = options_live_max(options) + 12 * record_bytes(options->string_bytes_max);
    return (need + need / 3 + RECORD_ALIGN) & ~(RECORD_ALIGN - 1);
}

struct byte_log_parts byte_log_plan(struct layout *layout, const struct byte_log_options *options)
{
    SLU_ASSERT(options->string_bytes_max <= BYTE_LOG_STRING_BYTES_MAX);
    SLU_ASSERT(options->owner_count != 0 && options->owner_count <= BYTE_LOG_OWNERS_MAX);
    SLU_ASSERT(options->bytes_max <= BYTE_LOG_BYTES_MAX);
    struct byte_log_parts parts = {
        .bytes_at = layout_add(layout, options_size(options), 1, GOLDEN_LINE_BYTES),
    };
    parts.places_at = layout_add(layout, options->owner_count, sizeof(uint32_t), sizeof(uint32_t));
    return parts;
}

void byte_log_init(struct byte_log *log, void *block, struct byte_log_parts parts,
                   const struct byte_log_options *options)
{
    unsigned char *bytes = block;
    void *places = bytes + parts.places_at;
    uint64_t size = options_size(options);
    *log = (struct byte_log){
        .bytes = bytes + parts.bytes_at,
        .places = places,
        .size_bytes = size,
        .gap_wanted_bytes = size / SCAN_FACTOR + 7 * record_bytes(options->string_bytes_max),
        .live_bytes_max = options_live_max(options),
        .string_bytes_max = options->string_bytes_max,
        .owner_count = options->owner_count,
    };
}

static void *record_at(const struct byte_log *log, uint64_t position)
{
    return log->bytes + position % log->size_bytes;
}

static struct header *owner_record(const struct byte_log *log, uint32_t owner)
{
    SLU_ASSERT(owner < log->owner_count);
    void *record = log->bytes + log->places[owner] * RECORD_ALIGN;
    return record;
}

static uint64_t gap_bytes(const struct byte_log *log)
{
    return log->size_bytes - (log->head - log->tail);
}

/* Room for a record of `size` bytes at the head, in one piece; the head moves past it. */
static struct header *head_extend(struct byte_log *log, uint64_t size)
{
    uint64_t to_end = log->size_bytes - log->head % log->size_bytes;
    uint64_t filler = to_end < size ? to_end : 0;
    SLU_ASSERT(filler + size <= gap_bytes(log));
    if (filler != 0) {
        struct header *header = record_at(log, log->head);
        *header = (struct header){
            .owner = OWNER_NONE,
            .len = (uint32_t)(filler - sizeof(struct header)),
        };
        log->head += filler;
    }
    struct header *header = record_at(log, log->head);
    log->head += size;
    return header;
}

static void owner_place(struct byte_log *log, uint32_t owner, const struct header *record)
{
    uint64_t offset = (uint64_t)((const unsigned char *)record - log->bytes);
    log->places[owner] = (uint32_t)(offset / RECORD_ALIGN);
}

/* Visit at least `visit_bytes` at the tail, unless there is gap enough before that. */
static void tail_compact(struct byte_log *log, uint64_t visit_bytes)
{
    uint64_t end = log->tail + visit_bytes;
    while (log->tail < end && log->tail != log->head && gap_bytes(log) < log->gap_wanted_bytes) {
        const struct header *old = record_at(log, log->tail);
        uint64_t size = record_bytes(old->len);
        if (old->owner != OWNER_NONE) {
            struct header *moved = head_extend(log, size);
            memcpy(moved, old, size);
            owner_place(log, moved->owner, moved);
        }
        log->tail += size;
    }
}

void byte_log_put(struct byte_log *log, uint32_t owner, struct slu_bytes string)
{
    SLU_ASSERT(string.len <= log->string_bytes_max && owner < log->owner_count);
    uint32_t len = (uint32_t)string.len;
    uint64_t size = record_bytes(len);
    log->live_bytes += size;
    SLU_ASSERT(log->live_bytes <= log->live_bytes_max);
    tail_compact(log, SCAN_FACTOR * size);
    struct header *header = head_extend(log, size);
    *header = (struct header){.owner = owner, .len = len};
    if (len != 0) {
        memcpy(header + 1, string.data, len);
    }
    owner_place(log, owner, header);
}

void byte_log_drop(struct byte_log *log, uint32_t owner)
{
    struct header *header = owner_record(log, owner);
    SLU_ASSERT(header->owner == owner);
    header->owner = OWNER_NONE;
    log->live_bytes -= record_bytes(header->len);
}

struct slu_bytes byte_log_get(const struct byte_log *log, uint32_t owner)
{
    const struct header *header = owner_record(log, owner);
    SLU_DEBUG_ASSERT(header->owner == owner);
    return (struct slu_bytes){.data = header + 1, .len = header->len};
}

void byte_log_validate(const struct byte_log *log)
{
    SLU_ASSERT(log->head - log->tail <= log->size_bytes);
    uint64_t live = 0;
    uint64_t position = log->tail;
    while (position != log->head) {
        const struct header *header = record_at(log, position);
        uint64_t size = record_bytes(header->len);
        SLU_ASSERT(position % log->size_bytes + size <= log->size_bytes);
        if (header->owner != OWNER_NONE) {
            SLU_ASSERT(owner_record(log, header->owner) == header);
            live += size;
        }
        position += size;
        SLU_ASSERT(position <= log->head);
    }
    SLU_ASSERT(live == log->live_bytes);
}
