#include "preload/memory_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "preload/cgroup.h"

#define LIMITED_MAX      (UINT64_C(1) << 60) /* version 1 says "none" by a number near 2^63 */
#define FALLEN_PERCENT   65                  /* below, levels can be passed anew */
#define GROWTH_BYTES_MAX (UINT64_C(1) << 30) /* a second: the fastest that is reckoned with */
#define WAIT_NS_MIN      UINT64_C(5000000)
#define WAIT_NS_MAX      UINT64_C(1000000000)
#define WAIT_NS_TOLD     UINT64_C(10000000000) /* where the kernel tells; limits may change */
#define SECOND_NS        UINT64_C(1000000000)
#define NUMBER_BYTES     64
#define STATISTICS_BYTES 8192
#define PRESSURE_TRIGGER "some 200000 2000000" /* a tenth of two seconds: any user may ask */
#define OWN_USAGE        "/proc/self/statm"
#define RESIDENT_FIELD   1

static const unsigned percents[MEMORY_LEVEL_COUNT] = {0, 75, 90, 95, 98};

struct group_files {
    const char *usage;
    const char *limit;
    const char *pressure;
    const char *reclaimable; /* a line of memory.stat */
};

static const struct group_files group_files[] = {
    [MEMORY_LIMIT_GROUP_1] = {"memory.usage_in_bytes", "memory.limit_in_bytes",
                              "memory.pressure_level", "\ntotal_inactive_file "},
    [MEMORY_LIMIT_GROUP_2] = {"memory.current", "memory.max", "memory.pressure",
                              "\ninactive_file "},
};

static uint64_t part_of(uint64_t bytes, unsigned percent)
{
    return bytes / 100 * percent;
}

enum memory_level memory_level_of(uint64_t used_bytes, uint64_t limit_bytes)
{
    enum memory_level level = MEMORY_LEVEL_NONE;
    while (level + 1 < MEMORY_LEVEL_COUNT && limit_bytes <= LIMITED_MAX &&
           used_bytes >= part_of(limit_bytes, percents[level + 1])) {
        level++;
    }
    return level;
}

/* False if there is none. */
static bool number_read(const char *text, uint64_t *value)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number)) {
            return false;
        }
    }
    *value = number;
    return at > text;
}

static bool text_read(int file, char *text, size_t size)
{
    ssize_t got = file < 0 ? -1 : pread(file, text, size - 1, 0);
    text[got < 0 ? 0 : got] = '\0';
    return got > 0;
}

/* "max" is UINT64_MAX. */
static uint64_t limit_read(const struct memory_limit *limit)
{
    char text[NUMBER_BYTES];
    uint64_t bytes = 0;
    bool found = text_read(limit->limit_file, text, sizeof(text)) && number_read(text, &bytes);
    return found && bytes <= LIMITED_MAX ? bytes : UINT64_MAX;
}

/* Pages of the second field of statm; otherwise the file is a number. */
static uint64_t usage_read(const struct memory_limit *limit)
{
    char text[2 * NUMBER_BYTES];
    uint64_t number = 0;
    if (!text_read(limit->usage_file, text, sizeof(text))) {
        return 0;
    }
    if (limit->kind != MEMORY_LIMIT_OWN) {
        return number_read(text, &number) ? number : 0;
    }
    const char *resident = strchr(text, ' ');
    bool found = resident != NULL && number_read(resident + 1, &number);
    return found ? number * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t reclaimable_read(const struct memory_limit *limit)
{
    if (limit->kind == MEMORY_LIMIT_OWN) {
        return 0;
    }
    char text[STATISTICS_BYTES];
    int file = openat(limit->folder, "memory.stat", O_RDONLY | O_CLOEXEC);
    uint64_t bytes = 0;
    if (text_read(file, text, sizeof(text))) {
        const char *name = group_files[limit->kind].reclaimable;
        const char *at = strstr(text, name);
        if (at == NULL || !number_read(at + strlen(name), &bytes)) {
            bytes = 0;
        }
    }
    if (file >= 0) {
        close(file);
    }
    return bytes;
}

/* What the kernel does not grant leaves looking from time to time. */
static void event_ask(const struct memory_limit *limit, const char *of, const char *argument)
{
    char text[3 * NUMBER_BYTES];
    int file = openat(limit->folder, of, O_RDONLY | O_CLOEXEC);
    int control = openat(limit->folder, "cgroup.event_control", O_WRONLY | O_CLOEXEC);
    int len = snprintf(text, sizeof(text), "%d %d %s", limit->event, file, argument);
    if (file >= 0 && control >= 0) {
        (void)!write(control, text, (size_t)len);
    }
    if (control >= 0) {
        close(control);
    }
    if (file >= 0) {
        close(file);
    }
}

/* Version 1: the kernel writes into an eventfd when use crosses a threshold. */
static void thresholds_ask(struct memory_limit *limit)
{
    if (limit->event >= 0) {
        close(limit->event); /* which takes back what was asked for */
    }
    limit->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (limit->event < 0) {
        return;
    }
    for (unsigned level = MEMORY_LEVEL_READY; level < MEMORY_LEVEL_COUNT; level++) {
        char threshold[NUMBER_BYTES];
        (void)snprintf(threshold, sizeof(threshold), "%llu",
                       (unsigned long long)part_of(limit->limit_bytes, percents[level]));
        event_ask(limit, group_files[limit->kind].usage, threshold);
    }
    event_ask(limit, group_files[limit->kind].pressure, "critical");
}

/* Version 2: memory.events changes at the limit, and pressure is told from a share of time on. */
static void events_open(struct memory_limit *limit)
{
    limit->event = openat(limit->folder, "memory.events", O_RDONLY | O_CLOEXEC);
    limit->pressure =
        openat(limit->folder, group_files[limit->kind].pressure, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (limit->pressure >= 0 &&
        write(limit->pressure, PRESSURE_TRIGGER, sizeof(PRESSURE_TRIGGER)) < 0) {
        close(limit->pressure);
        limit->pressure = -1;
    }
}

int memory_limit_open_group(struct memory_limit *limit, const struct cgroup *cgroup)
{
    enum memory_limit_kind kind =
        cgroup->version == 1 ? MEMORY_LIMIT_GROUP_1 : MEMORY_LIMIT_GROUP_2;
    int folder = open(cgroup->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return -errno;
    }
    *limit = (struct memory_limit){.kind = kind, .folder = folder, .event = -1, .pressure = -1};
    limit->usage_file = openat(folder, group_files[kind].usage, O_RDONLY | O_CLOEXEC);
    limit->limit_file = openat(folder, group_files[kind].limit, O_RDONLY | O_CLOEXEC);
    limit->limit_bytes = limit_read(limit);
    if (limit->usage_file < 0 || limit->limit_bytes > LIMITED_MAX) {
        memory_limit_close(limit);
        return -ENOENT;
    }
    (void)snprintf(limit->name, sizeof(limit->name), "%s", cgroup->folder); /* it is as long */
    if (kind == MEMORY_LIMIT_GROUP_1) {
        thresholds_ask(limit);
    } else {
        events_open(limit);
    }
    return 0;
}

int memory_limit_open_own(struct memory_limit *limit, uint64_t limit_bytes)
{
    *limit = (struct memory_limit){.kind = MEMORY_LIMIT_OWN,
                                   .limit_bytes = limit_bytes,
                                   .name = "this process",
                                   .folder = -1,
                                   .limit_file = -1,
                                   .event = -1,
                                   .pressure = -1};
    limit->usage_file = open(OWN_USAGE, O_RDONLY | O_CLOEXEC);
    return limit->usage_file < 0 ? -errno : 0;
}

void memory_limit_close(struct memory_limit *limit)
{
    int *files[] = {&limit->folder, &limit->usage_file, &limit->limit_file, &limit->event,
                    &limit->pressure};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (*files[i] >= 0) {
            close(*files[i]);
            *files[i] = -1;
        }
    }
}

static void limit_renew(struct memory_limit *limit)
{
    uint64_t bytes = limit->kind == MEMORY_LIMIT_OWN ? limit->limit_bytes : limit_read(limit);
    if (bytes != limit->limit_bytes) {
        limit->limit_bytes = bytes;
        if (limit->kind == MEMORY_LIMIT_GROUP_1) {
            thresholds_ask(limit);
        }
    }
}

enum memory_level memory_limit_look(struct memory_limit *limit)
{
    limit_renew(limit);
    limit->charged_bytes = usage_read(limit);
    limit->used_bytes = limit->charged_bytes;
    enum memory_level level = memory_level_of(limit->used_bytes, limit->limit_bytes);
    if (level > limit->level) {
        uint64_t reclaimable = reclaimable_read(limit);
        limit->used_bytes -= reclaimable < limit->used_bytes ? reclaimable : limit->used_bytes;
        level = memory_level_of(limit->used_bytes, limit->limit_bytes);
    }
    if (level > limit->level) {
        limit->level = level;
        return level;
    }
    if (limit->used_bytes < part_of(limit->limit_bytes, FALLEN_PERCENT)) {
        limit->level = MEMORY_LEVEL_NONE;
    }
    return MEMORY_LEVEL_NONE;
}

uint64_t memory_limit_wait_ns(const struct memory_limit *limit)
{
    enum memory_level next = limit->level + 1;
    if (next == MEMORY_LEVEL_COUNT || limit->limit_bytes > LIMITED_MAX) {
        return WAIT_NS_MAX;
    }
    uint64_t threshold = part_of(limit->limit_bytes, percents[next]);
    if (limit->kind == MEMORY_LIMIT_GROUP_1 && limit->event >= 0 &&
        limit->charged_bytes < threshold) {
        return WAIT_NS_TOLD;
    }
    uint64_t room = threshold > limit->used_bytes ? threshold - limit->used_bytes : 0;
    room = room < GROWTH_BYTES_MAX ? room : GROWTH_BYTES_MAX;
    uint64_t wait_ns = room * (SECOND_NS >> 10) / (GROWTH_BYTES_MAX >> 10);
    wait_ns = wait_ns < WAIT_NS_MIN ? WAIT_NS_MIN : wait_ns;
    return wait_ns > WAIT_NS_MAX ? WAIT_NS_MAX : wait_ns;
}

void memory_limit_told(const struct memory_limit *limit)
{
    char text[NUMBER_BYTES];
    if (limit->event < 0) {
        return;
    }
    if (limit->kind == MEMORY_LIMIT_GROUP_1) {
        (void)!read(limit->event, text, sizeof(uint64_t));
    } else {
        (void)!pread(limit->event, text, sizeof(text), 0);
    }
}
