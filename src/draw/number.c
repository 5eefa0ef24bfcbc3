#include "draw/number.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sink.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* What would be rounded to nothing. */
#define TINY         0.0005
#define TINY_PERCENT 0.05

struct scale {
    double unit;
    const char *name;
};

static const struct scale decimal_scales[] = {{1, ""},      {1e3, " k"},  {1e6, " M"}, {1e9, " G"},
                                              {1e12, " T"}, {1e15, " P"}, {1e18, " E"}};

static const struct scale byte_scales[] = {{1, " B"},        {0x1p10, " KiB"}, {0x1p20, " MiB"},
                                           {0x1p30, " GiB"}, {0x1p40, " TiB"}, {0x1p50, " PiB"},
                                           {0x1p60, " EiB"}};

static const struct scale time_scales[] = {{1, " ns"}, {1e3, " us"}, {1e6, " ms"}, {1e9, " s"}};

/* A value in [0, 1024), without a unit; returns the digits written after the point. */
static int places_after_point(double value)
{
    if (value == floor(value) || value >= 99.95) {
        return 0;
    }
    if (value >= 0.9995) {
        return 1;
    }
    return value >= 0.0995 ? 2 : 3;
}

static double rounded(double value)
{
    double shift = pow(10, places_after_point(value));
    return round(value * shift) / shift;
}

/* Write in the largest scale of which there is at least one, after rounding. */
static void write_scaled(struct sink *out, double value, const struct scale *scales, size_t count)
{
    size_t at = 0;
    while (at + 1 < count &&
           rounded(value / scales[at].unit) * scales[at].unit >= scales[at + 1].unit) {
        at++;
    }
    double scaled = value / scales[at].unit;
    if (scaled >= 1e6) {
        sink_format(out, "%.3g%s", scaled, scales[at].name);
    } else if (scaled > 0 && scaled < TINY) {
        sink_format(out, "<0.001%s", scales[at].name);
    } else {
        sink_format(out, "%.*f%s", places_after_point(scaled), scaled, scales[at].name);
    }
}

/* From a minute on, two units say more than a decimal: 2 min 3 s. */
static void write_long_time(struct sink *out, double seconds_rounded)
{
    static const struct {
        uint64_t seconds;
        const char *name;
        uint64_t part_seconds;
        const char *part_name;
    } units[] = {{86400, "d", 3600, "h"}, {3600, "h", 60, "min"}, {60, "min", 1, "s"}};

    uint64_t seconds = seconds_rounded < 1e18 ? (uint64_t)seconds_rounded : (uint64_t)1e18;
    size_t at = 0;
    while (at + 1 < LENGTH(units) && seconds < units[at].seconds) {
        at++;
    }
    uint64_t whole = seconds / units[at].seconds;
    uint64_t part = seconds % units[at].seconds / units[at].part_seconds;
    sink_format(out, "%llu %s", (unsigned long long)whole, units[at].name);
    if (part > 0) {
        sink_format(out, " %llu %s", (unsigned long long)part, units[at].part_name);
    }
}

static void write_time(struct sink *out, double nanoseconds)
{
    double seconds = round(nanoseconds / 1e9);
    if (nanoseconds >= 59.95e9) {
        write_long_time(out, seconds);
    } else {
        write_scaled(out, nanoseconds, time_scales, LENGTH(time_scales));
    }
}

static void write_magnitude(struct sink *out, double value, enum draw_unit unit)
{
    switch (unit) {
    case DRAW_BYTES:
    case DRAW_BYTES_PER_SECOND:
        write_scaled(out, value, byte_scales, LENGTH(byte_scales));
        break;
    case DRAW_NANOSECONDS:
        write_time(out, value);
        break;
    case DRAW_COUNT:
    case DRAW_PER_SECOND:
        write_scaled(out, value, decimal_scales, LENGTH(decimal_scales));
        break;
    case DRAW_PERCENT:
        sink_format(out, value > 0 && value < TINY_PERCENT ? "<0.1" : "%.1f", value);
        break;
    }
}

void draw_number(struct sink *out, double value, enum draw_unit unit)
{
    if (isnan(value)) {
        sink_char(out, '-');
        return;
    }
    if (value < 0 && value > (unit == DRAW_PERCENT ? -TINY_PERCENT : -TINY)) {
        value = 0; /* "-<0.001" says less */
    }
    if (value < 0) {
        sink_char(out, '-');
    }
    value = fabs(value);
    if (isinf(value)) {
        sink_text(out, "inf");
        return;
    }
    write_magnitude(out, value, unit);
    if (unit == DRAW_PER_SECOND || unit == DRAW_BYTES_PER_SECOND) {
        sink_text(out, "/s");
    } else if (unit == DRAW_PERCENT) {
        sink_char(out, '%');
    }
}
