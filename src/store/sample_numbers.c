#include "store/sample_numbers.h"

#include <math.h>
#include <string.h>

#include "store/sample_block_format.h"

#define WHOLE_MAX 9007199254740992.0 /* 2^53 */

const double sample_scales[CHUNK_SCALE_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

static uint8_t bits_of(uint64_t value)
{
    return value == 0 ? 0 : (uint8_t)(64 - __builtin_clzll(value));
}

/* The lowest of differences as signed numbers, and the bits of the largest above it. */
struct spread {
    int64_t lowest;
    int64_t highest;
};

static void spread_add(struct spread *spread, uint64_t difference)
{
    int64_t value = (int64_t)difference;
    spread->lowest = value < spread->lowest ? value : spread->lowest;
    spread->highest = value > spread->highest ? value : spread->highest;
}

struct number_plan number_plan_make(const uint64_t *numbers, size_t count)
{
    struct spread once = {INT64_MAX, INT64_MIN};
    struct spread twice = {INT64_MAX, INT64_MIN};
    struct number_plan plan = {.first = numbers[0], .order = 1};
    uint64_t before = 0;
    for (size_t i = 1; i < count; i++) {
        uint64_t step = numbers[i] - numbers[i - 1];
        spread_add(&once, step);
        if (i > 1) {
            spread_add(&twice, step - before);
        }
        before = step;
    }
    if (count < 2) {
        return plan;
    }
    plan.base = (uint64_t)once.lowest;
    plan.bits = bits_of((uint64_t)once.highest - (uint64_t)once.lowest);
    uint8_t bits = count > 2 ? bits_of((uint64_t)twice.highest - (uint64_t)twice.lowest) : 64;
    if (bits < plan.bits) {
        plan.order = 2;
        plan.step = numbers[1] - numbers[0];
        plan.base = (uint64_t)twice.lowest;
        plan.bits = bits;
    }
    return plan;
}

size_t number_plan_apply(const struct number_plan *plan, const uint64_t *numbers, size_t count,
                         uint64_t *left)
{
    size_t made = 0;
    for (size_t i = plan->order; i < count; i++) {
        uint64_t step = numbers[i] - numbers[i - 1];
        uint64_t change = plan->order == 1 ? step : step - (numbers[i - 1] - numbers[i - 2]);
        left[made++] = change - plan->base;
    }
    return made;
}

/* Whether the value is a whole number of 10^-scale, bit by bit. */
static bool is_whole(double value, double scale, uint64_t *number)
{
    double product = value * scale;
    if (!(fabs(product) < WHOLE_MAX)) {
        return false;
    }
    int64_t whole = llrint(product);
    double back = (double)whole / scale;
    *number = (uint64_t)whole;
    return memcmp(&back, &value, sizeof(value)) == 0;
}

bool sample_scale_find(const struct sample *samples, size_t count, unsigned *scale,
                       uint64_t *numbers)
{
    unsigned found = 0;
    for (size_t i = 0; i < count; i++) {
        while (!is_whole(samples[i].value, sample_scales[found], &numbers[i])) {
            if (found++ == CHUNK_SCALE_MAX) {
                return false;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_whole(samples[i].value, sample_scales[found], &numbers[i])) {
            return false;
        }
    }
    *scale = found;
    return true;
}
