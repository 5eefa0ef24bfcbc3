/* The queue as a log: replayed beside a plain list, released, damaged, full. */
#include "fixture.h"
#include "simulated_io.h"
#include "store/segment_file.h"

#define RECORD_COUNT 48
#define SIZE_MAX_OF  ((uint64_t)1 << 16)
#define TAG_MAX      20000

struct scene {
    struct simulated_disk *disk;
    struct slu_budget *budget;
    struct queue *queue;
    uint64_t sequence_min;
};

static void scene_open(struct scene *scene)
{
    struct queue_options options = store_options(scene->budget, "simulated");
    options.segment_bytes = 4096;
    options.size_bytes_max = SIZE_MAX_OF;
    options.staging_bytes_max = 8192;
    options.held_max = 1;
    options.sequence_min = scene->sequence_min;
    options.io = simulated_disk_io(scene->disk);
    scene->queue = store_queue(options);
}

static struct scene scene_begin(void)
{
    struct scene scene = {.disk = simulated_disk_make(1), .budget = budget_of(STORE_BUDGET_BYTES)};
    scene_open(&scene);
    return scene;
}

/* Several segments of records, whose sequences are their tags. */
static struct scene scene_with_records(void)
{
    struct scene scene = scene_begin();
    for (uint64_t tag = 1; tag <= RECORD_COUNT; tag++) {
        assert_int_equal(store_append(scene.queue, tag, NULL, NULL), 0);
        queue_commit(scene.queue, 0);
    }
    return scene;
}

static void scene_end(struct scene *scene)
{
    queue_close(&scene->queue);
    slu_budget_destroy(&scene->budget);
    simulated_disk_free(&scene->disk);
}

static void scene_reopen(struct scene *scene)
{
    queue_close(&scene->queue);
    simulated_disk_restart(scene->disk);
    scene_open(scene);
}

/* What a replay has seen, and what it does at one of the records. */
struct seen {
    struct queue *queue;
    uint64_t count;
    uint64_t first_tag;
    uint64_t last_tag;
    uint64_t last_sequence;
    uint64_t act_tag; /* 0: never */
    uint64_t release_sequence;
    int err;
};

static int see(void *arg, const struct queue_entry *entry)
{
    struct seen *seen = arg;
    store_entry_check(entry);
    assert_true(entry->tag > seen->last_tag && entry->sequence > seen->last_sequence);
    seen->first_tag = seen->count == 0 ? entry->tag : seen->first_tag;
    seen->last_tag = entry->tag;
    seen->last_sequence = entry->sequence;
    seen->count++;
    if (entry->tag != seen->act_tag) {
        return 0;
    }
    if (seen->release_sequence != 0) {
        assert_int_equal(queue_release(seen->queue, seen->release_sequence), 0);
        queue_commit(seen->queue, 0); /* which unlinks */
    }
    return seen->err;
}

static struct seen replay(const struct scene *scene)
{
    struct seen seen = {.queue = scene->queue};
    assert_int_equal(queue_replay(scene->queue, scene->budget, see, &seen), 0);
    return seen;
}

static void assert_replays(const struct scene *scene, uint64_t first_tag, uint64_t last_tag)
{
    struct seen seen = replay(scene);
    uint64_t count = last_tag + 1 - first_tag;
    assert_int_equal(seen.count, count);
    if (count > 0) {
        assert_int_equal(seen.first_tag, first_tag);
        assert_int_equal(seen.last_tag, last_tag);
    }
}

static void a_replay_gives_all_in_order_and_again_and_moves_nothing(void **state)
{
    (void)state;
    struct scene scene = scene_with_records();
    uint64_t disk_bytes = store_stats(scene.queue).disk_bytes;
    for (int times = 0; times < 3; times++) {
        assert_replays(&scene, 1, RECORD_COUNT);
        assert_int_equal(queue_position(scene.queue), 1);
        queue_commit(scene.queue, (uint64_t)times * 1000000000);
    }
    struct queue_stats stats = store_stats(scene.queue);
    assert_int_equal(stats.disk_bytes, disk_bytes);
    assert_int_equal(stats.waiting_count, RECORD_COUNT);
    assert_int_equal(stats.held_count + stats.damaged_count, 0);
    scene_reopen(&scene);
    assert_replays(&scene, 1, RECORD_COUNT);
    scene_end(&scene);
}

static void an_empty_log_replays_nothing_and_releases_nothing(void **state)
{
    (void)state;
    struct scene scene = scene_begin();
    assert_int_equal(replay(&scene).count, 0);
    assert_int_equal(queue_release(scene.queue, 0), 0);
    assert_int_equal(queue_release(scene.queue, 100), 0);
    assert_int_equal(queue_position(scene.queue), 1);
    assert_int_equal(queue_sequence_next(scene.queue), 1);
    scene_end(&scene);
}

static void every_release_is_kept_on_the_disk_when_it_returns(void **state)
{
    (void)state;
    for (uint64_t sequence = 0; sequence <= RECORD_COUNT; sequence++) {
        struct scene scene = scene_with_records();
        assert_int_equal(queue_release(scene.queue, sequence), 0);
        assert_int_equal(queue_position(scene.queue), sequence + 1);
        struct queue_stats stats = store_stats(scene.queue);
        assert_int_equal(stats.waiting_count, RECORD_COUNT - sequence);
        assert_int_equal(stats.oldest_time_ns,
                         sequence == RECORD_COUNT ? 0 : (sequence + 1) * 1000);
        assert_replays(&scene, sequence + 1, RECORD_COUNT);
        simulated_disk_fail(scene.disk, SIMULATED_CRASH, 1, 0);
        scene_reopen(&scene);
        assert_int_equal(queue_position(scene.queue), sequence + 1);
        assert_replays(&scene, sequence + 1, RECORD_COUNT);
        scene_end(&scene);
    }
}

static void what_is_released_already_is_no_work_for_the_disk(void **state)
{
    (void)state;
    struct scene scene = scene_with_records();
    assert_int_equal(queue_release(scene.queue, 20), 0);
    queue_commit(scene.queue, 0);
    simulated_disk_fail(scene.disk, SIMULATED_ALWAYS, 1, -EIO);
    assert_int_equal(queue_release(scene.queue, 20), 0);
    assert_int_equal(queue_release(scene.queue, 3), 0);
    assert_int_equal(queue_release(scene.queue, 0), 0);
    assert_false(simulated_disk_hit(scene.disk));
    assert_int_equal(queue_release(scene.queue, 21), -EIO);
    simulated_disk_fail(scene.disk, SIMULATED_NONE, 0, 0);
    assert_replays(&scene, 22, RECORD_COUNT);
    scene_end(&scene);
}

static void a_release_that_failed_is_tried_again_by_the_next(void **state)
{
    (void)state;
    struct scene scene = scene_with_records();
    for (uint64_t nth = 1; nth <= 2; nth++) { /* the write, the sync */
        simulated_disk_fail(scene.disk, SIMULATED_ERROR, nth, -EIO);
        assert_int_equal(queue_release(scene.queue, 30), -EIO);
    }
    assert_int_equal(queue_release(scene.queue, 30), 0);
    simulated_disk_fail(scene.disk, SIMULATED_CRASH, 1, 0);
    scene_reopen(&scene);
    assert_replays(&scene, 31, RECORD_COUNT);
    scene_end(&scene);
}

static void what_a_release_cannot_read_is_never_given_up(void **state)
{
    (void)state;
    struct scene scene = scene_with_records();
    for (uint64_t times = 1; times <= 10; times++) {
        simulated_disk_fail(scene.disk, SIMULATED_READ_ERROR, 1, -EIO);
        assert_int_equal(queue_release(scene.queue, 3), -EIO);
        simulated_disk_fail(scene.disk, SIMULATED_READ_ERROR, 1, -EIO);
        (void)store_stats(scene.queue);
    }
    assert_int_equal(store_stats(scene.queue).damaged_count, 0);
    assert_replays(&scene, 1, RECORD_COUNT);
    assert_int_equal(queue_release(scene.queue, 3), 0);
    assert_replays(&scene, 4, RECORD_COUNT);
    scene_end(&scene);
}

static void what_a_replay_cannot_read_is_told_and_never_given_up(void **state)
{
    (void)state;
    struct scene scene = scene_with_records();
    struct seen seen;
    bool is_hit = true;
    for (uint64_t nth = 3; is_hit; nth++) { /* three in a row at each: nth / 3 */
        seen = (struct seen){.queue = scene.queue};
        simulated_disk_fail(scene.disk, SIMULATED_READ_ERROR, nth / 3, -EIO);
        int err = queue_replay(scene.queue, scene.budget, see, &seen);
        is_hit = simulated_disk_hit(scene.disk);
        assert_int_equal(err, is_hit ? -EIO : 0);
    }
    simulated_disk_fail(scene.disk, SIMULATED_NONE, 0, 0);
    assert_int_equal(seen.count, RECORD_COUNT);
    assert_int_equal(store_stats(scene.queue).damaged_count, 0);
    scene_end(&scene);
}

static void nothing_goes_that_is_not_committed_yet(void **state)
{
    (void)state;
    struct scene scene = scene_with_records();
    assert_int_equal(store_append(scene.queue, RECORD_COUNT + 1, NULL, NULL), 0);
    assert_int_equal(queue_release(scene.queue, RECORD_COUNT + 1), 0);
    assert_int_equal(queue_position(scene.queue), RECORD_COUNT + 1);
    queue_commit(scene.queue, 0);
    assert_replays(&scene, RECORD_COUNT + 1, RECORD_COUNT + 1);
    assert_int_equal(queue_release(scene.queue, UINT64_MAX), 0);
    assert_int_equal(store_append(scene.queue, RECORD_COUNT + 2, NULL, NULL), 0);
    scene_reopen(&scene);
    assert_replays(&scene, RECORD_COUNT + 2, RECORD_COUNT + 2);
    scene_end(&scene);
}

static void the_error_of_a_visitor_ends_the_replay_and_is_returned(void **state)
{
    (void)state;
    struct scene scene = scene_with_records();
    struct seen seen = {.queue = scene.queue, .act_tag = 30, .err = -ESTALE};
    assert_int_equal(queue_replay(scene.queue, scene.budget, see, &seen), -ESTALE);
    assert_int_equal(seen.count, 30);
    assert_int_equal(queue_position(scene.queue), 1);
    assert_replays(&scene, 1, RECORD_COUNT);
    scene_end(&scene);
}

/* A store whose memory is full writes it out amid the replay. */
static void a_visitor_may_release(void **state)
{
    (void)state;
    for (uint64_t sequence = 1; sequence <= RECORD_COUNT; sequence++) {
        struct scene scene = scene_with_records();
        struct seen seen = {.queue = scene.queue, .act_tag = 20, .release_sequence = sequence};
        assert_int_equal(queue_replay(scene.queue, scene.budget, see, &seen), 0);
        uint64_t passed_count = sequence > 20 ? sequence - 20 : 0;
        assert_int_equal(seen.count, RECORD_COUNT - passed_count);
        assert_int_equal(seen.last_tag, sequence == RECORD_COUNT ? 20 : RECORD_COUNT);
        assert_int_equal(queue_position(scene.queue), sequence + 1);
        assert_replays(&scene, sequence + 1, RECORD_COUNT);
        scene_reopen(&scene);
        assert_replays(&scene, sequence + 1, RECORD_COUNT);
        scene_end(&scene);
    }
}

static void a_log_tells_whether_it_had_a_position_when_it_was_opened(void **state)
{
    (void)state;
    struct scene scene = scene_with_records();
    assert_false(queue_has_position(scene.queue));
    assert_int_equal(queue_release(scene.queue, 2), 0);
    assert_int_equal(queue_release(scene.queue, 4), 0);
    assert_false(queue_has_position(scene.queue));
    scene_reopen(&scene);
    assert_true(queue_has_position(scene.queue));
    for (size_t slot = 0; slot < 2; slot++) { /* the newer one is the second */
        queue_close(&scene.queue);
        size_t len = 0;
        const char *name = "";
        unsigned char *bytes = NULL;
        for (size_t i = 0; strcmp(name, "position") != 0; i++) {
            bytes = simulated_disk_bytes(scene.disk, i, &len, &name);
        }
        bytes[(1 - slot) * 4096 + 24] ^= 1;
        scene_open(&scene);
        assert_int_equal(queue_has_position(scene.queue), slot == 0);
        assert_int_equal(store_stats(scene.queue).position_lost_count, slot + 1);
        assert_int_equal(queue_position(scene.queue), slot == 0 ? 3 : 1);
    }
    scene_end(&scene);
}

static void sequences_begin_where_they_are_told_to(void **state)
{
    (void)state;
    struct scene scene = scene_begin();
    queue_close(&scene.queue);
    simulated_disk_free(&scene.disk);
    scene.disk = simulated_disk_make(2);
    scene.sequence_min = 1000;
    scene_open(&scene);
    assert_int_equal(queue_sequence_next(scene.queue), 1000);
    assert_int_equal(queue_position(scene.queue), 1000);
    assert_int_equal(store_append(scene.queue, 1, NULL, NULL), 0);
    scene.sequence_min = 500; /* is less than there is */
    scene_reopen(&scene);
    assert_int_equal(queue_sequence_next(scene.queue), 1001);
    assert_int_equal(store_append(scene.queue, 2, NULL, NULL), 0);
    scene.sequence_min = 5000; /* a gap within a segment */
    scene_reopen(&scene);
    assert_int_equal(store_append(scene.queue, 3, NULL, NULL), 0);
    queue_commit(scene.queue, 0);
    struct seen seen = replay(&scene);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.last_sequence, 5000);
    assert_int_equal(queue_release(scene.queue, 3000), 0); /* amid the gap */
    assert_replays(&scene, 3, 3);
    scene_end(&scene);
}

struct heard {
    uint64_t sequence;
    uint64_t count;
};

static void hear(void *arg, int err, uint64_t sequence)
{
    struct heard *heard = arg;
    assert_int_equal(err, 0);
    assert_int_equal(sequence, heard->sequence + 1);
    heard->sequence = sequence;
    heard->count++;
}

static void done_is_told_the_sequence_by_which_a_record_is_released(void **state)
{
    (void)state;
    struct scene scene = scene_with_records();
    struct heard heard = {.sequence = RECORD_COUNT};
    for (uint64_t tag = 1; tag <= 5; tag++) {
        assert_int_equal(store_append(scene.queue, 100 + tag, hear, &heard), 0);
    }
    queue_commit(scene.queue, 0);
    assert_int_equal(heard.count, 5);
    assert_int_equal(queue_release(scene.queue, heard.sequence - 1), 0);
    assert_replays(&scene, 105, 105);
    scene_end(&scene);
}

static void a_full_log_goes_on_after_a_release(void **state)
{
    (void)state;
    struct scene scene = scene_begin();
    uint64_t tag = 1;
    for (int round = 0; round < 12; round++) { /* the simulated disk makes 256 files */
        uint64_t first_tag = tag;
        int err = store_append(scene.queue, tag, NULL, NULL);
        while (err != -ENOSPC) {
            tag += err == 0;
            queue_commit(scene.queue, 0);
            err = store_append(scene.queue, tag, NULL, NULL);
        }
        assert_true(tag > first_tag);
        assert_true(store_stats(scene.queue).disk_bytes <= SIZE_MAX_OF);
        uint64_t end = queue_sequence_next(scene.queue);
        assert_int_equal(queue_release(scene.queue, end - 1 - (uint64_t)round % 5), 0);
        queue_commit(scene.queue, 0);
        assert_true(store_stats(scene.queue).disk_bytes < SIZE_MAX_OF / 2);
        assert_replays(&scene, tag - (uint64_t)round % 5, tag - 1);
    }
    scene_end(&scene);
}

/* A bit flips in a file: one record is lost at most, and its damage counted once, however often
 * it is passed. */
static void flip_and_check(const struct scene *from, size_t file, size_t bit)
{
    struct scene scene = {.disk = simulated_disk_copy(from->disk), .budget = from->budget};
    size_t len = 0;
    const char *name = NULL;
    unsigned char *bytes = simulated_disk_bytes(scene.disk, file, &len, &name);
    bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    scene_open(&scene);
    (void)store_stats(scene.queue);
    struct seen seen = replay(&scene);
    struct queue_stats stats = store_stats(scene.queue);
    uint64_t expected = RECORD_COUNT - 2;
    if (stats.position_lost_count > 0) { /* the slot before it, or none */
        expected += seen.first_tag <= 2 ? 3 - seen.first_tag : 0;
    }
    assert_true(seen.count == expected || seen.count + 1 == expected);
    if (seen.count < expected) {
        assert_int_equal((stats.damaged_count > 0) + (stats.torn_bytes > 0), 1);
    }
    assert_int_equal(replay(&scene).count, seen.count);
    assert_int_equal(queue_release(scene.queue, UINT64_MAX), 0);
    assert_int_equal(store_stats(scene.queue).damaged_count, stats.damaged_count);
    assert_int_equal(store_stats(scene.queue).damaged_bytes, stats.damaged_bytes);
    assert_true(stats.damaged_count <= 1);
    assert_int_equal(store_append(scene.queue, RECORD_COUNT + 1, NULL, NULL), 0);
    queue_commit(scene.queue, 0);
    assert_replays(&scene, RECORD_COUNT + 1, RECORD_COUNT + 1);
    queue_close(&scene.queue);
    simulated_disk_free(&scene.disk);
}

static void a_bit_that_flips_costs_one_record_and_is_counted_once(void **state)
{
    (void)state;
    struct scene scene = scene_with_records();
    struct test_random random = test_random_start(3);
    assert_int_equal(queue_release(scene.queue, 1), 0);
    assert_int_equal(queue_release(scene.queue, 2), 0);
    queue_close(&scene.queue);
    for (size_t file = 0; file < simulated_disk_file_count(scene.disk); file++) {
        size_t len = 0;
        const char *name = NULL;
        (void)simulated_disk_bytes(scene.disk, file, &len, &name);
        for (size_t bit = 0; bit < len * 8; bit += 1 + (size_t)test_random_below(&random, 60)) {
            flip_and_check(&scene, file, bit);
        }
    }
    scene_end(&scene);
}

static void memory_that_fails_ends_a_replay_and_changes_nothing(void **state)
{
    (void)state;
    struct scene scene = scene_with_records();
    uint64_t used_bytes = budget_used(scene.budget);
    int err = -ENOMEM;
    for (uint64_t nth = 1; err != 0; nth++) {
        struct seen seen = {.queue = scene.queue};
        alloc_fault_at(nth);
        err = queue_replay(scene.queue, scene.budget, see, &seen);
        alloc_fault_at(0);
        assert_true(err == 0 || err == -ENOMEM);
        assert_int_equal(budget_used(scene.budget), used_bytes);
        assert_int_equal(seen.count, err == 0 ? RECORD_COUNT : nth - 1);
    }
    struct slu_budget *small = budget_of(4096);
    uint64_t rest_bytes = 4096 - budget_used(small);
    void *rest = NULL;
    assert_int_equal(slu_budget_alloc(small, rest_bytes, &rest), 0);
    struct seen seen = {.queue = scene.queue};
    assert_int_equal(queue_replay(scene.queue, small, see, &seen), -EDQUOT);
    slu_budget_free(small, rest, rest_bytes);
    slu_budget_destroy(&small);
    assert_replays(&scene, 1, RECORD_COUNT);
    scene_end(&scene);
}

/* The plain list: tags [released + 1, committed] are in the log; sequence and tag differ by what
 * was skipped when the log was opened. */
struct model {
    struct scene scene;
    struct test_random random;
    uint64_t appended;
    uint64_t committed;
    uint64_t released;
    uint64_t now_ns;
    uint64_t sequences[TAG_MAX];
};

static void note(void *arg, int err, uint64_t sequence)
{
    struct model *model = arg;
    assert_int_equal(err, 0);
    model->committed++;
    model->sequences[model->committed] = sequence;
}

static void model_release(struct model *model)
{
    uint64_t tag = test_random_below(&model->random, model->committed + 1);
    assert_int_equal(queue_release(model->scene.queue, model->sequences[tag]), 0);
    model->released = tag > model->released ? tag : model->released;
    assert_true(queue_position(model->scene.queue) > model->sequences[tag]);
}

static void model_restart(struct model *model)
{
    queue_close(&model->scene.queue);
    assert_int_equal(model->committed, model->appended);
    simulated_disk_restart(model->scene.disk);
    bool is_skipping = test_random_below(&model->random, 4) == 0;
    model->scene.sequence_min = is_skipping ? model->sequences[model->committed] + 100 : 0;
    scene_open(&model->scene);
    assert_true(queue_sequence_next(model->scene.queue) > model->sequences[model->committed]);
    assert_replays(&model->scene, model->released + 1, model->committed);
}

static void model_check(const struct model *model)
{
    struct queue_stats stats = store_stats(model->scene.queue);
    bool is_empty = model->released == model->committed;
    assert_int_equal(stats.waiting_bytes == 0, is_empty);
    assert_int_equal(stats.oldest_time_ns, is_empty ? 0 : (model->released + 1) * 1000);
    assert_true(stats.disk_bytes >= stats.waiting_bytes && stats.disk_bytes <= SIZE_MAX_OF);
    assert_int_equal(stats.damaged_count + stats.disk_error_count + stats.torn_bytes, 0);
    assert_replays(&model->scene, model->released + 1, model->committed);
}

static void model_act(struct model *model)
{
    uint64_t what = test_random_below(&model->random, 14);
    if (what < 6 && model->appended + 1 < TAG_MAX) {
        model->appended += store_append(model->scene.queue, model->appended + 1, note, model) == 0;
    } else if (what < 10) {
        model->now_ns += test_random_below(&model->random, UINT64_C(200000000));
        queue_commit(model->scene.queue, model->now_ns);
        assert_int_equal(model->committed, model->appended);
    } else if (what < 12) {
        model_release(model);
    } else if (what < 13) {
        model_check(model);
    } else if (test_random_below(&model->random, 10) == 0) {
        model_restart(model);
    }
}

static void the_log_does_what_a_list_would_do(void **state)
{
    (void)state;
    struct test_random random = test_random_start(8);
    for (uint64_t round = 0; round < test_rounds(30); round++) {
        static struct model model;
        model =
            (struct model){.scene = scene_begin(), .random = {.state = test_random_next(&random)}};
        for (int act = 0; act < 2000; act++) {
            model_act(&model);
        }
        scene_end(&model.scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replay_gives_all_in_order_and_again_and_moves_nothing),
        cmocka_unit_test(an_empty_log_replays_nothing_and_releases_nothing),
        cmocka_unit_test(every_release_is_kept_on_the_disk_when_it_returns),
        cmocka_unit_test(what_is_released_already_is_no_work_for_the_disk),
        cmocka_unit_test(a_release_that_failed_is_tried_again_by_the_next),
        cmocka_unit_test(what_a_release_cannot_read_is_never_given_up),
        cmocka_unit_test(what_a_replay_cannot_read_is_told_and_never_given_up),
        cmocka_unit_test(nothing_goes_that_is_not_committed_yet),
        cmocka_unit_test(the_error_of_a_visitor_ends_the_replay_and_is_returned),
        cmocka_unit_test(a_visitor_may_release),
        cmocka_unit_test(a_log_tells_whether_it_had_a_position_when_it_was_opened),
        cmocka_unit_test(sequences_begin_where_they_are_told_to),
        cmocka_unit_test(done_is_told_the_sequence_by_which_a_record_is_released),
        cmocka_unit_test(a_full_log_goes_on_after_a_release),
        cmocka_unit_test(a_bit_that_flips_costs_one_record_and_is_counted_once),
        cmocka_unit_test(memory_that_fails_ends_a_replay_and_changes_nothing),
        cmocka_unit_test(the_log_does_what_a_list_would_do),
    };
    return TEST_RUN("queue_log", tests);
}
