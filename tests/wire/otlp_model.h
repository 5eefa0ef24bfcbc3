/* What otlp_check says, said again by code too simple to be wrong: field by field, in recursion. */
#ifndef TESTS_OTLP_MODEL_H
#define TESTS_OTLP_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "wire/otlp.h"

/* True if the message is what the schema says; then `record_count` is how many records it has. */
bool otlp_model_check(enum otlp_signal signal, struct slu_bytes message, uint64_t *record_count);

#endif
