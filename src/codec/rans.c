/*
 * What is packed:
 *
 *      bytes
 *          1  the lowest byte that occurs
 *          1  the highest
 *             for each from the lowest to the highest, how many of 4,096 it is: below 128 in one
 *             byte, else its low seven bits with 0x80, and the others
 *         16  four states, 32 bits each, little endian
 *          -  words of 16 bits, little endian, in the order in which the states take them
 *
 * Byte i is told by state i mod 4. Decoded, each state is 2^16 again and no word is left.
 */
#include "codec/rans.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SYMBOLS    256
#define SCALE_BITS 12
#define SCALE      (1U << SCALE_BITS)
#define STATES     4
#define STATE_LOW  (UINT32_C(1) << 16)
#define HEAD_MAX   ((size_t)2 + 2 * SYMBOLS + STATES * sizeof(uint32_t))

/* Shares of SCALE, and where each begins. */
struct shares {
    uint32_t share[SYMBOLS];
    uint32_t begin[SYMBOLS];
};

size_t rans_packed_max(size_t input_bytes)
{
    /* A byte with a share of one takes SCALE_BITS. */
    return HEAD_MAX + input_bytes + input_bytes / 2 + 2 * STATES;
}

static void counts_take(struct slu_bytes input, uint32_t counts[SYMBOLS])
{
    /* Two tables, so that equal neighbours do not wait for each other. */
    uint32_t odd[SYMBOLS] = {0};
    const unsigned char *bytes = input.data;
    size_t at = 0;
    for (; at + 1 < input.len; at += 2) {
        counts[bytes[at]]++;
        odd[bytes[at + 1]]++;
    }
    if (at < input.len) {
        counts[bytes[at]]++;
    }
    for (size_t i = 0; i < SYMBOLS; i++) {
        counts[i] += odd[i];
    }
}

/* Where a share more or less changes the length least, until all make SCALE. */
static void shares_settle(const uint32_t counts[SYMBOLS], uint32_t sum, uint32_t share[SYMBOLS])
{
    while (sum != SCALE) {
        size_t best = 0;
        double best_gain = -1e300;
        for (size_t i = 0; i < SYMBOLS; i++) {
            /* The derivative of count * log(share); a share of one is never taken away. */
            double each = share[i] == 0 ? 0 : (double)counts[i] / (double)share[i];
            double gain = sum < SCALE ? each : -each;
            if (share[i] > (sum < SCALE ? 0U : 1U) && gain > best_gain) {
                best = i;
                best_gain = gain;
            }
        }
        share[best] = sum < SCALE ? share[best] + 1 : share[best] - 1;
        sum = sum < SCALE ? sum + 1 : sum - 1;
    }
}

static void shares_begin(struct shares *shares)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < SYMBOLS; i++) {
        shares->begin[i] = sum;
        sum += shares->share[i];
    }
}

static void shares_make(struct slu_bytes input, struct shares *shares)
{
    uint32_t counts[SYMBOLS] = {0};
    uint32_t sum = 0;
    counts_take(input, counts);
    for (size_t i = 0; i < SYMBOLS; i++) {
        uint64_t scaled = ((uint64_t)counts[i] * SCALE + input.len / 2) / input.len;
        shares->share[i] = counts[i] == 0 ? 0 : scaled == 0 ? 1 : (uint32_t)scaled;
        sum += shares->share[i];
    }
    shares_settle(counts, sum, shares->share);
    shares_begin(shares);
}

static size_t shares_write(const struct shares *shares, unsigned char *to)
{
    size_t low = 0;
    size_t high = SYMBOLS - 1;
    size_t len = 2;
    while (shares->share[low] == 0) {
        low++;
    }
    while (shares->share[high] == 0) {
        high--;
    }
    to[0] = (unsigned char)low;
    to[1] = (unsigned char)high;
    for (size_t i = low; i <= high; i++) {
        uint32_t share = shares->share[i];
        to[len++] = (unsigned char)(share < 128 ? share : (share & 127) | 128);
        if (share >= 128) {
            to[len++] = (unsigned char)(share >> 7);
        }
    }
    return len;
}

static void word_write(unsigned char *to, uint32_t word)
{
    to[0] = (unsigned char)word;
    to[1] = (unsigned char)(word >> 8);
}

static uint32_t word_read(const unsigned char *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8;
}

/* Write the words so that the last one ends at `end`. Returns where the first begins */
static unsigned char *words_write(const struct shares *shares, struct slu_bytes input,
                                  uint32_t states[STATES], unsigned char *end)
{
    const unsigned char *bytes = input.data;
    for (size_t at = input.len; at-- > 0;) {
        uint32_t share = shares->share[bytes[at]];
        uint32_t state = states[at % STATES];
        if (state >= (uint64_t)share << (32 - SCALE_BITS)) {
            end -= 2;
            word_write(end, state);
            state >>= 16;
        }
        states[at % STATES] =
            (state / share << SCALE_BITS) + state % share + shares->begin[bytes[at]];
    }
    return end;
}

int rans_pack(struct slu_bytes input, void *output, size_t size_bytes, size_t *len)
{
    struct shares shares;
    uint32_t states[STATES] = {STATE_LOW, STATE_LOW, STATE_LOW, STATE_LOW};
    if (input.len == 0) {
        return -EINVAL;
    }
    if (size_bytes < rans_packed_max(input.len)) {
        return -ENOBUFS;
    }
    unsigned char *to = output;
    unsigned char *end = to + size_bytes;
    shares_make(input, &shares);
    size_t made = shares_write(&shares, to);
    unsigned char *begin = words_write(&shares, input, states, end);
    for (size_t i = 0; i < STATES; i++) {
        word_write(to + made, states[i]);
        word_write(to + made + 2, states[i] >> 16);
        made += sizeof(states[i]);
    }
    memmove(to + made, begin, (size_t)(end - begin));
    *len = made + (size_t)(end - begin);
    return 0;
}

/* What a slot of the scale tells: its byte, its share less one, its distance from the begin. */
static void slots_fill(const struct shares *shares, uint32_t slots[SCALE])
{
    for (uint32_t i = 0; i < SYMBOLS; i++) {
        for (uint32_t k = 0; k < shares->share[i]; k++) {
            slots[shares->begin[i] + k] = i | (shares->share[i] - 1) << 8 | k << 20;
        }
    }
}

/* Read the shares. Returns how many bytes they take; 0: they are wrong */
static size_t shares_read(struct slu_bytes input, struct shares *shares)
{
    const unsigned char *from = input.data;
    uint32_t sum = 0;
    size_t at = 2;
    memset(shares, 0, sizeof(*shares));
    if (input.len < 2 || from[0] > from[1]) {
        return 0;
    }
    for (size_t i = from[0]; i <= from[1]; i++) {
        if (at + 2 > input.len) {
            return 0;
        }
        uint32_t share = from[at++];
        if (share >= 128) {
            share = (share & 127) | (uint32_t)from[at++] << 7;
        }
        if (share > SCALE - sum) {
            return 0;
        }
        shares->share[i] = share;
        sum += share;
    }
    shares_begin(shares);
    return sum == SCALE ? at : 0;
}

struct words {
    const unsigned char *at;
    const unsigned char *end;
};

static unsigned char byte_next(const uint32_t slots[SCALE], uint32_t *state, struct words *words)
{
    uint32_t slot = slots[*state & (SCALE - 1)];
    uint32_t next = ((slot >> 8 & (SCALE - 1)) + 1) * (*state >> SCALE_BITS) + (slot >> 20);
    if (next < STATE_LOW && words->end - words->at >= 2) {
        next = next << 16 | word_read(words->at);
        words->at += 2;
    }
    *state = next;
    return (unsigned char)slot;
}

static bool words_decode(const uint32_t slots[SCALE], uint32_t states[STATES], struct words words,
                         unsigned char *to, size_t count)
{
    size_t at = 0;
    for (; at + STATES <= count; at += STATES) {
        for (size_t i = 0; i < STATES; i++) {
            to[at + i] = byte_next(slots, &states[i], &words);
        }
    }
    for (size_t i = 0; at + i < count; i++) {
        to[at + i] = byte_next(slots, &states[i], &words);
    }
    for (size_t i = 0; i < STATES; i++) {
        if (states[i] != STATE_LOW) {
            return false;
        }
    }
    return words.at == words.end;
}

int rans_unpack(struct slu_bytes input, void *output, size_t size_bytes)
{
    struct shares shares;
    uint32_t slots[SCALE];
    uint32_t states[STATES];
    size_t at = shares_read(input, &shares);
    if (at == 0 || input.len - at < sizeof(states)) {
        return -EBADMSG;
    }
    const unsigned char *from = input.data;
    for (size_t i = 0; i < STATES; i++) {
        states[i] = word_read(from + at) | word_read(from + at + 2) << 16;
        at += sizeof(states[i]);
    }
    slots_fill(&shares, slots);
    struct words words = {from + at, from + input.len};
    return words_decode(slots, states, words, output, size_bytes) ? 0 : -EBADMSG;
}
