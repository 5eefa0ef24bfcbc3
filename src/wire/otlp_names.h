/* Names of metrics that have been translated before, for as many as senders have at a time. */
#ifndef WIRE_OTLP_NAMES_H
#define WIRE_OTLP_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "wire/prometheus_name.h"

#define OTLP_NAME_SLOTS     512 /* a power of two */
#define OTLP_NAME_KEY_BYTES 96  /* of name and unit; longer ones are translated each time */
#define OTLP_NAME_BYTES     120

struct otlp_name_slot {
    uint8_t metric_len;
    uint8_t unit_len;
    uint8_t kind;
    uint8_t name_len; /* 0: empty */
    char key[OTLP_NAME_KEY_BYTES];
    char name[OTLP_NAME_BYTES];
};

/* Where two names meet, the later one stays. */
struct otlp_names {
    struct otlp_name_slot slots[OTLP_NAME_SLOTS];
};

void otlp_names_init(struct otlp_names *names);

/* As prometheus_metric_name, with room for PROMETHEUS_NAME_MAX. */
size_t otlp_names_get(struct otlp_names *names, struct slu_bytes metric, struct slu_bytes unit,
                      enum prometheus_kind kind, char *name);

#endif
