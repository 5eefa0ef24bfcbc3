#include "diagnose/series.h"

#include <math.h>
#include <stddef.h>

#include "base/assert.h"

#define GROWTH_SAMPLES_MIN 12.0 /* fewer new samples are chance, whatever the line says */
#define CHANCE_SHARE       0.62 /* of the slope that half its interval may have, to be no chance */
#define CHANCE_SHARE_EACH  0.07 /* the same for each of the moments, where they are few */
#define LASTING_FACTOR     2.0  /* by which errors that last some profiles widen the variance */
#define UNSURE_SHARE       0.05 /* of the level, that a rise must have to leave one unsure */
#define UNSURE_HALF        0.8  /* of the slope: as CHANCE_SHARE */
#define STOPPED_SHARE      0.2  /* a second half that is slower than this share has stopped */

struct line {
    double slope;
    double at_centre;
    double centre;
    double spread; /* weighted sum of squared distances from the centre */
};

/* Two-sided 95 % points of Student's distribution. */
static double student(double freedom)
{
    static const double points[] = {12.71, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31,
                                    2.26,  2.23,  2.20, 2.18, 2.16, 2.14, 2.13, 2.12};
    const double known_max = sizeof(points) / sizeof(points[0]) - 1;
    return freedom <= known_max ? points[(size_t)freedom] : 1.96 + 2.5 / freedom;
}

static struct line line_fit(const struct series *series, const double *weights)
{
    struct line line = {0};
    double weight_sum = 0;
    for (uint32_t i = 0; i < series->count; i++) {
        weight_sum += weights[i];
        line.centre += weights[i] * series->seconds[i];
        line.at_centre += weights[i] * series->values[i];
    }
    line.centre /= weight_sum;
    line.at_centre /= weight_sum;
    for (uint32_t i = 0; i < series->count; i++) {
        double distance = series->seconds[i] - line.centre;
        line.spread += weights[i] * distance * distance;
        line.slope += weights[i] * distance * (series->values[i] - line.at_centre);
    }
    line.slope = line.spread > 0 ? line.slope / line.spread : 0;
    return line;
}

static double line_at(const struct line *line, double seconds)
{
    return line->at_centre + line->slope * (seconds - line->centre);
}

static double squared_distances(const struct series *series, const struct line *line)
{
    double sum = 0;
    for (uint32_t i = 0; i < series->count; i++) {
        double distance = series->values[i] - line_at(line, series->seconds[i]);
        sum += distance * distance;
    }
    return sum;
}

/* Weights from the first line and not from the values: a value that chance made small would else
   count for more. */
static void weights_from(const struct series *series, const struct line *line, double *weights)
{
    double around = squared_distances(series, line) / (series->count - 2);
    for (uint32_t i = 0; i < series->count; i++) {
        double value = line_at(line, series->seconds[i]);
        double least = series->grain / 4;
        double variance = around + series->grain * (value > least ? value : least);
        weights[i] = variance > 0 ? 1 / variance : 1;
    }
}

/* By how much neighbours that err alike make the variance larger. */
static double correlation_time(const double *distances, uint32_t count, double squares)
{
    double time = 1;
    for (uint32_t lag = 1; squares > 0 && lag <= count / 3; lag++) {
        double sum = 0;
        for (uint32_t i = 0; i + lag < count; i++) {
            sum += distances[i] * distances[i + lag];
        }
        if (sum <= 0) {
            break;
        }
        time += 2 * sum / squares;
    }
    return time;
}

/* Of the slope, from the distances of the values from the line. */
static double variance_around(const struct series *series, const struct line *line,
                              const double *weights)
{
    double distances[SERIES_POINTS_MAX];
    double squares = 0;
    for (uint32_t i = 0; i < series->count; i++) {
        distances[i] = (series->values[i] - line_at(line, series->seconds[i])) * sqrt(weights[i]);
        squares += distances[i] * distances[i];
    }
    return squares / (series->count - 2) / line->spread *
           correlation_time(distances, series->count, squares);
}

/*
 * Of the slope, from sampling what was added: each addition's error stays in all later values.
 * `around` is the variance that is known already: a slope that may be chance added nothing.
 */
static double variance_sampled(const struct series *series, const struct line *line,
                               const double *weights, double around)
{
    double square = line->slope * line->slope - around;
    double growth = square > 0 ? sqrt(square) : 0;
    double variance = 0;
    double later = 0;
    for (uint32_t i = series->count - 1; i > 0; i--) {
        later += weights[i] * (series->seconds[i] - line->centre) / line->spread;
        double added = growth * (series->seconds[i] - series->seconds[i - 1]) * series->grain;
        variance += later * later * added;
    }
    return variance;
}

static double level_of(const struct series *series)
{
    double level = 0;
    for (uint32_t i = 0; i < series->count; i++) {
        level += fmax(series->values[i], 0) / series->count;
    }
    return level;
}

/*
 * Half of the interval that the slope would have if blocks came and went between profiles, each
 * sampled anew, and errors lasted for some profiles all the same. Luck can make the distances from
 * the line small; it cannot make samples more.
 */
static double half_by_chance(const struct series *series, const struct line *line)
{
    double spread = 0;
    for (uint32_t i = 0; i < series->count; i++) {
        double distance = series->seconds[i] - line->centre;
        spread += distance * distance;
    }
    return 1.96 * sqrt(LASTING_FACTOR * series->grain * level_of(series) / spread);
}

static double slope_of(const struct series *series, uint32_t first, uint32_t count)
{
    double weights[SERIES_POINTS_MAX];
    struct series part = {series->seconds + first, series->values + first, count, series->grain};
    for (uint32_t i = 0; i < count; i++) {
        weights[i] = 1;
    }
    return line_fit(&part, weights).slope;
}

static double lowest(const struct series *series, uint32_t first, uint32_t end)
{
    double least = series->values[first];
    for (uint32_t i = first + 1; i < end; i++) {
        least = series->values[i] < least ? series->values[i] : least;
    }
    return least;
}

static void judge(const struct series *series, const struct line *line, struct trend *trend)
{
    double rise = trend_rise(trend);
    double enough = GROWTH_SAMPLES_MIN * series->grain;
    bool has_stopped = trend->late < STOPPED_SHARE * trend->early;
    double half = fmax(trend->slope.high - trend->slope.mid, half_by_chance(series, line));
    double share = fmin(CHANCE_SHARE, CHANCE_SHARE_EACH * series->count);
    bool is_beyond_chance = half < share * trend->slope.mid && rise >= enough;
    trend->levels_off = trend->slope.low > 0 && rise >= enough && has_stopped;
    bool goes_on = !has_stopped && trend->floor_rise > rise / 10;
    trend->grows = is_beyond_chance && goes_on;
    /* Two profiles of one heap differ by so much at the most, but for one pair in twenty. */
    double by_sampling = 1.96 * sqrt(2 * series->grain * level_of(series));
    trend->is_unsure = !trend->grows && goes_on && rise > UNSURE_SHARE * level_of(series) &&
                       rise > by_sampling &&
                       trend->slope.high - trend->slope.mid < UNSURE_HALF * trend->slope.mid;
    trend->shrinks = trend->slope.high < 0 && -rise >= enough;
}

void series_trend(const struct series *series, struct trend *trend)
{
    double weights[SERIES_POINTS_MAX];
    uint32_t count = series->count;
    SLU_ASSERT(count <= SERIES_POINTS_MAX);
    *trend = (struct trend){.count = count};
    trend->seconds = count == 0 ? 0 : series->seconds[count - 1] - series->seconds[0];
    if (count < SERIES_POINTS_MIN || trend->seconds <= 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        weights[i] = 1;
    }
    struct line line = line_fit(series, weights);
    weights_from(series, &line, weights);
    line = line_fit(series, weights);
    double quantile = student(count - 2);
    double around = variance_around(series, &line, weights);
    double half = sqrt(quantile * quantile * around +
                       1.96 * 1.96 * variance_sampled(series, &line, weights, around));
    trend->is_known = true;
    trend->slope = (struct interval){line.slope - half, line.slope, line.slope + half};
    trend->first = series->values[0];
    trend->last = series->values[count - 1];
    trend->swing = sqrt(squared_distances(series, &line) / (count - 2));
    trend->early = slope_of(series, 0, count / 2 + 1);
    trend->late = slope_of(series, count / 2, count - count / 2);
    uint32_t third = count / 3;
    trend->floor_rise = lowest(series, count - third, count) - lowest(series, 0, third);
    judge(series, &line, trend);
}

struct interval interval_sum(struct interval left, struct interval right)
{
    double left_half = (left.high - left.low) / 2;
    double right_half = (right.high - right.low) / 2;
    double mid = left.mid + right.mid;
    double half = sqrt(left_half * left_half + right_half * right_half);
    return (struct interval){mid - half, mid, mid + half};
}
