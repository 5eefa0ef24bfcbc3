/* What the queue's tests share: a directory of their own, options, records that tell themselves. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/diag.h>
#include <sluice/scope.h>

#include "budget.h"
#include "harness.h"
#include "store/queue.h"
#include "store/store_io.h"

#define STORE_BUDGET_BYTES ((uint64_t)64 << 20)
#define STORE_STACK_BYTES  ((size_t)128 * 1024)
#define STORE_RECORD_MAX   8192

struct store_directory {
    char path[64];
};

static inline struct store_directory store_directory_make(void)
{
    struct store_directory directory = {.path = "/tmp/sluice-store-XXXXXX"};
    assert_non_null(mkdtemp(directory.path));
    return directory;
}

static inline int store_remove_one(void *arg, const char *name)
{
    char path[512];
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return 0;
    }
    assert_true(snprintf(path, sizeof(path), "%s/%s", (const char *)arg, name) < 512);
    assert_int_equal(unlink(path), 0);
    return 0;
}

static inline void store_directory_remove(struct store_directory *directory)
{
    assert_int_equal(store_io_real.list(NULL, directory->path, store_remove_one, directory->path),
                     0);
    assert_int_equal(rmdir(directory->path), 0);
}

/* Small enough that a few records fill a segment. */
static inline struct queue_options store_options(struct slu_budget *budget, const char *directory)
{
    return (struct queue_options){.budget = budget,
                                  .directory = directory,
                                  .size_bytes_max = (uint64_t)1 << 20,
                                  .segment_bytes = (uint64_t)16 << 10,
                                  .staging_bytes_max = (uint64_t)64 << 10,
                                  .held_max = 64};
}

static inline struct queue *store_queue(struct queue_options options)
{
    struct queue *queue = NULL;
    struct slu_diag diag = {.message = ""};
    int err = queue_open(&options, &diag, &queue);
    if (err != 0) {
        print_message("refused: %s\n", diag.message);
    }
    assert_int_equal(err, 0);
    return queue;
}

/* A record's bytes follow from its tag. Returns their count, below STORE_RECORD_MAX. */
static inline size_t store_fill(uint64_t tag, unsigned char bytes[STORE_RECORD_MAX])
{
    struct test_random random = {.state = tag};
    size_t len = (size_t)test_random_below(&random, 1u << test_random_below(&random, 12));
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (unsigned char)test_random_next(&random);
    }
    return len;
}

/* In two parts, so that they are put together. */
static inline int store_append(struct queue *queue, uint64_t tag, queue_done_fn *done, void *arg)
{
    unsigned char bytes[STORE_RECORD_MAX];
    size_t len = store_fill(tag, bytes);
    const struct slu_bytes parts[] = {{bytes, len / 3}, {bytes + len / 3, len - len / 3}};
    const struct queue_record record = {.parts = parts,
                                        .part_count = 2,
                                        .tag = tag,
                                        .kind = (uint32_t)(tag % 7),
                                        .time_ns = (int64_t)tag * 1000};
    return queue_append(queue, &record, done, arg);
}

static inline void store_entry_check(const struct queue_entry *entry)
{
    unsigned char bytes[STORE_RECORD_MAX];
    size_t len = store_fill(entry->tag, bytes);
    assert_int_equal(entry->bytes.len, len);
    assert_memory_equal(entry->bytes.data, bytes, len);
    assert_int_equal(entry->kind, entry->tag % 7);
    assert_int_equal(entry->time_ns, entry->tag * 1000);
}

/* The tag of the next record, which is checked; 0 if there is none. */
static inline uint64_t store_take(struct queue *queue, struct slu_budget *budget,
                                  struct queue_entry *entry)
{
    int err = queue_next(queue, NULL, budget, 0, entry);
    if (err == -EAGAIN) {
        return 0;
    }
    assert_int_equal(err, 0);
    store_entry_check(entry);
    block_free(budget, &entry->bytes);
    return entry->tag;
}

static inline uint64_t store_take_ack(struct queue *queue, struct slu_budget *budget)
{
    struct queue_entry entry;
    uint64_t tag = store_take(queue, budget, &entry);
    if (tag != 0) {
        queue_ack(queue, &entry);
    }
    return tag;
}

static inline struct queue_stats store_stats(struct queue *queue)
{
    struct queue_stats stats;
    queue_stats(queue, &stats);
    return stats;
}

/* What `done` was told, counted. */
struct store_told {
    uint64_t good_count;
    uint64_t failed_count;
    int last_error;
};

static inline void store_tell(void *arg, int err, uint64_t sequence)
{
    (void)sequence;
    struct store_told *told = arg;
    told->good_count += err == 0;
    told->failed_count += err != 0;
    told->last_error = err != 0 ? err : told->last_error;
}

#endif
