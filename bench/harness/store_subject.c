#include "store_subject.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "bench.h"

#define MESSAGES_EACH 320 /* between looks at what is due */
#define DAY_NS        INT64_C(86400000000000)
#define OPEN_MAX      16

void subject_must(int err, const char *what)
{
    if (err != 0) {
        fprintf(stderr, "store: %s: %s\n", what, strerror(-err));
        exit(3);
    }
}

void subject_open(struct subject *subject, uint64_t budget_bytes, bool is_relaxed)
{
    struct slu_diag diag = {0};
    *subject = (struct subject){.directory = "/tmp/sluice-store-bench-XXXXXX"};
    subject_must(mkdtemp(subject->directory) == NULL ? -errno : 0, "mkdtemp");
    subject_must(slu_budget_create(NULL, "bench", budget_bytes, &subject->budget), "budget");
    subject_must(store_intake_create(subject->budget, &subject->intake), "intake");
    struct store_options options = {.budget = subject->budget,
                                    .directory = subject->directory,
                                    .is_relaxed = is_relaxed,
                                    .apply = store_intake_apply,
                                    .apply_arg = subject->intake};
    if (store_open(&options, &diag, &subject->store) != 0) {
        fprintf(stderr, "store: %s\n", diag.message);
        exit(3);
    }
}

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void subject_close(struct subject *subject)
{
    store_close(&subject->store);
    store_intake_destroy(&subject->intake);
    slu_budget_destroy(&subject->budget);
    subject_must(nftw(subject->directory, entry_remove, OPEN_MAX, FTW_DEPTH | FTW_PHYS), "rm");
}

static void told(void *arg, const struct store_outcome *outcome)
{
    struct subject *subject = arg;
    subject_must(outcome->err, "a message");
    subject->done_count++;
    if (outcome->refused_count > 0 && subject->refused_count == 0) {
        fprintf(stderr, "store: %s\n", outcome->reason);
    }
    subject->refused_count += outcome->refused_count;
}

void subject_put(struct subject *subject, enum store_signal signal, struct slu_bytes message,
                 int64_t now_ns, uint64_t commit_each)
{
    subject->now_ns = now_ns;
    subject_must(store_put(subject->store, signal, message, now_ns, told, subject), "store_put");
    if ((subject->put_count + 1) % commit_each == 0) {
        store_commit(subject->store, bench_now_ns());
    }
    if (++subject->put_count % MESSAGES_EACH == 0) {
        store_tend(subject->store, now_ns);
    }
}

void subject_settle(struct subject *subject)
{
    subject_must(store_flush(subject->store), "store_flush");
    store_tend(subject->store, subject->now_ns + 2 * DAY_NS);
    if (subject->refused_count > 0) {
        fprintf(stderr, "store: %llu records were refused\n",
                (unsigned long long)subject->refused_count);
        exit(3);
    }
}

uint64_t subject_disk_bytes(struct subject *subject, enum store_signal signal)
{
    struct store_signal_stats stats;
    store_stats(subject->store, signal, &stats);
    return stats.disk_bytes;
}
