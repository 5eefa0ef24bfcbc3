/*
 * OTLP in Protocol Buffers as OTLP's JSON, for people and files.
 *
 * Source  opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"
 */
#ifndef WIRE_OTLP_JSON_WRITE_H
#define WIRE_OTLP_JSON_WRITE_H

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "wire/otlp.h"

struct sink;
struct slu_budget;

/*
 * Write a message as one line: ids in hex, 64-bit integers as strings, enums as numbers. Fields
 * that are not known are left out; values nested deeper than JSON_DEPTH_MAX allows are empty.
 *
 * budget   of room for a value of bytes, while it is written
 * Returns  0; -EBADMSG for a message that is not well formed; -EDQUOT; -ENOMEM. What was written
 *          up to there is JSON all the same.
 */
SLU_MUST_USE int otlp_json_write(struct slu_budget *budget, struct sink *sink,
                                 enum otlp_signal signal, struct slu_bytes message);

#endif
