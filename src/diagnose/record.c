#include "diagnose/record.h"

#include <math.h>
#include <string.h>

static void thin(struct record *record)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < record->count; i += 2) {
        record->seconds[kept] = record->seconds[i];
        record->values[kept] = record->values[i];
        kept++;
    }
    record->count = kept;
}

uint32_t record_add(struct record *record, double seconds, double value)
{
    uint32_t place = record->count;
    if (!isfinite(seconds) || !isfinite(value)) {
        return place;
    }
    if (record->count == SERIES_POINTS_MAX) {
        thin(record);
        place = record->count;
    }
    while (place > 0 && record->seconds[place - 1] >= seconds) {
        place--;
    }
    if (place == record->count || record->seconds[place] > seconds) {
        size_t later = (record->count - place) * sizeof(double);
        memmove(record->seconds + place + 1, record->seconds + place, later);
        memmove(record->values + place + 1, record->values + place, later);
        record->count++;
    }
    record->seconds[place] = seconds;
    record->values[place] = value;
    return place;
}

void record_forget(struct record *record, double seconds)
{
    uint32_t gone = 0;
    while (gone < record->count && record->seconds[gone] < seconds) {
        gone++;
    }
    record->count -= gone;
    memmove(record->seconds, record->seconds + gone, record->count * sizeof(double));
    memmove(record->values, record->values + gone, record->count * sizeof(double));
}

void record_trend(const struct record *record, struct trend *trend)
{
    struct series series = {record->seconds, record->values, record->count, 0};
    series_trend(&series, trend);
}

void record_rate_trend(const struct record *record, struct trend *trend)
{
    double seconds[SERIES_POINTS_MAX];
    double rates[SERIES_POINTS_MAX];
    uint32_t count = record->count == 0 ? 0 : record->count - 1;
    for (uint32_t i = 0; i < count; i++) {
        double step = record->seconds[i + 1] - record->seconds[i];
        seconds[i] = (record->seconds[i] + record->seconds[i + 1]) / 2;
        rates[i] = (record->values[i + 1] - record->values[i]) / step;
    }
    struct series series = {seconds, rates, count, 0};
    series_trend(&series, trend);
}

double record_at(const struct record *record, double seconds)
{
    uint32_t next = 0;
    if (record->count == 0) {
        return NAN;
    }
    while (next < record->count && record->seconds[next] < seconds) {
        next++;
    }
    if (next == 0 || next == record->count) {
        return record->values[next == 0 ? 0 : record->count - 1];
    }
    double step = record->seconds[next] - record->seconds[next - 1];
    double share = (seconds - record->seconds[next - 1]) / step;
    return record->values[next - 1] + share * (record->values[next] - record->values[next - 1]);
}
