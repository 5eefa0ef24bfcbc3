#include "cli/quantity.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/sink.h"

#define LENGTH(array)       (sizeof(array) / sizeof((array)[0]))
#define FRACTION_PLACES_MAX 9

__extension__ typedef unsigned __int128 wide;

struct unit {
    const char *name;
    uint64_t size;
};

/* The names written come first, the largest first; others that are read follow. */
static const struct unit byte_units[] = {
    {"TiB", UINT64_C(1) << 40},
    {"GiB", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"B", 1},
    {"", 1},
    {"T", UINT64_C(1) << 40},
    {"G", UINT64_C(1) << 30},
    {"M", UINT64_C(1) << 20},
    {"K", UINT64_C(1) << 10},
    {"t", UINT64_C(1) << 40},
    {"g", UINT64_C(1) << 30},
    {"m", UINT64_C(1) << 20},
    {"k", UINT64_C(1) << 10},
    {"TB", UINT64_C(1000000000000)},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"KB", 1000},
    {"kB", 1000},
};

static const struct unit time_units[] = {
    {"d", UINT64_C(86400000000000)},
    {"h", UINT64_C(3600000000000)},
    {"m", UINT64_C(60000000000)},
    {"s", 1000000000},
    {"ms", 1000000},
    {"us", 1000},
    {"ns", 1},
};

struct number {
    uint64_t whole;
    uint64_t fraction; /* in units of 1 / fraction_scale */
    uint64_t fraction_scale;
};

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* Read digits, and a point with digits after it; `*text` moves behind them. */
static int read_number(const char **text, struct number *out)
{
    const char *at = *text;
    *out = (struct number){.fraction_scale = 1};
    if (!is_digit(*at)) {
        return -EINVAL;
    }
    for (; is_digit(*at); at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (__builtin_mul_overflow(out->whole, 10, &out->whole) ||
            __builtin_add_overflow(out->whole, digit, &out->whole)) {
            return -EOVERFLOW;
        }
    }
    if (*at == '.') {
        at++;
        if (!is_digit(*at)) {
            return -EINVAL;
        }
        for (int place = 0; is_digit(*at); at++, place++) {
            if (place >= FRACTION_PLACES_MAX) {
                return -EINVAL;
            }
            out->fraction = out->fraction * 10 + (uint64_t)(*at - '0');
            out->fraction_scale *= 10;
        }
    }
    *text = at;
    return 0;
}

static int scale_number(const struct number *number, uint64_t size, uint64_t *out)
{
    wide scaled =
        (wide)number->whole * size + (wide)number->fraction * size / number->fraction_scale;
    if (scaled > UINT64_MAX) {
        return -EOVERFLOW;
    }
    *out = (uint64_t)scaled;
    return 0;
}

static const struct unit *find_unit(const struct unit *units, size_t count, const char *name,
                                    size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(units[i].name) == len && memcmp(units[i].name, name, len) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

int quantity_read_integer(const char *text, uint64_t *out)
{
    struct number number;
    int err = read_number(&text, &number);
    if (err == 0 && (*text != '\0' || number.fraction_scale != 1)) {
        err = -EINVAL;
    }
    if (err == 0) {
        *out = number.whole;
    }
    return err;
}

int quantity_read_bytes(const char *text, uint64_t *out)
{
    struct number number;
    int err = read_number(&text, &number);
    if (err != 0) {
        return err;
    }
    const struct unit *unit = find_unit(byte_units, LENGTH(byte_units), text, strlen(text));
    return unit == NULL ? -EINVAL : scale_number(&number, unit->size, out);
}

int quantity_read_duration(const char *text, uint64_t *out)
{
    uint64_t sum = 0;
    if (strcmp(text, "0") == 0) {
        *out = 0;
        return 0;
    }
    do {
        struct number number;
        uint64_t part = 0;
        int err = read_number(&text, &number);
        if (err != 0) {
            return err;
        }
        size_t len = strcspn(text, "0123456789");
        const struct unit *unit = find_unit(time_units, LENGTH(time_units), text, len);
        if (unit == NULL) {
            return -EINVAL;
        }
        err = scale_number(&number, unit->size, &part);
        if (err != 0 || __builtin_add_overflow(sum, part, &sum)) {
            return -EOVERFLOW;
        }
        text += len;
    } while (*text != '\0');
    *out = sum;
    return 0;
}

/* In the largest unit of which `value` is a whole number. */
static void write_exactly(struct sink *out, uint64_t value, const struct unit *units)
{
    while (value % units->size != 0) {
        units++;
    }
    sink_format(out, "%llu%s", (unsigned long long)(value / units->size), units->name);
}

void quantity_write_bytes(struct sink *out, uint64_t bytes)
{
    write_exactly(out, bytes, bytes == 0 ? &byte_units[4] : byte_units);
}

void quantity_write_duration(struct sink *out, uint64_t nanoseconds)
{
    write_exactly(out, nanoseconds, nanoseconds == 0 ? &time_units[3] : time_units);
}
