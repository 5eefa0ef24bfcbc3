// The late fold as a C++ program uses it: two of them in one file, one over a type of its own.
#include <cstdint>

struct longest {
    std::uint64_t run;
    std::uint64_t best;
};

static inline longest longest_combine(longest older, longest newer)
{
    return longest{older.run + newer.run, older.best > newer.best ? older.best : newer.best};
}

#define SLU_LATE_NAME                  sum_late
#define SLU_LATE_VALUE                 double
#define SLU_LATE_COMBINE(older, newer) ((older) + (newer))
#define SLU_LATE_IDENTITY              0.0
#include <sluice/fold_late.h>

#define SLU_LATE_NAME                  longest_late
#define SLU_LATE_VALUE                 longest
#define SLU_LATE_COMBINE(older, newer) longest_combine(older, newer)
#define SLU_LATE_IDENTITY                                                                          \
    longest                                                                                        \
    {                                                                                              \
        0, 0                                                                                       \
    }
#define SLU_LATE_EQUAL(left, right) ((left).run == (right).run && (left).best == (right).best)
#include <sluice/fold_late.h>

int late_folds_in_cpp(slu_budget *budget);

int late_folds_in_cpp(slu_budget *budget)
{
    const slu_late_options options = {1000, 100};
    sum_late *sum = nullptr;
    longest_late *run = nullptr;
    int err = sum_late_create(budget, &options, nullptr, &sum);
    err = err != 0 ? err : longest_late_create(budget, &options, nullptr, &run);
    err = err != 0 ? err : sum_late_insert(sum, 10, 1.5);
    err = err != 0 ? err : longest_late_insert(run, 10, longest{1, 1});
    if (err == 0) {
        sum_late_evict_before(sum, 5);
        longest_late_clear(run);
        slu_late_stats stats;
        longest_late_stats(run, &stats);
        err = sum_late_query(sum) + sum_late_query_range(sum, 0, 20) > 2.0 &&
                      sum_late_count(sum) == 1 && longest_late_query(run).run == 0 &&
                      longest_late_query_range(run, 0, 1).best == stats.item_count &&
                      longest_late_check(run) == nullptr
                  ? 0
                  : -1;
    }
    sum_late_destroy(&sum);
    longest_late_destroy(&run);
    return err;
}
