#include "cli/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/diag.h>

#include "base/block.h"
#include "base/diag.h"
#include "cli/cli.h"
#include "sys/control_group.h"
#include "cli/diagnosis.h"
#include "cli/host.h"
#include "cli/pages_client.h"
#include "cli/source.h"
#include "diagnose/evidence.h"
#include "diagnose/sites.h"
#include "draw/draw.h"
#include "sys/wall_clock.h"

#define PAGES_FOLDER     "/debug/pprof"
#define PAGE_TIMEOUT_NS  UINT64_C(10000000000) /* a program with many stacks takes its time */
#define MISSED_LOOKS_MAX 2                     /* then only the system is asked */
#define STALE_LOOKS_MAX  2                     /* then a collection is asked for */

static const char *const page_names[TARGET_PAGES] = {"goroutine", "threads", "memory"};
static const char *const part_endings[TARGET_PAGES] = {"goroutine.pb.gz", "threads.pb.gz",
                                                       "memory.json"};

static int url_take(struct target *target, const char *name, struct slu_diag *diag)
{
    const char *host = strstr(name, "://") + 3;
    const char *path = strchr(host, '/');
    size_t server_len = path == NULL ? strlen(name) : (size_t)(path - name);
    if (strlen(name) + sizeof(PAGES_FOLDER) + 32 > TARGET_URL_MAX) {
        return diag_fail(diag, -EINVAL, "%.100s...: the URL is too long", name);
    }
    bool is_server = path == NULL || strcmp(path, "/") == 0 || strcmp(path, PAGES_FOLDER) == 0 ||
                     strcmp(path, PAGES_FOLDER "/") == 0;
    if (is_server) {
        snprintf(target->heap_page, TARGET_URL_MAX, "%.*s%s/heap", (int)server_len, name,
                 PAGES_FOLDER);
    } else {
        snprintf(target->heap_page, TARGET_URL_MAX, "%s", name);
    }
    target->can_collect = target->can_collect && strchr(target->heap_page, '?') == NULL;
    for (uint32_t i = 0; i < TARGET_PAGES; i++) {
        snprintf(target->pages[i], TARGET_URL_MAX, "%.*s%s/%s", (int)server_len, name, PAGES_FOLDER,
                 page_names[i]);
    }
    return 0;
}

int target_add_process(struct target *target, uint64_t pid, struct slu_diag *diag)
{
    char path[PATH_MAX];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%llu", (unsigned long long)pid);
    if (pid == 0 || pid > INT32_MAX || stat(path, &status) != 0) {
        return diag_fail(diag, -ESRCH, "%llu: no such process", (unsigned long long)pid);
    }
    target->pid = (uint32_t)pid;
    target->limit_bytes = control_group_limit(target->pid);
    return 0;
}

int target_open(struct target *target, const char *name, bool collects, struct slu_diag *diag)
{
    *target = (struct target){.name = name, .can_collect = collects};
    if (strncmp(name, "http://", 7) == 0 || strncmp(name, "https://", 8) == 0) {
        return url_take(target, name, diag);
    }
    if (name[0] != '\0' && strspn(name, "0123456789") == strlen(name)) {
        target->can_collect = false;
        target->is_process = true;
        snprintf(target->heap_page, TARGET_URL_MAX, "heap");
        for (uint32_t i = 0; i < TARGET_PAGES; i++) {
            snprintf(target->pages[i], TARGET_URL_MAX, "%s", page_names[i]);
        }
        return target_add_process(target, strtoull(name, NULL, 10), diag);
    }
    return diag_fail(diag, -EINVAL,
                     "%.160s: neither a URL like http://host:port nor a process's "
                     "number",
                     name);
}

/* Read a page or file, hand it on and take it in. */
static int take(struct diagnosis *diagnosis, const char *from, const char *ending, double seconds,
                const struct target_keeper *keeper, struct slu_diag *diag)
{
    struct block bytes;
    int err = intake_read(diagnosis->budget, from, &bytes, diag);
    if (err != 0) {
        return err;
    }
    struct evidence_input input = {
        .bytes = {bytes.data, bytes.len},
        .name = from,
        .seconds = seconds,
        .is_live = true,
    };
    err = diagnosis_add_bytes(diagnosis, &input, diag);
    if (err == 0 && keeper != NULL) {
        keeper->keep(keeper->context, ending, seconds, input.bytes);
    }
    block_free(diagnosis->budget, &bytes);
    return err;
}

/* A page of a process, through a file in memory, or of a server. */
static int page_take(struct target *target, struct diagnosis *diagnosis, const char *page,
                     const char *ending, double seconds, const struct target_keeper *keeper,
                     struct slu_diag *diag)
{
    char path[64];
    struct pages_wanted wanted = {
        .source = target->name, .page = page, .timeout_ns = PAGE_TIMEOUT_NS};
    if (!target->is_process) {
        return take(diagnosis, page, ending, seconds, keeper, diag);
    }
    int fd = memfd_create("page", MFD_CLOEXEC);
    if (fd < 0) {
        return diag_fail(diag, -errno, "no memory for the page: %s", strerror(errno));
    }
    int err = pages_fetch(&wanted, fd, diag);
    if (err == 0) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        err = take(diagnosis, path, ending, seconds, keeper, diag);
    }
    close(fd);
    return err;
}

static int heap_take(struct target *target, struct diagnosis *diagnosis, double seconds,
                     const struct target_keeper *keeper, struct slu_diag *diag)
{
    const struct sites *heap = diagnosis->evidence->heap;
    char page[TARGET_URL_MAX + 16];
    uint32_t stale_before = heap->stale_count;
    if (target->is_process && target->missed_count >= MISSED_LOOKS_MAX) {
        return diag_fail(diag, -ENODATA, "%.20s serves no profile", target->name);
    }
    bool collects = target->can_collect && target->stale_count >= STALE_LOOKS_MAX;
    bool has_query = strchr(target->heap_page, '?') != NULL;
    snprintf(page, sizeof(page), "%s%s%s", target->heap_page, has_query ? "" : "?ages=1",
             collects ? "&gc=1" : "");
    int err = page_take(target, diagnosis, page, "heap.pb.gz", seconds, keeper, diag);
    target->missed_count = err == 0 ? 0 : target->missed_count + 1;
    target->stale_count = heap->stale_count > stale_before ? target->stale_count + 1 : 0;
    return err;
}

static void process_take(struct target *target, struct diagnosis *diagnosis, double seconds,
                         const struct target_keeper *keeper, bool *is_seen)
{
    char path[PATH_MAX];
    struct slu_diag diag;
    snprintf(path, sizeof(path), "/proc/%u/status", target->pid);
    if (take(diagnosis, path, "status", seconds, keeper, &diag) == 0) {
        *is_seen = true;
    }
}

int target_look(struct target *target, struct diagnosis *diagnosis, double seconds,
                const struct target_keeper *keeper, struct slu_diag *diag)
{
    bool is_seen = false;
    int err = heap_take(target, diagnosis, seconds, keeper, diag);
    for (uint32_t i = 0; i < TARGET_PAGES; i++) {
        struct slu_diag page_diag;
        if (err == 0 && target->pages[i][0] != '\0' &&
            page_take(target, diagnosis, target->pages[i], part_endings[i], seconds, keeper,
                      &page_diag) != 0) {
            target->pages[i][0] = '\0'; /* it is not served: it is not asked for again */
        }
    }
    if (target->pid != TARGET_PID_NONE) {
        process_take(target, diagnosis, seconds, keeper, &is_seen);
    }
    if (target->limit_bytes > 0) {
        diagnosis->evidence->limit_bytes = (double)target->limit_bytes;
    }
    target->look_count++;
    bool is_gone = target->pid != TARGET_PID_NONE && !is_seen;
    return (err != 0 && !is_seen) || is_gone ? (err != 0 ? err : -ESRCH) : 0;
}

int target_observe(struct target *target, struct diagnosis *diagnosis,
                   const struct target_times *times, const struct target_keeper *keeper,
                   struct slu_diag *diag)
{
    const struct cli *cli = diagnosis->cli;
    struct draw_progress progress;
    uint64_t begun_ns = slu_clock_monotonic_ns();
    uint64_t next_ns = begun_ns;
    host_hold_interrupts();
    draw_progress_begin(&progress, &cli->err_terminal, cli->err, "observing", times->for_ns,
                        DRAW_NANOSECONDS, begun_ns);
    int err = 0;
    do {
        err = target_look(target, diagnosis, (double)wall_clock_ns() / 1e9, keeper, diag);
        next_ns += times->every_ns;
        draw_progress_update(&progress, slu_clock_monotonic_ns(),
                             slu_clock_monotonic_ns() - begun_ns);
    } while (err == 0 && next_ns <= begun_ns + times->for_ns && !host_wait(next_ns));
    draw_progress_end(&progress);
    return target->look_count > 1 ? 0 : err;
}
