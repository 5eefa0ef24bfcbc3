/*
 * The rings with 8-byte items, beside Concurrency Kit's ck_ring of pointers, waiting in the same
 * way. A transfer is timed from before the first push until the consumer, on a core of its own, has
 * seen every item and their sum.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <ck_ring.h>

#include <sluice/ring.h>

#include "bench.h"

#define RING_SLOTS  4096
#define BATCH_ITEMS 64

struct rings {
    struct slu_spsc *spsc;
    struct slu_spsc *spsc_overwrite;
    struct slu_mpsc *mpsc;
    struct slu_mpsc *mpsc_overwrite;
    ck_ring_t ck;
    ck_ring_t ck_mpsc; /* of its own: the two modes keep different indices */
    ck_ring_buffer_t ck_slots[RING_SLOTS];
    uint64_t item_count;
    /* Of the running transfer. */
    void (*consume)(struct rings *rings);
    _Atomic bool consumer_ready;
    _Alignas(64) _Atomic uint64_t bounce;
};

static void must(bool claim, const char *what)
{
    if (!claim) {
        fprintf(stderr, "ring: %s\n", what);
        exit(3);
    }
}

/* Some hundred nanoseconds: a look at the other side's index costs both sides about as much. */
static void relax(void)
{
    for (int i = 0; i < 32; i++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
}

/* The sum of 1 to n, which the consumer must have seen. */
static void must_sum(uint64_t sum, uint64_t n)
{
    must(sum == n * (n + 1) / 2, "items were lost");
}

static void *consumer_run(void *argument)
{
    struct rings *rings = argument;
    must(bench_pin(1) || bench_pin(0), "cannot pin the consumer");
    rings->consumer_ready = true;
    rings->consume(rings);
    return NULL;
}

static double transfer(struct rings *rings, void (*produce)(struct rings *rings),
                       void (*consume)(struct rings *rings))
{
    pthread_t consumer;
    rings->consume = consume;
    rings->consumer_ready = false;
    must(pthread_create(&consumer, NULL, consumer_run, rings) == 0, "no thread");
    while (!rings->consumer_ready) {
        sched_yield();
    }
    uint64_t start_ns = bench_now_ns();
    produce(rings);
    pthread_join(consumer, NULL);
    return (double)(bench_now_ns() - start_ns) / (double)rings->item_count;
}

/* What the machine charges for one cache line that goes to the other core. */
static void bounce_produce(struct rings *rings)
{
    for (uint64_t turn = 1; turn < 2 * rings->item_count; turn += 2) {
        rings->bounce = turn;
        while (rings->bounce == turn) {
        }
    }
}

static void bounce_consume(struct rings *rings)
{
    for (uint64_t turn = 1; turn < 2 * rings->item_count; turn += 2) {
        while (rings->bounce != turn) {
        }
        rings->bounce = turn + 1;
    }
}

static double bounce(void *context)
{
    struct rings *rings = context;
    uint64_t all = rings->item_count;
    rings->item_count = all / 100 + 1;
    double round_trip_ns = transfer(rings, bounce_produce, bounce_consume);
    rings->item_count = all;
    return round_trip_ns / 2;
}

static void spsc_produce(struct rings *rings)
{
    for (uint64_t item = 1; item <= rings->item_count; item++) {
        while (slu_spsc_push(rings->spsc, &item) != 0) {
            relax();
        }
    }
}

static void spsc_consume(struct rings *rings)
{
    uint64_t sum = 0;
    for (uint64_t seen = 0; seen < rings->item_count; seen++) {
        uint64_t item = 0;
        while (slu_spsc_pop(rings->spsc, &item) != 0) {
            relax();
        }
        sum += item;
    }
    must_sum(sum, rings->item_count);
}

static void spsc_produce_batches(struct rings *rings)
{
    uint64_t items[BATCH_ITEMS];
    for (uint64_t made = 0; made < rings->item_count;) {
        uint64_t left = rings->item_count - made;
        size_t count = left < BATCH_ITEMS ? left : BATCH_ITEMS;
        for (size_t i = 0; i < count; i++) {
            items[i] = ++made;
        }
        for (size_t taken = 0; taken < count;) {
            taken += slu_spsc_push_many(rings->spsc, items + taken, count - taken);
            if (taken < count) {
                relax();
            }
        }
    }
}

static void spsc_consume_batches(struct rings *rings)
{
    uint64_t items[BATCH_ITEMS];
    uint64_t sum = 0;
    for (uint64_t seen = 0; seen < rings->item_count;) {
        size_t count = slu_spsc_pop_many(rings->spsc, items, BATCH_ITEMS);
        for (size_t i = 0; i < count; i++) {
            sum += items[i];
        }
        seen += count;
        if (count < BATCH_ITEMS) {
            relax();
        }
    }
    must_sum(sum, rings->item_count);
}

static void ck_produce(struct rings *rings)
{
    for (uint64_t item = 1; item <= rings->item_count; item++) {
        while (!ck_ring_enqueue_spsc(&rings->ck, rings->ck_slots, (void *)(uintptr_t)item)) {
            relax();
        }
    }
}

static void ck_consume(struct rings *rings)
{
    uint64_t sum = 0;
    for (uint64_t seen = 0; seen < rings->item_count; seen++) {
        void *item = NULL;
        while (!ck_ring_dequeue_spsc(&rings->ck, rings->ck_slots, &item)) {
            relax();
        }
        sum += (uintptr_t)item;
    }
    must_sum(sum, rings->item_count);
}

static void mpsc_produce(struct rings *rings)
{
    for (uint64_t item = 1; item <= rings->item_count; item++) {
        while (slu_mpsc_push(rings->mpsc, &item) != 0) {
            relax();
        }
    }
}

static void mpsc_consume(struct rings *rings)
{
    uint64_t sum = 0;
    for (uint64_t seen = 0; seen < rings->item_count; seen++) {
        uint64_t item = 0;
        while (slu_mpsc_pop(rings->mpsc, &item) != 0) {
            relax();
        }
        sum += item;
    }
    must_sum(sum, rings->item_count);
}

static void ck_mpsc_produce(struct rings *rings)
{
    for (uint64_t item = 1; item <= rings->item_count; item++) {
        while (!ck_ring_enqueue_mpsc(&rings->ck_mpsc, rings->ck_slots, (void *)(uintptr_t)item)) {
            relax();
        }
    }
}

static void ck_mpsc_consume(struct rings *rings)
{
    uint64_t sum = 0;
    for (uint64_t seen = 0; seen < rings->item_count; seen++) {
        void *item = NULL;
        while (!ck_ring_dequeue_mpsc(&rings->ck_mpsc, rings->ck_slots, &item)) {
            relax();
        }
        sum += (uintptr_t)item;
    }
    must_sum(sum, rings->item_count);
}

static double spsc_transfer(void *context)
{
    return transfer(context, spsc_produce, spsc_consume);
}

static double spsc_transfer_batches(void *context)
{
    return transfer(context, spsc_produce_batches, spsc_consume_batches);
}

static double ck_transfer(void *context)
{
    return transfer(context, ck_produce, ck_consume);
}

static double mpsc_transfer(void *context)
{
    return transfer(context, mpsc_produce, mpsc_consume);
}

static double ck_mpsc_transfer(void *context)
{
    return transfer(context, ck_mpsc_produce, ck_mpsc_consume);
}

static double per_item_ns(const struct rings *rings, uint64_t start_ns)
{
    return (double)(bench_now_ns() - start_ns) / (double)rings->item_count;
}

static double spsc_alone(void *context)
{
    struct rings *rings = context;
    uint64_t start_ns = bench_now_ns();
    uint64_t sum = 0;
    for (uint64_t item = 1; item <= rings->item_count; item++) {
        uint64_t popped = 0;
        must(slu_spsc_push(rings->spsc, &item) == 0, "full");
        must(slu_spsc_pop(rings->spsc, &popped) == 0, "empty");
        sum += popped;
    }
    must_sum(sum, rings->item_count);
    return per_item_ns(rings, start_ns);
}

static double ck_alone(void *context)
{
    struct rings *rings = context;
    uint64_t start_ns = bench_now_ns();
    uint64_t sum = 0;
    for (uint64_t item = 1; item <= rings->item_count; item++) {
        void *popped = NULL;
        must(ck_ring_enqueue_spsc(&rings->ck, rings->ck_slots, (void *)(uintptr_t)item), "full");
        must(ck_ring_dequeue_spsc(&rings->ck, rings->ck_slots, &popped), "empty");
        sum += (uintptr_t)popped;
    }
    must_sum(sum, rings->item_count);
    return per_item_ns(rings, start_ns);
}

static double mpsc_alone(void *context)
{
    struct rings *rings = context;
    uint64_t start_ns = bench_now_ns();
    uint64_t sum = 0;
    for (uint64_t item = 1; item <= rings->item_count; item++) {
        uint64_t popped = 0;
        must(slu_mpsc_push(rings->mpsc, &item) == 0, "full");
        must(slu_mpsc_pop(rings->mpsc, &popped) == 0, "empty");
        sum += popped;
    }
    must_sum(sum, rings->item_count);
    return per_item_ns(rings, start_ns);
}

static double ck_mpsc_alone(void *context)
{
    struct rings *rings = context;
    uint64_t start_ns = bench_now_ns();
    uint64_t sum = 0;
    for (uint64_t item = 1; item <= rings->item_count; item++) {
        void *popped = NULL;
        must(ck_ring_enqueue_mpsc(&rings->ck_mpsc, rings->ck_slots, (void *)(uintptr_t)item),
             "full");
        must(ck_ring_dequeue_mpsc(&rings->ck_mpsc, rings->ck_slots, &popped), "empty");
        sum += (uintptr_t)popped;
    }
    must_sum(sum, rings->item_count);
    return per_item_ns(rings, start_ns);
}

/* Pushes into a ring that is full from the first lap on: each overwrites. */
static double spsc_overwriting(void *context)
{
    struct rings *rings = context;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t item = 1; item <= rings->item_count; item++) {
        must(slu_spsc_push(rings->spsc_overwrite, &item) == 0, "refused");
    }
    return per_item_ns(rings, start_ns);
}

static double mpsc_overwriting(void *context)
{
    struct rings *rings = context;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t item = 1; item <= rings->item_count; item++) {
        must(slu_mpsc_push(rings->mpsc_overwrite, &item) == 0, "refused");
    }
    return per_item_ns(rings, start_ns);
}

static void rings_make(struct rings *rings, struct slu_budget *root)
{
    struct slu_ring_options options = {.capacity = RING_SLOTS, .record_bytes = sizeof(uint64_t)};
    must(slu_spsc_create(root, &options, NULL, &rings->spsc) == 0, "no ring");
    must(slu_mpsc_create(root, &options, NULL, &rings->mpsc) == 0, "no ring");
    options.policy = SLU_RING_OVERWRITE;
    must(slu_spsc_create(root, &options, NULL, &rings->spsc_overwrite) == 0, "no ring");
    must(slu_mpsc_create(root, &options, NULL, &rings->mpsc_overwrite) == 0, "no ring");
    ck_ring_init(&rings->ck, RING_SLOTS);
    ck_ring_init(&rings->ck_mpsc, RING_SLOTS);
}

static void body(struct bench *bench)
{
    static struct rings rings;
    static const struct {
        const char *name;
        double (*round)(void *context);
        const char *peer;
        double (*peer_round)(void *context);
        double goal; /* 0: none */
    } lines[] = {
        {"SPSC: transfer between two cores, one by one", spsc_transfer, "ck_ring", ck_transfer, 3},
        {"SPSC: transfer between two cores, batches of 64", spsc_transfer_batches, NULL, NULL, 3},
        {"MPSC: transfer between two cores, one producer", mpsc_transfer, "ck_ring",
         ck_mpsc_transfer, 0},
        {"one cache line from core to core (for comparison)", bounce, NULL, NULL, 0},
        {"SPSC: push and pop, one thread", spsc_alone, "ck_ring", ck_alone, 0},
        {"MPSC: push and pop, one thread", mpsc_alone, "ck_ring", ck_mpsc_alone, 0},
        {"SPSC: push that overwrites, one thread", spsc_overwriting, NULL, NULL, 0},
        {"MPSC: push that overwrites, one thread", mpsc_overwriting, NULL, NULL, 0},
    };
    struct slu_budget *root = NULL;
    must(slu_budget_create(NULL, "root", 4 << 20, &root) == 0, "no budget");
    rings_make(&rings, root);
    rings.item_count = bench_scaled(bench, 3000000);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct bench_line line = {.name = lines[i].name,
                                  .unit = "ns",
                                  .goal_kind = lines[i].goal > 0 ? BENCH_AT_MOST : BENCH_NO_GOAL,
                                  .goal = lines[i].goal,
                                  .peer = lines[i].peer};
        bench_measure(bench, lines[i].round, lines[i].peer_round, &rings, &line.value,
                      &line.peer_value);
        bench_report(bench, line);
    }
    slu_spsc_destroy(&rings.spsc);
    slu_spsc_destroy(&rings.spsc_overwrite);
    slu_mpsc_destroy(&rings.mpsc);
    slu_mpsc_destroy(&rings.mpsc_overwrite);
    slu_budget_destroy(&root);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "ring", body);
}
