/*
 * The machine stops, or the disk fails, at every call that changes the disk. What `done` was told 0
 * of and was not acked must come again, in order, with the bytes that it had.
 */
#include "fixture.h"
#include "simulated_io.h"
#include "store/segment_file.h"

#define TAG_MAX   4096
#define HELD_MOST 8
#define STEP_NS   UINT64_C(30000000)

enum fate {
    FATE_UNKNOWN,   /* appended, nothing told */
    FATE_COMMITTED, /* told 0: must come */
    FATE_FAILED,    /* told an error: may come after a restart */
    FATE_ACKED,     /* may come again after a restart */
};

/* What is known of all records, over several lives of a queue on one disk. */
struct story {
    struct simulated_disk *disk;
    struct slu_budget *budget;
    struct test_random random;
    enum queue_policy policy;
    struct queue *queue;
    struct queue_entry held[HELD_MOST];
    size_t held_count;
    uint64_t now_ns;
    uint64_t next_tag;
    uint64_t life_tag; /* the first that was appended since the queue was opened */
    enum fate fates[TAG_MAX];
};

struct told_record {
    struct story *story;
    uint64_t tag;
};

static struct told_record told_records[TAG_MAX];

static void tell(void *arg, int err, uint64_t sequence)
{
    (void)sequence;
    const struct told_record *record = arg;
    assert_int_equal(record->story->fates[record->tag], FATE_UNKNOWN);
    record->story->fates[record->tag] = err == 0 ? FATE_COMMITTED : FATE_FAILED;
}

static struct queue_options story_options(const struct story *story)
{
    return (struct queue_options){.budget = story->budget,
                                  .directory = "simulated",
                                  .size_bytes_max = 1 << 18,
                                  .segment_bytes = 4096,
                                  .staging_bytes_max = 16384,
                                  .held_max = HELD_MOST,
                                  .policy = story->policy,
                                  .io = simulated_disk_io(story->disk)};
}

static void story_begin(struct story *story, uint64_t seed)
{
    *story = (struct story){.disk = simulated_disk_make(seed),
                            .budget = budget_of(STORE_BUDGET_BYTES),
                            .random = {.state = seed},
                            .next_tag = 1};
}

static void story_end(struct story *story)
{
    slu_budget_destroy(&story->budget);
    simulated_disk_free(&story->disk);
}

static int story_open(struct story *story)
{
    const struct queue_options options = story_options(story);
    story->held_count = 0;
    story->life_tag = story->next_tag;
    return queue_open(&options, NULL, &story->queue);
}

static void act_append(struct story *story)
{
    for (uint64_t left = 1 + test_random_below(&story->random, 6); left > 0; left--) {
        uint64_t tag = story->next_tag;
        assert_true(tag < TAG_MAX);
        told_records[tag] = (struct told_record){.story = story, .tag = tag};
        int err = store_append(story->queue, tag, tell, &told_records[tag]);
        if (err == -EDQUOT) {
            return;
        }
        assert_int_equal(err, 0);
        story->next_tag++;
    }
}

static void act_next(struct story *story)
{
    struct queue_entry entry;
    if (story->held_count == HELD_MOST ||
        queue_next(story->queue, NULL, story->budget, 0, &entry) != 0) {
        return;
    }
    store_entry_check(&entry);
    assert_true(entry.tag < story->next_tag);
    if (entry.tag >= story->life_tag) { /* not before its commit, and not what failed */
        assert_int_equal(story->fates[entry.tag], FATE_COMMITTED);
    }
    block_free(story->budget, &entry.bytes);
    story->held[story->held_count++] = entry;
}

static void act_end(struct story *story, bool is_ack)
{
    if (story->held_count == 0) {
        return;
    }
    size_t at = (size_t)test_random_below(&story->random, story->held_count);
    if (is_ack) {
        queue_ack(story->queue, &story->held[at]);
        story->fates[story->held[at].tag] = FATE_ACKED;
    } else {
        queue_return(story->queue, &story->held[at]);
    }
    story->held[at] = story->held[--story->held_count];
}

static void story_act(struct story *story)
{
    switch (test_random_below(&story->random, 8)) {
    case 0:
    case 1:
        act_append(story);
        break;
    case 2:
    case 3:
        story->now_ns += STEP_NS;
        queue_commit(story->queue, story->now_ns);
        break;
    case 4:
    case 5:
        act_next(story);
        break;
    case 6:
        act_end(story, true);
        break;
    default:
        act_end(story, test_random_below(&story->random, 3) != 0);
    }
}

/* All that must come does, in order. All that comes was appended once. */
static void story_check(struct story *story, bool is_acked)
{
    uint64_t expected = 1;
    uint64_t last = 0;
    for (;;) {
        struct queue_entry entry;
        uint64_t tag = store_take(story->queue, story->budget, &entry);
        uint64_t limit = tag == 0 ? story->next_tag : tag;
        for (; expected < limit; expected++) {
            assert_int_not_equal(story->fates[expected], FATE_COMMITTED);
        }
        if (tag == 0) {
            return;
        }
        assert_true(tag > last && tag < story->next_tag);
        last = tag;
        expected = tag + 1;
        queue_ack(story->queue, &entry);
        if (is_acked) {
            story->fates[tag] = FATE_ACKED;
        }
    }
}

/* Returns false if the fault did not happen before the end of the story. */
static bool story_until(struct story *story, enum simulated_fault fault, uint64_t nth, int err)
{
    simulated_disk_fail(story->disk, fault, nth, err);
    if (story_open(story) == 0) {
        for (int acts = 0; acts < 60 && !simulated_disk_hit(story->disk); acts++) {
            story_act(story);
        }
        /* A little more, which all fails, or after one failure must go well. */
        for (int acts = 0; acts < 12; acts++) {
            story_act(story);
        }
        queue_close(&story->queue);
    }
    return simulated_disk_hit(story->disk);
}

static void sweep(enum simulated_fault fault, int err, size_t write_max, enum queue_policy policy)
{
    struct test_random random = test_random_start(fault + 10 * (uint64_t)policy);
    for (uint64_t round = 0; round < test_rounds(40); round++) {
        uint64_t seed = test_random_next(&random);
        bool is_hit = true;
        for (uint64_t nth = 1; is_hit; nth++) {
            static struct story story;
            story_begin(&story, seed);
            story.policy = policy;
            simulated_disk_short_writes(story.disk, write_max);
            is_hit = story_until(&story, fault, nth, err);
            if (policy == QUEUE_SYNC) {
                simulated_disk_restart(story.disk);
            } else {
                simulated_disk_restart_kindly(story.disk);
            }
            assert_int_equal(story_open(&story), 0);
            story_check(&story, true);
            queue_close(&story.queue);
            story_end(&story);
        }
    }
}

static void a_crash_at_every_call_loses_nothing_that_was_told(void **state)
{
    (void)state;
    sweep(SIMULATED_CRASH, 0, 0, QUEUE_SYNC);
}

static void a_crash_amid_short_writes_loses_nothing_that_was_told(void **state)
{
    (void)state;
    sweep(SIMULATED_CRASH, 0, 300, QUEUE_SYNC);
}

static void an_error_of_the_disk_at_every_call_loses_nothing_that_was_told(void **state)
{
    (void)state;
    sweep(SIMULATED_ERROR, -EIO, 0, QUEUE_SYNC);
    sweep(SIMULATED_ERROR, -ENOSPC, 500, QUEUE_SYNC);
}

static void a_disk_that_fails_for_good_loses_nothing_that_was_told(void **state)
{
    (void)state;
    sweep(SIMULATED_ALWAYS, -EIO, 0, QUEUE_SYNC);
}

static void a_kill_at_every_call_loses_nothing_under_the_relaxed_policy(void **state)
{
    (void)state;
    sweep(SIMULATED_CRASH, 0, 0, QUEUE_RELAXED);
}

/* What the last second wrote may be gone; what comes is right and in order all the same. */
static void without_power_the_relaxed_policy_gives_no_wrong_byte(void **state)
{
    (void)state;
    struct test_random random = test_random_start(97);
    for (uint64_t round = 0; round < test_rounds(300); round++) {
        static struct story story;
        story_begin(&story, test_random_next(&random));
        story.policy = QUEUE_RELAXED;
        for (int life = 0; life < 3; life++) {
            (void)story_until(&story, SIMULATED_CRASH, 1 + test_random_below(&random, 60), 0);
            simulated_disk_restart(story.disk);
            for (uint64_t tag = 1; tag < story.next_tag; tag++) {
                story.fates[tag] = FATE_ACKED;
            }
        }
        assert_int_equal(story_open(&story), 0);
        act_append(&story); /* which must come, though the position may be ahead of the rest */
        queue_commit(story.queue, 0);
        story_check(&story, true);
        queue_close(&story.queue);
        story_end(&story);
    }
}

static void many_crashes_one_after_another_lose_nothing(void **state)
{
    (void)state;
    struct test_random random = test_random_start(99);
    for (uint64_t round = 0; round < test_rounds(20); round++) {
        static struct story story;
        story_begin(&story, test_random_next(&random));
        for (int life = 0; life < 20; life++) {
            uint64_t nth = 1 + test_random_below(&random, 60);
            (void)story_until(&story, SIMULATED_CRASH, nth, 0);
            simulated_disk_restart(story.disk);
        }
        assert_int_equal(story_open(&story), 0);
        story_check(&story, true);
        assert_int_equal(store_stats(story.queue).waiting_count, 0);
        queue_close(&story.queue);
        assert_true(simulated_disk_file_count(story.disk) <= 3); /* and the rest is unlinked */
        story_end(&story);
    }
}

static void an_error_of_a_read_gives_no_wrong_byte_and_is_told(void **state)
{
    (void)state;
    struct test_random random = test_random_start(98);
    uint64_t seed = test_random_next(&random);
    bool is_hit = true;
    for (uint64_t nth = 1; is_hit; nth++) {
        static struct story story;
        story_begin(&story, seed);
        is_hit = story_until(&story, SIMULATED_READ_ERROR, nth, -EIO);
        simulated_disk_restart(story.disk);
        assert_int_equal(story_open(&story), 0);
        story_check(&story, true);
        queue_close(&story.queue);
        story_end(&story);
    }
}

static uint64_t segments_bytes(struct simulated_disk *disk)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < simulated_disk_file_count(disk); i++) {
        size_t len = 0;
        const char *name = NULL;
        uint64_t unused = 0;
        (void)simulated_disk_bytes(disk, i, &len, &name);
        sum += segment_name_parse(name, &unused) ? len : 0;
    }
    return sum;
}

static void a_full_disk_is_told_and_used_again_when_there_is_room(void **state)
{
    (void)state;
    static struct story story;
    story_begin(&story, 5);
    simulated_disk_limit(story.disk, 20000);
    assert_int_equal(story_open(&story), 0);
    for (int round = 0; round < 30; round++) {
        act_append(&story);
        queue_commit(story.queue, story.now_ns);
    }
    struct queue_stats stats = store_stats(story.queue);
    assert_true(stats.failed_count > 0 && stats.committed_count > 0);
    assert_true(stats.disk_error_count > 0);
    uint64_t failed_count = stats.failed_count;
    assert_int_equal(segments_bytes(story.disk), stats.disk_bytes); /* it was cut back */
    simulated_disk_limit(story.disk, 0);
    act_append(&story);
    queue_commit(story.queue, story.now_ns);
    assert_int_equal(store_stats(story.queue).failed_count, failed_count);
    story_check(&story, true);
    queue_commit(story.queue, story.now_ns + STEP_NS);
    assert_int_equal(store_stats(story.queue).damaged_count, 0);
    queue_close(&story.queue);
    story_end(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_at_every_call_loses_nothing_that_was_told),
        cmocka_unit_test(a_crash_amid_short_writes_loses_nothing_that_was_told),
        cmocka_unit_test(an_error_of_the_disk_at_every_call_loses_nothing_that_was_told),
        cmocka_unit_test(a_disk_that_fails_for_good_loses_nothing_that_was_told),
        cmocka_unit_test(a_kill_at_every_call_loses_nothing_under_the_relaxed_policy),
        cmocka_unit_test(without_power_the_relaxed_policy_gives_no_wrong_byte),
        cmocka_unit_test(many_crashes_one_after_another_lose_nothing),
        cmocka_unit_test(an_error_of_a_read_gives_no_wrong_byte_and_is_told),
        cmocka_unit_test(a_full_disk_is_told_and_used_again_when_there_is_room),
    };
    return TEST_RUN("queue_crash", tests);
}
