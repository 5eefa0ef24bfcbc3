/* A store in a folder of its own, for benchmarks; whatever fails ends the program with status 3. */
#ifndef BENCH_STORE_SUBJECT_H
#define BENCH_STORE_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "pipeline/store_intake.h"
#include "store/store.h"

struct subject {
    struct slu_budget *budget;
    struct store_intake *intake;
    struct store *store;
    char directory[64];
    uint64_t done_count;
    uint64_t refused_count;
    uint64_t put_count;
    int64_t now_ns;
};

void subject_must(int err, const char *what);
void subject_open(struct subject *subject, uint64_t budget_bytes, bool is_relaxed);
void subject_close(struct subject *subject);

/* Messages are borrowed until they are committed: each `commit_each` of them. */
void subject_put(struct subject *subject, enum store_signal signal, struct slu_bytes message,
                 int64_t now_ns, uint64_t commit_each);

/* Write what is in memory, and merge what a day that is over merges. */
void subject_settle(struct subject *subject);
uint64_t subject_disk_bytes(struct subject *subject, enum store_signal signal);

#endif
