#include "diagnose/facts.h"

#include <math.h>

#include "base/sink.h"

#include "diagnose/evidence.h"
#include "diagnose/process_view.h"
#include "diagnose/roles.h"
#include "diagnose/sites.h"
#include "diagnose/survival.h"
#include "diagnose/window_fit.h"
#include "draw/number.h"

#define KIB               1024.0
#define LEADING_SHARE     0.4
#define SURVIVING_SHARE   0.5
#define GONE_SHARE_MAX    0.1
#define SMALL_BYTES_MAX   KIB
#define LARGE_BYTES_MIN   (2 * KIB)
#define SIZE_CHANGE_MAX   0.2
#define WINDOW_ERROR_MAX  0.18
#define FLAT_SHARE        0.3 /* of what resident memory grows by */
#define TOGETHER_MIN      0.9 /* correlation */
#define RESIDENT_RISE_MIN (1024 * KIB)

/* A question that is being answered. */
struct question {
    const struct process_view *view;
    const struct sites *sites;
    const struct site *site;
    const struct trend *trend;
    bool is_task;
    struct sink text;
    struct fact_value *value;
};

static void say_bytes(struct question *question, const char *before, double bytes)
{
    sink_text(&question->text, before);
    draw_number(&question->text, bytes, DRAW_BYTES);
}

static void say_rate(struct question *question, const struct interval *slope, bool is_task)
{
    enum draw_unit unit = is_task ? DRAW_PER_SECOND : DRAW_BYTES_PER_SECOND;
    draw_number(&question->text, slope->mid, unit);
    sink_text(&question->text, " (95 %: ");
    draw_number(&question->text, slope->low, unit);
    sink_text(&question->text, " to ");
    draw_number(&question->text, slope->high, unit);
    sink_text(&question->text, ")");
}

static void answer(struct question *question, bool is_so)
{
    question->value->answer = is_so ? ANSWER_YES : ANSWER_NO;
}

/* Also the answer: what may grow and may not is neither. */
static void say_trend(struct question *question, const char *what, const struct trend *trend,
                      bool is_task)
{
    enum draw_unit unit = is_task ? DRAW_COUNT : DRAW_BYTES;
    sink_text(&question->text, what);
    const char *verb = trend->is_unsure ? " may grow" : " do not grow";
    sink_text(&question->text, trend->grows ? " grow" : verb);
    sink_text(&question->text, trend->grows ? " by " : ": ");
    say_rate(question, &trend->slope, is_task);
    sink_text(&question->text, ", from ");
    draw_number(&question->text, fmax(trend->first, 0), unit);
    sink_text(&question->text, " to ");
    draw_number(&question->text, fmax(trend->last, 0), unit);
    sink_format(&question->text, " in %.3g s, %u moments", trend->seconds, trend->count);
    if (!trend->is_unsure) {
        answer(question, trend->grows);
    }
}

static void ask_grows(struct question *question)
{
    if (!question->trend->is_known) {
        return;
    }
    say_trend(question, question->is_task ? "its tasks" : "its bytes in use", question->trend,
              question->is_task);
}

static void ask_leads(struct question *question)
{
    double share = site_share(question->view, question->site);
    if (question->is_task || question->view->heap_last <= 0) {
        return;
    }
    sink_format(&question->text, "it has %.0f %% of the ", 100 * share);
    say_bytes(question, "", question->view->heap_last);
    sink_text(&question->text, " in use");
    answer(question, share > LEADING_SHARE);
}

/* Of two moments, how much a measure rose. */
static double rise_of(const struct question *question, enum measure measure)
{
    const double *values = site_values(question->site, measure);
    return values[question->sites->moment_count - 1] - values[0];
}

static void ask_survives(struct question *question)
{
    if (!question->sites->has[MEASURE_ALLOCATED_BYTES] || question->sites->moment_count < 2) {
        return;
    }
    double allocated = rise_of(question, MEASURE_ALLOCATED_BYTES);
    double kept = rise_of(question, MEASURE_BYTES);
    if (allocated <= 0) {
        return;
    }
    double share = fmin(fmax(kept / allocated, 0), 1);
    sink_format(&question->text, "%.0f %% of the ", 100 * share);
    say_bytes(question, "", allocated);
    sink_text(&question->text, " that it allocated meanwhile are still in use");
    answer(question, share >= SURVIVING_SHARE);
}

static void say_survivors(struct question *question, const struct survivors *survivors)
{
    sink_format(&question->text, "%.0f %% of what it allocated %.4g to %.4g s ago",
                100 * survivors->share, survivors->from_seconds, survivors->to_seconds);
}

static void ask_stays(struct question *question)
{
    struct survival survival = survival_of(question->sites, question->site);
    if (question->is_task || !survival.old.is_known) {
        return;
    }
    say_survivors(question, &survival.old);
    say_bytes(question, " (", survival.old.allocated_bytes);
    sink_text(&question->text, ") is in use, by the ages of blocks");
    answer(question, survival.old.share >= SURVIVING_SHARE);
}

static void ask_passes(struct question *question)
{
    struct survival survival = survival_of(question->sites, question->site);
    if (question->is_task || !survival.young.is_known) {
        return;
    }
    say_survivors(question, &survival.young);
    sink_text(&question->text, " is in use, and ");
    say_survivors(question, &survival.old);
    answer(question,
           survival.young.share >= SURVIVING_SHARE && survival.old.share <= GONE_SHARE_MAX);
}

/* The size of what was added, or else of what is there. */
static bool size_of_added(const struct question *question, double *size)
{
    const struct sites *sites = question->sites;
    if (question->is_task || !sites->has[MEASURE_OBJECTS] || sites->moment_count < 2) {
        return false;
    }
    double bytes = rise_of(question, MEASURE_BYTES);
    double objects = rise_of(question, MEASURE_OBJECTS);
    if (bytes <= 0 || objects <= 0) {
        bytes = site_last(sites, question->site, MEASURE_BYTES);
        objects = site_last(sites, question->site, MEASURE_OBJECTS);
    }
    *size = objects > 0 ? bytes / objects : 0;
    return *size > 0;
}

static void ask_size(struct question *question, double least, double most)
{
    double size = 0;
    if (!size_of_added(question, &size)) {
        return;
    }
    say_bytes(question, "what was added is ", size);
    sink_text(&question->text, " an object");
    answer(question, size >= least && size <= most);
}

static void ask_small(struct question *question)
{
    ask_size(question, 0, SMALL_BYTES_MAX);
}

static void ask_large(struct question *question)
{
    ask_size(question, LARGE_BYTES_MIN, INFINITY);
}

static double size_at(const struct question *question, uint32_t moment)
{
    double objects = site_values(question->site, MEASURE_OBJECTS)[moment];
    return objects > 0 ? site_values(question->site, MEASURE_BYTES)[moment] / objects : 0;
}

static void ask_one_size(struct question *question)
{
    uint32_t count = question->sites->moment_count;
    if (question->is_task || !question->sites->has[MEASURE_OBJECTS] || count < 3) {
        return;
    }
    double middle = size_at(question, count / 2);
    double last = size_at(question, count - 1);
    if (middle <= 0 || last <= 0) {
        return;
    }
    say_bytes(question, "its objects were ", middle);
    say_bytes(question, " each and are ", last);
    answer(question, fabs(last - middle) <= SIZE_CHANGE_MAX * middle);
}

static void ask_table(struct question *question)
{
    const struct process_view *view = question->view;
    if (!view->evidence->heap->has[MEASURE_OBJECTS] ||
        view->evidence->heap->moment_count < SERIES_POINTS_MIN) {
        return;
    }
    if (view->table == NULL) {
        sink_text(&question->text, "no array grows along by doubling");
    } else {
        sink_format(&question->text, "an array of %.80s doubles along: ", view->table->function);
        say_bytes(question, "", view->table_first);
        say_bytes(question, ", then ", view->table_last);
    }
    answer(question, view->table != NULL);
}

static void ask_window(struct question *question)
{
    struct series live = sites_series(question->sites, question->site, MEASURE_BYTES, NULL);
    if (question->is_task || !question->sites->has[MEASURE_ALLOCATED_BYTES]) {
        return;
    }
    struct window_fit fit = window_fit(&live, site_values(question->site, MEASURE_ALLOCATED_BYTES));
    if (!fit.is_tried) {
        return;
    }
    bool is_so = fit.error_share <= WINDOW_ERROR_MAX && fit.error_share * 2.5 <= fit.change_share;
    sink_format(&question->text,
                "in use is %swhat was allocated in the last %.3g s, off by %.0f %% while it "
                "varied by %.0f %%",
                is_so ? "" : "not ", fit.seconds, 100 * fit.error_share, 100 * fit.change_share);
    answer(question, is_so);
}

/* How much two columns move together, -1 to 1: the other one is asked at each moment. */
static double correlation(const struct series *series, const struct record *other)
{
    double sums[5] = {0};
    double count = series->count;
    for (uint32_t i = 0; i < series->count; i++) {
        double left = series->values[i];
        double right = record_at(other, series->seconds[i]);
        sums[0] += left;
        sums[1] += right;
        sums[2] += left * left;
        sums[3] += right * right;
        sums[4] += left * right;
    }
    double left_spread = sums[2] - sums[0] * sums[0] / count;
    double right_spread = sums[3] - sums[1] * sums[1] / count;
    double together = sums[4] - sums[0] * sums[1] / count;
    return left_spread > 0 && right_spread > 0 ? together / sqrt(left_spread * right_spread) : 0;
}

static void ask_with_load(struct question *question)
{
    const struct record *requests = &question->view->evidence->requests;
    struct series series = sites_series(question->sites, question->site,
                                        question->is_task ? MEASURE_OBJECTS : MEASURE_BYTES, NULL);
    if (requests->count < SERIES_POINTS_MIN || series.count < SERIES_POINTS_MIN) {
        return;
    }
    double together = correlation(&series, requests);
    double came = record_last(requests) - requests->values[0];
    double rise = trend_rise(question->trend);
    sink_format(&question->text, "it moves with the %.0f requests that came (correlation %.2f)",
                came, together);
    if (rise > 0 && came > 0 && !question->is_task) {
        say_bytes(question, ": ", rise / came);
        sink_text(&question->text, " a request");
    }
    answer(question, together >= TOGETHER_MIN && rise > 0);
}

static void ask_with_tasks(struct question *question)
{
    const struct process_view *view = question->view;
    struct record tasks = {.count = view->task_count};
    struct series series = sites_series(question->sites, question->site, MEASURE_BYTES, NULL);
    if (question->is_task) {
        sink_text(&question->text, "what grows is tasks");
        answer(question, true);
        return;
    }
    if (view->task_count < SERIES_POINTS_MIN || !view->tasks.is_known) {
        return;
    }
    for (uint32_t i = 0; i < view->task_count; i++) {
        tasks.seconds[i] = view->task_seconds[i];
        tasks.values[i] = view->task_values[i];
    }
    double together = view->tasks.grows ? correlation(&series, &tasks) : 0;
    double rise = trend_rise(&view->tasks);
    sink_format(&question->text, "it moves with the number of tasks (correlation %.2f)", together);
    if (together >= TOGETHER_MIN && rise > 0) {
        say_bytes(question, ": ", trend_rise(question->trend) / rise);
        sink_text(&question->text, " a task");
    }
    answer(question, together >= TOGETHER_MIN);
}

static void ask_role(struct question *question, enum role role, const char *what)
{
    bool is_so = (question->site->roles & role) != 0;
    sink_format(&question->text, "its libraries %s%s", is_so ? "" : "do not ", what);
    if (is_so) {
        sink_format(&question->text, " (%.100s)", question->site->stack);
    }
    answer(question, is_so);
}

static void ask_name_timer(struct question *question)
{
    ask_role(question, ROLE_TIMER, "start timers there");
}

static void ask_name_map(struct question *question)
{
    ask_role(question, ROLE_MAP, "put into a map there");
}

static void ask_name_growth(struct question *question)
{
    ask_role(question, ROLE_GROWTH, "make an array larger there");
}

static void ask_name_task(struct question *question)
{
    ask_role(question, ROLE_TASK, "start threads or goroutines there");
}

static void ask_tasks_grow(struct question *question)
{
    if (question->view->tasks.is_known) {
        say_trend(question, "tasks", &question->view->tasks, true);
    }
}

static void ask_heap_grows(struct question *question)
{
    if (question->view->heap.is_known) {
        say_trend(question, "all bytes in use", &question->view->heap, false);
    }
}

static void ask_heap_flat(struct question *question)
{
    const struct trend *heap = &question->view->heap;
    const struct trend *rss = &question->view->rss;
    if (!heap->is_known || !rss->is_known || !rss->grows) {
        return;
    }
    sink_text(&question->text, "of what resident memory grows by, bytes in use are ");
    double share = heap->slope.mid / rss->slope.mid;
    sink_format(&question->text, "%.0f %%", 100 * fmin(fmax(share, 0), 9.99));
    answer(question, heap->slope.high < FLAT_SHARE * rss->slope.mid);
}

static void ask_levels_off(struct question *question)
{
    const struct trend *heap = &question->view->heap;
    if (!heap->is_known) {
        return;
    }
    sink_text(&question->text, "bytes in use rose by ");
    draw_number(&question->text, heap->early, DRAW_BYTES_PER_SECOND);
    sink_text(&question->text, " in the first half and by ");
    draw_number(&question->text, heap->late, DRAW_BYTES_PER_SECOND);
    sink_text(&question->text, " in the second");
    answer(question, heap->levels_off);
}

static void ask_resident_grows(struct question *question)
{
    const struct trend *rss = &question->view->rss;
    if (rss->is_known) {
        say_trend(question, "resident bytes", rss, false);
        if (trend_rise(rss) < RESIDENT_RISE_MIN) {
            answer(question, false);
        }
    }
}

static void ask_crosscheck(struct question *question, enum crosscheck means)
{
    const struct crosscheck_row *row = question->view->crosscheck;
    if (row != NULL) {
        sink_text(&question->text, row->text);
        answer(question, row->means == means);
    }
}

static void ask_held(struct question *question)
{
    ask_crosscheck(question, CROSSCHECK_HELD);
}

static void ask_not_returned(struct question *question)
{
    ask_crosscheck(question, CROSSCHECK_NOT_RETURNED);
}

static void ask_returning(struct question *question)
{
    ask_crosscheck(question, CROSSCHECK_RETURNING);
}

/* Those up to FACT_NAME_TASK are of a site. */
static void (*const asks[FACT_COUNT])(struct question *) = {
    [FACT_GROWS] = ask_grows,
    [FACT_LEADS] = ask_leads,
    [FACT_SURVIVES] = ask_survives,
    [FACT_STAYS] = ask_stays,
    [FACT_PASSES] = ask_passes,
    [FACT_SMALL] = ask_small,
    [FACT_LARGE] = ask_large,
    [FACT_ONE_SIZE] = ask_one_size,
    [FACT_TABLE] = ask_table,
    [FACT_WINDOW] = ask_window,
    [FACT_WITH_LOAD] = ask_with_load,
    [FACT_WITH_TASKS] = ask_with_tasks,
    [FACT_NAME_TIMER] = ask_name_timer,
    [FACT_NAME_MAP] = ask_name_map,
    [FACT_NAME_GROWTH] = ask_name_growth,
    [FACT_NAME_TASK] = ask_name_task,
    [FACT_TASKS_GROW] = ask_tasks_grow,
    [FACT_HEAP_GROWS] = ask_heap_grows,
    [FACT_HEAP_FLAT] = ask_heap_flat,
    [FACT_LEVELS_OFF] = ask_levels_off,
    [FACT_RESIDENT_GROWS] = ask_resident_grows,
    [FACT_HELD] = ask_held,
    [FACT_NOT_RETURNED] = ask_not_returned,
    [FACT_RETURNING] = ask_returning,
};

void facts_find(const struct process_view *view, const struct site *site, bool is_task,
                struct facts *facts, struct trend *trend)
{
    struct question question = {
        .view = view,
        .sites = is_task ? view->evidence->tasks : view->evidence->heap,
        .site = site,
        .trend = trend,
        .is_task = is_task,
    };
    *facts = (struct facts){0};
    if (site != NULL) {
        struct series series =
            sites_series(question.sites, site, is_task ? MEASURE_OBJECTS : MEASURE_BYTES, NULL);
        series.grain = is_task ? 0 : series.grain;
        series_trend(&series, trend);
    }
    for (uint32_t i = 0; i < FACT_COUNT; i++) {
        question.value = &facts->values[i];
        sink_init_fixed(&question.text, question.value->text, sizeof(question.value->text));
        if (site != NULL || i > FACT_NAME_TASK) {
            asks[i](&question);
        }
    }
}
