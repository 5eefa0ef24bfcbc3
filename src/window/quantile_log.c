/*
 * A record, all numbers in groups of 7 bits with the lowest first (varint):
 *
 *   varint   epochs since the record before, times 2, plus 1 if a level follows
 *   byte     the level of its buckets, if above 0
 *   varint   number of pages
 *   pages in the order of their numbers:
 *     varint   of the first page alone: its number, zigzag
 *     byte     bits 0..4: width w of a count, 0 to 16
 *              bits 5..6: pages skipped before this one; 3: a varint follows with 3 less
 *              bit 7: a base follows
 *     varint   the number of skipped pages less 3, if bits 5..6 are 3
 *     varint   the base, if there is one: the smallest of the 16 counts
 *     2w bytes the 16 counts less the base, w bits each, lowest first
 *     byte     if w is 0 without a base: the only bucket with events, times 16, plus their
 *              number less 1
 */
#include "window/quantile_log.h"

#include <endian.h>

#include "base/assert.h"
#include "base/golden.h"

GOLDEN_LAYOUT(struct quantile_log, 40, 4, 0, bytes, oldest_epoch, newest_epoch, capacity_bytes,
              tail, head);

#define SKIP_SHIFT       5
#define SKIP_MANY        3
#define WIDTH_MASK       0x1fU
#define BASE_FLAG        0x80U
#define LEVEL_FLAG       1U
#define SINGLE_MAX       16
#define VARINT_BYTES_MAX 10

/* First page's number, page byte, skip and base; then the counts. */
#define PAGE_BYTES_MAX (3 + 1 + 3 + 3 + 2 * 16)

struct page_form {
    uint32_t base;
    uint8_t width;
    uint8_t size_bytes; /* without page byte and skip */
    bool has_base;
    bool single;
};

static uint32_t varint_bytes(uint64_t value)
{
    uint32_t bytes = 1;
    while (value >= 0x80) {
        value >>= 7;
        bytes++;
    }
    return bytes;
}

static unsigned char *varint_write(unsigned char *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    *at++ = (unsigned char)value;
    return at;
}

static const unsigned char *varint_read(const unsigned char *at, uint64_t *value)
{
    uint64_t sum = 0;
    unsigned shift = 0;
    while ((*at & 0x80) != 0) {
        sum |= (uint64_t)(*at++ & 0x7f) << shift;
        shift += 7;
    }
    *value = sum | (uint64_t)*at++ << shift;
    return at;
}

static uint32_t zigzag(int32_t number)
{
    return (uint32_t)number << 1 ^ (uint32_t)(number >> 31);
}

static int32_t zigzag_back(uint64_t code)
{
    return (int32_t)(code >> 1) ^ -(int32_t)(code & 1);
}

static uint8_t bit_width(uint32_t value)
{
    return value == 0 ? 0 : (uint8_t)(32 - __builtin_clz(value));
}

struct page_extremes {
    uint32_t lowest;
    uint32_t highest;
    uint32_t sum;
};

/* The open counts of a page, each at most QUANTILE_LOG_COUNT_MAX. */
static void page_open_counts(const struct quantile_pages *pages, const unsigned char *page,
                             uint16_t *counts)
{
    uint8_t narrow[PAGE_BUCKETS]; /* a copy, so that the compiler may use vectors */
    switch (pages->open_bytes) {
    case sizeof(narrow[0]):
        memcpy(narrow, page, sizeof(narrow));
        for (unsigned at = 0; at < PAGE_BUCKETS; at++) {
            counts[at] = narrow[at];
        }
        break;
    case sizeof(counts[0]):
        memcpy(counts, page, PAGE_BUCKETS * sizeof(counts[0]));
        break;
    default:
        for (unsigned at = 0; at < PAGE_BUCKETS; at++) {
            uint64_t count = counter_get(page, pages->open_bytes, at);
            counts[at] =
                (uint16_t)(count < QUANTILE_LOG_COUNT_MAX ? count : QUANTILE_LOG_COUNT_MAX);
        }
    }
}

static struct page_extremes counts_extremes(const uint16_t *counts)
{
    uint16_t lowest = UINT16_MAX;
    uint16_t highest = 0;
    uint32_t sum = 0;
    for (unsigned at = 0; at < PAGE_BUCKETS; at++) {
        lowest = counts[at] < lowest ? counts[at] : lowest;
        highest = counts[at] > highest ? counts[at] : highest;
        sum += counts[at];
    }
    return (struct page_extremes){lowest, highest, sum};
}

/* The shortest form of a page with events. */
static struct page_form page_form_of(const struct page_extremes *seen)
{
    if (seen->sum == seen->highest && seen->highest <= SINGLE_MAX) {
        return (struct page_form){.size_bytes = 1, .single = true};
    }
    struct page_form plain = {.width = bit_width(seen->highest)};
    plain.size_bytes = (uint8_t)(2 * plain.width);
    if (seen->lowest == 0) {
        return plain;
    }
    struct page_form based = {.base = seen->lowest, .has_base = true};
    based.width = bit_width(seen->highest - seen->lowest);
    based.size_bytes = (uint8_t)(varint_bytes(based.base) + 2U * based.width);
    return based.size_bytes < plain.size_bytes ? based : plain;
}

uint32_t quantile_log_record_max(uint32_t page_count)
{
    return VARINT_BYTES_MAX + 1 + 2 + page_count * PAGE_BYTES_MAX;
}

static uint64_t record_head(const struct quantile_log *log, const struct quantile_pages *pages,
                            uint64_t epoch)
{
    uint64_t passed = quantile_log_is_empty(log) ? 0 : epoch - log->newest_epoch;
    return passed << 1 | (pages->level != 0 ? LEVEL_FLAG : 0);
}

/* Bytes for the place of a page: its number, or how many lie between it and the one before. */
static uint32_t place_bytes(bool first, int32_t id, int32_t last_id)
{
    if (first) {
        return varint_bytes(zigzag(id));
    }
    uint32_t skipped = (uint32_t)(id - last_id) - 1;
    return skipped < SKIP_MANY ? 0 : varint_bytes(skipped - SKIP_MANY);
}

struct quantile_record quantile_log_measure(const struct quantile_log *log,
                                            const struct quantile_pages *pages, uint64_t epoch)
{
    struct quantile_record record = {0};
    int32_t last_id = 0;
    for (uint32_t n = 0; n < pages->page_count; n++) {
        int32_t id = 0;
        uint16_t counts[PAGE_BUCKETS];
        page_open_counts(pages, pages_at(pages, n, &id), counts);
        struct page_extremes seen = counts_extremes(counts);
        if (seen.sum == 0) {
            continue;
        }
        record.size_bytes +=
            1U + page_form_of(&seen).size_bytes + place_bytes(record.page_count == 0, id, last_id);
        record.count_max = seen.highest > record.count_max ? seen.highest : record.count_max;
        record.page_count++;
        last_id = id;
    }
    record.size_bytes += varint_bytes(record_head(log, pages, epoch)) + (pages->level != 0) +
                         varint_bytes(record.page_count);
    return record;
}

/* Four counts of at most 16 bits, `width` bits each. */
static uint64_t four_pack(const uint16_t *counts, uint32_t base, unsigned width)
{
    uint64_t upper = (uint64_t)(counts[3] - base) << width | (counts[2] - base);
    uint64_t lower = (uint64_t)(counts[1] - base) << width | (counts[0] - base);
    return upper << 2 * width | lower;
}

static void four_unpack(uint64_t packed, uint32_t base, unsigned width, uint16_t *counts)
{
    uint64_t mask = (UINT64_C(1) << width) - 1;
    for (unsigned i = 0; i < 4; i++) {
        counts[i] = (uint16_t)((packed >> (i * width) & mask) + base);
    }
}

/* Eight counts of `width` bits make `width` bytes. */
static unsigned char *counts_pack(unsigned char *at, const uint16_t *counts, uint32_t base,
                                  unsigned width)
{
    for (unsigned half = 0; half < 2; half++, counts += PAGE_BUCKETS / 2, at += width) {
        quantile_wide packed = (quantile_wide)four_pack(counts + 4, base, width) << 4 * width |
                               four_pack(counts, base, width);
        uint64_t words[2] = {htole64((uint64_t)packed), htole64((uint64_t)(packed >> 64))};
        memcpy(at, words, sizeof(words));
    }
    return at;
}

static const unsigned char *counts_unpack(const unsigned char *at, uint32_t base, unsigned width,
                                          uint16_t *counts)
{
    for (unsigned half = 0; half < 2; half++, counts += PAGE_BUCKETS / 2, at += width) {
        uint64_t words[2];
        memcpy(words, at, sizeof(words));
        quantile_wide packed = (quantile_wide)le64toh(words[1]) << 64 | le64toh(words[0]);
        four_unpack((uint64_t)packed, base, width, counts);
        four_unpack((uint64_t)(packed >> 4 * width), base, width, counts + 4);
    }
    return at;
}

static unsigned char *single_write(unsigned char *at, const uint16_t *counts)
{
    unsigned bucket = 0;
    while (counts[bucket] == 0) {
        bucket++;
    }
    *at++ = (unsigned char)(bucket << 4 | (counts[bucket] - 1U));
    return at;
}

static unsigned char *page_write(unsigned char *at, const uint16_t *counts, bool first, int32_t id,
                                 int32_t last_id)
{
    struct page_extremes seen = counts_extremes(counts);
    struct page_form form = page_form_of(&seen);
    uint32_t skipped = 0;
    if (first) {
        at = varint_write(at, zigzag(id));
    } else {
        skipped = (uint32_t)(id - last_id) - 1;
    }
    uint32_t skip_code = skipped < SKIP_MANY ? skipped : SKIP_MANY;
    *at++ = (unsigned char)(form.width | skip_code << SKIP_SHIFT | (form.has_base ? BASE_FLAG : 0));
    if (skip_code == SKIP_MANY) {
        at = varint_write(at, skipped - SKIP_MANY);
    }
    if (form.has_base) {
        at = varint_write(at, form.base);
    }
    return form.single ? single_write(at, counts) : counts_pack(at, counts, form.base, form.width);
}

/* With constant arguments this becomes a few vector additions. */
static inline __attribute__((always_inline)) void
plane_change(unsigned char *plane, unsigned width, const uint16_t *counts, bool subtract)
{
    unsigned char copy[PAGE_BUCKETS * sizeof(uint64_t)];
    memcpy(copy, plane, PAGE_BUCKETS * width);
    for (unsigned at = 0; at < PAGE_BUCKETS; at++) {
        uint64_t before = counter_get(copy, width, at);
        uint64_t after = subtract ? before - counts[at] : before + counts[at];
        SLU_DEBUG_ASSERT(subtract ? before >= counts[at] : after <= counter_max(width));
        counter_set(copy, width, at, after);
    }
    memcpy(plane, copy, PAGE_BUCKETS * width);
}

static void plane_change_any(unsigned char *plane, unsigned width, const uint16_t *counts,
                             bool subtract)
{
    switch (width) {
    case 1:
        plane_change(plane, 1, counts, subtract);
        break;
    case 2:
        plane_change(plane, 2, counts, subtract);
        break;
    case 4:
        plane_change(plane, 4, counts, subtract);
        break;
    default:
        plane_change(plane, 8, counts, subtract);
    }
}

static unsigned char *page_total(const struct quantile_pages *pages, unsigned char *page)
{
    return page + PAGE_BUCKETS * pages->open_bytes;
}

/* Move counts from the open plane to the total. */
static void page_close(const struct quantile_pages *pages, unsigned char *page,
                       const uint16_t *counts)
{
    if (pages->open_bytes <= sizeof(counts[0])) {
        memset(page, 0, PAGE_BUCKETS * pages->open_bytes);
    } else {
        plane_change_any(page, pages->open_bytes, counts, true);
    }
    plane_change_any(page_total(pages, page), pages->total_bytes, counts, false);
}

void quantile_log_close(struct quantile_log *log, const struct quantile_pages *pages,
                        uint64_t epoch, const struct quantile_record *record)
{
    if (log->capacity_bytes - log->head < record->size_bytes) {
        quantile_log_move(log, log->bytes, log->capacity_bytes);
    }
    SLU_ASSERT(log->capacity_bytes - log->head >= record->size_bytes);
    unsigned char *start = log->bytes + log->head;
    unsigned char *at = varint_write(start, record_head(log, pages, epoch));
    if (pages->level != 0) {
        *at++ = pages->level;
    }
    at = varint_write(at, record->page_count);
    bool first = true;
    int32_t last_id = 0;
    for (uint32_t n = 0; n < pages->page_count; n++) {
        int32_t id = 0;
        uint16_t counts[PAGE_BUCKETS];
        unsigned char *page = pages_at(pages, n, &id);
        page_open_counts(pages, page, counts);
        if (counts_extremes(counts).sum != 0) {
            at = page_write(at, counts, first, id, last_id);
            page_close(pages, page, counts);
            first = false;
            last_id = id;
        }
    }
    SLU_ASSERT(at == start + record->size_bytes);
    if (quantile_log_is_empty(log)) {
        log->oldest_epoch = epoch;
    }
    log->head += record->size_bytes;
    log->newest_epoch = epoch;
}

/* Take counts of a record's page out of the total, whose level may be another one by now. */
static void page_drop(const struct quantile_pages *pages, int32_t id, unsigned level,
                      const uint16_t *counts)
{
    if (level == pages->level) {
        unsigned char *page = pages_find(pages, id);
        SLU_ASSERT(page != NULL);
        plane_change_any(page_total(pages, page), pages->total_bytes, counts, true);
        return;
    }
    for (int32_t at = 0; at < PAGE_BUCKETS; at++) {
        if (counts[at] == 0) {
            continue;
        }
        int32_t bucket = quantile_relevel(id * PAGE_BUCKETS + at, level, pages->level);
        unsigned char *page = pages_find(pages, bucket >> PAGE_BUCKETS_LOG2);
        SLU_ASSERT(page != NULL);
        unsigned here = (uint32_t)bucket & (PAGE_BUCKETS - 1);
        uint64_t before = counter_get(page_total(pages, page), pages->total_bytes, here);
        SLU_DEBUG_ASSERT(before >= counts[at]);
        counter_set(page_total(pages, page), pages->total_bytes, here, before - counts[at]);
    }
}

/* Count a record's page in the total. Returns false when there is no room for a page. */
static bool page_replay(struct quantile_pages *pages, int32_t id, unsigned level,
                        const uint16_t *counts)
{
    for (int32_t at = 0; at < PAGE_BUCKETS; at++) {
        if (counts[at] == 0) {
            continue;
        }
        int32_t bucket = quantile_relevel(id * PAGE_BUCKETS + at, level, pages->level);
        unsigned char *page = pages_find(pages, bucket >> PAGE_BUCKETS_LOG2);
        if (page == NULL && !pages_have_room(pages)) {
            return false;
        }
        page = page == NULL ? pages_insert(pages, bucket >> PAGE_BUCKETS_LOG2) : page;
        bool added = counter_add(page_total(pages, page), pages->total_bytes,
                                 (uint32_t)bucket & (PAGE_BUCKETS - 1), counts[at]);
        SLU_ASSERT(added);
    }
    return true;
}

static const unsigned char *page_read(const unsigned char *at, bool first, int32_t *id,
                                      uint16_t *counts)
{
    uint64_t value = 0;
    if (first) {
        at = varint_read(at, &value);
        *id = zigzag_back(value);
    }
    unsigned code = *at++;
    uint32_t skipped = code >> SKIP_SHIFT & SKIP_MANY;
    if (skipped == SKIP_MANY) {
        at = varint_read(at, &value);
        skipped += (uint32_t)value;
    }
    *id += first ? 0 : (int32_t)skipped + 1;
    unsigned width = code & WIDTH_MASK;
    if ((code & BASE_FLAG) == 0 && width == 0) {
        memset(counts, 0, PAGE_BUCKETS * sizeof(counts[0]));
        counts[*at >> 4] = (uint16_t)((*at & 0xf) + 1);
        return at + 1;
    }
    uint64_t base = 0;
    if ((code & BASE_FLAG) != 0) {
        at = varint_read(at, &base);
    }
    return counts_unpack(at, (uint32_t)base, width, counts);
}

/* The head of a record. */
struct record_start {
    uint64_t passed; /* epochs since the record before */
    uint64_t page_count;
    unsigned level;
};

static const unsigned char *record_start_read(const unsigned char *at, struct record_start *start)
{
    uint64_t head = 0;
    at = varint_read(at, &head);
    start->passed = head >> 1;
    start->level = (head & LEVEL_FLAG) != 0 ? *at++ : 0;
    return varint_read(at, &start->page_count);
}

uint64_t quantile_log_drop(struct quantile_log *log, const struct quantile_pages *pages)
{
    SLU_ASSERT(!quantile_log_is_empty(log));
    uint64_t event_count = 0;
    int32_t id = 0;
    struct record_start start;
    const unsigned char *at = record_start_read(log->bytes + log->tail, &start);
    for (uint64_t n = 0; n < start.page_count; n++) {
        uint16_t counts[PAGE_BUCKETS];
        at = page_read(at, n == 0, &id, counts);
        page_drop(pages, id, start.level, counts);
        event_count += counts_extremes(counts).sum;
    }
    log->tail = (uint32_t)(at - log->bytes);
    SLU_ASSERT(log->tail <= log->head);
    if (!quantile_log_is_empty(log)) {
        (void)record_start_read(at, &start);
        log->oldest_epoch += start.passed;
    }
    return event_count;
}

bool quantile_log_replay(const struct quantile_log *log, struct quantile_pages *pages)
{
    const unsigned char *at = log->bytes + log->tail;
    while (at < log->bytes + log->head) {
        int32_t id = 0;
        struct record_start start;
        at = record_start_read(at, &start);
        for (uint64_t n = 0; n < start.page_count; n++) {
            uint16_t counts[PAGE_BUCKETS];
            at = page_read(at, n == 0, &id, counts);
            if (!page_replay(pages, id, start.level, counts)) {
                return false;
            }
        }
    }
    SLU_ASSERT(at == log->bytes + log->head);
    return true;
}

uint64_t quantile_log_event_count(const struct quantile_log *log)
{
    uint64_t event_count = 0;
    const unsigned char *at = log->bytes + log->tail;
    while (at < log->bytes + log->head) {
        int32_t id = 0;
        struct record_start start;
        at = record_start_read(at, &start);
        for (uint64_t n = 0; n < start.page_count; n++) {
            uint16_t counts[PAGE_BUCKETS];
            at = page_read(at, n == 0, &id, counts);
            event_count += counts_extremes(counts).sum;
        }
    }
    SLU_ASSERT(at == log->bytes + log->head);
    return event_count;
}

void quantile_log_move(struct quantile_log *log, unsigned char *bytes, uint32_t capacity_bytes)
{
    uint32_t used = quantile_log_used_bytes(log);
    SLU_ASSERT(used <= capacity_bytes);
    memmove(bytes, log->bytes + log->tail, used);
    log->bytes = bytes;
    log->capacity_bytes = capacity_bytes;
    log->tail = 0;
    log->head = used;
}
