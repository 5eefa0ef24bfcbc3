#include "pipeline/otlp_call.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sluice/budget.h>
#include <sluice/clock.h>

#include "base/block.h"
#include "base/hash.h"
#include "base/sink.h"
#include "net/net.h"
#include "pipeline/payload.h"
#include "pipeline/refusals.h"
#include "pipeline/stage.h"
#include "sys/wall_clock.h"
#include "wire/otlp_answer.h"
#include "wire/otlp_check.h"
#include "wire/otlp_json_read.h"

#define SECOND_NS        UINT64_C(1000000000)
#define RETRY_NS         (2 * SECOND_NS)
#define ANSWER_BYTES_MAX 1024
#define METADATA_SEED    UINT64_C(0x9e3779b97f4a7c15)

enum call_form {
    CALL_GRPC,
    CALL_PROTOBUF,
    CALL_JSON
};

/* A request whose answer is due when its delivery is complete. */
struct call {
    struct delivery delivery; /* at the front: delivery_done is handed it */
    struct otlp_intake *intake;
    struct net_request *request;
    enum call_form form;
};

static const char *type_of(enum call_form form)
{
    return form == CALL_JSON ? "application/json" : "application/x-protobuf";
}

static uint64_t seconds_of(uint64_t delay_ns)
{
    return (delay_ns + SECOND_NS - 1) / SECOND_NS;
}

static enum net_grpc_status grpc_code(unsigned http_status)
{
    switch (http_status) {
    case 200:
        return NET_GRPC_OK;
    case 400:
    case 415:
        return NET_GRPC_INVALID_ARGUMENT;
    default:
        return NET_GRPC_UNAVAILABLE;
    }
}

static void count(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

static void note(const struct otlp_intake *intake, enum refusal_kind kind, uint64_t records,
                 const char *reason)
{
    struct refusal refusal = {
        .kind = kind, .signal = intake->signal, .count = records, .last_ns = wall_clock_ns()};
    (void)snprintf(refusal.reason, sizeof(refusal.reason), "%s", reason);
    refusals_note(intake->refusals, &refusal);
}

/* Over HTTP a failure is a google.rpc.Status, in the form of the request. */
static void fail_http(struct net_request *request, enum call_form form, unsigned http_status,
                      uint64_t retry_ns, const char *text)
{
    char answer[ANSWER_BYTES_MAX];
    struct sink sink;
    struct otlp_status status = {
        .code = (int32_t)grpc_code(http_status), .has_retry = retry_ns > 0, .retry_ns = retry_ns};
    (void)snprintf(status.message, sizeof(status.message), "%s", text);
    sink_init_fixed(&sink, answer, sizeof(answer));
    otlp_status_write(&sink, form == CALL_JSON, &status);
    size_t len = sink.len;
    if (retry_ns > 0) {
        char seconds[24];
        (void)snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)seconds_of(retry_ns));
        (void)net_response_header(request, "retry-after", net_text(seconds)); /* it fits */
    }
    int err = sink_end(&sink);
    net_respond(request, http_status, type_of(form),
                (struct slu_bytes){answer, err == 0 ? len : 0});
}

static void fail(struct net_request *request, enum call_form form, unsigned http_status,
                 uint64_t retry_ns, const char *text)
{
    if (form != CALL_GRPC) {
        fail_http(request, form, http_status, retry_ns, text);
    } else if (retry_ns > 0) {
        net_grpc_fail_later(request, grpc_code(http_status), net_text(text), retry_ns);
    } else {
        net_grpc_fail(request, grpc_code(http_status), net_text(text), (struct slu_bytes){0});
    }
}

/* Sending it again does not help. */
static void fail_invalid(struct otlp_intake *intake, struct net_request *request,
                         enum call_form form, const char *text)
{
    count(&intake->invalid_count, 1);
    note(intake, REFUSAL_INVALID, 1, text);
    fail(request, form, 400, 0, text);
}

/* retry_ns: 0 where nobody has said when. */
static void fail_later(struct otlp_intake *intake, struct net_request *request, enum call_form form,
                       uint64_t retry_ns, const char *text)
{
    count(&intake->refused_count, 1);
    note(intake, REFUSAL_LATER, 1, text);
    fail(request, form, 503, retry_ns > 0 ? retry_ns : RETRY_NS, text);
}

/* With what was refused of it, if anything was. */
static void succeed(struct net_request *request, enum call_form form, const struct outcome *outcome,
                    enum otlp_signal signal)
{
    char answer[ANSWER_BYTES_MAX];
    struct sink sink;
    struct otlp_partial partial = {.rejected_count = (int64_t)outcome->refused_count};
    memcpy(partial.message, outcome->reason, sizeof(partial.message));
    sink_init_fixed(&sink, answer, sizeof(answer));
    otlp_partial_write(&sink, form == CALL_JSON, signal, &partial);
    struct slu_bytes bytes = {answer, sink.len};
    if (sink_end(&sink) != 0) {
        bytes.len = 0;
    }
    if (form == CALL_GRPC) {
        net_grpc_reply(request, bytes);
    } else {
        net_respond(request, 200, type_of(form), bytes);
    }
}

/* On the loop: the pipelines have taken it, or not. */
static void call_answer(struct net_request *request, void *arg)
{
    struct call *call = arg;
    struct otlp_intake *intake = call->intake;
    const struct outcome *outcome = &call->delivery.outcome;
    if (outcome->kind == OUTCOME_REFUSED) {
        fail_invalid(intake, request, call->form, outcome->reason);
    } else if (outcome->kind == OUTCOME_LATER) {
        fail_later(intake, request, call->form, outcome->retry_ns, outcome->reason);
    } else {
        if (outcome->refused_count > 0) {
            note(intake, REFUSAL_PARTIAL, outcome->refused_count, outcome->reason);
        }
        succeed(request, call->form, outcome, intake->signal);
    }
    delivery_deinit(&call->delivery);
    slu_budget_free(intake->budget, call, sizeof(*call));
}

static void call_done(struct delivery *delivery)
{
    struct call *call = (struct call *)delivery;
    net_request_post(call->request, call_answer, call);
}

/* What was taken of the request: its body, or what JSON was turned into. */
struct message_owner {
    struct net_body body;
    struct slu_budget *budget; /* of `block` */
    struct block block;
};

static void owner_free(void *arg)
{
    struct message_owner *owner = arg;
    net_body_free(&owner->body);
    if (owner->budget != NULL) {
        block_free(owner->budget, &owner->block);
    }
}

static struct slu_bytes owner_bytes(const struct message_owner *owner)
{
    return owner->budget != NULL ? (struct slu_bytes){owner->block.data, owner->block.len}
                                 : owner->body.bytes;
}

/* What batches go by: equal values have equal hashes, and it does not matter what they are. */
static void metadata_take(const struct otlp_intake *intake, const struct net_request *request,
                          struct payload *payload)
{
    for (size_t i = 0; i < intake->metadata_count; i++) {
        struct slu_bytes value;
        if (net_request_header(request, intake->metadata_keys[i], &value)) {
            payload->metadata[i] = hash_bytes_wide(value, METADATA_SEED).low | 1;
        }
    }
}

/* Hand the message on; from here on the pipelines have it. Returns 0; -EDQUOT; -ENOMEM */
static int hand_on(struct otlp_intake *intake, struct net_request *request, enum call_form form,
                   const struct message_owner *owner, struct slu_bytes message,
                   uint64_t record_count)
{
    void *memory = NULL;
    int err = slu_budget_alloc(intake->budget, sizeof(struct call), &memory);
    if (err != 0) {
        return err;
    }
    struct payload *payload = NULL;
    err = payload_create(intake->budget, message, owner_free, owner, sizeof(*owner), &payload);
    if (err != 0) {
        slu_budget_free(intake->budget, memory, sizeof(struct call));
        return err;
    }
    struct call *call = memory;
    call->intake = intake;
    call->request = request;
    call->form = form;
    delivery_begin(&call->delivery, call_done);
    payload->signal = intake->signal;
    payload->record_count = record_count;
    payload->arrived_ns = slu_clock_monotonic_ns();
    metadata_take(intake, request, payload);
    payload_deliver(payload, &call->delivery);
    count(&intake->accepted_count, record_count);
    net_request_hold(request);
    stage_consume(intake->next, payload, payload->arrived_ns);
    delivery_end(&call->delivery);
    return 0;
}

/* Check the message and hand it on, or answer; `owner` is taken over. */
static void message_take(struct otlp_intake *intake, struct net_request *request,
                         enum call_form form, struct message_owner *owner, struct slu_bytes message)
{
    struct slu_diag diag = {0};
    struct otlp_counts counts = {0};
    if (otlp_check(intake->signal, message, &counts, &diag) != 0) {
        fail_invalid(intake, request, form, diag.message);
    } else if (counts.records == 0) {
        struct outcome nothing = {.kind = OUTCOME_TAKEN};
        succeed(request, form, &nothing, intake->signal);
    } else if (hand_on(intake, request, form, owner, message, counts.records) == 0) {
        return;
    } else {
        fail_later(intake, request, form, 0, "no memory left for the request");
    }
    owner_free(owner);
}

static bool type_is(struct slu_bytes value, const char *type)
{
    size_t len = strlen(type);
    const char *text = value.data;
    return value.len >= len && strncasecmp(text, type, len) == 0 &&
           (value.len == len || text[len] == ';' || text[len] == ' ');
}

static void json_take(struct otlp_intake *intake, struct net_request *request)
{
    struct slu_diag diag = {0};
    struct message_owner owner = {.budget = intake->payloads};
    int err = otlp_json_read(intake->payloads, intake->signal, net_request_body(request),
                             &owner.block, &diag);
    if (err == 0) {
        message_take(intake, request, CALL_JSON, &owner, owner_bytes(&owner));
    } else if (err == -EBADMSG) {
        fail_invalid(intake, request, CALL_JSON, diag.message);
    } else {
        fail_later(intake, request, CALL_JSON, 0, "no memory left for the request");
    }
}

static void protobuf_take(struct otlp_intake *intake, struct net_request *request)
{
    struct message_owner owner = {0};
    if (net_request_take_body(request, &owner.body) == 0) {
        message_take(intake, request, CALL_PROTOBUF, &owner, owner_bytes(&owner));
    }
}

void otlp_http_handle(struct net_request *request, void *arg)
{
    struct slu_bytes type = {0};
    if (net_request_header(request, "content-type", &type) && type_is(type, "application/json")) {
        json_take(arg, request);
    } else if (type_is(type, "application/x-protobuf")) {
        protobuf_take(arg, request);
    } else {
        struct otlp_intake *intake = arg;
        const char *text = "Content-Type must be application/x-protobuf or application/json";
        count(&intake->invalid_count, 1);
        note(intake, REFUSAL_INVALID, 1, text);
        fail(request, CALL_JSON, 415, 0, text);
    }
}

void otlp_grpc_handle(struct net_request *request, void *arg)
{
    struct message_owner owner = {0};
    struct slu_bytes message;
    if (net_grpc_message(request, &message) == 0 &&
        net_request_take_body(request, &owner.body) == 0) {
        message_take(arg, request, CALL_GRPC, &owner, message);
    }
}

static bool is_short(struct otlp_intake *intake)
{
    return slu_budget_pressure(intake->payloads) != SLU_PRESSURE_LOW;
}

static void refuse(struct net_request *request, struct otlp_intake *intake, enum call_form form)
{
    fail_later(intake, request, form, 0, "the memory limit is near: try again later");
}

/* The form of the answer is that of the question, as far as it is known. */
static enum call_form form_of(struct net_request *request)
{
    struct slu_bytes type = {0};
    bool is_json =
        net_request_header(request, "content-type", &type) && type_is(type, "application/json");
    return is_json ? CALL_JSON : CALL_PROTOBUF;
}

void otlp_http_admit(struct net_request *request, void *arg)
{
    if (is_short(arg)) {
        refuse(request, arg, form_of(request));
    }
}

void otlp_grpc_admit(struct net_request *request, void *arg)
{
    if (is_short(arg)) {
        refuse(request, arg, CALL_GRPC);
    }
}

void otlp_http_shed(struct net_request *request, void *arg)
{
    refuse(request, arg, form_of(request));
}

void otlp_grpc_shed(struct net_request *request, void *arg)
{
    refuse(request, arg, CALL_GRPC);
}
