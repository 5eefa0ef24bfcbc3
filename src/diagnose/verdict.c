#include "diagnose/verdict.h"

#include <math.h>
#include <string.h>

#include "base/sink.h"

#include "diagnose/evidence.h"
#include "diagnose/process_view.h"
#include "diagnose/roles.h"
#include "draw/number.h"

#define CANDIDATES_MAX   32
#define RISE_BYTES_MIN   (32.0 * 1024) /* of a site: less is nobody's trouble */
#define RISE_SHARE_MIN   0.01          /* of what is in use */
#define GROWTH_SHARE_MIN 0.05          /* of the fastest site */
#define WINDOW_BYTES_MIN (1024.0 * 1024)
#define TASKS_RISE_MIN   4.0
#define POINTS_A_FOLD    4.0 /* that make a pattern e times as likely */
#define SURE_POINTS      6.0 /* above the threshold, that a verdict needs to be sure */
#define CONFIDENCE_MAX   0.99
#define CONFIDENCE_MIN   0.27 /* between two faults; with less there is no verdict */

struct judge {
    const struct evidence *evidence;
    const struct verdict_options *options;
    struct report *report;
    struct process_view view;
    struct facts facts; /* of the site or process at hand */
    struct trend trend;
};

struct candidate {
    const struct site *site;
    bool is_task;
    double slope;
};

static void say_fact(struct verdict *verdict, const struct facts *facts, enum fact fact)
{
    const char *text = facts->values[fact].text;
    for (uint32_t i = 0; i < verdict->evidence_count; i++) {
        if (strcmp(verdict->evidence[i], text) == 0) {
            return;
        }
    }
    if (text[0] != '\0' && verdict->evidence_count < VERDICT_EVIDENCE_MAX) {
        memcpy(verdict->evidence[verdict->evidence_count++], text, VERDICT_TEXT_BYTES);
    }
}

/* What counted for the pattern, in the order of its rules. */
static void say_evidence(struct verdict *verdict, const struct facts *facts)
{
    size_t count = 0;
    const struct rule *rules = verdict_rules(&count);
    for (size_t i = 0; i < count; i++) {
        enum answer answer = facts->values[rules[i].fact].answer;
        bool speaks_for = (answer == ANSWER_YES && rules[i].if_so > 0) ||
                          (answer == ANSWER_NO && rules[i].if_not > 0);
        if (rules[i].pattern == verdict->pattern && speaks_for) {
            say_fact(verdict, facts, rules[i].fact);
        }
    }
}

static void say_rival(struct verdict *verdict, const struct facts *facts, enum pattern rival,
                      const struct score *score)
{
    struct sink sink;
    sink_init_fixed(&sink, verdict->why_not, sizeof(verdict->why_not));
    verdict->rival = rival;
    if (score->against == NULL) {
        sink_format(&sink, "it explains less of what was seen (%d points)", score->points);
        return;
    }
    const char *text = facts->values[score->against->fact].text;
    sink_text(&sink, text[0] != '\0' ? text : "what it needs was not seen");
}

struct choice {
    enum pattern best;
    enum pattern rival;
    struct score best_score;
    struct score rival_score;
};

static bool is_better(const struct score *left, const struct score *right)
{
    if (left->is_possible != right->is_possible) {
        return left->is_possible;
    }
    return left->points > right->points;
}

/* The best of the patterns of a kind, and the best of all others. */
static struct choice choose(const struct facts *facts, bool of_site)
{
    struct choice choice = {.best = PATTERN_UNDETERMINED, .rival = PATTERN_UNDETERMINED};
    choice.best_score.points = choice.rival_score.points = -1000;
    for (uint32_t i = 0; i < PATTERN_UNDETERMINED; i++) {
        enum pattern pattern = (enum pattern)i;
        struct score score = verdict_score(pattern, facts);
        bool is_kind = pattern_info_of(pattern)->is_of_site == of_site;
        if (is_kind && is_better(&score, &choice.best_score)) {
            choice.best = pattern;
            choice.best_score = score;
        }
    }
    for (uint32_t i = 0; i < PATTERN_UNDETERMINED; i++) {
        enum pattern pattern = (enum pattern)i;
        struct score score = verdict_score(pattern, facts);
        bool is_rival = pattern != choice.best && (pattern == PATTERN_HEALTHY ||
                                                   pattern_info_of(pattern)->is_of_site == of_site);
        if (is_rival && is_better(&score, &choice.rival_score)) {
            choice.rival = pattern;
            choice.rival_score = score;
        }
    }
    return choice;
}

/* By how far it leads, and how far above the threshold it is. */
static double confidence_of(const struct choice *choice)
{
    double lead = choice->best_score.points - choice->rival_score.points;
    double above = choice->best_score.points - VERDICT_THRESHOLD;
    lead = choice->rival_score.is_possible ? lead : fmax(lead, 2 * POINTS_A_FOLD);
    double by_lead = 1 / (1 + exp(-lead / POINTS_A_FOLD));
    double by_points = 0.6 + 0.4 * fmin(fmax(above / SURE_POINTS, 0), 1);
    return fmin(by_lead * by_points, CONFIDENCE_MAX);
}

static struct verdict *verdict_find(struct report *report, enum pattern pattern)
{
    for (uint32_t i = 0; i < report->verdict_count; i++) {
        if (report->verdicts[i].pattern == pattern) {
            return &report->verdicts[i];
        }
    }
    return NULL;
}

static struct verdict *verdict_make(struct judge *judge, const struct choice *choice,
                                    enum pattern pattern)
{
    struct report *report = judge->report;
    if (report->verdict_count == VERDICTS_MAX) {
        return NULL;
    }
    struct verdict *verdict = &report->verdicts[report->verdict_count++];
    *verdict = (struct verdict){.pattern = pattern, .confidence = confidence_of(choice)};
    say_evidence(verdict, &judge->facts);
    say_rival(verdict, &judge->facts, choice->rival, &choice->rival_score);
    return verdict;
}

static void verdict_set_site(struct verdict *verdict, const struct site *site)
{
    verdict->has_site = true;
    verdict->line = site->line;
    memcpy(verdict->function, site->function, sizeof(verdict->function));
    memcpy(verdict->file, site->file, sizeof(verdict->file));
}

/* What a task holds is not known from a count: bytes that grow with them are, or resident ones. */
static struct interval bytes_of(const struct judge *judge, const struct candidate *candidate)
{
    if (!candidate->is_task) {
        return judge->trend.slope;
    }
    if (judge->view.heap.is_known && judge->view.heap.grows) {
        return judge->view.heap.slope;
    }
    return judge->view.rss.slope;
}

static void add_to(struct verdict *verdict, const struct judge *judge,
                   const struct candidate *candidate)
{
    struct sink sink;
    verdict->site_count++;
    if (candidate->is_task || verdict->pattern == PATTERN_TASK_LEAK) {
        return; /* its bytes are counted with the first site's */
    }
    verdict->bytes_per_second = interval_sum(verdict->bytes_per_second, judge->trend.slope);
    if (verdict->evidence_count < VERDICT_EVIDENCE_MAX - 1) {
        sink_init_fixed(&sink, verdict->evidence[verdict->evidence_count++], VERDICT_TEXT_BYTES);
        sink_text(&sink, "so does ");
        sink_format(&sink, "%.100s", candidate->site->function);
        sink_text(&sink, ": ");
        draw_number(&sink, judge->trend.slope.mid, DRAW_BYTES_PER_SECOND);
    }
}

static void judge_candidate(struct judge *judge, const struct candidate *candidate)
{
    facts_find(&judge->view, candidate->site, candidate->is_task, &judge->facts, &judge->trend);
    struct choice choice = choose(&judge->facts, true);
    bool is_named = choice.best_score.is_possible && choice.best_score.points >= VERDICT_THRESHOLD;
    if (is_named && choice.rival_score.is_possible && confidence_of(&choice) < CONFIDENCE_MIN) {
        is_named = false;
    }
    enum pattern pattern = is_named ? choice.best : PATTERN_UNDETERMINED;
    if (!is_named && !judge->trend.grows) {
        return;
    }
    struct verdict *verdict = verdict_find(judge->report, pattern);
    if (verdict != NULL) {
        add_to(verdict, judge, candidate);
        return;
    }
    if (!is_named) {
        choice.rival = choice.best;
        choice.rival_score = choice.best_score;
    }
    verdict = verdict_make(judge, &choice, pattern);
    if (verdict != NULL) {
        verdict_set_site(verdict, candidate->site);
        verdict->site_count = 1;
        verdict->bytes_per_second = bytes_of(judge, candidate);
        if (!is_named) {
            verdict->confidence = 0.5;
            say_fact(verdict, &judge->facts, FACT_GROWS);
        }
        if (judge->view.crosscheck != NULL) {
            say_fact(verdict, &judge->facts, FACT_HELD);
        }
    }
}

/* By which way the program keeps what the site allocates, where that was looked for. */
static void say_held(struct verdict *verdict, const struct held *held)
{
    struct sink sink;
    if (!verdict->has_site || held->blocks <= 0 || strcmp(verdict->function, held->site) != 0) {
        return;
    }
    for (uint32_t i = 0; i < held->chain_count && verdict->evidence_count < VERDICT_EVIDENCE_MAX;
         i++) {
        sink_init_fixed(&sink, verdict->evidence[verdict->evidence_count++], VERDICT_TEXT_BYTES);
        sink_format(&sink, "%.0f %% of its sampled blocks are held by %.150s",
                    100 * held->chains[i].blocks / held->blocks, held->chains[i].text);
    }
    if (held->leaked_blocks > 0 && verdict->evidence_count < VERDICT_EVIDENCE_MAX) {
        sink_init_fixed(&sink, verdict->evidence[verdict->evidence_count++], VERDICT_TEXT_BYTES);
        sink_format(&sink, "nothing leads to %.0f %% of its sampled blocks: they have leaked",
                    100 * held->leaked_blocks / held->blocks);
    }
}

static void candidate_add(struct candidate *candidates, uint32_t *count,
                          const struct candidate *added)
{
    uint32_t place = *count < CANDIDATES_MAX ? (*count)++ : CANDIDATES_MAX - 1;
    if (place == CANDIDATES_MAX - 1 && candidates[place].site != NULL &&
        candidates[place].slope >= added->slope) {
        return;
    }
    while (place > 0 && candidates[place - 1].slope < added->slope) {
        candidates[place] = candidates[place - 1];
        place--;
    }
    candidates[place] = *added;
}

/* A window whose load is low at the last moment holds little then. */
static double site_mean(const struct sites *sites, const struct site *site, enum measure measure)
{
    const double *values = site_values(site, measure);
    double sum = 0;
    for (uint32_t i = 0; i < sites->moment_count; i++) {
        sum += values[i];
    }
    return sites->moment_count == 0 ? 0 : sum / sites->moment_count;
}

static bool is_worth_judging(const struct judge *judge, const struct site *site,
                             const struct trend *trend, bool is_task)
{
    double rise = trend_rise(trend);
    if (is_task) {
        return trend->grows && rise >= TASKS_RISE_MIN;
    }
    if ((site->roles & ROLE_OBSERVER) != 0) {
        return false;
    }
    if (trend->grows) {
        return rise >= RISE_BYTES_MIN && rise >= RISE_SHARE_MIN * judge->view.heap_last;
    }
    return site_mean(judge->evidence->heap, site, MEASURE_BYTES) >= WINDOW_BYTES_MIN &&
           (site_share(&judge->view, site) > 0.4 || (site->roles & ROLE_TIMER) != 0);
}

static uint32_t candidates_find(const struct judge *judge, bool is_task,
                                struct candidate candidates[CANDIDATES_MAX])
{
    const struct sites *sites = is_task ? judge->evidence->tasks : judge->evidence->heap;
    uint32_t count = 0;
    memset(candidates, 0, CANDIDATES_MAX * sizeof(candidates[0]));
    for (uint32_t i = 1; i < sites->site_count; i++) {
        const struct site *site = sites->sites[i];
        struct series series =
            sites_series(sites, site, is_task ? MEASURE_OBJECTS : MEASURE_BYTES, NULL);
        struct trend trend;
        series.grain = is_task ? 0 : series.grain;
        series_trend(&series, &trend);
        if (is_worth_judging(judge, site, &trend, is_task)) {
            struct candidate candidate = {site, is_task, trend.slope.mid};
            candidate_add(candidates, &count, &candidate);
        }
    }
    return count;
}

static void judge_sites(struct judge *judge, bool is_task)
{
    struct candidate candidates[CANDIDATES_MAX];
    uint32_t count = candidates_find(judge, is_task, candidates);
    for (uint32_t i = 0; i < count; i++) {
        bool is_slow = candidates[i].slope < GROWTH_SHARE_MIN * candidates[0].slope;
        if (i == 0 || !is_slow) {
            judge_candidate(judge, &candidates[i]);
        }
    }
}

/* Threads that grow without a profile of them. */
static bool tasks_grow_unseen(const struct judge *judge)
{
    return judge->view.tasks.grows && trend_rise(&judge->view.tasks) >= TASKS_RISE_MIN &&
           verdict_find(judge->report, PATTERN_TASK_LEAK) == NULL;
}

static void judge_process(struct judge *judge)
{
    facts_find(&judge->view, NULL, false, &judge->facts, &judge->trend);
    struct choice choice = choose(&judge->facts, false);
    bool is_named = choice.best_score.is_possible && choice.best_score.points >= VERDICT_THRESHOLD;
    struct report *report = judge->report;
    bool has_fault = report->verdict_count > 0;
    if (tasks_grow_unseen(judge)) {
        struct verdict *verdict = verdict_make(judge, &choice, PATTERN_TASK_LEAK);
        if (verdict != NULL) {
            verdict->confidence = 0.7;
            verdict->bytes_per_second = judge->view.rss.slope;
            say_fact(verdict, &judge->facts, FACT_TASKS_GROW);
        }
        return;
    }
    if (is_named && !(has_fault && choice.best == PATTERN_HEALTHY)) {
        struct verdict *verdict = verdict_make(judge, &choice, choice.best);
        if (verdict != NULL && choice.best == PATTERN_FRAGMENTATION) {
            struct interval heap = judge->view.heap.slope;
            heap = (struct interval){-heap.high, -heap.mid, -heap.low};
            verdict->bytes_per_second = interval_sum(judge->view.rss.slope, heap);
        } else if (verdict != NULL) {
            verdict->bytes_per_second =
                judge->view.heap.is_known ? judge->view.heap.slope : judge->view.rss.slope;
            say_fact(verdict, &judge->facts, FACT_HELD);
        }
    }
}

/* Nothing could be named: what there is, and what is missing. */
static void judge_nothing(struct judge *judge)
{
    const struct evidence *evidence = judge->evidence;
    struct choice choice = choose(&judge->facts, false);
    choice.rival = choice.best;
    choice.rival_score = choice.best_score;
    struct verdict *verdict = verdict_make(judge, &choice, PATTERN_UNDETERMINED);
    struct sink sink;
    if (verdict == NULL) {
        return;
    }
    verdict->confidence = 0.5;
    verdict->bytes_per_second = judge->report->growth;
    say_fact(verdict, &judge->facts, FACT_HEAP_GROWS);
    say_fact(verdict, &judge->facts, FACT_RESIDENT_GROWS);
    say_fact(verdict, &judge->facts, FACT_HELD);
    if (verdict->evidence_count < VERDICT_EVIDENCE_MAX) {
        sink_init_fixed(&sink, verdict->evidence[verdict->evidence_count++], VERDICT_TEXT_BYTES);
        sink_format(&sink,
                    "there are %u profiles of memory, %u of tasks, %u moments of resident memory "
                    "and %u collections",
                    evidence->heap->moment_count, evidence->tasks->moment_count,
                    evidence->rss.count, evidence->live.count);
        if (evidence->heap->stale_count > 0) {
            sink_format(&sink, "; %u profiles more were taken with no collection in between",
                        evidence->heap->stale_count);
        }
    }
}

static struct sink warning_begin(struct report *report)
{
    struct sink sink;
    sink_init_fixed(&sink, report->warnings[report->warning_count++], VERDICT_TEXT_BYTES);
    return sink;
}

/* From where it is now, at the rate that it grows. */
static void project(struct judge *judge)
{
    const struct evidence *evidence = judge->evidence;
    struct report *report = judge->report;
    double limit =
        judge->options->limit_bytes > 0 ? judge->options->limit_bytes : evidence->limit_bytes;
    const struct trend *rss = &judge->view.rss;
    double now = evidence->rss.count > 0 ? record_last(&evidence->rss) : judge->view.heap_last;
    double rate = rss->is_known ? rss->slope.mid : report->growth.mid;
    bool grows = rss->is_known ? rss->grows : judge->view.heap.grows;
    report->seconds_to_limit = -1;
    if (limit > 0 && grows && rate > 0) {
        report->seconds_to_limit = fmax(limit - now, 0) / rate;
    }
}

static void warn(struct judge *judge)
{
    struct report *report = judge->report;
    if (report->growth.mid > judge->options->rate_max &&
        (judge->view.heap.grows || judge->view.rss.grows)) {
        struct sink sink = warning_begin(report);
        sink_text(&sink, "it grows by ");
        draw_number(&sink, report->growth.mid, DRAW_BYTES_PER_SECOND);
        sink_text(&sink, ", more than ");
        draw_number(&sink, judge->options->rate_max, DRAW_BYTES_PER_SECOND);
    }
    if (report->seconds_to_limit >= 0 && report->seconds_to_limit < VERDICT_SOON_SECONDS) {
        struct sink sink = warning_begin(report);
        sink_text(&sink, "the limit is reached in ");
        draw_number(&sink, report->seconds_to_limit * 1e9, DRAW_NANOSECONDS);
    }
    for (uint32_t i = 1; i < judge->evidence->heap->site_count; i++) {
        const struct site *site = judge->evidence->heap->sites[i];
        double share = site_share(&judge->view, site);
        if (share > 0.4 && (site->roles & ROLE_OBSERVER) == 0 && report->is_finding &&
            report->warning_count < VERDICT_WARNINGS_MAX) {
            struct sink sink = warning_begin(report);
            sink_format(&sink, "one site has %.0f %% of what is in use: %.100s", 100 * share,
                        site->function);
        }
    }
}

/* A fault before a growth without a name, then by what it costs. */
static bool comes_before(const struct verdict *left, const struct verdict *right)
{
    bool left_named = left->pattern != PATTERN_UNDETERMINED;
    bool right_named = right->pattern != PATTERN_UNDETERMINED;
    if (left_named != right_named) {
        return left_named;
    }
    bool left_task = left->pattern == PATTERN_TASK_LEAK;
    bool right_task = right->pattern == PATTERN_TASK_LEAK;
    if (left_task != right_task) {
        return left_task; /* what tasks hold goes with them */
    }
    return left->bytes_per_second.mid > right->bytes_per_second.mid;
}

static void sort(struct report *report)
{
    for (uint32_t i = 1; i < report->verdict_count; i++) {
        struct verdict moved = report->verdicts[i];
        uint32_t place = i;
        for (; place > 0 && comes_before(&moved, &report->verdicts[place - 1]); place--) {
            report->verdicts[place] = report->verdicts[place - 1];
        }
        report->verdicts[place] = moved;
    }
}

/* Growth from one process to the next one is nobody's. */
static void restart_look(struct evidence *evidence, struct report *report)
{
    double seconds = sites_restart(evidence->heap);
    if (isfinite(seconds)) {
        const struct sites *heap = evidence->heap;
        double since = heap->seconds[heap->moment_count - 1] - seconds;
        struct sink sink = warning_begin(report);
        evidence_forget(evidence, seconds);
        sink_text(&sink, "the program was started again ");
        draw_number(&sink, since * 1e9, DRAW_NANOSECONDS);
        sink_text(&sink, " before the end; what was before it is left out");
    }
}

void verdict_judge(struct evidence *evidence, const struct verdict_options *options,
                   struct report *report)
{
    struct judge judge = {.evidence = evidence, .options = options, .report = report};
    *report = (struct report){0};
    restart_look(evidence, report);
    process_look(evidence, &judge.view);
    report->seconds = judge.view.seconds;
    report->growth = judge.view.heap.is_known ? judge.view.heap.slope : judge.view.rss.slope;
    judge_sites(&judge, true);
    judge_sites(&judge, false);
    judge_process(&judge);
    if (report->verdict_count == 0) {
        judge_nothing(&judge);
    }
    sort(report);
    for (uint32_t i = 0; i < report->verdict_count; i++) {
        say_held(&report->verdicts[i], &evidence->held);
    }
    enum pattern first = report->verdicts[0].pattern;
    bool grows = judge.view.heap.grows || judge.view.rss.grows || judge.view.tasks.grows;
    report->is_finding = first != PATTERN_HEALTHY &&
                         (first != PATTERN_UNDETERMINED || grows || report->verdicts[0].has_site);
    project(&judge);
    warn(&judge);
}
