/*
 * A log on a disk that stops, or fails, at every call that changes it. What `done` was told 0 of
 * and was not released is replayed, once, in order; what was released with 0 never is.
 */
#include "fixture.h"
#include "simulated_io.h"

#define TAG_MAX 4096
#define STEP_NS UINT64_C(30000000)

enum fate {
    FATE_MAY,      /* appended, or told an error, or a release of it failed */
    FATE_MUST,     /* told 0, or seen when the log was opened */
    FATE_MUST_NOT, /* released with 0, or not seen */
};

struct record_fate {
    struct log_story *story;
    uint64_t sequence; /* 0: not told yet */
    enum fate fate;
};

/* What is known of all records, over several lives of a log on one disk. Tags count from 1. */
struct log_story {
    struct simulated_disk *disk;
    struct slu_budget *budget;
    struct test_random random;
    enum queue_policy policy;
    struct queue *queue;
    uint64_t now_ns;
    uint64_t next_tag;
    uint64_t seen_tag; /* by the replay */
    uint64_t seen_sequence;
    struct record_fate records[TAG_MAX];
};

static void tell(void *arg, int err, uint64_t sequence)
{
    struct record_fate *record = arg;
    assert_int_equal(record->sequence, 0);
    record->sequence = sequence;
    record->fate = err == 0 ? FATE_MUST : FATE_MAY;
}

static void story_begin(struct log_story *story, uint64_t seed, enum queue_policy policy)
{
    *story = (struct log_story){.disk = simulated_disk_make(seed),
                                .budget = budget_of(STORE_BUDGET_BYTES),
                                .random = {.state = seed},
                                .policy = policy,
                                .next_tag = 1};
}

static void story_end(struct log_story *story)
{
    slu_budget_destroy(&story->budget);
    simulated_disk_free(&story->disk);
}

static int story_open(struct log_story *story)
{
    const struct queue_options options = {.budget = story->budget,
                                          .directory = "simulated",
                                          .size_bytes_max = 1 << 18,
                                          .segment_bytes = 4096,
                                          .staging_bytes_max = 16384,
                                          .held_max = 1,
                                          .policy = story->policy,
                                          .io = simulated_disk_io(story->disk)};
    return queue_open(&options, NULL, &story->queue);
}

/* Those before it that were not seen are gone for good. */
static void seen_up_to(struct log_story *story, uint64_t tag)
{
    for (uint64_t at = story->seen_tag + 1; at < tag; at++) {
        assert_int_not_equal(story->records[at].fate, FATE_MUST);
        story->records[at].fate = FATE_MUST_NOT;
    }
    story->seen_tag = tag;
}

static int see(void *arg, const struct queue_entry *entry)
{
    struct log_story *story = arg;
    store_entry_check(entry);
    assert_true(entry->tag > story->seen_tag && entry->tag < story->next_tag);
    assert_true(entry->sequence > story->seen_sequence);
    struct record_fate *record = &story->records[entry->tag];
    assert_int_not_equal(record->fate, FATE_MUST_NOT);
    assert_true(record->sequence == 0 || record->sequence == entry->sequence);
    seen_up_to(story, entry->tag);
    record->fate = FATE_MUST;
    record->sequence = entry->sequence;
    story->seen_sequence = entry->sequence;
    return 0;
}

static int story_replay(struct log_story *story)
{
    story->seen_tag = 0;
    story->seen_sequence = 0;
    int err = queue_replay(story->queue, story->budget, see, story);
    if (err == 0) {
        seen_up_to(story, story->next_tag);
        assert_true(queue_sequence_next(story->queue) > story->seen_sequence);
    }
    return err;
}

static void act_append(struct log_story *story)
{
    for (uint64_t left = 1 + test_random_below(&story->random, 6); left > 0; left--) {
        uint64_t tag = story->next_tag;
        assert_true(tag < TAG_MAX);
        story->records[tag] = (struct record_fate){.story = story};
        int err = store_append(story->queue, tag, tell, &story->records[tag]);
        if (err == -EDQUOT) {
            return;
        }
        assert_int_equal(err, 0);
        story->next_tag++;
    }
}

/* Mostly what was told; also of long ago, and of what waits for its commit. */
static void act_release(struct log_story *story)
{
    uint64_t tag = test_random_below(&story->random, story->next_tag);
    uint64_t sequence = story->records[tag].sequence;
    if (sequence == 0) {
        return;
    }
    int err = queue_release(story->queue, sequence);
    for (uint64_t at = 1; at < story->next_tag; at++) {
        struct record_fate *record = &story->records[at];
        if (record->sequence != 0 && record->sequence <= sequence) {
            record->fate = err == 0 || record->fate == FATE_MUST_NOT ? FATE_MUST_NOT : FATE_MAY;
        }
    }
}

static void story_act(struct log_story *story)
{
    switch (test_random_below(&story->random, 6)) {
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
        act_release(story);
        break;
    default:
        (void)store_stats(story->queue);
    }
}

/* Returns false if the fault did not happen before the end of the story. */
static bool story_until(struct log_story *story, enum simulated_fault fault, uint64_t nth, int err)
{
    simulated_disk_fail(story->disk, fault, nth, err);
    if (story_open(story) == 0) {
        int replay_err = story_replay(story);
        assert_true(replay_err == 0 || simulated_disk_hit(story->disk));
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

/* Opened twice: what was found once is found again. */
static void story_check(struct log_story *story)
{
    for (int times = 0; times < 2; times++) {
        assert_int_equal(story_open(story), 0);
        assert_int_equal(story_replay(story), 0);
        assert_int_equal(story_replay(story), 0);
        queue_close(&story->queue);
    }
}

static void sweep(enum simulated_fault fault, int err, size_t write_max, enum queue_policy policy)
{
    struct test_random random = test_random_start(fault + 10 * (uint64_t)policy + 100);
    for (uint64_t round = 0; round < test_rounds(20); round++) {
        uint64_t seed = test_random_next(&random);
        bool is_hit = true;
        for (uint64_t nth = 1; is_hit; nth++) {
            static struct log_story story;
            story_begin(&story, seed, policy);
            simulated_disk_short_writes(story.disk, write_max);
            is_hit = story_until(&story, fault, nth, err);
            if (policy == QUEUE_SYNC) {
                simulated_disk_restart(story.disk);
            } else {
                simulated_disk_restart_kindly(story.disk);
            }
            story_check(&story);
            story_end(&story);
        }
    }
}

static void a_crash_at_every_call_replays_what_was_not_released(void **state)
{
    (void)state;
    sweep(SIMULATED_CRASH, 0, 0, QUEUE_SYNC);
    sweep(SIMULATED_CRASH, 0, 300, QUEUE_SYNC);
}

static void an_error_of_the_disk_at_every_call_loses_nothing(void **state)
{
    (void)state;
    sweep(SIMULATED_ERROR, -EIO, 0, QUEUE_SYNC);
    sweep(SIMULATED_ERROR, -ENOSPC, 500, QUEUE_SYNC);
    sweep(SIMULATED_ALWAYS, -EIO, 0, QUEUE_SYNC);
}

static void an_error_of_a_read_at_every_call_loses_nothing(void **state)
{
    (void)state;
    sweep(SIMULATED_READ_ERROR, -EIO, 0, QUEUE_SYNC);
}

static void a_kill_at_every_call_loses_nothing_under_the_relaxed_policy(void **state)
{
    (void)state;
    sweep(SIMULATED_CRASH, 0, 0, QUEUE_RELAXED);
}

static void many_crashes_one_after_another_lose_nothing(void **state)
{
    (void)state;
    struct test_random random = test_random_start(99);
    for (uint64_t round = 0; round < test_rounds(20); round++) {
        static struct log_story story;
        story_begin(&story, test_random_next(&random), QUEUE_SYNC);
        for (int life = 0; life < 20; life++) {
            (void)story_until(&story, SIMULATED_CRASH, 1 + test_random_below(&random, 60), 0);
            simulated_disk_restart(story.disk);
        }
        story_check(&story);
        assert_int_equal(story_open(&story), 0);
        assert_int_equal(queue_release(story.queue, UINT64_MAX), 0);
        queue_close(&story.queue);
        assert_true(simulated_disk_file_count(story.disk) <= 3); /* and the rest is unlinked */
        story_end(&story);
    }
}

/* What the last second wrote may be gone. What was released does not come again all the same, and
 * the position, which may be ahead of the rest, does not swallow what is appended then. */
static void without_power_the_relaxed_policy_replays_nothing_that_was_released(void **state)
{
    (void)state;
    struct test_random random = test_random_start(97);
    for (uint64_t round = 0; round < test_rounds(200); round++) {
        static struct log_story story;
        story_begin(&story, test_random_next(&random), QUEUE_RELAXED);
        for (int life = 0; life < 3; life++) {
            (void)story_until(&story, SIMULATED_CRASH, 1 + test_random_below(&random, 60), 0);
            simulated_disk_restart(story.disk);
            for (uint64_t tag = 1; tag < story.next_tag; tag++) {
                struct record_fate *record = &story.records[tag];
                record->fate = record->fate == FATE_MUST ? FATE_MAY : record->fate;
            }
        }
        assert_int_equal(story_open(&story), 0);
        assert_int_equal(story_replay(&story), 0);
        act_append(&story);
        queue_close(&story.queue);
        story_check(&story);
        story_end(&story);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_at_every_call_replays_what_was_not_released),
        cmocka_unit_test(an_error_of_the_disk_at_every_call_loses_nothing),
        cmocka_unit_test(an_error_of_a_read_at_every_call_loses_nothing),
        cmocka_unit_test(a_kill_at_every_call_loses_nothing_under_the_relaxed_policy),
        cmocka_unit_test(many_crashes_one_after_another_lose_nothing),
        cmocka_unit_test(without_power_the_relaxed_policy_replays_nothing_that_was_released),
    };
    return TEST_RUN("queue_log_crash", tests);
}
