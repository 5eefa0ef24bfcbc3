/*
 * What flows in tests: payloads whose bytes are counted, deliveries that are written down, and a
 * stage at the end that records what comes or refuses it. All of it may be used by several threads.
 */
#ifndef TESTS_PIPELINE_FLOW_H
#define TESTS_PIPELINE_FLOW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include <sluice/budget.h>

#include "budget.h"
#include "harness.h"
#include "pipeline/payload.h"
#include "pipeline/stage.h"
#include "sys/mutex.h"

#define FLOW_BYTES (UINT64_C(64) << 20)

/* Wakes whoever waits for something that another thread does; one for a program. */
static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t watch_changed = PTHREAD_COND_INITIALIZER;

static inline void watch_tell(void)
{
    (void)pthread_mutex_lock(&watch_lock);
    (void)pthread_cond_broadcast(&watch_changed);
    (void)pthread_mutex_unlock(&watch_lock);
}

/* Block until `*counter`, which is told of with watch_tell, is `least`. */
static inline void watch_await(_Atomic unsigned *counter, unsigned least)
{
    (void)pthread_mutex_lock(&watch_lock);
    while (atomic_load(counter) < least) {
        (void)pthread_cond_wait(&watch_changed, &watch_lock);
    }
    (void)pthread_mutex_unlock(&watch_lock);
}

/* A sender: its delivery, and how often it was answered. */
struct sender {
    struct delivery delivery;
    _Atomic unsigned answer_count;
    struct outcome answer; /* the last */
};

static inline void sender_done(struct delivery *delivery)
{
    struct sender *sender = (struct sender *)delivery;
    sender->answer = delivery->outcome;
    delivery_deinit(delivery);
    atomic_fetch_add(&sender->answer_count, 1);
    watch_tell();
}

static inline void sender_begin(struct sender *sender)
{
    memset(sender, 0, sizeof(*sender));
    delivery_begin(&sender->delivery, sender_done);
}

/* Bytes of a test's own, for payloads; `free_count` is how often they were given back. */
struct loan {
    _Atomic unsigned *free_count;
};

static inline void loan_free(void *owner)
{
    const struct loan *loan = owner;
    atomic_fetch_add(loan->free_count, 1);
}

/* A payload of a constant text, which `free_count` counts the end of. */
static inline struct payload *payload_of(struct slu_budget *budget, const char *text,
                                         uint64_t record_count, _Atomic unsigned *free_count,
                                         struct delivery *delivery)
{
    struct loan loan = {free_count};
    struct payload *payload = NULL;
    assert_int_equal(payload_create(budget, (struct slu_bytes){text, strlen(text)}, loan_free,
                                    &loan, sizeof(loan), &payload),
                     0);
    payload->signal = OTLP_LOGS;
    payload->record_count = record_count;
    if (delivery != NULL) {
        payload_deliver(payload, delivery);
    }
    return payload;
}

#define RECORDED_MAX 256

/* The end of a pipeline. */
struct recorder {
    struct stage stage;
    struct mutex lock;
    struct outcome outcome; /* what every payload ends with */
    bool holds;             /* they are kept in the list instead */
    struct payload *held;
    size_t count;
    uint64_t record_count;
    uint64_t record_counts[RECORDED_MAX]; /* of each */
    char texts[RECORDED_MAX][64];         /* the bytes, as far as they fit */
};

static inline void recorder_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    struct recorder *recorder = (struct recorder *)stage;
    (void)now_ns;
    mutex_lock(&recorder->lock);
    if (recorder->count < RECORDED_MAX) {
        char *text = recorder->texts[recorder->count];
        size_t len = payload->bytes.len < 63 ? payload->bytes.len : 63;
        if (len > 0) {
            memcpy(text, payload->bytes.data, len);
        }
        text[len] = '\0';
        recorder->record_counts[recorder->count] = payload->record_count;
    }
    recorder->count++;
    recorder->record_count += payload->record_count;
    bool is_held = recorder->holds;
    if (is_held) {
        payload->next = recorder->held;
        recorder->held = payload;
    }
    mutex_unlock(&recorder->lock);
    if (!is_held) {
        payload_end(payload, &recorder->outcome);
    }
}

static inline void recorder_init(struct recorder *recorder)
{
    memset(recorder, 0, sizeof(*recorder));
    recorder->stage.consume = recorder_consume;
    recorder->stage.name = "recorder";
    mutex_init(&recorder->lock);
}

static inline void recorder_deinit(struct recorder *recorder)
{
    assert_null(recorder->held);
    mutex_deinit(&recorder->lock);
}

/* End what was held. */
static inline void recorder_release(struct recorder *recorder, const struct outcome *outcome)
{
    struct payload *list = recorder->held;
    recorder->held = NULL;
    payload_end_all(list, outcome);
}

#endif
