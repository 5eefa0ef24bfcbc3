/*
 * Property: the scale that is found gives all values back bit by bit, and no smaller one does;
 * numbers come back from their plan, whatever they are, and what is left of them has no more bits
 * than it says.
 *
 * The first byte says what the others are: bit patterns of values; small numbers with a power of
 * ten before them; or whole numbers of as many bytes as the second byte says.
 */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "memory_file.h"
#include "store/sample_numbers.h"

#define COUNT_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void plan_check(const uint64_t *numbers, size_t count)
{
    static uint64_t left[COUNT_MAX];
    struct number_plan plan = number_plan_make(numbers, count);
    size_t made = number_plan_apply(&plan, numbers, count, left);
    SLU_ASSERT(plan.order == 1 || plan.order == 2);
    SLU_ASSERT(made == (count > plan.order ? count - plan.order : 0));
    uint64_t number = plan.first;
    uint64_t step = plan.step;
    SLU_ASSERT(number == numbers[0]);
    for (size_t i = 1; i < count; i++) {
        if (i >= plan.order) {
            uint64_t rest = left[i - plan.order];
            SLU_ASSERT(plan.bits == 64 || rest >> plan.bits == 0);
            step = plan.base + rest + (plan.order == 2 ? step : 0);
        }
        number += step;
        SLU_ASSERT(number == numbers[i]);
    }
}

/* All values are whole numbers of the scale. */
static bool scale_fits(const struct sample *samples, size_t count, unsigned scale)
{
    for (size_t i = 0; i < count; i++) {
        double product = samples[i].value * sample_scales[scale];
        if (!(fabs(product) < 9007199254740992.0)) {
            return false;
        }
        double back = (double)llrint(product) / sample_scales[scale];
        if (memcmp(&back, &samples[i].value, sizeof(back)) != 0) {
            return false;
        }
    }
    return true;
}

static void values_check(const struct sample *samples, size_t count)
{
    static uint64_t numbers[COUNT_MAX];
    unsigned scale = CHUNK_SCALE_MAX + 1;
    if (!sample_scale_find(samples, count, &scale, numbers)) {
        SLU_ASSERT(scale == CHUNK_SCALE_MAX + 1);
        for (unsigned any = 0; any <= CHUNK_SCALE_MAX; any++) {
            SLU_ASSERT(!scale_fits(samples, count, any));
        }
        return;
    }
    SLU_ASSERT(scale <= CHUNK_SCALE_MAX);
    for (size_t i = 0; i < count; i++) {
        double back = (double)(int64_t)numbers[i] / sample_scales[scale];
        SLU_ASSERT(memcmp(&back, &samples[i].value, sizeof(back)) == 0);
    }
    for (unsigned smaller = 0; smaller < scale; smaller++) {
        SLU_ASSERT(!scale_fits(samples, count, smaller));
    }
    plan_check(numbers, count);
}

static void patterns_check(struct slu_bytes rest)
{
    static struct sample samples[COUNT_MAX];
    size_t count = 0;
    for (; count < COUNT_MAX && rest.len > 0; count++) {
        uint64_t bits = input_number(&rest, 8);
        memcpy(&samples[count].value, &bits, sizeof(bits));
    }
    if (count > 0) {
        values_check(samples, count);
    }
}

static void decimals_check(struct slu_bytes rest)
{
    static struct sample samples[COUNT_MAX];
    size_t count = 0;
    for (; count < COUNT_MAX && rest.len > 0; count++) {
        unsigned scale = (unsigned)input_number(&rest, 1) % (CHUNK_SCALE_MAX + 1);
        int32_t whole = (int32_t)input_number(&rest, 4);
        samples[count].value = (double)whole / sample_scales[scale];
    }
    if (count > 0) {
        values_check(samples, count);
    }
}

static void numbers_check(struct slu_bytes rest)
{
    static uint64_t numbers[COUNT_MAX];
    size_t len = 1 + input_number(&rest, 1) % 8;
    size_t count = 0;
    for (; count < COUNT_MAX && rest.len > 0; count++) {
        numbers[count] = input_number(&rest, len);
    }
    if (count > 0) {
        plan_check(numbers, count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct slu_bytes rest = {data + 1, size - 1};
    switch (data[0] % 3) {
    case 0:
        patterns_check(rest);
        break;
    case 1:
        decimals_check(rest);
        break;
    default:
        numbers_check(rest);
        break;
    }
    return 0;
}
