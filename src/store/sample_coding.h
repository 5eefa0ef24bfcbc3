/*
 * Samples of one series as bytes, one behind the other: how heads keep them.
 *
 * Source  Pelkonen et al., "Gorilla: a fast, scalable, in-memory time series database", VLDB 2015,
 *         by bytes instead of bits
 */
#ifndef STORE_SAMPLE_CODING_H
#define STORE_SAMPLE_CODING_H

#include <stddef.h>
#include <stdint.h>

#include "store/sample_block.h"

#define SAMPLE_NUMBER_BYTES_MAX   17
#define SAMPLE_MESSAGE_HEAD_BYTES 12

/* What a number is kept in relation to; begins with zeros. */
struct sample_coder {
    int64_t time_ms;
    int64_t step_ms;
    uint64_t bits;
};

/* Returns how many bytes it took, up to SAMPLE_NUMBER_BYTES_MAX. */
size_t sample_number_encode(struct sample_coder *coder, int64_t time_ms, double value,
                            unsigned char *bytes);

/* What stands before the bytes of a message. */
void sample_message_head(int64_t time_ms, uint32_t len,
                         unsigned char bytes[SAMPLE_MESSAGE_HEAD_BYTES]);

/* So many from the beginning on, in the order they were put. Messages are views into the bytes. */
void sample_numbers_decode(const unsigned char *bytes, uint32_t count, struct sample *out);
void sample_messages_decode(const unsigned char *bytes, uint32_t count, struct sample_message *out);

#endif
