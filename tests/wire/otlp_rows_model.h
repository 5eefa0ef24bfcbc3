/* What a request of records says, told record by record: hashes that are equal if they are. */
#ifndef TESTS_OTLP_ROWS_MODEL_H
#define TESTS_OTLP_ROWS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "wire/otlp.h"

#define OTLP_SAID_MAX ((size_t)32768)

/* Meant for static storage. */
struct otlp_said {
    uint64_t records[OTLP_SAID_MAX]; /* each with what is around it */
    size_t count;
    bool is_full;
};

/*
 * Add what a request of logs, traces or profiles says: fields in the order of their numbers, those
 * of one number as they come, times of 0 as none. A string in a body may be encoded as it likes.
 */
void otlp_said_add(struct otlp_said *said, enum otlp_signal signal, struct slu_bytes message);

#endif
