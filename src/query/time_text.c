#include "query/time_text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define SECOND_NS       INT64_C(1000000000)
#define NANOS_DIGITS    17 /* of a whole number, from which on it is nanoseconds */
#define FRACTION_DIGITS 9

struct scan {
    const char *at;
    const char *end;
};

static bool is_digit(const struct scan *scan)
{
    return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

static bool take(struct scan *scan, char byte)
{
    if (scan->at < scan->end && *scan->at == byte) {
        scan->at++;
        return true;
    }
    return false;
}

/* Digits as a number; how many there were. Returns -ERANGE if it is too large */
static int whole_read(struct scan *scan, int64_t *value, int *digits)
{
    int64_t sum = 0;
    *digits = 0;
    for (; is_digit(scan); scan->at++, ++*digits) {
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, *scan->at - '0', &sum)) {
            return -ERANGE;
        }
    }
    *value = sum;
    return *digits > 0 ? 0 : -EINVAL;
}

/* Digits behind a point, as billionths; what is finer is dropped. */
static int64_t fraction_read(struct scan *scan)
{
    int64_t sum = 0;
    int digits = 0;
    for (; is_digit(scan); scan->at++) {
        if (digits < FRACTION_DIGITS) {
            sum = sum * 10 + (*scan->at - '0');
            digits++;
        }
    }
    for (; digits < FRACTION_DIGITS; digits++) {
        sum *= 10;
    }
    return sum;
}

static int64_t unit_read(struct scan *scan)
{
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"ms", 1000000},
        {"s", SECOND_NS},
        {"m", 60 * SECOND_NS},
        {"h", 3600 * SECOND_NS},
        {"d", 86400 * SECOND_NS},
        {"w", 7 * 86400 * SECOND_NS},
        {"y", 365 * 86400 * SECOND_NS},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t len = strlen(units[i].unit);
        if ((size_t)(scan->end - scan->at) >= len && memcmp(scan->at, units[i].unit, len) == 0) {
            scan->at += len;
            return units[i].ns;
        }
    }
    return 0;
}

/* One number with its unit. */
static int span_read(struct scan *scan, bool is_alone, int64_t *sum)
{
    int64_t whole = 0;
    int digits = 0;
    int err = whole_read(scan, &whole, &digits);
    int64_t billionths = err == 0 && take(scan, '.') ? fraction_read(scan) : 0;
    int64_t unit_ns = err == 0 ? unit_read(scan) : 0;
    if (err == 0 && unit_ns == 0) {
        err = is_alone && scan->at == scan->end ? 0 : -EINVAL;
        unit_ns = SECOND_NS;
    }
    int64_t ns = 0;
    if (err == 0 &&
        (__builtin_mul_overflow(whole, unit_ns, &ns) || __builtin_add_overflow(*sum, ns, sum))) {
        return -ERANGE;
    }
    if (err == 0) {
        *sum += (int64_t)((double)billionths / (double)SECOND_NS * (double)unit_ns);
    }
    return err;
}

static int spans_read(struct scan *scan, int64_t *sum)
{
    bool is_first = true;
    int err = scan->at < scan->end ? 0 : -EINVAL;
    *sum = 0;
    while (err == 0 && scan->at < scan->end) {
        err = span_read(scan, is_first, sum);
        is_first = false;
    }
    return err;
}

int duration_text_read(struct slu_bytes text, int64_t *duration_ns)
{
    struct scan scan = {text.data, (const char *)text.data + text.len};
    int64_t sum = 0;
    int err = spans_read(&scan, &sum);
    if (err == 0) {
        *duration_ns = sum;
    }
    return err;
}

/* Source: Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int two_read(struct scan *scan, int64_t least, int64_t most, int64_t *value)
{
    struct scan two = {scan->at, scan->end - scan->at < 2 ? scan->end : scan->at + 2};
    int digits = 0;
    int err = whole_read(&two, value, &digits);
    scan->at = two.at;
    return err != 0 || digits != 2 || *value < least || *value > most ? -EINVAL : 0;
}

/* Z, +02:00, or nothing, which is Z. */
static int offset_read(struct scan *scan, int64_t *seconds)
{
    int64_t hours = 0;
    int64_t minutes = 0;
    *seconds = 0;
    if (scan->at == scan->end || take(scan, 'Z') || take(scan, 'z')) {
        return 0;
    }
    int64_t sign = take(scan, '-') ? -1 : 1;
    if (sign == 1 && !take(scan, '+')) {
        return -EINVAL;
    }
    int err = two_read(scan, 0, 23, &hours);
    err = err != 0 || take(scan, ':') ? err : -EINVAL;
    err = err != 0 ? err : two_read(scan, 0, 59, &minutes);
    *seconds = sign * (hours * 3600 + minutes * 60);
    return err;
}

static int clock_read(struct scan *scan, int64_t *seconds)
{
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int err = two_read(scan, 0, 23, &hour);
    err = err != 0 || take(scan, ':') ? err : -EINVAL;
    err = err != 0 ? err : two_read(scan, 0, 59, &minute);
    err = err != 0 || take(scan, ':') ? err : -EINVAL;
    err = err != 0 ? err : two_read(scan, 0, 60, &second);
    *seconds = hour * 3600 + minute * 60 + second;
    return err;
}

/* The year has been read. */
static int date_read(struct scan *scan, int64_t year, int64_t *time_ns)
{
    int64_t month = 0;
    int64_t day = 0;
    int64_t seconds = 0;
    int64_t offset = 0;
    int64_t fraction = 0;
    int err = two_read(scan, 1, 12, &month);
    err = err != 0 || take(scan, '-') ? err : -EINVAL;
    err = err != 0 ? err : two_read(scan, 1, 31, &day);
    if (err == 0 && scan->at < scan->end) {
        bool is_there = take(scan, 'T') || take(scan, 't') || take(scan, ' ');
        err = is_there ? clock_read(scan, &seconds) : -EINVAL;
        fraction = err == 0 && take(scan, '.') ? fraction_read(scan) : 0;
        err = err != 0 ? err : offset_read(scan, &offset);
    }
    if (err != 0 || scan->at != scan->end) {
        return -EINVAL;
    }
    int64_t sum = days_of(year, month, day) * 86400 + seconds - offset;
    if (__builtin_mul_overflow(sum, SECOND_NS, &sum)) {
        return -ERANGE;
    }
    return __builtin_add_overflow(sum, fraction, time_ns) ? -ERANGE : 0;
}

static int relative_read(struct scan *scan, int64_t now_ns, int64_t *time_ns)
{
    int64_t back = 0;
    int64_t sign = take(scan, '-') ? -1 : 1;
    if (sign == 1 && !take(scan, '+')) {
        *time_ns = now_ns;
        return scan->at == scan->end ? 0 : -EINVAL;
    }
    int err = spans_read(scan, &back);
    return err != 0 ? err : __builtin_add_overflow(now_ns, sign * back, time_ns) ? -ERANGE : 0;
}

int time_text_read(struct slu_bytes text, int64_t now_ns, int64_t *time_ns)
{
    struct scan scan = {text.data, (const char *)text.data + text.len};
    int64_t whole = 0;
    int64_t read = 0;
    int digits = 0;
    bool is_now = text.len >= 3 && memcmp(text.data, "now", 3) == 0;
    scan.at += is_now ? 3 : 0;
    if (is_now || (scan.at < scan.end && (*scan.at == '-' || *scan.at == '+'))) {
        int err = relative_read(&scan, now_ns, &read);
        *time_ns = err == 0 ? read : *time_ns;
        return err;
    }
    int err = whole_read(&scan, &whole, &digits);
    if (err == 0 && digits == 4 && take(&scan, '-')) {
        err = date_read(&scan, whole, &read);
    } else if (err == 0 && digits >= NANOS_DIGITS) {
        read = whole;
        err = scan.at == scan.end ? 0 : -EINVAL;
    } else if (err == 0) {
        int64_t fraction = take(&scan, '.') ? fraction_read(&scan) : 0;
        bool is_large = __builtin_mul_overflow(whole, SECOND_NS, &read) ||
                        __builtin_add_overflow(read, fraction, &read);
        err = is_large ? -ERANGE : scan.at == scan.end ? 0 : -EINVAL;
    }
    *time_ns = err == 0 ? read : *time_ns;
    return err;
}
