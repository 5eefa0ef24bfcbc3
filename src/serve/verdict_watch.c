#include "serve/verdict_watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/scope.h>

#include "base/assert.h"
#include "base/hash.h"
#include "diagnose/verdict.h"
#include "pipeline/graph.h"
#include "serve/target_verdict.h"
#include "store/store.h"
#include "sys/wall_clock.h"

#define JUDGE_BYTES (UINT64_C(32) << 20) /* of one round */
#define NAME_BYTES  128
#define SAID_BYTES  512
#define LABEL_NAMES 2
#define STACK_BYTES ((size_t)512 * 1024)

/* A target that has had a finding. */
struct watched {
    uint64_t labels_hash;
    enum pattern pattern; /* PATTERN_HEALTHY: none now */
};

struct verdict_watch {
    struct verdict_watch_options options;
    struct slu_scope *scope;
    struct watched targets[VERDICT_TARGETS_MAX];
    size_t target_count;
    size_t seen_count; /* in the round under way */
    struct report report;
};

static uint64_t hash_of(struct slu_bytes labels)
{
    return hash_bytes(labels, 0);
}

/* service_name, and service_instance_id behind it. */
static void name_write(struct slu_bytes labels, char name[NAME_BYTES])
{
    static const char *const wanted[LABEL_NAMES] = {"service_name", "service_instance_id"};
    size_t len = 0;
    name[0] = '\0';
    for (size_t i = 0; i < LABEL_NAMES; i++) {
        struct slu_bytes rest = labels;
        struct label label;
        while (labels_next(&rest, &label)) {
            bool is_wanted = label.name.len == strlen(wanted[i]) &&
                             memcmp(label.name.data, wanted[i], label.name.len) == 0;
            if (is_wanted && len < NAME_BYTES) {
                int more = snprintf(name + len, NAME_BYTES - len, "%s%.*s", len > 0 ? " " : "",
                                    (int)label.value.len, (const char *)label.value.data);
                len += more > 0 ? (size_t)more : 0;
            }
        }
    }
}

static struct watched *watched_find(struct verdict_watch *watch, struct slu_bytes labels)
{
    uint64_t hash = hash_of(labels);
    for (size_t i = 0; i < watch->target_count; i++) {
        if (watch->targets[i].labels_hash == hash) {
            return &watch->targets[i];
        }
    }
    /* A target that is gone gives its place to a new one. */
    size_t at = watch->target_count < VERDICT_TARGETS_MAX ? watch->target_count++
                                                          : hash % VERDICT_TARGETS_MAX;
    watch->targets[at] = (struct watched){.labels_hash = hash, .pattern = PATTERN_HEALTHY};
    return &watch->targets[at];
}

static void verdict_say(struct verdict_watch *watch, struct slu_bytes labels)
{
    const struct verdict *verdict = &watch->report.verdicts[0];
    char name[NAME_BYTES];
    char text[SAID_BYTES];
    name_write(labels, name);
    if (watch->report.is_finding) {
        (void)snprintf(text, sizeof(text), "verdict: %s: %s%s%.120s, %.0f %% sure: %.160s", name,
                       pattern_info_of(verdict->pattern)->id, verdict->has_site ? " at " : "",
                       verdict->has_site ? verdict->function : "", 100 * verdict->confidence,
                       verdict->evidence_count > 0 ? verdict->evidence[0] : "");
    } else {
        (void)snprintf(text, sizeof(text), "verdict: %s: nothing grows any more", name);
    }
    graph_say(watch->options.graph, text);
}

/* What is undetermined changes nothing that was said. */
static void verdict_take(struct verdict_watch *watch, struct slu_bytes labels)
{
    const struct report *report = &watch->report;
    enum pattern pattern = report->is_finding ? report->verdicts[0].pattern : PATTERN_HEALTHY;
    struct watched *watched = watched_find(watch, labels);
    bool is_told = report->verdicts[0].pattern != PATTERN_UNDETERMINED;
    if (is_told && watched->pattern != pattern) {
        watched->pattern = pattern;
        verdict_say(watch, labels);
    }
}

struct round {
    struct verdict_watch *watch;
    const struct store_query *query;
};

static int target_visit(void *arg, struct slu_bytes labels)
{
    struct round *round = arg;
    struct verdict_watch *watch = round->watch;
    if (watch->seen_count++ >= VERDICT_TARGETS_MAX) {
        return 0;
    }
    int err = target_judge(watch->options.store, round->query, labels, &watch->report);
    if (err == 0) {
        verdict_take(watch, labels);
    }
    return err == -ECANCELED ? err : 0; /* the next round may have what this one had not */
}

static void round_run(struct verdict_watch *watch, struct slu_scope *scope)
{
    int64_t now_ns = wall_clock_ns();
    struct slu_budget *budget = NULL;
    if (slu_budget_create(watch->options.budget, "verdicts", JUDGE_BYTES, &budget) != 0) {
        return;
    }
    struct store_query query = {.budget = budget,
                                .scope = scope,
                                .from_ns = now_ns - (int64_t)VERDICT_RANGE_NS,
                                .to_ns = now_ns};
    struct round round = {.watch = watch, .query = &query};
    watch->seen_count = 0;
    int err = store_streams(watch->options.store, STORE_PROFILES, &query, target_visit, &round);
    (void)err; /* no memory, or the end: there is another round */
    slu_budget_destroy(&budget);
}

static void watch_run(struct slu_scope *scope, void *arg)
{
    struct verdict_watch *watch = arg;
    while (slu_scope_sleep_until(scope, slu_clock_monotonic_ns() + watch->options.period_ns) == 0) {
        round_run(watch, scope);
    }
}

int verdict_watch_create(const struct verdict_watch_options *options, struct verdict_watch **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(options->budget, sizeof(struct verdict_watch), &memory);
    if (err != 0) {
        return err;
    }
    struct verdict_watch *watch = memory;
    *watch = (struct verdict_watch){.options = *options};
    struct slu_scope_options scope = {.name = "verdicts",
                                      .budget = options->budget,
                                      .task_max = 1,
                                      .task_stack_bytes = STACK_BYTES};
    err = slu_scope_create(options->scope, &scope, NULL, &watch->scope);
    err = err != 0 ? err : slu_go(watch->scope, "verdicts", watch_run, watch);
    if (err != 0) {
        verdict_watch_stop(&watch);
        return err;
    }
    *out = watch;
    return 0;
}

void verdict_watch_stop(struct verdict_watch **out)
{
    struct verdict_watch *watch = *out;
    *out = NULL;
    if (watch != NULL) {
        if (watch->scope != NULL) {
            slu_scope_cancel(watch->scope);
        }
        int err = slu_scope_close(&watch->scope);
        SLU_ASSERT(err == 0); /* this is not its task */
        slu_budget_free(watch->options.budget, watch, sizeof(*watch));
    }
}
