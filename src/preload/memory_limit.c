#include "preload/memory_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "preload/cgroup.h"
#include "preload/digits.h"

#define LIMITED_MAX      (UINT64_C(1) << 60) /* version 1 says "none" by a number near 2^63 */
#define HISTORY_PERCENT  50
#define RECORD_PERCENT   90
#define FALLEN_PERCENT   65                  /* below, levels can be passed anew */
#define GROWTH_BYTES_MAX (UINT64_C(1) << 30) /* a second: the fastest that is reckoned with */
#define WAIT_NS_MIN      UINT64_C(5000000)
#define WAIT_NS_MAX      UINT64_C(1000000000)
#define WAIT_NS_TOLD     UINT64_C(10000000000) /* where the kernel tells; limits may change */
#define SECOND_NS        UINT64_C(1000000000)
#define NUMBER_BYTES     64
#define AGAIN_NS         UINT64_C(10000000000) /* levels are passed anew at the earliest */
#define PRESSURE_TRIGGER "some 200000 2000000" /* a tenth of two seconds: any user may ask */

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

static uint64_t level_begin(uint64_t limit_bytes, enum memory_level level)
{
    unsigned above = (unsigned)level - MEMORY_LEVEL_HISTORY;
    unsigned recorded = (unsigned)level - MEMORY_LEVEL_RECORD;
    return part_of(limit_bytes, level < MEMORY_LEVEL_RECORD ? HISTORY_PERCENT + 5 * above
                                                            : RECORD_PERCENT + recorded);
}

enum memory_level memory_level_of(uint64_t used_bytes, uint64_t limit_bytes)
{
    enum memory_level level = MEMORY_LEVEL_NONE;
    while (level + 1 < MEMORY_LEVEL_COUNT && limit_bytes <= LIMITED_MAX &&
           used_bytes >= level_begin(limit_bytes, level + 1)) {
        level++;
    }
    return level;
}

/* A file of the group's folder: its text, or "". */
static const char *text_read(struct memory_limit *limit, const char *name)
{
    int len = snprintf(limit->path, sizeof(limit->path), "%s/%s", limit->name, name);
    bool fits = len > 0 && (size_t)len < sizeof(limit->path);
    int file = fits ? open(limit->path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = file < 0 ? 0 : read(file, limit->text, sizeof(limit->text) - 1);
    if (file >= 0) {
        close(file);
    }
    limit->text[got < 0 ? 0 : got] = '\0';
    return limit->text;
}

/* "max" is UINT64_MAX. */
static uint64_t limit_read(struct memory_limit *limit)
{
    uint64_t bytes = 0;
    bool found = digits_read(text_read(limit, group_files[limit->kind].limit), &bytes) != NULL;
    return found && bytes <= LIMITED_MAX ? bytes : UINT64_MAX;
}

/* The second field of statm is pages; the groups' files are a number. */
static uint64_t usage_read(struct memory_limit *limit)
{
    uint64_t number = 0;
    if (limit->kind != MEMORY_LIMIT_OWN) {
        (void)digits_read(text_read(limit, group_files[limit->kind].usage), &number); /* or 0 */
        return number;
    }
    const char *resident = strchr(text_read(limit, "statm"), ' ');
    bool found = resident != NULL && digits_read(resident + 1, &number) != NULL;
    return found ? number * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t reclaimable_read(struct memory_limit *limit)
{
    uint64_t bytes = 0;
    if (limit->kind == MEMORY_LIMIT_OWN) {
        return 0;
    }
    const char *name = group_files[limit->kind].reclaimable;
    const char *at = strstr(text_read(limit, "memory.stat"), name);
    return at != NULL && digits_read(at + strlen(name), &bytes) != NULL ? bytes : 0;
}

static int file_open(struct memory_limit *limit, const char *name, int flags)
{
    int len = snprintf(limit->path, sizeof(limit->path), "%s/%s", limit->name, name);
    bool fits = len > 0 && (size_t)len < sizeof(limit->path);
    return fits ? open(limit->path, flags | O_CLOEXEC) : -1;
}

static void file_close(int *file)
{
    if (*file >= 0) {
        close(*file);
        *file = -1;
    }
}

/* What the kernel does not grant leaves looking from time to time. */
static void event_ask(struct memory_limit *limit, const char *of, const char *argument)
{
    char text[3 * NUMBER_BYTES];
    int file = file_open(limit, of, O_RDONLY);
    int control = file_open(limit, "cgroup.event_control", O_WRONLY);
    int len = snprintf(text, sizeof(text), "%d %d %s", limit->event, file, argument);
    if (file >= 0 && control >= 0) {
        (void)!write(control, text, (size_t)len);
    }
    file_close(&control);
    file_close(&file);
}

/* Version 1: the kernel writes into an eventfd when use crosses a threshold. */
static void thresholds_ask(struct memory_limit *limit)
{
    file_close(&limit->event); /* which takes back what was asked for */
    limit->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (limit->event < 0) {
        return;
    }
    for (unsigned level = MEMORY_LEVEL_HISTORY; level < MEMORY_LEVEL_COUNT; level++) {
        char threshold[NUMBER_BYTES];
        (void)snprintf(
            threshold, sizeof(threshold), "%llu",
            (unsigned long long)level_begin(limit->limit_bytes, (enum memory_level)level));
        event_ask(limit, group_files[limit->kind].usage, threshold);
    }
    event_ask(limit, group_files[limit->kind].pressure, "critical");
}

/* Version 2: memory.events changes at the limit, and pressure is told from a share of time on. */
static void events_open(struct memory_limit *limit)
{
    limit->event = file_open(limit, "memory.events", O_RDONLY);
    limit->pressure = file_open(limit, group_files[limit->kind].pressure, O_RDWR | O_NONBLOCK);
    if (limit->pressure >= 0 &&
        write(limit->pressure, PRESSURE_TRIGGER, sizeof(PRESSURE_TRIGGER)) < 0) {
        file_close(&limit->pressure);
    }
}

void memory_limit_listen(struct memory_limit *limit)
{
    if (limit->kind == MEMORY_LIMIT_GROUP_1) {
        thresholds_ask(limit);
    } else if (limit->kind == MEMORY_LIMIT_GROUP_2) {
        events_open(limit);
    }
}

int memory_limit_group(struct memory_limit *limit, const struct cgroup *cgroup)
{
    limit->kind = cgroup->version == 1 ? MEMORY_LIMIT_GROUP_1 : MEMORY_LIMIT_GROUP_2;
    limit->level = MEMORY_LEVEL_NONE;
    limit->event = -1;
    limit->pressure = -1;
    (void)snprintf(limit->name, sizeof(limit->name), "%s", cgroup->folder); /* it is as long */
    limit->limit_bytes = limit_read(limit);
    return limit->limit_bytes > LIMITED_MAX ? -ENOENT : 0;
}

void memory_limit_own(struct memory_limit *limit, uint64_t limit_bytes)
{
    limit->kind = MEMORY_LIMIT_OWN;
    limit->level = MEMORY_LEVEL_NONE;
    limit->limit_bytes = limit_bytes;
    limit->event = -1;
    limit->pressure = -1;
    (void)snprintf(limit->name, sizeof(limit->name), "/proc/self"); /* it fits */
}

static void limit_renew(struct memory_limit *limit)
{
    uint64_t bytes = limit->kind == MEMORY_LIMIT_OWN ? limit->limit_bytes : limit_read(limit);
    if (bytes != limit->limit_bytes) {
        limit->limit_bytes = bytes;
        if (limit->event >= 0 && limit->kind == MEMORY_LIMIT_GROUP_1) {
            thresholds_ask(limit);
        }
    }
}

enum memory_level memory_limit_look(struct memory_limit *limit, uint64_t more_bytes,
                                    uint64_t now_ns)
{
    limit_renew(limit);
    uint64_t charged = usage_read(limit);
    if (__builtin_add_overflow(charged, more_bytes, &charged)) {
        charged = UINT64_MAX;
    }
    limit->asked_bytes = more_bytes;
    limit->charged_bytes = charged;
    limit->used_bytes = charged;
    enum memory_level level = memory_level_of(charged, limit->limit_bytes);
    if (level > limit->level) {
        uint64_t reclaimable = reclaimable_read(limit);
        limit->used_bytes -= reclaimable < charged ? reclaimable : charged;
        level = memory_level_of(limit->used_bytes, limit->limit_bytes);
    }
    if (level > limit->level) {
        limit->level = level;
        limit->passed_ns = now_ns;
        return level;
    }
    if (limit->used_bytes < part_of(limit->limit_bytes, FALLEN_PERCENT) &&
        now_ns - limit->passed_ns > AGAIN_NS) {
        limit->level = MEMORY_LEVEL_NONE;
    }
    return MEMORY_LEVEL_NONE;
}

uint64_t memory_limit_room(const struct memory_limit *limit)
{
    enum memory_level next = limit->level + 1;
    if (next == MEMORY_LEVEL_COUNT || limit->limit_bytes > LIMITED_MAX) {
        return UINT64_MAX;
    }
    uint64_t threshold = level_begin(limit->limit_bytes, next);
    return threshold > limit->used_bytes ? threshold - limit->used_bytes : 0;
}

/* The kernel tells when all that is charged passes a threshold, so that it need not have done. */
static bool kernel_tells(const struct memory_limit *limit)
{
    return limit->kind == MEMORY_LIMIT_GROUP_1 && limit->event >= 0 &&
           memory_level_of(limit->charged_bytes, limit->limit_bytes) <= limit->level;
}

uint64_t memory_limit_wait_ns(const struct memory_limit *limit)
{
    uint64_t room = memory_limit_room(limit);
    if (room != UINT64_MAX && kernel_tells(limit)) {
        return WAIT_NS_TOLD;
    }
    if (room >= GROWTH_BYTES_MAX) {
        return WAIT_NS_MAX;
    }
    uint64_t wait_ns = room * (SECOND_NS >> 10) / (GROWTH_BYTES_MAX >> 10);
    return wait_ns < WAIT_NS_MIN ? WAIT_NS_MIN : wait_ns;
}

void memory_limit_after_fork_child(struct memory_limit *limit)
{
    limit->event = -1;
    limit->pressure = -1;
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
