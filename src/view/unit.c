#include "view/unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/sink.h"

struct known_unit {
    const char *name; /* in profiles, without a final s */
    enum draw_unit kind;
    double factor;
};

static const struct known_unit known_units[] = {
    {"byte", DRAW_BYTES, 1},
    {"b", DRAW_BYTES, 1},
    {"kilobyte", DRAW_BYTES, 1024},
    {"kb", DRAW_BYTES, 1024},
    {"megabyte", DRAW_BYTES, 1048576},
    {"mb", DRAW_BYTES, 1048576},
    {"nanosecond", DRAW_NANOSECONDS, 1},
    {"n", DRAW_NANOSECONDS, 1},
    {"microsecond", DRAW_NANOSECONDS, 1e3},
    {"u", DRAW_NANOSECONDS, 1e3},
    {"millisecond", DRAW_NANOSECONDS, 1e6},
    {"m", DRAW_NANOSECONDS, 1e6},
    {"second", DRAW_NANOSECONDS, 1e9},
};

static const struct known_unit wanted_units[] = {
    {"B", DRAW_BYTES, 1},          {"KiB", DRAW_BYTES, 1024},
    {"MiB", DRAW_BYTES, 1048576},  {"GiB", DRAW_BYTES, 1073741824},
    {"ns", DRAW_NANOSECONDS, 1},   {"us", DRAW_NANOSECONDS, 1e3},
    {"ms", DRAW_NANOSECONDS, 1e6}, {"s", DRAW_NANOSECONDS, 1e9},
};

#define LENGTH(items) (sizeof(items) / sizeof((items)[0]))

static bool is_named(struct slu_bytes unit, const char *name)
{
    const char *bytes = unit.data;
    size_t len = unit.len > 1 && bytes[unit.len - 1] == 's' ? unit.len - 1 : unit.len;
    return len == strlen(name) && memcmp(bytes, name, len) == 0;
}

struct view_unit view_unit_of(struct slu_bytes unit, const char *wanted)
{
    struct view_unit found = {.kind = DRAW_COUNT, .factor = 1};
    for (size_t i = 0; i < LENGTH(known_units); i++) {
        if (is_named(unit, known_units[i].name)) {
            found.kind = known_units[i].kind;
            found.factor = known_units[i].factor;
        }
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
