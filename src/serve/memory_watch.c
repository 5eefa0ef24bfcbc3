#include "serve/memory_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/scope.h>

#include "sys/control_group.h"
#include "sys/mutex.h"

#define WATCH_NS        UINT64_C(50000000)
#define SLACK_BYTES     (UINT64_C(8) << 20) /* what the overhead may grow by between two looks */
#define ROOT_SHARE_MIN  (UINT64_C(16) << 20)
#define TRIM_BYTES      (UINT64_C(8) << 20) /* growth after which malloc is asked to give back */
#define PAYLOAD_PERCENT 75                  /* of the root: the rest is what exporters need */

struct memory_watch {
    struct memory_watch_options options;
    struct mutex lock;
    uint64_t overhead_bytes; /* the most that was seen lately */
    uint64_t trimmed_at_bytes;
    uint64_t resident_bytes;
    int statm_fd;
};

/* Of /proc/self/statm: the second number, in pages. 0 if it cannot be read. */
static uint64_t resident_now(const struct memory_watch *watch)
{
    char text[128];
    ssize_t len = pread(watch->statm_fd, text, sizeof(text) - 1, 0);
    if (len <= 0) {
        return 0;
    }
    text[len] = '\0';
    const char *space = strchr(text, ' ');
    return space != NULL ? strtoull(space, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t used_now(const struct memory_watch *watch)
{
    struct slu_budget_stats stats;
    slu_budget_stats(watch->options.root, &stats);
    return stats.used_bytes;
}

/* Under the lock: the budgets get what the overhead leaves. */
static void limits_apply(struct memory_watch *watch)
{
    const struct memory_watch_options *options = &watch->options;
    uint64_t taken = watch->overhead_bytes + SLACK_BYTES;
    uint64_t root = options->limit_bytes > taken + ROOT_SHARE_MIN ? options->limit_bytes - taken
                                                                  : ROOT_SHARE_MIN;
    uint64_t payloads = root / 100 * PAYLOAD_PERCENT;
    uint64_t soft = root > options->spike_bytes ? root - options->spike_bytes : 0;
    slu_budget_set_limit(options->root, root);
    slu_budget_set_limit(options->payloads, payloads);
    int err = slu_budget_set_soft_limit(options->root, soft);
    if (err == 0) {
        err = slu_budget_set_soft_limit(options->payloads, soft < payloads ? soft : payloads);
    }
    (void)err; /* both are below their limits */
}

/*
 * What is resident and in no budget. Blocks that were charged and not written to yet make it look
 * smaller than it is: then the last value stands, and falls slowly.
 */
static void overhead_update(struct memory_watch *watch)
{
    uint64_t used = used_now(watch);
    uint64_t resident = resident_now(watch);
    uint64_t seen = resident > used ? resident - used : 0;
    mutex_lock(&watch->lock);
    watch->resident_bytes = resident;
    if (seen > watch->overhead_bytes) {
        watch->overhead_bytes = seen;
    } else {
        watch->overhead_bytes -= (watch->overhead_bytes - seen) / 256;
    }
    bool must_trim = watch->overhead_bytes > watch->trimmed_at_bytes + TRIM_BYTES;
    if (must_trim) {
        watch->trimmed_at_bytes = watch->overhead_bytes;
    }
    limits_apply(watch);
    mutex_unlock(&watch->lock);
    if (must_trim) {
        (void)malloc_trim(0); /* it says whether there was anything */
    }
}

static void watch_main(struct slu_scope *scope, void *arg)
{
    struct memory_watch *watch = arg;
    while (slu_scope_sleep_until(scope, slu_clock_monotonic_ns() + WATCH_NS) == 0) {
        overhead_update(watch);
    }
}

int memory_watch_create(const struct memory_watch_options *options, struct memory_watch **out)
{
    if (options->limit_bytes < MEMORY_LIMIT_MIN) {
        return -EINVAL;
    }
    void *memory = NULL;
    int err = slu_budget_alloc(options->root, sizeof(struct memory_watch), &memory);
    if (err != 0) {
        return err;
    }
    struct memory_watch *watch = memory;
    watch->options = *options;
    mutex_init(&watch->lock);
    watch->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    err = watch->statm_fd < 0 ? -errno : 0;
    if (err == 0) {
        overhead_update(watch);
        watch->trimmed_at_bytes = watch->overhead_bytes;
        err = slu_go(options->scope, "memory-watch", watch_main, watch);
    }
    if (err != 0) {
        memory_watch_destroy(&watch);
        return err;
    }
    *out = watch;
    return 0;
}

void memory_watch_destroy(struct memory_watch **out)
{
    struct memory_watch *watch = *out;
    if (watch == NULL) {
        return;
    }
    if (watch->statm_fd >= 0) {
        close(watch->statm_fd);
    }
    mutex_deinit(&watch->lock);
    slu_budget_free(watch->options.root, watch, sizeof(*watch));
    *out = NULL;
}

void memory_watch_set(struct memory_watch *watch, uint64_t limit_bytes, uint64_t spike_bytes)
{
    mutex_lock(&watch->lock);
    watch->options.limit_bytes = limit_bytes;
    watch->options.spike_bytes = spike_bytes;
    limits_apply(watch);
    mutex_unlock(&watch->lock);
}

void memory_watch_usage(struct memory_watch *watch, struct memory_usage *out)
{
    out->budget_bytes = used_now(watch);
    mutex_lock(&watch->lock);
    out->limit_bytes = watch->options.limit_bytes;
    out->overhead_bytes = watch->overhead_bytes;
    out->resident_bytes = watch->resident_bytes;
    mutex_unlock(&watch->lock);
}

uint64_t memory_available_bytes(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = control_group_limit((uint32_t)getpid());
    return group > 0 && group < machine ? group : machine;
}
