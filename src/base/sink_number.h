/* Numbers written to sinks, as JSON and Prometheus both read them. */
#ifndef BASE_SINK_NUMBER_H
#define BASE_SINK_NUMBER_H

#include <stdint.h>

#include "base/sink.h"

void sink_uint(struct sink *sink, uint64_t value);
void sink_int(struct sink *sink, int64_t value);

/* A finite number, as short as it can be read back; -0 is "-0". */
void sink_double(struct sink *sink, double value);

/* The same with all its places and never an exponent: up to 327 characters. */
void sink_double_plain(struct sink *sink, double value);

#endif
