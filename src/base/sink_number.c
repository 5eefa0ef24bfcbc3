#include "base/sink_number.h"

#include <math.h>

#include "base/assert.h"
#include "base/decimal.h"

/* Where ECMAScript changes to exponents: 1e21 and above, 1e-7 and below. */
#define PLAIN_POINT_MAX 21
#define PLAIN_POINT_MIN (-5)

void sink_uint(struct sink *sink, uint64_t value)
{
    char places[20];
    sink_put(sink, places, decimal_write(value, places));
}

void sink_int(struct sink *sink, int64_t value)
{
    if (value < 0) {
        sink_char(sink, '-');
    }
    sink_uint(sink, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* `point` places stand before the decimal point; it may lie outside the digits on either side. */
static void write_plain(struct sink *sink, const char *places, int32_t count, int32_t point)
{
    if (point <= 0) {
        sink_text(sink, "0.");
        sink_repeat(sink, '0', (size_t)-point);
        sink_put(sink, places, (size_t)count);
    } else if (point >= count) {
        sink_put(sink, places, (size_t)count);
        sink_repeat(sink, '0', (size_t)(point - count));
    } else {
        sink_put(sink, places, (size_t)point);
        sink_char(sink, '.');
        sink_put(sink, places + point, (size_t)(count - point));
    }
}

static void write_with_exponent(struct sink *sink, const char *places, int32_t count, int32_t point)
{
    sink_char(sink, places[0]);
    if (count > 1) {
        sink_char(sink, '.');
        sink_put(sink, places + 1, (size_t)count - 1);
    }
    sink_char(sink, 'e');
    sink_char(sink, point > 0 ? '+' : '-');
    sink_uint(sink, point > 0 ? (uint64_t)point - 1 : (uint64_t)(1 - point));
}

static void write_double(struct sink *sink, double value, int32_t point_min, int32_t point_max)
{
    SLU_ASSERT(isfinite(value));
    char places[20];
    struct decimal decimal = decimal_from_double(value);
    int32_t count = (int32_t)decimal_write(decimal.digits, places);
    int32_t point = count + decimal.exponent;
    if (signbit(value)) {
        sink_char(sink, '-');
    }
    if (point >= point_min && point <= point_max) {
        write_plain(sink, places, count, point);
    } else {
        write_with_exponent(sink, places, count, point);
    }
}

void sink_double(struct sink *sink, double value)
{
    write_double(sink, value, PLAIN_POINT_MIN, PLAIN_POINT_MAX);
}

void sink_double_plain(struct sink *sink, double value)
{
    write_double(sink, value, INT32_MIN, INT32_MAX);
}
