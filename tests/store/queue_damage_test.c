/* Bits that flip, tails that are torn, files that are gone: told, passed over, never believed. */
#include "fixture.h"
#include "simulated_io.h"
#include "store/segment_file.h"

#define RECORD_COUNT 48

struct scene {
    struct simulated_disk *disk;
    struct slu_budget *budget;
};

static struct queue *scene_open(struct simulated_disk *disk, struct slu_budget *budget)
{
    struct queue_options options = store_options(budget, "simulated");
    options.segment_bytes = 4096;
    options.size_bytes_max = 1 << 16;
    options.staging_bytes_max = 8192;
    options.io = simulated_disk_io(disk);
    return store_queue(options);
}

/* A queue of several segments, some records acked, all of it on the disk. */
static struct scene scene_begin(void)
{
    struct scene scene = {.disk = simulated_disk_make(1), .budget = budget_of(STORE_BUDGET_BYTES)};
    struct queue *queue = scene_open(scene.disk, scene.budget);
    for (uint64_t tag = 1; tag <= RECORD_COUNT; tag++) {
        assert_int_equal(store_append(queue, tag, NULL, NULL), 0);
        queue_commit(queue, 0);
    }
    assert_int_equal(store_take_ack(queue, scene.budget), 1);
    queue_commit(queue, 0); /* two positions, so that both slots are written */
    queue_commit(queue, UINT64_C(1000000000));
    assert_int_equal(store_take_ack(queue, scene.budget), 2);
    queue_close(&queue);
    return scene;
}

static void scene_end(struct scene *scene)
{
    slu_budget_destroy(&scene->budget);
    simulated_disk_free(&scene->disk);
}

/* Take all of a queue. Returns how many of the records from 3 on are missing. */
static uint64_t drain(struct queue *queue, struct slu_budget *budget)
{
    uint64_t seen_count = 0;
    uint64_t last = 0;
    for (uint64_t tag = store_take_ack(queue, budget); tag != 0;
         tag = store_take_ack(queue, budget)) {
        assert_true(tag > last && tag <= RECORD_COUNT);
        last = tag;
        seen_count += tag > 2;
    }
    return RECORD_COUNT - 2 - seen_count;
}

static void flip_and_check(const struct scene *scene, size_t file, size_t bit)
{
    struct simulated_disk *disk = simulated_disk_copy(scene->disk);
    size_t len = 0;
    const char *name = NULL;
    unsigned char *bytes = simulated_disk_bytes(disk, file, &len, &name);
    bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    struct queue *queue = scene_open(disk, scene->budget);
    uint64_t missing = drain(queue, scene->budget);
    struct queue_stats stats = store_stats(queue);
    assert_true(missing <= 1);
    if (missing == 1) {
        assert_int_equal((stats.damaged_count > 0) + (stats.torn_bytes > 0), 1);
    }
    assert_int_equal(store_append(queue, RECORD_COUNT + 1, NULL, NULL), 0);
    queue_commit(queue, 0);
    assert_int_equal(store_take_ack(queue, scene->budget), RECORD_COUNT + 1);
    queue_close(&queue);
    simulated_disk_free(&disk);
}

static void every_single_flipped_bit_costs_one_record_at_most_and_is_told(void **state)
{
    (void)state;
    struct scene scene = scene_begin();
    for (size_t file = 0; file < simulated_disk_file_count(scene.disk); file++) {
        size_t len = 0;
        const char *name = NULL;
        (void)simulated_disk_bytes(scene.disk, file, &len, &name);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            flip_and_check(&scene, file, bit);
        }
    }
    scene_end(&scene);
}

/* The n-th segment of a disk; NULL if there are fewer. */
static unsigned char *segment_bytes(struct simulated_disk *disk, size_t nth, size_t *len,
                                    size_t *file)
{
    for (*file = 0;; (*file)++) {
        const char *name = NULL;
        uint64_t unused = 0;
        unsigned char *bytes = simulated_disk_bytes(disk, *file, len, &name);
        if (bytes == NULL || (segment_name_parse(name, &unused) && nth-- == 0)) {
            return bytes;
        }
    }
}

static void a_tail_cut_at_any_byte_loses_only_what_was_cut(void **state)
{
    (void)state;
    struct scene scene = scene_begin();
    size_t segment_count = 0;
    size_t len = 0;
    size_t file = 0;
    while (segment_bytes(scene.disk, segment_count, &len, &file) != NULL) {
        segment_count++;
    }
    (void)segment_bytes(scene.disk, segment_count - 1, &len, &file);
    uint64_t missing_before = RECORD_COUNT;
    for (uint64_t size_bytes = 0; size_bytes <= len; size_bytes++) {
        struct simulated_disk *disk = simulated_disk_copy(scene.disk);
        const struct store_io *io = simulated_disk_io(disk);
        const char *name = NULL;
        size_t unused = 0;
        (void)simulated_disk_bytes(disk, file, &unused, &name);
        int fd = -1;
        assert_int_equal(io->open(io->context, name, STORE_OPEN_WRITE, &fd), 0);
        assert_int_equal(io->truncate(io->context, fd, size_bytes), 0);
        io->close(io->context, fd);
        struct queue *queue = scene_open(disk, scene.budget);
        uint64_t missing = drain(queue, scene.budget);
        assert_true(missing <= missing_before);
        assert_int_equal(store_stats(queue).damaged_count, 0);
        missing_before = missing;
        queue_close(&queue);
        simulated_disk_free(&disk);
    }
    assert_int_equal(missing_before, 0);
    scene_end(&scene);
}

static void a_lost_segment_costs_its_records_and_no_others(void **state)
{
    (void)state;
    struct scene scene = scene_begin();
    size_t len = 0;
    size_t file = 0;
    for (size_t nth = 0; segment_bytes(scene.disk, nth, &len, &file) != NULL; nth++) {
        struct simulated_disk *disk = simulated_disk_copy(scene.disk);
        const struct store_io *io = simulated_disk_io(disk);
        const char *name = NULL;
        (void)simulated_disk_bytes(disk, file, &len, &name);
        assert_int_equal(io->unlink(io->context, name), 0);
        struct queue *queue = scene_open(disk, scene.budget);
        uint64_t missing = drain(queue, scene.budget);
        assert_true(missing > 0 && missing < RECORD_COUNT - 2);
        queue_close(&queue);
        simulated_disk_free(&disk);
    }
    scene_end(&scene);
}

static void what_comes_after_all_segments_were_lost_is_given_out(void **state)
{
    (void)state;
    struct scene scene = scene_begin();
    const struct store_io *io = simulated_disk_io(scene.disk);
    size_t len = 0;
    size_t file = 0;
    while (segment_bytes(scene.disk, 0, &len, &file) != NULL) {
        const char *name = NULL;
        (void)simulated_disk_bytes(scene.disk, file, &len, &name);
        assert_int_equal(io->unlink(io->context, name), 0);
    }
    struct queue *queue = scene_open(scene.disk, scene.budget);
    assert_int_equal(store_take_ack(queue, scene.budget), 0);
    assert_int_equal(store_append(queue, 99, NULL, NULL), 0);
    queue_close(&queue);
    queue = scene_open(scene.disk, scene.budget);
    assert_int_equal(store_take_ack(queue, scene.budget), 99);
    queue_close(&queue);
    scene_end(&scene);
}

static void without_a_right_header_a_segment_is_passed_over_and_told(void **state)
{
    (void)state;
    struct scene scene = scene_begin();
    size_t len = 0;
    size_t file = 0;
    for (size_t nth = 0; segment_bytes(scene.disk, nth, &len, &file) != NULL; nth++) {
        struct simulated_disk *disk = simulated_disk_copy(scene.disk);
        memset(segment_bytes(disk, nth, &len, &file), 0, SEGMENT_HEADER_BYTES);
        struct queue *queue = scene_open(disk, scene.budget);
        assert_int_equal(store_append(queue, RECORD_COUNT, NULL, NULL), 0);
        queue_commit(queue, 0);
        for (uint64_t tag = 1, last = 0; tag != 0; last = tag) {
            tag = store_take_ack(queue, scene.budget);
            assert_true(tag == 0 || tag >= last);
        }
        assert_int_equal(store_stats(queue).damaged_count, 1);
        queue_close(&queue);
        simulated_disk_free(&disk);
    }
    scene_end(&scene);
}

static void a_frame_inside_a_payload_is_never_given_out(void **state)
{
    (void)state;
    struct scene scene = scene_begin();
    struct simulated_disk *disk = simulated_disk_copy(scene.disk);
    size_t len = 0;
    size_t file = 0;
    const unsigned char *inner = segment_bytes(scene.disk, 0, &len, &file);
    struct simulated_disk *other = simulated_disk_make(2);
    struct queue *queue = scene_open(other, scene.budget);
    struct slu_bytes part = {inner, len < 3000 ? len : 3000};
    const struct queue_record record = {.parts = &part, .part_count = 1};
    assert_int_equal(queue_append(queue, &record, NULL, NULL), 0);
    assert_int_equal(store_append(queue, 77, NULL, NULL), 0);
    queue_commit(queue, 0);
    queue_close(&queue);
    segment_bytes(other, 0, &len, &file)[SEGMENT_HEADER_BYTES] ^= 1; /* its magic */
    queue = scene_open(other, scene.budget);
    assert_int_equal(store_take_ack(queue, scene.budget), 77);
    assert_int_equal(store_take_ack(queue, scene.budget), 0);
    assert_int_equal(store_stats(queue).damaged_count, 1);
    queue_close(&queue);
    simulated_disk_free(&other);
    simulated_disk_free(&disk);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_single_flipped_bit_costs_one_record_at_most_and_is_told),
        cmocka_unit_test(a_tail_cut_at_any_byte_loses_only_what_was_cut),
        cmocka_unit_test(a_lost_segment_costs_its_records_and_no_others),
        cmocka_unit_test(what_comes_after_all_segments_were_lost_is_given_out),
        cmocka_unit_test(without_a_right_header_a_segment_is_passed_over_and_told),
        cmocka_unit_test(a_frame_inside_a_payload_is_never_given_out),
    };
    return TEST_RUN("queue_damage", tests);
}
