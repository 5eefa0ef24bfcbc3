#include "view/measure.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

struct named_measure {
    const char *name;
    struct measure measure;
};

static const struct named_measure known[] = {
    {"b", {MEASURE_BYTES, 0x1p0}},
    {"byte", {MEASURE_BYTES, 0x1p0}},
    {"kb", {MEASURE_BYTES, 0x1p10}},
    {"kbyte", {MEASURE_BYTES, 0x1p10}},
    {"kilobyte", {MEASURE_BYTES, 0x1p10}},
    {"mb", {MEASURE_BYTES, 0x1p20}},
    {"mbyte", {MEASURE_BYTES, 0x1p20}},
    {"megabyte", {MEASURE_BYTES, 0x1p20}},
    {"gb", {MEASURE_BYTES, 0x1p30}},
    {"gbyte", {MEASURE_BYTES, 0x1p30}},
    {"gigabyte", {MEASURE_BYTES, 0x1p30}},
    {"tb", {MEASURE_BYTES, 0x1p40}},
    {"tbyte", {MEASURE_BYTES, 0x1p40}},
    {"terabyte", {MEASURE_BYTES, 0x1p40}},
    {"pb", {MEASURE_BYTES, 0x1p50}},
    {"pbyte", {MEASURE_BYTES, 0x1p50}},
    {"petabyte", {MEASURE_BYTES, 0x1p50}},
    {"ns", {MEASURE_TIME, 1}},
    {"nanosecond", {MEASURE_TIME, 1}},
    {"us", {MEASURE_TIME, 1e3}},
    {"\u03bcs", {MEASURE_TIME, 1e3}},
    {"microsecond", {MEASURE_TIME, 1e3}},
    {"ms", {MEASURE_TIME, 1e6}},
    {"millisecond", {MEASURE_TIME, 1e6}},
    {"s", {MEASURE_TIME, 1e9}},
    {"sec", {MEASURE_TIME, 1e9}},
    {"second", {MEASURE_TIME, 1e9}},
    {"hr", {MEASURE_TIME, 3600e9}},
    {"hour", {MEASURE_TIME, 3600e9}},
    {"nanogcu", {MEASURE_GCU, 1e-9}},
    {"microgcu", {MEASURE_GCU, 1e-6}},
    {"milligcu", {MEASURE_GCU, 1e-3}},
    {"gcu", {MEASURE_GCU, 1}},
    {"kilogcu", {MEASURE_GCU, 1e3}},
    {"megagcu", {MEASURE_GCU, 1e6}},
    {"gigagcu", {MEASURE_GCU, 1e9}},
    {"teragcu", {MEASURE_GCU, 1e12}},
    {"petagcu", {MEASURE_GCU, 1e15}},
};

static bool is_named(struct slu_bytes unit, const char *name)
{
    return unit.len == strlen(name) && strncasecmp(unit.data, name, unit.len) == 0;
}

/* "ms" is no plural: what has two letters keeps its s. */
static struct slu_bytes singular(struct slu_bytes unit)
{
    const char *bytes = unit.data;
    bool is_plural = unit.len > 2 && (bytes[unit.len - 1] == 's' || bytes[unit.len - 1] == 'S');
    return (struct slu_bytes){bytes, is_plural ? unit.len - 1 : unit.len};
}

bool measure_find(struct slu_bytes unit, struct measure *measure)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (is_named(unit, known[i].name) || is_named(singular(unit), known[i].name)) {
            *measure = known[i].measure;
            return true;
        }
    }
    return false;
}
