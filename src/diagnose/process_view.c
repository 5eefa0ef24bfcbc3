#include "diagnose/process_view.h"

#include <math.h>
#include <string.h>

#include "diagnose/evidence.h"
#include "diagnose/roles.h"
#include "diagnose/sites.h"

#define RETURNED_BYTES_MIN (4.0 * 1024 * 1024)
#define TABLE_BYTES_MIN    4096
#define TABLE_GROWTH       1.8 /* by how much a table is larger at the end, at the least */
#define TABLE_COUNT_MAX    64  /* objects: a table is one, and there may be some of a kind */

static enum move move_of(const struct trend *trend)
{
    if (!trend->is_known) {
        return MOVE_UNKNOWN;
    }
    if (trend->grows) {
        return MOVE_UP;
    }
    return trend->shrinks ? MOVE_DOWN : MOVE_FLAT;
}

/* Pages come back in jumps: the beginning and the end are compared, not a line drawn. */
static enum move move_returned(const struct record *returned)
{
    double first = 0;
    double last = 0;
    uint32_t third = returned->count / 3;
    if (third == 0) {
        return MOVE_UNKNOWN;
    }
    for (uint32_t i = 0; i < third; i++) {
        first += returned->values[i] / third;
        last += returned->values[returned->count - 1 - i] / third;
    }
    return last > first * 1.5 + RETURNED_BYTES_MIN ? MOVE_UP : MOVE_FLAT;
}

static void look_at_heap(struct process_view *view)
{
    const struct evidence *evidence = view->evidence;
    const struct sites *heap = evidence->heap;
    double total[SERIES_POINTS_MAX];
    struct series series = sites_series(heap, NULL, MEASURE_BYTES, total);
    for (uint32_t i = 0; i < heap->site_count; i++) {
        const struct site *site = heap->sites[i];
        for (uint32_t at = 0; at < series.count && (site->roles & ROLE_OBSERVER) != 0; at++) {
            total[at] -= site_values(site, MEASURE_BYTES)[at];
        }
    }
    series_trend(&series, &view->heap);
    view->heap_last = series.count == 0 ? 0 : total[series.count - 1];
    if (!view->heap.is_known && evidence->live.count >= SERIES_POINTS_MIN) {
        record_trend(&evidence->live, &view->heap);
        view->heap_last = record_last(&evidence->live);
    }
}

static void look_at_tasks(struct process_view *view)
{
    const struct evidence *evidence = view->evidence;
    const struct record *threads = &evidence->thread_count;
    struct series series = sites_series(evidence->tasks, NULL, MEASURE_OBJECTS, view->task_values);
    view->task_count = series.count;
    memcpy(view->task_seconds, series.seconds, series.count * sizeof(double));
    if (series.count < SERIES_POINTS_MIN && threads->count > series.count) {
        view->task_count = threads->count;
        memcpy(view->task_seconds, threads->seconds, threads->count * sizeof(double));
        memcpy(view->task_values, threads->values, threads->count * sizeof(double));
    }
    series = (struct series){view->task_seconds, view->task_values, view->task_count, 0};
    series_trend(&series, &view->tasks);
    view->tasks_last = view->task_count == 0 ? 0 : view->task_values[view->task_count - 1];
}

static double mean_size(const struct site *site, uint32_t moment)
{
    double objects = site_values(site, MEASURE_OBJECTS)[moment];
    return objects > 0 ? site_values(site, MEASURE_BYTES)[moment] / objects : 0;
}

/* Few objects, each much larger than they were: an array that doubles when it is full. */
static bool is_table(const struct sites *heap, const struct site *site, double *first, double *last)
{
    uint32_t count = heap->moment_count;
    uint32_t at = 0;
    if (count < SERIES_POINTS_MIN || (site->roles & ROLE_OBSERVER) != 0) {
        return false;
    }
    while (at < count && mean_size(site, at) <= 0) {
        at++;
    }
    *last = mean_size(site, count - 1);
    *first = at < count ? mean_size(site, at) : 0;
    return at <= count / 2 && *last >= TABLE_BYTES_MIN && *last > *first * TABLE_GROWTH &&
           site_values(site, MEASURE_OBJECTS)[count - 1] <= TABLE_COUNT_MAX;
}

static void look_for_table(struct process_view *view)
{
    const struct sites *heap = view->evidence->heap;
    for (uint32_t i = 1; i < heap->site_count; i++) {
        double first = 0;
        double last = 0;
        if (is_table(heap, heap->sites[i], &first, &last) && last > view->table_last) {
            view->table = heap->sites[i];
            view->table_first = first;
            view->table_last = last;
        }
    }
}

static void look_at_signals(struct process_view *view)
{
    const struct evidence *evidence = view->evidence;
    struct trend trend;
    view->signals.live = move_of(&view->heap);
    if (evidence->live.count >= SERIES_POINTS_MIN) {
        record_trend(&evidence->live, &trend);
        view->signals.live = move_of(&trend);
    }
    view->signals.resident = move_of(&view->rss);
    record_trend(&evidence->pause_ms, &trend);
    view->signals.pauses = move_of(&trend);
    record_rate_trend(&evidence->cycle_number, &trend);
    view->signals.cycles = move_of(&trend);
    view->signals.returned = move_returned(&evidence->returned);
    view->crosscheck = crosscheck_find(&view->signals);
}

static double span(const double *seconds, uint32_t count)
{
    return count == 0 ? 0 : seconds[count - 1] - seconds[0];
}

void process_look(const struct evidence *evidence, struct process_view *view)
{
    memset(view, 0, sizeof(*view));
    view->evidence = evidence;
    look_at_heap(view);
    look_at_tasks(view);
    record_trend(&evidence->rss, &view->rss);
    look_for_table(view);
    look_at_signals(view);
    view->seconds = fmax(span(evidence->heap->seconds, evidence->heap->moment_count),
                         fmax(span(evidence->rss.seconds, evidence->rss.count),
                              fmax(span(view->task_seconds, view->task_count),
                                   span(evidence->live.seconds, evidence->live.count))));
}

double site_share(const struct process_view *view, const struct site *site)
{
    double held = site_last(view->evidence->heap, site, MEASURE_BYTES);
    return view->heap_last > 0 ? held / view->heap_last : 0;
}
