#include "diagnose/verdict.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/sink.h"
#include "budget.h"
#include "codec/json_writer.h"
#include "diagnose/evidence.h"
#include "diagnose/process_view.h"
#include "harness.h"
#include "story.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define MIB          (1024.0 * 1024.0)

static double since(double seconds)
{
    return seconds - 1000;
}

/* What objects there are, over time. */
static double linear(double seconds)
{
    return 5000 + 10000 * since(seconds);
}

/* The program is started again after twenty seconds; what it held by then was about to warm up. */
static double since_start(double seconds)
{
    return since(seconds) < 20 ? since(seconds) : since(seconds) - 20;
}

static double keys_of_two_runs(double seconds)
{
    return 5000 + 10000 * since_start(seconds);
}

static double steady_of_two_runs(double seconds)
{
    return since(seconds) < 20 ? 50000 : 20000;
}

static double allocated_of_two_runs(double seconds)
{
    return 60000 + 11000 * since_start(seconds);
}

static double slow(double seconds)
{
    return 100 + 100 * since(seconds);
}

static double constant(double seconds)
{
    (void)seconds;
    return 50000;
}

static double churned(double seconds)
{
    return 50000 + 40000 * since(seconds);
}

static double warming(double seconds)
{
    return 100000 * (1 - exp(-since(seconds) / 5));
}

static double saw(double seconds)
{
    return 10000 + 5000 * fmod(since(seconds), 7.3);
}

static double saw_allocated(double seconds)
{
    return 20000 + 5000 * since(seconds);
}

static double swinging_allocated(double seconds)
{
    return 1e6 + 10000 * (2 * since(seconds) - 10 * cos(since(seconds) / 8));
}

static double last_ten_seconds(double seconds)
{
    double begin = fmax(seconds - 10, 1000);
    return swinging_allocated(seconds) - swinging_allocated(begin) + 100;
}

/* A bounded cache under the same swinging load. */
static double bounded(double seconds)
{
    return fmin(swinging_allocated(seconds) - swinging_allocated(1000), 100000) + 100;
}

/* As many keys as requests, which leave some garbage. */
static double swinging_keys_allocated(double seconds)
{
    return 2000 * (2 * since(seconds) - 3 * cos(since(seconds) / 2) + 3) + 100;
}

static double swinging_keys(double seconds)
{
    return swinging_keys_allocated(seconds) * 0.86;
}

static double one_array(double seconds)
{
    (void)seconds;
    return 1;
}

/* Sizes of objects. */
static double small(double seconds)
{
    (void)seconds;
    return 96;
}

static double large(double seconds)
{
    (void)seconds;
    return 16384;
}

static double doubling(double seconds)
{
    return exp2(12 + floor(log2(linear(seconds) / 5000)));
}

/* Of the process. */
static double growing_tasks(double seconds)
{
    return 10 + 100 * since(seconds);
}

static double same_tasks(double seconds)
{
    (void)seconds;
    return 12;
}

static double growing_resident(double seconds)
{
    return 100 * MIB + 3 * MIB * since(seconds);
}

static double same_resident(double seconds)
{
    return 100 * MIB + MIB * fmod(since(seconds), 3);
}

static double steady_requests(double seconds)
{
    return 10000 * since(seconds);
}

static struct report judged(const struct story *story, uint64_t stream)
{
    struct test_random random = test_random_start(stream);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct evidence *evidence = NULL;
    struct report report;
    struct verdict_options options = {.rate_max = VERDICT_RATE_DEFAULT};
    assert_int_equal(evidence_create(budget, &evidence), 0);
    story_tell(story, &random, evidence);
    verdict_judge(evidence, &options, &report);
    evidence_destroy(&evidence);
    slu_budget_destroy(&budget);
    return report;
}

#define USUAL .moments = 40, .step_seconds = 1

struct story_case {
    const char *name;
    enum pattern pattern;
    struct story story;
};

/* For each pattern what it is, what is mistaken for it, and what is healthy. */
static const struct story_case cases[] = {
    {"timers",
     PATTERN_TIMER_PILEUP,
     {.sites = {{"time.NewTimer", "main.wait", linear, NULL, small}}, USUAL}},
    {"timers that fire",
     PATTERN_HEALTHY,
     {.sites = {{"time.NewTimer", "main.wait", saw, saw_allocated, small},
                {NULL, "serve", constant, churned, small}},
      USUAL}},
    {"goroutines",
     PATTERN_TASK_LEAK,
     {.sites = {{"runtime.malg", "main.start", linear, NULL, small}},
      .tasks = growing_tasks,
      USUAL}},
    {"goroutines, not counted",
     PATTERN_TASK_LEAK,
     {.sites = {{"runtime.malg", "main.start", linear, NULL, small}}, USUAL}},
    {"what tasks hold",
     PATTERN_TASK_LEAK,
     {.sites = {{NULL, "task_begin", linear, NULL, small}}, .tasks = growing_tasks, USUAL}},
    {"keys beside as many tasks as ever",
     PATTERN_UNBOUNDED_KEYS,
     {.sites = {{NULL, "count", linear, NULL, small}}, .tasks = same_tasks, USUAL}},
    {"arrays", PATTERN_RETAINED_ARRAY, {.sites = {{NULL, "keep", slow, NULL, large}}, USUAL}},
    {"arrays that are cut",
     PATTERN_HEALTHY,
     {.sites = {{"std::vector<char>::_M_realloc_insert", "keep", constant, churned, large}},
      USUAL}},
    {"large values in a map",
     PATTERN_UNBOUNDED_KEYS,
     {.sites = {{"std::_Hashtable<x>::_M_insert", "cache", slow, NULL, large}}, USUAL}},
    {"keys",
     PATTERN_UNBOUNDED_KEYS,
     {.sites = {{"std::_Rb_tree<x>::_M_insert", "count", linear, NULL, small}},
      .requests = steady_requests,
      USUAL}},
    {"keys and their table",
     PATTERN_UNBOUNDED_KEYS,
     {.sites = {{NULL, "count", linear, NULL, small}, {NULL, "grow", one_array, NULL, doubling}},
      USUAL}},
    {"keys under a swinging load",
     PATTERN_UNBOUNDED_KEYS,
     {.sites = {{NULL, "count", swinging_keys, swinging_keys_allocated, small}},
      .moments = 20,
      .step_seconds = 1}},
    {"a bounded cache that warms up",
     PATTERN_HEALTHY,
     {.sites = {{"std::_Hashtable<x>::_M_insert", "cache", warming, linear, small}}, USUAL}},
    {"events of ten seconds",
     PATTERN_COARSE_WINDOW,
     {.sites = {{NULL, "record", last_ten_seconds, swinging_allocated, small}},
      .moments = 100,
      .step_seconds = 1}},
    {"a bounded cache under a swinging load",
     PATTERN_HEALTHY,
     {.sites = {{NULL, "cache", bounded, swinging_allocated, small}},
      .moments = 100,
      .step_seconds = 1}},
    {"free memory that is not returned",
     PATTERN_FRAGMENTATION,
     {.sites = {{NULL, "serve", constant, churned, small}}, .resident = growing_resident, USUAL}},
    {"stacks of tasks",
     PATTERN_TASK_LEAK,
     {.sites = {{NULL, "serve", constant, churned, small}},
      .tasks = growing_tasks,
      .resident = growing_resident,
      USUAL}},
    {"a saw",
     PATTERN_HEALTHY,
     {.sites = {{NULL, "gather", saw, saw_allocated, small}}, .resident = same_resident, USUAL}},
    {"churn",
     PATTERN_HEALTHY,
     {.sites = {{NULL, "serve", constant, churned, small}}, .resident = same_resident, USUAL}},
    {"four moments",
     PATTERN_UNDETERMINED,
     {.sites = {{NULL, "count", linear, NULL, small}}, .moments = 4, .step_seconds = 1}},
    {"resident memory alone", PATTERN_UNDETERMINED, {.resident = growing_resident, USUAL}},
};
#define CASE_COUNT (sizeof(cases) / sizeof(cases[0]))

static void assert_pattern(const struct story_case *told, const struct report *report)
{
    if (report->verdicts[0].pattern != told->pattern) {
        fail_msg("%s: %s, not %s; not %s because %s", told->name,
                 pattern_info_of(report->verdicts[0].pattern)->id,
                 pattern_info_of(told->pattern)->id, pattern_info_of(report->verdicts[0].rival)->id,
                 report->verdicts[0].why_not);
    }
}

static void each_pattern_is_told_from_its_rival_and_from_health(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct report report = judged(&cases[i].story, 1);
        assert_pattern(&cases[i], &report);
        assert_true(report.verdicts[0].confidence >= 0.5 && report.verdicts[0].confidence <= 1);
        assert_true(report.verdicts[0].why_not[0] != '\0');
        assert_true(report.verdicts[0].evidence_count > 0);
        bool grows_unnamed =
            cases[i].pattern == PATTERN_UNDETERMINED && cases[i].story.resident != NULL;
        assert_int_equal(report.is_finding, cases[i].pattern < PATTERN_HEALTHY || grows_unnamed);
    }
}

/* The program's own names are not looked at. */
static void renaming_and_stripping_change_no_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct story_case told = cases[i];
        told.story.is_stripped = true;
        struct report report = judged(&told.story, 1);
        assert_pattern(&told, &report);
        told.story.is_stripped = false;
        told.story.renamed = "pthread_create_timer_map_realloc";
        report = judged(&told.story, 1);
        assert_pattern(&told, &report);
    }
}

/* Profiles of the same process with the noise of sampling. */
static void sampling_changes_no_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        for (uint64_t run = 0; run < 5; run++) {
            struct story_case told = cases[i];
            told.story.period = 16384;
            struct report report = judged(&told.story, 100 + run);
            assert_pattern(&told, &report);
        }
    }
}

static void noise_is_no_finding(void **state)
{
    uint64_t rounds = test_rounds(200);
    uint64_t found = 0;
    (void)state;
    for (uint64_t run = 0; run < rounds; run++) {
        struct story story = {
            .sites = {{NULL, "serve", constant, churned, small},
                      {NULL, "parse", constant, churned, large},
                      {"std::_Hashtable<x>::_M_insert", "cache", constant, churned, small},
                      {"time.NewTimer", "main.wait", saw, saw_allocated, small},
                      {"runtime.malg", "main.start", constant, churned, small}},
            .moments = run % 2 == 0 ? 5 : 25,
            .step_seconds = 2,
            .period = 524288,
        };
        struct report report = judged(&story, 1000 + run);
        if (report.is_finding) {
            print_message("# %u moments: %s: %s\n", story.moments,
                          pattern_info_of(report.verdicts[0].pattern)->id,
                          report.verdicts[0].evidence[0]);
        }
        found += report.is_finding;
    }
    assert_int_equal(found, 0);
}

/* What a pattern can gather from names stays below what it needs, by the table alone. */
static void no_pattern_is_named_by_names_alone(void **state)
{
    size_t count = 0;
    const struct rule *rules = verdict_rules(&count);
    (void)state;
    for (uint32_t pattern = 0; pattern < PATTERN_COUNT; pattern++) {
        int names = 0;
        for (size_t i = 0; i < count; i++) {
            if (rules[i].pattern == pattern && fact_is_name(rules[i].fact)) {
                names += rules[i].if_so > 0 ? rules[i].if_so : 0;
            }
        }
        assert_true(names < VERDICT_THRESHOLD);
    }
}

/* Wherever all numbers speak against a pattern, names do not save it. */
static void numbers_against_it_beat_names(void **state)
{
    struct facts facts = {0};
    (void)state;
    for (uint32_t i = 0; i < FACT_COUNT; i++) {
        facts.values[i].answer = fact_is_name((enum fact)i) ? ANSWER_YES : ANSWER_NO;
    }
    for (uint32_t pattern = 0; pattern < PATTERN_HEALTHY; pattern++) {
        struct score score = verdict_score((enum pattern)pattern, &facts);
        assert_true(!score.is_possible || score.points < VERDICT_THRESHOLD);
    }
}

static void every_pattern_but_the_last_has_rules_and_a_fix(void **state)
{
    size_t count = 0;
    const struct rule *rules = verdict_rules(&count);
    (void)state;
    for (uint32_t pattern = 0; pattern < PATTERN_COUNT; pattern++) {
        const struct pattern_info *info = pattern_info_of((enum pattern)pattern);
        bool has_rule = pattern == PATTERN_UNDETERMINED;
        for (size_t i = 0; i < count; i++) {
            has_rule = has_rule || rules[i].pattern == pattern;
        }
        assert_true(has_rule);
        assert_true(info->id != NULL && info->meaning != NULL && info->closer[0] != NULL);
        assert_true(info->fix[0] != NULL && info->fix[1] != NULL);
    }
}

static void growth_and_limits_are_warned_of(void **state)
{
    struct story story = {
        .sites = {{NULL, "keep", slow, NULL, large}}, .resident = growing_resident, USUAL};
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct evidence *evidence = NULL;
    struct report report;
    struct verdict_options options = {.rate_max = 1e6, .limit_bytes = 1024 * MIB};
    (void)state;
    assert_int_equal(evidence_create(budget, &evidence), 0);
    story_tell(&story, &random, evidence);
    verdict_judge(evidence, &options, &report);
    assert_int_equal(report.warning_count, 3);
    assert_non_null(strstr(report.warnings[0], "it grows by 1.6 MiB/s"));
    assert_non_null(strstr(report.warnings[1], "the limit is reached in 4 min"));
    assert_non_null(strstr(report.warnings[2], "100 % of what is in use: keep"));
    double wanted = (1024 - 100 - 3 * 39) / 3.0;
    assert_true(fabs(report.seconds_to_limit - wanted) < 1);
    assert_true(fabs(report.growth.mid - 100 * 16384) < 1000);
    assert_true(report.growth.low <= report.growth.mid && report.growth.mid <= report.growth.high);
    evidence_destroy(&evidence);
    slu_budget_destroy(&budget);
}

static void program_that_was_started_again_is_judged_by_itself(void **state)
{
    struct story grows = {
        .sites = {{NULL, "count", keys_of_two_runs, allocated_of_two_runs, small}}, USUAL};
    struct story steady = {
        .sites = {{NULL, "cache", steady_of_two_runs, allocated_of_two_runs, small}}, USUAL};
    (void)state;
    struct report report = judged(&grows, 1);
    assert_int_equal(report.verdicts[0].pattern, PATTERN_UNBOUNDED_KEYS);
    assert_true(fabs(report.growth.mid - 10000 * 96) < 1000);
    assert_true(fabs(report.seconds - 19) < 0.001);
    assert_string_equal(
        report.warnings[0],
        "the program was started again 19 s before the end; what was before it is left out");
    report = judged(&steady, 1);
    assert_int_equal(report.verdicts[0].pattern, PATTERN_HEALTHY);
    assert_true(fabs(report.growth.mid) < 1);
}

/* The load rises, and each entry lives for five seconds. */
static double rising_allocated(double seconds)
{
    return 50000 + 10000 * since(seconds) + 1000 * since(seconds) * since(seconds);
}

static double passing(double seconds)
{
    return rising_allocated(seconds) - rising_allocated(fmax(seconds - 5, 1000));
}

static double passing_aged(double seconds, double from, double to)
{
    double oldest = fmin(fmin(to, 5), since(seconds));
    return from >= oldest ? 0
                          : rising_allocated(seconds - from) - rising_allocated(seconds - oldest);
}

static double linear_aged(double seconds, double from, double to)
{
    double begin = fmax(seconds - to, 1000);
    return from > since(seconds) ? 0 : linear(seconds - from) - linear(begin);
}

static bool says(const struct report *report, const char *words)
{
    for (uint32_t i = 0; i < report->verdicts[0].evidence_count; i++) {
        if (strstr(report->verdicts[0].evidence[i], words) != NULL) {
            return true;
        }
    }
    return false;
}

static void ages_tell_a_map_whose_entries_pass_from_one_that_keeps_them(void **state)
{
    struct story story = {
        .sites = {{"std::_Hashtable<x>::_M_insert", "cache", passing, rising_allocated, small},
                  {NULL, "grow", one_array, NULL, doubling}},
        USUAL};
    (void)state;
    struct report report = judged(&story, 1);
    assert_int_equal(report.verdicts[0].pattern, PATTERN_UNBOUNDED_KEYS);
    story.aged[0] = passing_aged;
    report = judged(&story, 1);
    assert_int_equal(report.verdicts[0].pattern, PATTERN_COARSE_WINDOW);
    assert_true(says(&report, "100 % of what it allocated 0 to 10 s ago") ||
                says(&report, "and 0 % of what it allocated 10 to 30 s ago"));
}

static void ages_are_evidence_that_keys_stay(void **state)
{
    struct story story = {.sites = {{NULL, "count", linear, NULL, small}}, USUAL};
    (void)state;
    struct report report = judged(&story, 1);
    double without = report.verdicts[0].confidence;
    assert_false(says(&report, "by the ages of blocks"));
    story.aged[0] = linear_aged;
    report = judged(&story, 1);
    assert_int_equal(report.verdicts[0].pattern, PATTERN_UNBOUNDED_KEYS);
    assert_true(says(&report, "100 % of what it allocated 10 to 30 s ago (18.3 MiB) is in use, by "
                              "the ages of blocks"));
    assert_true(report.verdicts[0].confidence > without);
}

static void who_holds_what_grows_is_evidence(void **state)
{
    static const char answer[] =
        "{\"process_id\":1,\"modules_without_names\":0,\"growing\":{\"site\":\"count\","
        "\"blocks\":200,\"leaked_blocks\":20,\"chains\":[{\"chain\":\"sessions -> entry\","
        "\"blocks\":150}]}}";
    struct story story = {.sites = {{NULL, "count", linear, NULL, small}}, USUAL};
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct evidence *evidence = NULL;
    struct report report;
    struct slu_diag diag;
    enum evidence_kind kind;
    struct verdict_options options = {.rate_max = VERDICT_RATE_DEFAULT};
    struct evidence_input input = {.bytes = {answer, sizeof(answer) - 1}, .name = "who.json"};
    (void)state;
    assert_int_equal(evidence_create(budget, &evidence), 0);
    story_tell(&story, &random, evidence);
    assert_int_equal(evidence_add(evidence, &input, &kind, &diag), 0);
    assert_int_equal(kind, EVIDENCE_HOLDERS);
    verdict_judge(evidence, &options, &report);
    assert_true(says(&report, "75 % of its sampled blocks are held by sessions -> entry"));
    assert_true(says(&report, "nothing leads to 10 % of its sampled blocks: they have leaked"));
    evidence->held.site[0] = 'x';
    verdict_judge(evidence, &options, &report);
    assert_false(says(&report, "held by"));
    input.bytes.len--;
    assert_int_equal(evidence_add(evidence, &input, &kind, &diag), -EBADMSG);
    assert_non_null(strstr(diag.message, "who.json"));
    evidence_destroy(&evidence);
    slu_budget_destroy(&budget);
}

static void json_has_the_members_of_the_interface(void **state)
{
    static const char *const wanted[] = {
        "\"verdicts\":[{\"pattern\":\"unbounded-keys\",\"confidence\":",
        "\"site\":{\"function\":\"count\",\"file\":\"server.c\",\"line\":7}",
        "\"bytes_per_second\":{\"low\":",
        "\"evidence\":[\"",
        "\"rival\":{\"pattern\":\"",
        "\"why_not\":\"",
        "\"fix\":[\"",
        "\"growth_bytes_per_second\":{\"low\":",
        "\"seconds_observed\":39",
    };
    struct story story = {.sites = {{NULL, "count", linear, NULL, small}}, USUAL};
    struct report report = judged(&story, 1);
    char text[8192];
    struct sink sink;
    struct json_writer json;
    (void)state;
    sink_init_fixed(&sink, text, sizeof(text));
    json_writer_init(&json, &sink, JSON_COMPACT);
    verdict_write_json(&report, &json);
    json_writer_end(&json);
    assert_int_equal(sink_end(&sink), 0);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        assert_non_null(strstr(text, wanted[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pattern_is_told_from_its_rival_and_from_health),
        cmocka_unit_test(renaming_and_stripping_change_no_verdict),
        cmocka_unit_test(sampling_changes_no_verdict),
        cmocka_unit_test(noise_is_no_finding),
        cmocka_unit_test(no_pattern_is_named_by_names_alone),
        cmocka_unit_test(numbers_against_it_beat_names),
        cmocka_unit_test(every_pattern_but_the_last_has_rules_and_a_fix),
        cmocka_unit_test(growth_and_limits_are_warned_of),
        cmocka_unit_test(program_that_was_started_again_is_judged_by_itself),
        cmocka_unit_test(ages_tell_a_map_whose_entries_pass_from_one_that_keeps_them),
        cmocka_unit_test(ages_are_evidence_that_keys_stay),
        cmocka_unit_test(who_holds_what_grows_is_evidence),
        cmocka_unit_test(json_has_the_members_of_the_interface),
    };
    return TEST_RUN("verdict", tests);
}
