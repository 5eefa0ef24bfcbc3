#include "view/unit.h"

#include <string.h>

#include "base/sink.h"
#include "view/measure.h"

struct known_unit {
    const char *name;
    enum draw_unit kind;
    double factor;
};

static const struct known_unit wanted_units[] = {
    {"B", DRAW_BYTES, 1},          {"KiB", DRAW_BYTES, 1024},
    {"MiB", DRAW_BYTES, 1048576},  {"GiB", DRAW_BYTES, 1073741824},
    {"ns", DRAW_NANOSECONDS, 1},   {"us", DRAW_NANOSECONDS, 1e3},
    {"ms", DRAW_NANOSECONDS, 1e6}, {"s", DRAW_NANOSECONDS, 1e9},
};

#define LENGTH(items) (sizeof(items) / sizeof((items)[0]))

struct view_unit view_unit_of(struct slu_bytes unit, const char *wanted)
{
    struct view_unit found = {.kind = DRAW_COUNT, .factor = 1};
    struct measure measure = {0};
    if (measure_find(unit, &measure) && measure.kind != MEASURE_GCU) {
        found.kind = measure.kind == MEASURE_BYTES ? DRAW_BYTES : DRAW_NANOSECONDS;
        found.factor = measure.factor;
    }
    for (size_t i = 0; i < LENGTH(wanted_units) && wanted != NULL; i++) {
        if (wanted_units[i].kind == found.kind && strcmp(wanted_units[i].name, wanted) == 0) {
            found.symbol = wanted_units[i].name;
            found.symbol_size = wanted_units[i].factor;
        }
    }
    return found;
}

const char *view_unit_kind_name(enum draw_unit kind)
{
    if (kind == DRAW_BYTES) {
        return "bytes";
    }
    return kind == DRAW_NANOSECONDS ? "nanoseconds" : "count";
}

void view_unit_write(struct sink *out, double value, const struct view_unit *unit)
{
    if (unit->symbol == NULL) {
        draw_number(out, value * unit->factor, unit->kind);
    } else {
        sink_format(out, "%.2f %s", value * unit->factor / unit->symbol_size, unit->symbol);
    }
}
