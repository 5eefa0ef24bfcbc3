/*
 * Of a number:
 *
 *      bytes
 *          1  bits 7-6: how the step in time, this one less the one before, is kept: 0, it is the
 *             step before; 1, 2, 3: in 2, 4, 8 bytes. bits 5-3 and 2-0: bytes of zeros in front of
 *             and behind what follows of the value, XORed with the one before; both 7: it is the
 *             same value
 *    0 2 4 8  the step, in milliseconds
 *        0-8  what is left of the value
 *
 * Of a message: its time (8), its length (4), its bytes. Both are in memory only, and in the order
 * of the machine.
 */
#include "store/sample_coding.h"

#include <limits.h>
#include <string.h>

#define SAME_VALUE  0x3fU
#define VALUE_BYTES 8U

static size_t step_put(const struct sample_coder *coder, int64_t step_ms, unsigned char *bytes,
                       unsigned *code)
{
    if (step_ms == coder->step_ms) {
        *code = 0;
        return 0;
    }
    if (step_ms >= INT16_MIN && step_ms <= INT16_MAX) {
        int16_t step = (int16_t)step_ms;
        memcpy(bytes, &step, sizeof(step));
        *code = 1;
        return sizeof(step);
    }
    if (step_ms >= INT32_MIN && step_ms <= INT32_MAX) {
        int32_t step = (int32_t)step_ms;
        memcpy(bytes, &step, sizeof(step));
        *code = 2;
        return sizeof(step);
    }
    memcpy(bytes, &step_ms, sizeof(step_ms));
    *code = 3;
    return sizeof(step_ms);
}

/* Times wrap where they are absurd, and wrap back when they are read. */
static int64_t wrapping_sum(int64_t left, int64_t right)
{
    return (int64_t)((uint64_t)left + (uint64_t)right);
}

static int64_t wrapping_difference(int64_t left, int64_t right)
{
    return (int64_t)((uint64_t)left - (uint64_t)right);
}

size_t sample_number_encode(struct sample_coder *coder, int64_t time_ms, double value,
                            unsigned char *bytes)
{
    uint64_t bits = 0;
    unsigned code = 0;
    memcpy(&bits, &value, sizeof(bits));
    int64_t step_ms = wrapping_difference(time_ms, coder->time_ms);
    size_t len = 1 + step_put(coder, step_ms, bytes + 1, &code);
    uint64_t changed = bits ^ coder->bits;
    unsigned zeros = SAME_VALUE;
    if (changed != 0) {
        unsigned front = (unsigned)__builtin_clzll(changed) / CHAR_BIT;
        unsigned behind = (unsigned)__builtin_ctzll(changed) / CHAR_BIT;
        zeros = front << 3 | behind;
        changed >>= behind * CHAR_BIT;
        memcpy(bytes + len, &changed, VALUE_BYTES - front - behind);
        len += VALUE_BYTES - front - behind;
    }
    bytes[0] = (unsigned char)(code << 6 | zeros);
    *coder = (struct sample_coder){.time_ms = time_ms, .step_ms = step_ms, .bits = bits};
    return len;
}

void sample_message_head(int64_t time_ms, uint32_t len,
                         unsigned char bytes[SAMPLE_MESSAGE_HEAD_BYTES])
{
    memcpy(bytes, &time_ms, sizeof(time_ms));
    memcpy(bytes + sizeof(time_ms), &len, sizeof(len));
}

/* Read the next bytes of a run, which are known to be there. */
static void take(const unsigned char **at, void *out, size_t len)
{
    memcpy(out, *at, len);
    *at += len;
}

static int64_t step_decode(const unsigned char **at, const struct sample_coder *coder,
                           unsigned code)
{
    int16_t small = 0;
    int32_t middle = 0;
    int64_t large = 0;
    switch (code) {
    case 0:
        return coder->step_ms;
    case 1:
        take(at, &small, sizeof(small));
        return small;
    case 2:
        take(at, &middle, sizeof(middle));
        return middle;
    default:
        take(at, &large, sizeof(large));
        return large;
    }
}

static struct sample number_decode(const unsigned char **at, struct sample_coder *coder)
{
    unsigned control = *(*at)++;
    coder->step_ms = step_decode(at, coder, control >> 6);
    coder->time_ms = wrapping_sum(coder->time_ms, coder->step_ms);
    unsigned zeros = control & SAME_VALUE;
    if (zeros != SAME_VALUE) {
        uint64_t changed = 0;
        unsigned front = zeros >> 3;
        unsigned behind = zeros & 7;
        take(at, &changed, VALUE_BYTES - front - behind);
        coder->bits ^= changed << (behind * CHAR_BIT);
    }
    struct sample sample = {.time_ms = coder->time_ms};
    memcpy(&sample.value, &coder->bits, sizeof(sample.value));
    return sample;
}

void sample_numbers_decode(const unsigned char *bytes, uint32_t count, struct sample *out)
{
    struct sample_coder coder = {0};
    for (uint32_t i = 0; i < count; i++) {
        out[i] = number_decode(&bytes, &coder);
    }
}

void sample_messages_decode(const unsigned char *bytes, uint32_t count, struct sample_message *out)
{
    for (uint32_t i = 0; i < count; i++) {
        int64_t time_ms = 0;
        uint32_t len = 0;
        take(&bytes, &time_ms, sizeof(time_ms));
        take(&bytes, &len, sizeof(len));
        out[i] = (struct sample_message){time_ms, {bytes, len}};
        bytes += len;
    }
}
