#include "diagnose/verdict_table.h"

/*
 * Points: about 4 are odds of 2.7 to 1. A pattern is named from VERDICT_THRESHOLD on; no pattern
 * gets there by names alone, and each needs something that was measured.
 */
static const struct rule rules[] = {
    /* pattern, fact, if so, if not, needed */
    {PATTERN_TASK_LEAK, FACT_GROWS, 2, -6, true},
    {PATTERN_TASK_LEAK, FACT_TASKS_GROW, 8, -10, false},
    {PATTERN_TASK_LEAK, FACT_NAME_TASK, 6, 0, false},
    {PATTERN_TASK_LEAK, FACT_WITH_TASKS, 4, -2, false},
    {PATTERN_TASK_LEAK, FACT_SURVIVES, 2, -2, false},
    {PATTERN_TASK_LEAK, FACT_ONE_SIZE, 1, -3, false},
    {PATTERN_TASK_LEAK, FACT_NAME_TIMER, -6, 0, false},
    {PATTERN_TASK_LEAK, FACT_NAME_MAP, -4, 0, false},

    {PATTERN_TIMER_PILEUP, FACT_NAME_TIMER, 6, 0, true},
    {PATTERN_TIMER_PILEUP, FACT_GROWS, 6, -2, false},
    {PATTERN_TIMER_PILEUP, FACT_LEADS, 3, 0, false},
    {PATTERN_TIMER_PILEUP, FACT_WINDOW, 3, 0, false},
    {PATTERN_TIMER_PILEUP, FACT_SMALL, 1, -6, false},
    {PATTERN_TIMER_PILEUP, FACT_ONE_SIZE, 2, -3, false},
    {PATTERN_TIMER_PILEUP, FACT_SURVIVES, 2, 0, false},
    {PATTERN_TIMER_PILEUP, FACT_PASSES, 2, 0, false},
    {PATTERN_TIMER_PILEUP, FACT_WITH_LOAD, 1, 0, false},

    {PATTERN_RETAINED_ARRAY, FACT_GROWS, 6, -6, true},
    {PATTERN_RETAINED_ARRAY, FACT_LARGE, 5, -6, false},
    {PATTERN_RETAINED_ARRAY, FACT_SURVIVES, 3, 0, false},
    {PATTERN_RETAINED_ARRAY, FACT_STAYS, 2, 0, false},
    {PATTERN_RETAINED_ARRAY, FACT_PASSES, -6, 0, false},
    {PATTERN_RETAINED_ARRAY, FACT_NAME_GROWTH, 3, 0, false},
    {PATTERN_RETAINED_ARRAY, FACT_NAME_MAP, -7, 0, false},
    {PATTERN_RETAINED_ARRAY, FACT_NAME_TIMER, -6, 0, false},
    {PATTERN_RETAINED_ARRAY, FACT_NAME_TASK, -6, 0, false},
    {PATTERN_RETAINED_ARRAY, FACT_WITH_TASKS, -6, 0, false},
    {PATTERN_RETAINED_ARRAY, FACT_WITH_LOAD, 1, 0, false},

    {PATTERN_UNBOUNDED_KEYS, FACT_GROWS, 6, -6, true},
    {PATTERN_UNBOUNDED_KEYS, FACT_SMALL, 3, -3, false},
    {PATTERN_UNBOUNDED_KEYS, FACT_SURVIVES, 3, -2, false},
    {PATTERN_UNBOUNDED_KEYS, FACT_STAYS, 2, -2, false},
    {PATTERN_UNBOUNDED_KEYS, FACT_PASSES, -6, 0, false},
    {PATTERN_UNBOUNDED_KEYS, FACT_ONE_SIZE, 1, 0, false},
    {PATTERN_UNBOUNDED_KEYS, FACT_TABLE, 3, 0, false},
    {PATTERN_UNBOUNDED_KEYS, FACT_NAME_MAP, 6, 0, false},
    {PATTERN_UNBOUNDED_KEYS, FACT_WITH_LOAD, 1, 0, false},
    {PATTERN_UNBOUNDED_KEYS, FACT_NAME_GROWTH, -2, 0, false},
    {PATTERN_UNBOUNDED_KEYS, FACT_NAME_TIMER, -8, 0, false},
    {PATTERN_UNBOUNDED_KEYS, FACT_NAME_TASK, -8, 0, false},
    {PATTERN_UNBOUNDED_KEYS, FACT_WITH_TASKS, -8, 0, false},

    {PATTERN_COARSE_WINDOW, FACT_WINDOW, 11, -9, true},
    {PATTERN_COARSE_WINDOW, FACT_LEADS, 4, -6, true},
    {PATTERN_COARSE_WINDOW, FACT_PASSES, 3, 0, false},
    {PATTERN_COARSE_WINDOW, FACT_GROWS, -2, 0, false},
    {PATTERN_COARSE_WINDOW, FACT_SURVIVES, -8, 0, false},
    {PATTERN_COARSE_WINDOW, FACT_NAME_TIMER, -6, 0, false},
    {PATTERN_COARSE_WINDOW, FACT_WITH_TASKS, -6, 0, false},

    {PATTERN_FRAGMENTATION, FACT_RESIDENT_GROWS, 6, -6, true},
    {PATTERN_FRAGMENTATION, FACT_HEAP_FLAT, 6, -8, true},
    {PATTERN_FRAGMENTATION, FACT_TASKS_GROW, -8, 1, false},
    {PATTERN_FRAGMENTATION, FACT_NOT_RETURNED, 3, -2, false},

    {PATTERN_HEALTHY, FACT_HEAP_GROWS, -12, 11, false},
    {PATTERN_HEALTHY, FACT_GROWS, -12, 0, false},
    {PATTERN_HEALTHY, FACT_LEVELS_OFF, 3, 0, false},
    {PATTERN_HEALTHY, FACT_RESIDENT_GROWS, -8, 2, false},
    {PATTERN_HEALTHY, FACT_TASKS_GROW, -10, 2, false},
    {PATTERN_HEALTHY, FACT_WINDOW, -8, 0, false},
    {PATTERN_HEALTHY, FACT_RETURNING, 2, 0, false},
};

static const struct pattern_info patterns[PATTERN_COUNT] = {
    [PATTERN_TASK_LEAK] =
        {"task-leak",
         "tasks (threads, goroutines) are started and do not end, and each holds memory",
         true,
         {"Give every task a way to end: a context or scope that is cancelled, a receiver for "
          "each sender, a time-out on what it waits for.",
          "Start them through something with a maximum count that waits for them when it closes."},
         {"sluice heap peek REGEX PROFILE, to see who starts them",
          "curl URL/debug/pprof/goroutine?debug=2, or /debug/pprof/threads: where they wait"}},
    [PATTERN_TIMER_PILEUP] =
        {"timer-pileup",
         "timers are started faster than they fire or are stopped, and each keeps what it "
         "points to",
         true,
         {"Keep one timer a connection or loop and move its deadline; stop it when the wait ends "
          "early (Go: NewTimer with Stop and Reset in place of time.After).",
          "With very many: a timing wheel (slu_wheel), whose memory is fixed."},
         {"sluice heap peek REGEX PROFILE, to see who starts them"}},
    [PATTERN_RETAINED_ARRAY] =
        {"retained-array",
         "large arrays stay reachable through a small part that is kept, or a list that only grows",
         true,
         {"Copy the part that is kept (Go: slices.Clone, strings.Clone, a three-index slice does "
          "not help) and let the array go.",
          "Cut windows by a ring or by buckets, not by moving the start of an array forward."},
         {"sluice heap who PID --size BYTES, to see what points to them",
          "sluice heap list REGEX PROFILE"}},
    [PATTERN_UNBOUNDED_KEYS] =
        {"unbounded-keys",
         "a collection gains an entry for each new input and loses none",
         true,
         {"Bound it: a maximum count with eviction, or expiry; normalise keys before they are used "
          "(no paths, ids or tokens).",
          "If the entries should have been removed, look for the path that forgets to."},
         {"sluice heap who PID --size BYTES, to see which collection",
          "sluice heap list REGEX PROFILE"}},
    [PATTERN_COARSE_WINDOW] =
        {"coarse-window",
         "every event of a time window is kept, so that memory is rate times length",
         true,
         {"Keep counts by bucket of time in place of events (slu_window), or a sketch for "
          "quantiles: memory no longer follows the rate.",
          "If events are needed, shorten the window or bound their number."},
         {"sluice heap list REGEX PROFILE", "sluice heap timeline FOLDER"}},
    [PATTERN_FRAGMENTATION] =
        {"fragmentation",
         "resident memory grows and what is in use does not: it is free and not given back",
         false,
         {"Give free memory back: malloc_trim or fewer arenas (M_ARENA_MAX), Go's memory limit "
          "(GOMEMLIMIT) or FreeOSMemory after a burst.",
          "Keep long-lived and short-lived blocks apart, or take an allocator that does."},
         {"curl -X POST URL/debug/pprof/memory?trim=1: what goes back was free",
          "curl URL/debug/pprof/memory: the account of resident memory"}},
    [PATTERN_HEALTHY] =
        {"healthy",
         "nothing grows beyond chance: what rises was warming up, is bounded, or falls again",
         false,
         {"Nothing to mend.", "If memory is more than it should be, see who holds it."},
         {"sluice heap top PROFILE"}},
    [PATTERN_UNDETERMINED] =
        {"undetermined",
         "the evidence does not say",
         false,
         {"Observe for longer, and with more profiles: five moments at the least.",
          "Add what was missing: resident memory, goroutine or thread profiles, the collector's "
          "trace, requests."},
         {"sluice heap watch URL or PID", "sluice heap capsule PID -o FILE"}},
};

const struct pattern_info *pattern_info_of(enum pattern pattern)
{
    return &patterns[pattern];
}

const struct rule *verdict_rules(size_t *count)
{
    *count = sizeof(rules) / sizeof(rules[0]);
    return rules;
}

struct score verdict_score(enum pattern pattern, const struct facts *facts)
{
    struct score score = {.is_possible = true};
    int worst = 0;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct rule *rule = &rules[i];
        enum answer answer = facts->values[rule->fact].answer;
        if (rule->pattern != pattern) {
            continue;
        }
        int points = answer == ANSWER_UNKNOWN ? 0 : rule->if_so;
        points = answer == ANSWER_NO ? rule->if_not : points;
        score.points += points;
        bool is_missing = rule->is_needed && answer != ANSWER_YES;
        if (is_missing || points < worst) {
            worst = is_missing ? -100 : points;
            score.against = rule;
        }
        score.is_possible = score.is_possible && !is_missing;
    }
    return score;
}
