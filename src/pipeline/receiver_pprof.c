/*
 * The receiver `pprof`: asks targets for their profiles, Go's and ours: /debug/pprof/heap and
 * /debug/pprof/goroutine or /debug/pprof/threads.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/scope.h>

#include "net/net.h"
#include "pipeline/config.h"
#include "pipeline/payload.h"
#include "pipeline/profile_message.h"
#include "pipeline/profile_names.h"
#include "pipeline/receiver.h"
#include "pipeline/stage.h"
#include "sys/mutex.h"
#include "sys/wall_clock.h"

#define SECOND_NS        UINT64_C(1000000000)
#define TASK_STACK_BYTES ((size_t)256 * 1024)
#define URL_BYTES_MAX    1024
#define TARGETS_MAX      256

struct target_options {
    const char *endpoint;
    const char *service;
    struct config_map labels;
    bool is_optional; /* that it does not answer is not told, and no mistake */
};

static const struct config_field target_fields[] = {
    {.key = "endpoint",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct target_options, endpoint),
     .is_required = true},
    {.key = "service", .kind = CONFIG_STRING, .offset = offsetof(struct target_options, service)},
    {.key = "labels", .kind = CONFIG_MAP, .offset = offsetof(struct target_options, labels)},
    {.key = "optional",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct target_options, is_optional)},
};

static const struct config_object target_object = {
    .what = "a target of the pprof receiver",
    .fields = target_fields,
    .field_count = sizeof(target_fields) / sizeof(target_fields[0]),
    .size_bytes = sizeof(struct target_options),
};

struct pprof_options {
    struct config_objects targets;
    struct config_strings profiles;
    uint64_t interval_ns;
    uint64_t timeout_ns;
    bool symbolize;
};

static const struct config_field fields[] = {
    {.key = "targets",
     .kind = CONFIG_OBJECTS,
     .offset = offsetof(struct pprof_options, targets),
     .object = &target_object,
     .is_required = true},
    {.key = "profiles", .kind = CONFIG_STRINGS, .offset = offsetof(struct pprof_options, profiles)},
    {.key = "interval",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct pprof_options, interval_ns),
     .min = 100000000},
    {.key = "timeout",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct pprof_options, timeout_ns),
     .min = 1000000},
    {.key = "symbolize", .kind = CONFIG_BOOL, .offset = offsetof(struct pprof_options, symbolize)},
};

static const struct config_object pprof_object = {
    .what = "the pprof receiver",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct pprof_options),
};

static const char *const usual_profiles[] = {"heap"};

/* How it went with a target. */
struct target_state {
    uint64_t taken_count;
    int64_t answered_ns; /* since 1970 */
    bool is_failing;     /* which was told */
    char why[RECEIVER_WHY_MAX];
};

struct pprof {
    struct receiver_context context;
    struct pprof_options options;
    struct slu_scope *scope;
    struct net_client *client;
    _Atomic uint64_t accepted_count;
    _Atomic uint64_t invalid_count;
    struct mutex lock; /* of the states */
    struct target_state *states;
};

/* Say that a target does not answer, and that it does again, once each. */
static void tell(struct pprof *pprof, size_t target, const char *why)
{
    const struct target_options *targets = pprof->options.targets.items;
    struct target_state *state = &pprof->states[target];
    char text[SLU_DIAG_MESSAGE_MAX + 128];
    bool is_failing = why != NULL;
    mutex_lock(&pprof->lock);
    (void)snprintf(state->why, sizeof(state->why), "%s", is_failing ? why : "");
    if (!is_failing) {
        state->answered_ns = wall_clock_ns();
    }
    mutex_unlock(&pprof->lock);
    if (state->is_failing != is_failing && !targets[target].is_optional) {
        state->is_failing = is_failing;
        (void)snprintf(text, sizeof(text), "%s: %.80s: %s", pprof->context.name,
                       targets[target].endpoint, is_failing ? why : "answers again");
        pprof->context.say(pprof->context.say_arg, text);
    }
}

static void profile_take(struct pprof *pprof, size_t index, const char *name,
                         const struct net_answer *answer)
{
    const struct target_options *target =
        (const struct target_options *)pprof->options.targets.items + index;
    const struct profile_names names = {pprof->context.names_program, pprof->scope,
                                        pprof->context.payloads};
    struct profile_facts facts = {.name = name,
                                  .service = target->service,
                                  .instance = target->endpoint,
                                  .labels = &target->labels,
                                  .time_ns = (uint64_t)wall_clock_ns(),
                                  .pprof = answer->body,
                                  .names = pprof->options.symbolize ? &names : NULL};
    int err = profile_send(pprof->context.payloads, pprof->context.next[OTLP_PROFILES], &facts);
    stage_count(err == 0 ? &pprof->accepted_count : &pprof->invalid_count, 1);
    mutex_lock(&pprof->lock);
    pprof->states[index].taken_count += err == 0;
    mutex_unlock(&pprof->lock);
}

/* Ask one target for one profile. */
static void poll_one(struct pprof *pprof, struct slu_scope *scope, size_t index, const char *name)
{
    const struct target_options *target =
        (const struct target_options *)pprof->options.targets.items + index;
    char url[URL_BYTES_MAX];
    char why[64];
    struct slu_diag diag = {0};
    struct net_answer answer = {0};
    struct net_ask ask = {
        .url = url, .answer_bytes_max = PROFILE_BYTES_MAX, .timeout_ns = pprof->options.timeout_ns};
    (void)snprintf(url, sizeof(url), "%s/debug/pprof/%s", target->endpoint, name);
    int err = net_client_fetch(pprof->client, scope, &ask, &diag, &answer);
    if (err != 0) {
        if (slu_scope_error(scope) == 0) {
            stage_count(&pprof->invalid_count, target->is_optional ? 0 : 1);
            tell(pprof, index, diag.message);
        }
        return;
    }
    if (answer.status == 200) {
        profile_take(pprof, index, name, &answer);
        tell(pprof, index, NULL);
    } else {
        stage_count(&pprof->invalid_count, 1);
        (void)snprintf(why, sizeof(why), "it answers %u to %.30s", answer.status, name);
        tell(pprof, index, why);
    }
    net_answer_free(pprof->client, &answer);
}

static void poll_all(struct pprof *pprof, struct slu_scope *scope)
{
    const struct config_strings *chosen = &pprof->options.profiles;
    const char *const *names = chosen->count > 0 ? chosen->items : usual_profiles;
    size_t name_count = chosen->count > 0 ? chosen->count : 1;
    for (size_t i = 0; i < pprof->options.targets.count; i++) {
        for (size_t k = 0; k < name_count && slu_scope_error(scope) == 0; k++) {
            poll_one(pprof, scope, i, names[k]);
        }
    }
}

static void pprof_main(struct slu_scope *scope, void *arg)
{
    struct pprof *pprof = arg;
    uint64_t next_ns = slu_clock_monotonic_ns();
    do {
        poll_all(pprof, scope);
        next_ns += pprof->options.interval_ns;
        uint64_t now_ns = slu_clock_monotonic_ns();
        next_ns = next_ns < now_ns ? now_ns : next_ns; /* what was missed is not made up for */
    } while (slu_scope_sleep_until(scope, next_ns) == 0);
}

static size_t states_bytes(const struct pprof *pprof)
{
    return pprof->options.targets.count * sizeof(struct target_state);
}

static int states_make(struct pprof *pprof)
{
    void *memory = NULL;
    size_t bytes = states_bytes(pprof);
    int err = bytes > 0 ? slu_budget_alloc(pprof->context.budget, bytes, &memory) : 0;
    if (err == 0 && bytes > 0) {
        memset(memory, 0, bytes);
    }
    pprof->states = memory;
    return err;
}

static void pprof_destroy(void *self)
{
    struct pprof *pprof = self;
    net_client_destroy(&pprof->client);
    slu_budget_free(pprof->context.budget, pprof->states, states_bytes(pprof));
    mutex_deinit(&pprof->lock);
    slu_budget_free(pprof->context.budget, pprof, sizeof(*pprof));
}

static int targets_check(const struct pprof *pprof)
{
    const struct target_options *targets = pprof->options.targets.items;
    struct config *config = pprof->context.config;
    int err = 0;
    if (pprof->options.targets.count > TARGETS_MAX) {
        config_mistake(config, pprof->context.node, "there are more than %d targets", TARGETS_MAX);
        return -EINVAL;
    }
    for (size_t i = 0; i < pprof->options.targets.count; i++) {
        if (strncmp(targets[i].endpoint, "http://", 7) != 0) {
            config_mistake(config, config_child(pprof->options.targets.nodes[i], "endpoint"),
                           "a target's endpoint begins with http://, such as "
                           "http://127.0.0.1:6060");
            err = -EINVAL;
        }
    }
    return err;
}

static int pprof_create(const struct receiver_context *context, void **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(context->budget, sizeof(struct pprof), &memory);
    if (err != 0) {
        return err;
    }
    struct pprof *pprof = memory;
    *pprof = (struct pprof){.context = *context};
    mutex_init(&pprof->lock);
    pprof->options = (struct pprof_options){
        .interval_ns = 60 * SECOND_NS, .timeout_ns = 10 * SECOND_NS, .symbolize = true};
    err = config_read(context->config, context->node, &pprof_object, &pprof->options);
    if (err == 0) {
        err = targets_check(pprof);
    }
    if (err == 0) {
        err = states_make(pprof);
    }
    if (err == 0) {
        err = net_client_create(context->payloads, &pprof->client);
    }
    if (err != 0) {
        pprof_destroy(pprof);
        return err;
    }
    *out = pprof;
    return 0;
}

static int pprof_start(void *self, struct slu_diag *diag)
{
    struct pprof *pprof = self;
    struct slu_scope_options options = {.name = "pprof",
                                        .budget = pprof->context.budget,
                                        .task_max = 1,
                                        .callback_max = 4,
                                        .task_stack_bytes = TASK_STACK_BYTES};
    if (pprof->context.next[OTLP_PROFILES] == NULL) {
        return 0;
    }
    int err = slu_scope_create(pprof->context.scope, &options, diag, &pprof->scope);
    return err == 0 ? slu_go(pprof->scope, "pprof", pprof_main, pprof) : err;
}

static void pprof_stop(void *self, uint64_t grace_ns)
{
    struct pprof *pprof = self;
    (void)grace_ns;
    int err = slu_scope_close(&pprof->scope);
    (void)err; /* it is closed from outside its own task */
}

static void pprof_stats(void *self, struct receiver_stats *out)
{
    struct pprof *pprof = self;
    *out = (struct receiver_stats){
        .accepted_count = atomic_load_explicit(&pprof->accepted_count, memory_order_relaxed),
        .invalid_count = atomic_load_explicit(&pprof->invalid_count, memory_order_relaxed)};
}

static int pprof_place(void *self, size_t index, char *text, size_t size_bytes)
{
    (void)self;
    (void)index;
    (void)text;
    (void)size_bytes;
    return -ENOENT; /* it listens to nobody */
}

static int pprof_target(void *self, size_t index, struct receiver_target *out)
{
    struct pprof *pprof = self;
    const struct target_options *targets = pprof->options.targets.items;
    if (index >= pprof->options.targets.count) {
        return -ENOENT;
    }
    const struct target_state *state = &pprof->states[index];
    mutex_lock(&pprof->lock);
    *out = (struct receiver_target){.endpoint = targets[index].endpoint,
                                    .service = targets[index].service,
                                    .is_optional = targets[index].is_optional,
                                    .taken_count = state->taken_count,
                                    .answered_ns = state->answered_ns};
    memcpy(out->why, state->why, sizeof(out->why));
    mutex_unlock(&pprof->lock);
    return 0;
}

const struct receiver_type pprof_receiver = {
    .name = "pprof",
    .create = pprof_create,
    .start = pprof_start,
    .stop = pprof_stop,
    .destroy = pprof_destroy,
    .stats = pprof_stats,
    .place = pprof_place,
    .target = pprof_target,
};
