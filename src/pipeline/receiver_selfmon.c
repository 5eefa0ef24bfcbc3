/*
 * The receiver `selfmon`: each `interval` the daemon's own metrics and a span for the longest try
 * of each exporter; its messages as log records; each six intervals its heap profile. All of that
 * is of a fixed size, or follows changes of state, so that it never feeds on itself.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/random.h>
#include <sluice/scope.h>

#include "codec/protobuf_block.h"
#include "pipeline/config.h"
#include "pipeline/graph.h"
#include "pipeline/payload.h"
#include "pipeline/profile_message.h"
#include "pipeline/profile_names.h"
#include "pipeline/receiver.h"
#include "pipeline/self_metrics.h"
#include "pipeline/stage.h"
#include "sys/file.h"
#include "sys/wall_clock.h"

#define SECOND_NS        UINT64_C(1000000000)
#define TASK_STACK_BYTES ((size_t)128 * 1024)

#define ROUNDS_EACH_PROFILE 6 /* a minute, as the interval is */

/* Field numbers of OTLP. */
enum {
    REQUEST_RESOURCE = 1,
    RESOURCE_RESOURCE = 1,
    RESOURCE_SCOPE = 2,
    SCOPE_SCOPE = 1,
    SCOPE_ITEM = 2,
    ATTRIBUTES = 1,
    KEY = 1,
    VALUE = 2,
    STRING_VALUE = 1,
    NAME = 1,
    METRIC_DESCRIPTION = 2,
    METRIC_UNIT = 3,
    METRIC_GAUGE = 5,
    METRIC_SUM = 7,
    DATA_POINTS = 1,
    SUM_TEMPORALITY = 2,
    SUM_MONOTONIC = 3,
    POINT_START = 2,
    POINT_TIME = 3,
    POINT_INT = 6,
    POINT_ATTRIBUTES = 7,
    LOG_TIME = 1,
    LOG_SEVERITY = 2,
    LOG_BODY = 5,
    TEMPORALITY_CUMULATIVE = 2,
    SEVERITY_INFO = 9,
    SPAN_TRACE_ID = 1,
    SPAN_ID = 2,
    SPAN_NAME = 5,
    SPAN_KIND = 6,
    SPAN_START = 7,
    SPAN_END = 8,
    SPAN_ATTRIBUTES = 9,
    SPAN_STATUS = 15,
    STATUS_CODE = 3,
    KIND_CLIENT = 3,
    CODE_ERROR = 2,
};

struct selfmon_options {
    uint64_t interval_ns;
};

static const struct config_field fields[] = {
    {.key = "interval",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct selfmon_options, interval_ns),
     .min = 100000000},
};

static const struct config_object selfmon_object = {
    .what = "the selfmon receiver",
    .fields = fields,
    .field_count = 1,
    .size_bytes = sizeof(struct selfmon_options),
};

struct selfmon {
    struct receiver_context context;
    struct selfmon_options options;
    struct slu_scope *scope;
    uint64_t start_ns; /* of the counters, since 1970 */
    bool has_heap;     /* its profile is sent */
    _Atomic uint64_t accepted_count;
};

/* A message that is being written, down to the scope. */
struct writing {
    struct protobuf_block out;
    struct protobuf_mark request;
    struct protobuf_mark scope;
    uint64_t start_ns;
    uint64_t now_ns;
    uint64_t record_count;
};

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static void attribute_write(struct protobuf_block *out, uint32_t field, const char *key,
                            const char *value)
{
    struct protobuf_mark attribute;
    struct protobuf_mark content;
    protobuf_block_begin(out, field, &attribute);
    protobuf_block_bytes(out, KEY, bytes_of(key));
    protobuf_block_begin(out, VALUE, &content);
    protobuf_block_bytes(out, STRING_VALUE, bytes_of(value));
    protobuf_block_end(out, content);
    protobuf_block_end(out, attribute);
}

static void writing_begin(struct writing *writing, const struct selfmon *selfmon)
{
    struct protobuf_mark mark;
    struct protobuf_block *out = &writing->out;
    *writing = (struct writing){.start_ns = selfmon->start_ns, .now_ns = (uint64_t)wall_clock_ns()};
    protobuf_block_init(out, selfmon->context.payloads);
    protobuf_block_begin(out, REQUEST_RESOURCE, &writing->request);
    protobuf_block_begin(out, RESOURCE_RESOURCE, &mark);
    attribute_write(out, ATTRIBUTES, "service.name", "sluice-serve");
    protobuf_block_end(out, mark);
    protobuf_block_begin(out, RESOURCE_SCOPE, &writing->scope);
    protobuf_block_begin(out, SCOPE_SCOPE, &mark);
    protobuf_block_bytes(out, NAME, bytes_of("sluice.selfmon"));
    protobuf_block_end(out, mark);
}

/* Hand it on; what there is no room for is left out, and the next one comes. */
static void writing_end(struct writing *writing, struct selfmon *selfmon, enum otlp_signal signal)
{
    struct payload *payload = NULL;
    protobuf_block_end(&writing->out, writing->scope);
    protobuf_block_end(&writing->out, writing->request);
    if (writing->out.err != 0 ||
        payload_create_block(selfmon->context.payloads, &writing->out.block, &payload) != 0) {
        protobuf_block_deinit(&writing->out);
        return;
    }
    payload->signal = signal;
    payload->record_count = writing->record_count;
    payload->arrived_ns = slu_clock_monotonic_ns();
    stage_count(&selfmon->accepted_count, writing->record_count);
    stage_consume(selfmon->context.next[signal], payload, payload->arrived_ns);
}

static void metric_write(void *arg, const struct self_metric *metric)
{
    struct writing *writing = arg;
    struct protobuf_block *out = &writing->out;
    struct protobuf_mark marks[3];
    protobuf_block_begin(out, SCOPE_ITEM, &marks[0]);
    protobuf_block_bytes(out, NAME, bytes_of(metric->name));
    protobuf_block_bytes(out, METRIC_DESCRIPTION, bytes_of(metric->help));
    protobuf_block_bytes(out, METRIC_UNIT, bytes_of(metric->unit));
    protobuf_block_begin(out, metric->is_counter ? METRIC_SUM : METRIC_GAUGE, &marks[1]);
    protobuf_block_begin(out, DATA_POINTS, &marks[2]);
    if (metric->is_counter) {
        protobuf_block_tag(out, POINT_START, PROTOBUF_FIXED64);
        protobuf_block_fixed64(out, writing->start_ns);
    }
    protobuf_block_tag(out, POINT_TIME, PROTOBUF_FIXED64);
    protobuf_block_fixed64(out, writing->now_ns);
    protobuf_block_tag(out, POINT_INT, PROTOBUF_FIXED64);
    protobuf_block_fixed64(out, metric->value);
    if (metric->label_name != NULL) {
        attribute_write(out, POINT_ATTRIBUTES, metric->label_name, metric->label);
    }
    protobuf_block_end(out, marks[2]);
    if (metric->is_counter) {
        protobuf_block_tag(out, SUM_TEMPORALITY, PROTOBUF_VARINT);
        protobuf_block_varint(out, TEMPORALITY_CUMULATIVE);
        protobuf_block_tag(out, SUM_MONOTONIC, PROTOBUF_VARINT);
        protobuf_block_varint(out, 1);
    }
    protobuf_block_end(out, marks[1]);
    protobuf_block_end(out, marks[0]);
    writing->record_count++;
}

static void metrics_send(struct selfmon *selfmon)
{
    struct writing writing;
    writing_begin(&writing, selfmon);
    graph_metrics(selfmon->context.graph, metric_write, &writing);
    writing_end(&writing, selfmon, OTLP_METRICS);
}

/* Ids need not be secret, and no two may be the same. */
static void id_write(struct protobuf_block *out, uint32_t field, size_t len)
{
    uint64_t words[2] = {1, 1};
    for (size_t i = 0; i < len / sizeof(words[0]); i++) {
        if (slu_random_seed(&words[i]) != 0) {
            words[i] = slu_clock_monotonic_ns();
        }
    }
    protobuf_block_bytes(out, field, (struct slu_bytes){words, len});
}

static void fixed_write(struct protobuf_block *out, uint32_t field, uint64_t value)
{
    protobuf_block_tag(out, field, PROTOBUF_FIXED64);
    protobuf_block_fixed64(out, value);
}

static void number_write(struct protobuf_block *out, uint32_t field, uint64_t value)
{
    protobuf_block_tag(out, field, PROTOBUF_VARINT);
    protobuf_block_varint(out, value);
}

static void span_write(struct writing *writing, const char *exporter,
                       const struct exporter_span *span)
{
    struct protobuf_block *out = &writing->out;
    struct protobuf_mark item;
    struct protobuf_mark status;
    protobuf_block_begin(out, SCOPE_ITEM, &item);
    id_write(out, SPAN_TRACE_ID, 16);
    id_write(out, SPAN_ID, 8);
    protobuf_block_bytes(out, SPAN_NAME, bytes_of("export"));
    number_write(out, SPAN_KIND, KIND_CLIENT);
    fixed_write(out, SPAN_START, span->begin_ns);
    fixed_write(out, SPAN_END, span->end_ns);
    attribute_write(out, SPAN_ATTRIBUTES, "exporter", exporter);
    if (span->kind != OUTCOME_TAKEN) {
        protobuf_block_begin(out, SPAN_STATUS, &status);
        number_write(out, STATUS_CODE, CODE_ERROR);
        protobuf_block_end(out, status);
    }
    protobuf_block_end(out, item);
    writing->record_count++;
}

/* A span for the longest try of each exporter: their number does not grow with the traffic. */
static void spans_send(struct selfmon *selfmon)
{
    struct writing writing;
    struct exporter_span span;
    const char *name = NULL;
    writing_begin(&writing, selfmon);
    for (size_t i = 0; (name = graph_longest(selfmon->context.graph, i, &span)) != NULL; i++) {
        if (span.end_ns != 0) {
            span_write(&writing, name, &span);
        }
    }
    if (writing.record_count > 0) {
        writing_end(&writing, selfmon, OTLP_TRACES);
    } else {
        protobuf_block_deinit(&writing.out);
    }
}

static bool wants(const struct selfmon *selfmon, enum otlp_signal signal)
{
    return selfmon->context.next[signal] != NULL;
}

/* The heap's profile goes through a file, because that is what the profiler writes. */
static void heap_send(struct selfmon *selfmon)
{
    char path[PATH_MAX];
    struct block bytes = {0};
    const struct profile_names names = {selfmon->context.names_program, selfmon->scope,
                                        selfmon->context.payloads};
    struct profile_facts facts = {.name = "heap",
                                  .service = "sluice-serve",
                                  .time_ns = (uint64_t)wall_clock_ns(),
                                  .names = &names};
    int len = snprintf(path, sizeof(path), "%s/selfmon.pb.gz", selfmon->context.data_path);
    if (len >= PATH_MAX || selfmon->context.heap_write(path) != 0) {
        return;
    }
    int err = file_read_all(selfmon->context.payloads, path, PROFILE_BYTES_MAX, &bytes, NULL);
    (void)unlink(path); /* another takes its place */
    if (err == 0) {
        facts.pprof = (struct slu_bytes){bytes.data, bytes.len};
        err = profile_send(selfmon->context.payloads, selfmon->context.next[OTLP_PROFILES], &facts);
        stage_count(&selfmon->accepted_count, err == 0);
    }
    block_free(selfmon->context.payloads, &bytes);
}

static void everything_send(struct selfmon *selfmon, uint64_t round)
{
    if (wants(selfmon, OTLP_METRICS)) {
        metrics_send(selfmon);
    }
    if (wants(selfmon, OTLP_TRACES)) {
        spans_send(selfmon);
    }
    if (selfmon->has_heap && round % ROUNDS_EACH_PROFILE == 0) {
        heap_send(selfmon);
    }
}

static void selfmon_main(struct slu_scope *scope, void *arg)
{
    struct selfmon *selfmon = arg;
    uint64_t next_ns = slu_clock_monotonic_ns();
    uint64_t round = 0;
    do {
        everything_send(selfmon, round++);
        next_ns += selfmon->options.interval_ns;
    } while (slu_scope_sleep_until(scope, next_ns) == 0);
}

/* A message of the daemon becomes a log record. */
static void selfmon_hear(void *self, const char *text)
{
    struct selfmon *selfmon = self;
    struct writing writing;
    struct protobuf_mark record;
    struct protobuf_mark body;
    if (selfmon->context.next[OTLP_LOGS] == NULL) {
        return;
    }
    writing_begin(&writing, selfmon);
    protobuf_block_begin(&writing.out, SCOPE_ITEM, &record);
    protobuf_block_tag(&writing.out, LOG_TIME, PROTOBUF_FIXED64);
    protobuf_block_fixed64(&writing.out, writing.now_ns);
    protobuf_block_tag(&writing.out, LOG_SEVERITY, PROTOBUF_VARINT);
    protobuf_block_varint(&writing.out, SEVERITY_INFO);
    protobuf_block_begin(&writing.out, LOG_BODY, &body);
    protobuf_block_bytes(&writing.out, STRING_VALUE, bytes_of(text));
    protobuf_block_end(&writing.out, body);
    protobuf_block_end(&writing.out, record);
    writing.record_count = 1;
    writing_end(&writing, selfmon, OTLP_LOGS);
}

static void selfmon_destroy(void *self)
{
    struct selfmon *selfmon = self;
    slu_budget_free(selfmon->context.budget, selfmon, sizeof(*selfmon));
}

static int selfmon_create(const struct receiver_context *context, void **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(context->budget, sizeof(struct selfmon), &memory);
    if (err != 0) {
        return err;
    }
    struct selfmon *selfmon = memory;
    selfmon->context = *context;
    selfmon->options = (struct selfmon_options){.interval_ns = 10 * SECOND_NS};
    selfmon->start_ns = (uint64_t)wall_clock_ns();
    err = config_read(context->config, context->node, &selfmon_object, &selfmon->options);
    if (err != 0) {
        selfmon_destroy(selfmon);
        return err;
    }
    *out = selfmon;
    return 0;
}

/* Whether the daemon runs with the profiler, which is linked, or preloaded, or not there. */
static bool heap_begin(const struct selfmon *selfmon)
{
    if (selfmon->context.heap_write == NULL) {
        selfmon->context.say(selfmon->context.say_arg,
                             "selfmon: no heap profile: the profiler is not loaded");
        return false;
    }
    return true;
}

static int selfmon_start(void *self, struct slu_diag *diag)
{
    struct selfmon *selfmon = self;
    struct slu_scope_options options = {.name = "selfmon",
                                        .budget = selfmon->context.budget,
                                        .task_max = 1,
                                        .task_stack_bytes = TASK_STACK_BYTES};
    selfmon->has_heap = wants(selfmon, OTLP_PROFILES) && heap_begin(selfmon);
    if (!wants(selfmon, OTLP_METRICS) && !wants(selfmon, OTLP_TRACES) && !selfmon->has_heap) {
        return 0;
    }
    int err = slu_scope_create(selfmon->context.scope, &options, diag, &selfmon->scope);
    return err == 0 ? slu_go(selfmon->scope, "selfmon", selfmon_main, selfmon) : err;
}

static void selfmon_stop(void *self, uint64_t grace_ns)
{
    struct selfmon *selfmon = self;
    (void)grace_ns;
    int err = slu_scope_close(&selfmon->scope);
    (void)err; /* it is closed from outside its own task */
}

static void selfmon_stats(void *self, struct receiver_stats *out)
{
    struct selfmon *selfmon = self;
    *out = (struct receiver_stats){
        .accepted_count = atomic_load_explicit(&selfmon->accepted_count, memory_order_relaxed)};
}

static int selfmon_place(void *self, size_t index, char *text, size_t size_bytes)
{
    (void)self;
    (void)index;
    (void)text;
    (void)size_bytes;
    return -ENOENT; /* it listens to nobody */
}

const struct receiver_type selfmon_receiver = {
    .name = "selfmon",
    .create = selfmon_create,
    .start = selfmon_start,
    .stop = selfmon_stop,
    .destroy = selfmon_destroy,
    .stats = selfmon_stats,
    .place = selfmon_place,
    .hear = selfmon_hear,
};
