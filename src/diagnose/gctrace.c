/*
 *     gc 5 @1.262s 3%: 0+40+1.0 ms clock, 0+3.0/39/111+4.0 ms cpu, 21->21->18 MB, 27 MB goal, 4 P
 *     ... 27 MB goal, 0 MB stacks, 0 MB globals, 4 P (forced)           Go 1.18
 *     scvg9: inuse: 11264, idle: 5904, sys: 17168, released: 0, consumed: 17168 (MB)   to 1.12
 *     scvg: 8 KB released                                        1.13 (MB), 1.14 (KB)
 *     scav 7 8 KiB work, 59240 KiB total, 3% util                1.15; without the 7 from 1.17
 *     scav 0 KiB work (bg), 0 KiB work (eager), 4344 KiB now, 99% util (forced)        1.20
 */
#include "diagnose/gctrace.h"

#include <string.h>

#define KIB 1024.0
#define MIB (1024.0 * 1024.0)

/* The digits that a number may have; no log of Go's has more. */
#define DIGITS_MAX 15

struct cursor {
    const char *at;
    const char *end;
};

static bool take(struct cursor *cursor, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(cursor->end - cursor->at) < len || memcmp(cursor->at, text, len) != 0) {
        return false;
    }
    cursor->at += len;
    return true;
}

static bool is_digit(const struct cursor *cursor)
{
    return cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
}

/* Digits, perhaps a fraction. */
static bool take_number(struct cursor *cursor, double *number)
{
    double value = 0;
    double unit = 1;
    uint32_t digits = 0;
    for (; is_digit(cursor) && digits < DIGITS_MAX; cursor->at++, digits++) {
        value = value * 10 + (*cursor->at - '0');
    }
    if (digits == 0 || is_digit(cursor)) {
        return false;
    }
    if (cursor->end - cursor->at >= 2 && cursor->at[0] == '.' && cursor->at[1] >= '0' &&
        cursor->at[1] <= '9') {
        for (cursor->at++; is_digit(cursor) && digits < DIGITS_MAX; cursor->at++, digits++) {
            unit /= 10;
            value += unit * (*cursor->at - '0');
        }
    }
    *number = value;
    return !is_digit(cursor);
}

static bool take_size(struct cursor *cursor, double unit, const char *after, double *bytes)
{
    struct cursor ahead = *cursor;
    double number = 0;
    if (!take_number(&ahead, &number) || !take(&ahead, after)) {
        return false;
    }
    *cursor = ahead;
    *bytes = number * unit;
    return true;
}

/* "0.2+41+0.3 ms clock, ": the sum, and that of the first and the last. */
static bool take_phases(struct cursor *cursor, struct gctrace_cycle *cycle)
{
    double first = 0;
    double phase = 0;
    uint32_t count = 0;
    cycle->clock_ms = 0;
    do {
        if (!take_number(cursor, &phase)) {
            return false;
        }
        first = count == 0 ? phase : first;
        cycle->clock_ms += phase;
        count++;
    } while (take(cursor, "+"));
    cycle->pause_ms = first + (count > 1 ? phase : 0);
    return take(cursor, " ms clock, ");
}

/* "0.2+3.0/39/111+4.0 ms cpu, ", which nobody asks for. */
static bool take_cpu(struct cursor *cursor)
{
    double phase = 0;
    do {
        if (!take_number(cursor, &phase)) {
            return false;
        }
    } while (take(cursor, "+") || take(cursor, "/"));
    return take(cursor, " ms cpu, ");
}

static bool take_cycle(struct cursor *cursor, struct gctrace_cycle *cycle)
{
    double number = 0;
    double globals_bytes = 0;
    double processors = 0;
    *cycle = (struct gctrace_cycle){.stack_bytes = GCTRACE_UNKNOWN};
    if (!take_size(cursor, 1, " @", &number) || !take_size(cursor, 1, "s ", &cycle->seconds) ||
        !take_size(cursor, 1, "%: ", &cycle->cpu_percent) || !take_phases(cursor, cycle) ||
        !take_cpu(cursor) || !take_size(cursor, MIB, "->", &cycle->start_bytes) ||
        !take_size(cursor, MIB, "->", &cycle->end_bytes) ||
        !take_size(cursor, MIB, " MB, ", &cycle->live_bytes) ||
        !take_size(cursor, MIB, " MB goal, ", &cycle->goal_bytes)) {
        return false;
    }
    if (take_size(cursor, MIB, " MB stacks, ", &cycle->stack_bytes) &&
        !take_size(cursor, MIB, " MB globals, ", &globals_bytes)) {
        return false;
    }
    if (!take_size(cursor, 1, " P", &processors) || processors > UINT32_MAX) {
        return false;
    }
    cycle->number = (uint64_t)number;
    cycle->processors = (uint32_t)processors;
    cycle->is_forced = take(cursor, " (forced)");
    return true;
}

/* After "scvg": a number perhaps, ": ", then one of two forms. */
static bool take_old_release(struct cursor *cursor, struct gctrace_release *release)
{
    double number = 0;
    double sys_bytes = 0;
    double consumed_bytes = 0;
    (void)take(cursor, "-"); /* scvg-1 is one that was asked for */
    (void)take_number(cursor, &number);
    if (!take(cursor, ": ")) {
        return false;
    }
    if (take(cursor, "inuse: ")) {
        return take_size(cursor, MIB, ", idle: ", &release->inuse_bytes) &&
               take_size(cursor, MIB, ", sys: ", &release->idle_bytes) &&
               take_size(cursor, MIB, ", released: ", &sys_bytes) &&
               take_size(cursor, MIB, ", consumed: ", &release->returned_bytes) &&
               take_size(cursor, MIB, " (MB)", &consumed_bytes);
    }
    return take_size(cursor, KIB, " KB released", &release->work_bytes) ||
           take_size(cursor, MIB, " MB released", &release->work_bytes);
}

/* After "scav ". */
static bool take_release(struct cursor *cursor, struct gctrace_release *release)
{
    double number = 0;
    double eager_bytes = 0;
    double percent = 0;
    (void)take_size(cursor, 1, " ", &number) /* of the cycle, up to Go 1.16, before a number */;
    if (!is_digit(cursor)) {
        cursor->at -= cursor->at[-1] == ' ' ? 1 : 0;
        release->work_bytes = number * KIB;
        if (!take(cursor, " KiB work")) {
            return false;
        }
    } else if (!take_size(cursor, KIB, " KiB work", &release->work_bytes)) {
        return false;
    }
    if (take(cursor, " (bg), ")) {
        if (!take_size(cursor, KIB, " KiB work (eager), ", &eager_bytes)) {
            return false;
        }
        release->work_bytes += eager_bytes;
    } else if (!take(cursor, ", ")) {
        return false;
    }
    if (!take_size(cursor, KIB, " KiB now, ", &release->returned_bytes) &&
        !take_size(cursor, KIB, " KiB total, ", &release->returned_bytes)) {
        return false;
    }
    if (!take_size(cursor, 1, "% util", &percent)) {
        return false;
    }
    release->is_forced = take(cursor, " (forced)");
    return true;
}

/* Where a word begins, that stands before a character of `next`; NULL if nowhere. */
static const char *find_word(struct slu_bytes line, const char *word, const char *next)
{
    const char *begin = line.data;
    const char *end = begin + line.len;
    size_t len = strlen(word);
    for (const char *at = begin; at != NULL && (size_t)(end - at) > len; at++) {
        at = memmem(at, (size_t)(end - at), word, len);
        if (at == NULL || at + len >= end) {
            return NULL;
        }
        bool is_begin = at == begin || strchr(" \t|:]", at[-1]) != NULL;
        if (is_begin && strchr(next, at[len]) != NULL) {
            return at + len;
        }
    }
    return NULL;
}

enum gctrace_kind gctrace_read(struct slu_bytes line, struct gctrace_item *item)
{
    struct cursor cursor = {.end = line.len == 0 ? NULL : (const char *)line.data + line.len};
    struct gctrace_item read = {
        .release = {GCTRACE_UNKNOWN, GCTRACE_UNKNOWN, GCTRACE_UNKNOWN, GCTRACE_UNKNOWN, false}};
    enum gctrace_kind kind = GCTRACE_RELEASE;
    bool is_whole = false;
    if (line.len == 0) {
        return GCTRACE_OTHER;
    }
    if ((cursor.at = find_word(line, "gc ", "0123456789")) != NULL) {
        struct cursor ahead = cursor;
        double number = 0;
        kind = GCTRACE_CYCLE;
        if (!take_size(&ahead, 1, " @", &number)) {
            return GCTRACE_OTHER; /* "gc 5 times" is somebody's own line */
        }
        is_whole = take_cycle(&cursor, &read.cycle);
    } else if ((cursor.at = find_word(line, "scvg", "-0123456789:")) != NULL) {
        is_whole = take_old_release(&cursor, &read.release);
        read.release.is_forced = memmem(line.data, line.len, "forced scvg", 11) != NULL;
    } else if ((cursor.at = find_word(line, "scav ", "0123456789")) != NULL) {
        is_whole = take_release(&cursor, &read.release);
    } else {
        return GCTRACE_OTHER;
    }
    if (!is_whole) {
        return GCTRACE_DAMAGED;
    }
    *item = read;
    return kind;
}
