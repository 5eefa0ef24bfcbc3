/*
 * OTLP's JSON into Protocol Buffers.
 *
 * Source  opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"; protobuf.dev, "ProtoJSON"
 */
#ifndef WIRE_OTLP_JSON_READ_H
#define WIRE_OTLP_JSON_READ_H

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "wire/otlp.h"

struct block;
struct slu_budget;
struct slu_diag;

/*
 * Read an export request: ids in hex, 64-bit integers as strings or numbers, enums as numbers or
 * names, keys in lowerCamelCase or as the proto files have them. Keys that are not known are passed
 * over, null is as if it were not there.
 *
 * diag     says what is wrong, with line and column
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM; -EOVERFLOW
 * Owner    the caller, until block_free with the same budget; empty for an empty request
 */
SLU_MUST_USE int otlp_json_read(struct slu_budget *budget, enum otlp_signal signal,
                                struct slu_bytes json, struct block *out, struct slu_diag *diag);

#endif
