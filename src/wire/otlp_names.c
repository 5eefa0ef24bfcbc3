#include "wire/otlp_names.h"

#include <stdbool.h>
#include <string.h>

#include "base/hash.h"

void otlp_names_init(struct otlp_names *names)
{
    for (size_t i = 0; i < OTLP_NAME_SLOTS; i++) {
        names->slots[i].name_len = 0;
    }
}

static bool is_same(const char *kept, struct slu_bytes bytes)
{
    return bytes.len == 0 || memcmp(kept, bytes.data, bytes.len) == 0;
}

static void copy(char *to, struct slu_bytes bytes)
{
    if (bytes.len > 0) {
        memcpy(to, bytes.data, bytes.len);
    }
}

size_t otlp_names_get(struct otlp_names *names, struct slu_bytes metric, struct slu_bytes unit,
                      enum prometheus_kind kind, char *name)
{
    if (metric.len > OTLP_NAME_KEY_BYTES || unit.len > OTLP_NAME_KEY_BYTES - metric.len) {
        return prometheus_metric_name(metric, unit, kind, name, PROMETHEUS_NAME_MAX);
    }
    /* Units and kinds seldom tell metrics apart: who has two of a name pays for it. */
    uint64_t hash = hash_bytes(metric, 0);
    struct otlp_name_slot *slot = &names->slots[hash % OTLP_NAME_SLOTS];
    if (slot->name_len > 0 && slot->metric_len == metric.len && slot->unit_len == unit.len &&
        slot->kind == (uint8_t)kind && is_same(slot->key, metric) &&
        is_same(slot->key + metric.len, unit)) {
        memcpy(name, slot->name, slot->name_len);
        return slot->name_len;
    }
    size_t len = prometheus_metric_name(metric, unit, kind, name, PROMETHEUS_NAME_MAX);
    if (len > 0 && len <= OTLP_NAME_BYTES) {
        slot->metric_len = (uint8_t)metric.len;
        slot->unit_len = (uint8_t)unit.len;
        slot->kind = (uint8_t)kind;
        slot->name_len = (uint8_t)len;
        copy(slot->key, metric);
        copy(slot->key + metric.len, unit);
        memcpy(slot->name, name, len);
    }
    return len;
}
