#include "store/section.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/block.h"
#include "budget.h"
#include "harness.h"
#include "simulated_io.h"

#define SALT         UINT64_C(0x1122334455667788)
#define BUDGET_BYTES ((uint64_t)64 << 20)
#define PIECE_MAX    600000
#define PIECES       8

struct bench {
    struct slu_budget *budget;
    uint64_t used_before;
    struct simulated_disk *disk;
    const struct store_io *io;
    int fd;
    struct section_writer writer;
};

static void bench_open(struct bench *bench, uint64_t seed)
{
    bench->budget = budget_of(BUDGET_BYTES);
    bench->used_before = budget_used(bench->budget);
    bench->disk = simulated_disk_make(seed);
    bench->io = simulated_disk_io(bench->disk);
    assert_int_equal(
        bench->io->open(bench->io->context, "d/part", STORE_OPEN_EXCLUSIVE, &bench->fd), 0);
    assert_int_equal(
        section_writer_init(&bench->writer, bench->io, bench->fd, 64, SALT, bench->budget), 0);
}

static void bench_close(struct bench *bench)
{
    bench->io->close(bench->io->context, bench->fd);
    section_writer_deinit(&bench->writer);
    simulated_disk_free(&bench->disk);
    assert_int_equal(budget_used(bench->budget), bench->used_before);
    slu_budget_destroy(&bench->budget);
}

static struct section_reader reader_of(const struct bench *bench)
{
    return (struct section_reader){
        .io = bench->io, .size_bytes = bench->writer.offset, .salt = SALT, .fd = bench->fd};
}

/* Some that pack well, some that do not. */
static size_t some_bytes(struct test_random *random, unsigned char *bytes)
{
    static const size_t mosts[] = {1, 100, 70000, PIECE_MAX};
    size_t len = test_random_below(random, mosts[test_random_below(random, 4)]);
    uint64_t kinds = test_random_below(random, 2) == 0 ? 4 : 256;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (unsigned char)test_random_below(random, kinds);
    }
    return len;
}

static void pieces_read_back_as_they_were_written(void **state)
{
    static unsigned char bytes[PIECES][PIECE_MAX];
    struct test_random random = test_random_start(3);
    struct piece pieces[PIECES];
    size_t lens[PIECES];
    struct bench bench;
    (void)state;
    bench_open(&bench, test_random_next(&random));
    for (size_t i = 0; i < PIECES; i++) {
        lens[i] = some_bytes(&random, bytes[i]);
        int level = (int)test_random_below(&random, SECTION_LEVEL_GOOD + 1);
        assert_int_equal(
            section_append(&bench.writer, (struct slu_bytes){bytes[i], lens[i]}, level, &pieces[i]),
            0);
    }
    assert_int_equal(section_flush(&bench.writer), 0);
    struct section_reader reader = reader_of(&bench);
    for (size_t i = 0; i < PIECES; i++) {
        struct block block;
        unsigned char code[PIECE_BYTES];
        struct piece decoded;
        piece_encode(&pieces[i], code);
        piece_decode(code, &decoded);
        assert_int_equal(section_read(&reader, &decoded, bench.budget, &block), 0);
        assert_int_equal(block.len, lens[i]);
        assert_memory_equal(block.data, bytes[i], lens[i]);
        block_free(bench.budget, &block);
    }
    bench_close(&bench);
}

static void a_flipped_bit_is_told(void **state)
{
    unsigned char plain[200];
    struct bench bench;
    struct piece piece;
    struct block block;
    size_t len = 0;
    const char *name = NULL;
    (void)state;
    memset(plain, 'a', sizeof(plain));
    bench_open(&bench, 1);
    assert_int_equal(section_append(&bench.writer, (struct slu_bytes){plain, sizeof(plain)},
                                    SECTION_LEVEL_FAST, &piece),
                     0);
    assert_int_equal(section_flush(&bench.writer), 0);
    assert_true(piece.stored_bytes < sizeof(plain));
    struct section_reader reader = reader_of(&bench);
    unsigned char *file = simulated_disk_bytes(bench.disk, 0, &len, &name);
    for (uint64_t at = piece.offset; at < reader.size_bytes; at++) {
        file[at] ^= 16;
        assert_int_equal(section_read(&reader, &piece, bench.budget, &block), -EBADMSG);
        file[at] ^= 16;
    }
    assert_int_equal(section_read(&reader, &piece, bench.budget, &block), 0);
    block_free(bench.budget, &block);
    bench_close(&bench);
}

static void a_place_that_is_forged_is_told_and_costs_no_memory(void **state)
{
    unsigned char plain[200] = {0};
    struct bench bench;
    struct piece piece;
    struct block block;
    (void)state;
    bench_open(&bench, 1);
    assert_int_equal(
        section_append(&bench.writer, (struct slu_bytes){plain, sizeof(plain)}, 0, &piece), 0);
    assert_int_equal(section_flush(&bench.writer), 0);
    struct section_reader reader = reader_of(&bench);
    const struct piece forged[] = {
        {UINT64_MAX - 4, 200, 200},
        {64, UINT32_MAX, UINT32_MAX},
        {64, 201, 201},
        {64, 199, 199},
        {63, 200, 200},
        {64, 200, 199},
        {64, 200, (uint32_t)PIECE_PLAIN_MAX},
        {reader.size_bytes, 0, 0},
    };
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        assert_int_equal(section_read(&reader, &forged[i], bench.budget, &block), -EBADMSG);
    }
    assert_int_equal(section_peek(&reader, &piece, 199, plain, 2), -EBADMSG);
    assert_int_equal(section_peek(&reader, &piece, 199, plain, 1), 0);
    bench_close(&bench);
}

static void an_error_of_the_disk_reaches_the_caller(void **state)
{
    static unsigned char plain[300000];
    struct bench bench;
    struct piece piece;
    (void)state;
    bench_open(&bench, 1);
    simulated_disk_fail(bench.disk, SIMULATED_ERROR, 1, -EIO);
    assert_int_equal(
        section_append(&bench.writer, (struct slu_bytes){plain, sizeof(plain)}, 0, &piece), -EIO);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_read_back_as_they_were_written),
        cmocka_unit_test(a_flipped_bit_is_told),
        cmocka_unit_test(a_place_that_is_forged_is_told_and_costs_no_memory),
        cmocka_unit_test(an_error_of_the_disk_reaches_the_caller),
    };
    return TEST_RUN("section", tests);
}
