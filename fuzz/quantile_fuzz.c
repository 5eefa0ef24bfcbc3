/*
 * Property: whatever values come at whatever times, a window's counters and its log agree, it holds
 * no event that was not recorded, and loses none before its time without saying so; answers rise
 * with the quantile; a sketch that collects the window holds as many events.
 *
 * Input: a byte for the size of the block, one for the slots; then operations of ten bytes: what to
 * do, how far the clock moves or how often, and a double.
 */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "window/quantile.h"

#define OPERATION_BYTES 10
#define OPERATIONS_MAX  128
#define EVENTS_MAX      100000
#define SLOT_NS         64

struct run {
    struct slu_quantile_window *window;
    struct slu_quantile_sketch *sketch;
    uint64_t now_ns;
    uint64_t newest_ns; /* of events */
    uint64_t asked_ns;  /* the latest time of a question: what had left then does not come back */
    uint64_t recorded_count;
    uint32_t slot_count;
    struct {
        uint64_t epoch;
        uint64_t count;
    } added[OPERATIONS_MAX];
    uint32_t added_count;
};

static void add(struct run *run, double value, uint64_t count)
{
    for (uint64_t n = 0; n < count; n++) {
        int err = slu_quantile_window_add(run->window, run->now_ns, value);
        SLU_ASSERT(err == (isnan(value) ? -EINVAL : 0));
    }
    run->newest_ns = run->now_ns > run->newest_ns ? run->now_ns : run->newest_ns;
    if (!isnan(value)) {
        run->recorded_count += count;
        run->added[run->added_count].epoch = run->newest_ns / SLOT_NS;
        run->added[run->added_count].count = count;
        run->added_count++;
    }
}

static void check(struct run *run)
{
    static const double asked[] = {0, 0.25, 0.5, 0.75, 0.95, 1};
    double values[6];
    struct slu_quantile_window_stats stats;
    uint64_t now_ns = run->now_ns > run->newest_ns ? run->now_ns : run->newest_ns;
    run->asked_ns = now_ns > run->asked_ns ? now_ns : run->asked_ns;
    uint64_t due = 0;
    uint64_t epoch = run->asked_ns / SLOT_NS;
    for (uint32_t n = 0; n < run->added_count; n++) {
        due += run->added[n].epoch + run->slot_count > epoch ? run->added[n].count : 0;
    }
    slu_quantile_window_stats(run->window, now_ns, &stats);
    SLU_ASSERT(stats.count <= run->recorded_count);
    SLU_ASSERT(stats.count + stats.early_count >= due);
    quantile_window_validate(run->window);
    int err = slu_quantile_window_get(run->window, now_ns, asked, 6, values);
    SLU_ASSERT(err == 0);
    for (int i = 0; i < 6; i++) {
        SLU_ASSERT(isnan(values[i]) == (stats.count == 0));
        SLU_ASSERT(i == 0 || !(values[i - 1] > values[i]));
    }
    struct slu_quantile_sketch_stats before;
    struct slu_quantile_sketch_stats after;
    slu_quantile_sketch_stats(run->sketch, &before);
    err = slu_quantile_window_collect(run->window, now_ns, run->sketch);
    SLU_ASSERT(err == 0);
    slu_quantile_sketch_stats(run->sketch, &after);
    SLU_ASSERT(after.count == before.count + stats.count);
    pages_validate(&run->sketch->pages);
}

static void operate(struct run *run, const uint8_t *operation)
{
    double value = 0;
    memcpy(&value, operation + 2, sizeof(value));
    uint64_t step = operation[1];
    switch (operation[0] % 8) {
    case 0:
        add(run, value, 1 + step);
        break;
    case 1: /* beyond the counters' widths, but not for ever */
        add(run, value, run->recorded_count > EVENTS_MAX ? 1 : UINT64_C(1) << step % 18);
        break;
    case 2:
        run->now_ns += step * SLOT_NS * run->slot_count / 128;
        break;
    case 3:
        run->now_ns -= step < run->now_ns ? step : run->now_ns;
        break;
    case 4:
        check(run);
        break;
    case 5: /* a new slot for each */
        run->now_ns = run->newest_ns + SLOT_NS;
        add(run, value, 1);
        break;
    default:
        run->now_ns += step;
        add(run, value, 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char window_block[8192] __attribute__((aligned(64)));
    static unsigned char sketch_block[1024] __attribute__((aligned(64)));
    if (size < 2) {
        return 0;
    }
    struct run run = {.slot_count = 1 + data[1] % 64};
    struct slu_quantile_window_options window = {
        .span_ns = (uint64_t)SLOT_NS * run.slot_count,
        .slot_count = run.slot_count,
        .size_bytes = SLU_QUANTILE_WINDOW_BYTES_MIN + 24 * (size_t)data[0],
    };
    struct slu_quantile_sketch_options sketch = {.size_bytes = sizeof(sketch_block)};
    memset(window_block, 0, sizeof(window_block));
    memset(sketch_block, 0, sizeof(sketch_block));
    run.window = quantile_window_init(window_block, &window);
    run.sketch = quantile_sketch_init(sketch_block, &sketch);
    size_t count = (size - 2) / OPERATION_BYTES;
    for (size_t n = 0; n < count && n < OPERATIONS_MAX; n++) {
        operate(&run, data + 2 + n * OPERATION_BYTES);
    }
    check(&run);
    return 0;
}
