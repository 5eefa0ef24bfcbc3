/*
 * The queue on disk beside what one writes without it: a file that each thread writes to and syncs.
 * In both, a thread goes on when its record is on the disk, as a receiver acknowledges.
 *
 * Files are made below the working directory. The threads may use all cores.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "bench.h"
#include "store/queue.h"
#include "store/store_io.h"
#include "sys/deadline.h"
#include "sys/futex.h"

#define THREADS      8
#define LARGE_BYTES  ((size_t)679 * 1000)
#define SMALL_BYTES  ((size_t)2000)
#define STACK_BYTES  ((size_t)64 * 1024)
#define BUDGET_BYTES ((uint64_t)64 << 20)

struct subject {
    struct slu_budget *budget;
    size_t record_bytes;
    uint64_t record_count; /* of each thread */
    bool is_streaming;     /* one thread, which only waits for the last */
    /* Of the running round. */
    char directory[64];
    struct queue *queue;
    int fd;
    _Atomic uint64_t offset;
};

static unsigned char bytes[LARGE_BYTES];

static void must(int err, const char *what)
{
    if (err != 0) {
        fprintf(stderr, "queue_bench: %s: error %d\n", what, err);
        exit(3);
    }
}

static int remove_one(void *arg, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", (const char *)arg, name);
    (void)unlink(path); /* not . and .. */
    return 0;
}

static void directory_begin(struct subject *subject)
{
    (void)snprintf(subject->directory, sizeof(subject->directory), "queue-bench-XXXXXX");
    must(mkdtemp(subject->directory) == NULL ? -errno : 0, "mkdtemp");
}

static void directory_end(struct subject *subject)
{
    must(store_io_real.list(NULL, subject->directory, remove_one, subject->directory), "list");
    must(rmdir(subject->directory), "rmdir");
}

static void record_told(void *arg, int err, uint64_t sequence)
{
    (void)sequence;
    _Atomic uint32_t *told = arg;
    must(err, "commit");
    atomic_store(told, 1);
    futex_wake(told);
}

static void record_append(struct subject *subject, _Atomic uint32_t *told)
{
    const struct slu_bytes part = {bytes, subject->record_bytes};
    const struct queue_record record = {.parts = &part, .part_count = 1};
    queue_done_fn *done = told == NULL ? NULL : record_told;
    int err = queue_append(subject->queue, &record, done, told);
    while (err == -EDQUOT) {
        sched_yield();
        err = queue_append(subject->queue, &record, done, told);
    }
    must(err, "queue_append");
}

static void told_await(_Atomic uint32_t *told)
{
    while (atomic_load(told) == 0) {
        (void)futex_wait_until(told, 0, DEADLINE_NEVER);
    }
}

static void queue_thread(struct slu_scope *scope, void *arg)
{
    struct subject *subject = arg;
    (void)scope;
    for (uint64_t i = 1; i <= subject->record_count; i++) {
        _Atomic uint32_t told = 0;
        bool waits = !subject->is_streaming || i == subject->record_count;
        record_append(subject, waits ? &told : NULL);
        if (waits) {
            told_await(&told);
        }
    }
}

static void write_all(int fd, const unsigned char *from, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t done = pwrite(fd, from, len, (off_t)offset);
        must(done <= 0 ? -EIO : 0, "pwrite");
        from += done;
        len -= (size_t)done;
        offset += (uint64_t)done;
    }
}

static void plain_thread(struct slu_scope *scope, void *arg)
{
    struct subject *subject = arg;
    (void)scope;
    for (uint64_t i = 1; i <= subject->record_count; i++) {
        uint64_t offset = atomic_fetch_add(&subject->offset, subject->record_bytes);
        write_all(subject->fd, bytes, subject->record_bytes, offset);
        if (!subject->is_streaming || i == subject->record_count) {
            must(fdatasync(subject->fd), "fdatasync");
        }
    }
}

/* MB/s of what all threads have put on the disk. */
static double threads_run(struct subject *subject, slu_scope_fn *run)
{
    const struct slu_scope_options options = {.name = "bench",
                                              .budget = subject->budget,
                                              .task_max = THREADS,
                                              .task_stack_bytes = STACK_BYTES};
    uint64_t thread_count = subject->is_streaming ? 1 : THREADS;
    struct slu_scope *scope = NULL;
    must(slu_scope_create(NULL, &options, NULL, &scope), "slu_scope_create");
    uint64_t began_ns = bench_now_ns();
    for (uint64_t i = 0; i < thread_count; i++) {
        must(slu_go(scope, NULL, run, subject), "slu_go");
    }
    must(slu_scope_close(&scope), "slu_scope_close");
    double took_s = (double)(bench_now_ns() - began_ns) / 1e9;
    return (double)(thread_count * subject->record_count * subject->record_bytes) / 1e6 / took_s;
}

static double queue_round(void *context)
{
    struct subject *subject = context;
    const struct slu_scope_options root = {.name = "bench", .budget = subject->budget};
    struct slu_scope *scope = NULL;
    directory_begin(subject);
    must(slu_scope_create(NULL, &root, NULL, &scope), "slu_scope_create");
    const struct queue_options options = {
        .budget = subject->budget, .scope = scope, .directory = subject->directory};
    must(queue_open(&options, NULL, &subject->queue), "queue_open");
    double speed = threads_run(subject, queue_thread);
    queue_close(&subject->queue);
    must(slu_scope_close(&scope), "slu_scope_close");
    directory_end(subject);
    return speed;
}

static double plain_round(void *context)
{
    struct subject *subject = context;
    char path[128];
    directory_begin(subject);
    (void)snprintf(path, sizeof(path), "%s/plain", subject->directory);
    subject->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(subject->fd < 0 ? -errno : 0, "open");
    atomic_store(&subject->offset, 0);
    double speed = threads_run(subject, plain_thread);
    close(subject->fd);
    directory_end(subject);
    return speed;
}

static void queue_fill(struct subject *subject)
{
    struct queue_options options = {.budget = subject->budget};
    directory_begin(subject);
    options.directory = subject->directory;
    must(queue_open(&options, NULL, &subject->queue), "queue_open");
    for (uint64_t i = 0; i < subject->record_count; i++) {
        const struct slu_bytes part = {bytes, subject->record_bytes};
        const struct queue_record record = {.parts = &part, .part_count = 1};
        must(queue_append(subject->queue, &record, NULL, NULL), "queue_append");
        queue_commit(subject->queue, 0);
    }
}

/* MB/s of all that was filled in. */
static double queue_empty(struct subject *subject, uint64_t took_ns)
{
    queue_close(&subject->queue);
    directory_end(subject);
    double bytes_all = (double)(subject->record_count * subject->record_bytes);
    return bytes_all / 1e6 / ((double)took_ns / 1e9);
}

/* Out of the queue: read, checked and acked, with nothing appended meanwhile. */
static double drain_round(void *context)
{
    struct subject *subject = context;
    queue_fill(subject);
    uint64_t began_ns = bench_now_ns();
    for (uint64_t i = 0; i < subject->record_count; i++) {
        struct queue_entry entry;
        must(queue_next(subject->queue, NULL, subject->budget, 0, &entry), "queue_next");
        block_free(subject->budget, &entry.bytes);
        queue_ack(subject->queue, &entry);
    }
    return queue_empty(subject, bench_now_ns() - began_ns);
}

static int entry_pass(void *arg, const struct queue_entry *entry)
{
    uint64_t *count = arg;
    *count += entry->bytes.len > 0;
    return 0;
}

/* The queue as a log: what a start reads again. */
static double replay_round(void *context)
{
    struct subject *subject = context;
    uint64_t count = 0;
    queue_fill(subject);
    uint64_t began_ns = bench_now_ns();
    must(queue_replay(subject->queue, subject->budget, entry_pass, &count), "queue_replay");
    uint64_t took_ns = bench_now_ns() - began_ns;
    must(count == subject->record_count ? 0 : -EBADMSG, "records replayed");
    return queue_empty(subject, took_ns);
}

static void measure(struct bench *bench, const char *name, struct subject subject, const char *peer,
                    enum bench_goal goal, double (*round)(void *context))
{
    double ours = 0;
    double theirs = 0;
    bench_measure(bench, round, peer == NULL ? NULL : plain_round, &subject, &ours, &theirs);
    bench_report(bench, (struct bench_line){
                            .name = name,
                            .value = ours,
                            .unit = "MB/s",
                            .goal_kind = goal,
                            .goal = theirs,
                            .peer = peer,
                            .peer_value = theirs,
                        });
}

static void body(struct bench *bench)
{
    cpu_set_t all;
    memset(&all, 0xff, sizeof(all));
    (void)sched_setaffinity(0, sizeof(all), &all); /* as many as the process may have */
    struct slu_budget *budget = NULL;
    must(slu_budget_create(NULL, "bench", BUDGET_BYTES, &budget), "slu_budget_create");
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    }
    const struct subject large = {
        .budget = budget, .record_bytes = LARGE_BYTES, .record_count = bench_scaled(bench, 40)};
    const struct subject small = {
        .budget = budget, .record_bytes = SMALL_BYTES, .record_count = bench_scaled(bench, 1000)};
    struct subject stream = small;
    stream.is_streaming = true;
    stream.record_count = bench_scaled(bench, 50000);
    measure(bench, "8 threads, records of 679 KB, each waits for its commit", large,
            "write + fdatasync", BENCH_NO_GOAL, queue_round);
    measure(bench, "8 threads, records of 2 KB, each waits for its commit", small,
            "write + fdatasync", BENCH_AT_LEAST, queue_round);
    measure(bench, "1 thread, records of 2 KB, waits for the last commit", stream,
            "write, one fdatasync", BENCH_NO_GOAL, queue_round);
    measure(bench, "drain, records of 679 KB", large, NULL, BENCH_NO_GOAL, drain_round);
    stream.record_count = bench_scaled(bench, 20000);
    measure(bench, "drain, records of 2 KB", stream, NULL, BENCH_NO_GOAL, drain_round);
    measure(bench, "replay of a log, records of 2 KB", stream, NULL, BENCH_NO_GOAL, replay_round);
    slu_budget_destroy(&budget);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "queue", body);
}
