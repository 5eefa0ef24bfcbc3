#include <sluice/arena.h>

#include <errno.h>
#include <string.h>

#include "budget.h"
#include "harness.h"

static struct slu_arena *arena_of(struct slu_budget *budget, size_t chunk_bytes, size_t limit_bytes)
{
    struct slu_arena_options options = {.chunk_bytes = chunk_bytes, .limit_bytes = limit_bytes};
    struct slu_arena *arena = NULL;
    assert_int_equal(slu_arena_create(budget, &options, NULL, &arena), 0);
    return arena;
}

/* Every piece with what was written into it, and the marks taken between them. */
#define PIECES_MAX 600

struct model {
    struct model_piece {
        unsigned char *bytes;
        size_t size_bytes;
        unsigned char fill;
    } pieces[PIECES_MAX];
    size_t count;
};

static void assert_pieces_whole(const struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct model_piece *piece = &model->pieces[i];
        for (size_t at = 0; at < piece->size_bytes; at++) {
            assert_int_equal(piece->bytes[at], piece->fill);
        }
    }
}

static void take(struct slu_arena *arena, struct model *model, struct test_random *random)
{
    size_t size = test_random_below(random, test_random_below(random, 20) == 0 ? 5000 : 100);
    size_t align = (size_t)1 << test_random_below(random, 7);
    void *piece = NULL;
    int err = slu_arena_alloc(arena, size, align, &piece);
    if (err != 0) {
        assert_int_equal(err, -EDQUOT);
        assert_null(piece);
        return;
    }
    assert_int_equal((uintptr_t)piece % align, 0);
    unsigned char fill = (unsigned char)test_random_next(random);
    memset(piece, fill, size);
    model->pieces[model->count++] = (struct model_piece){piece, size, fill};
}

static void pieces_keep_their_bytes_until_they_are_given_back(void **state)
{
    (void)state;
    static struct model model;
    for (uint64_t round = 0; round < 20; round++) {
        struct test_random random = test_random_start(round);
        struct slu_budget *budget = budget_of(100000);
        uint64_t before = budget_used(budget);
        struct slu_arena *arena = arena_of(budget, 256 + test_random_below(&random, 2000), 60000);
        struct slu_arena_mark marks[20];
        size_t counts[20];
        size_t depth = 0;
        model.count = 0;
        for (int step = 0; step < 500; step++) {
            uint64_t choice = test_random_below(&random, 40);
            if (choice == 0) {
                slu_arena_reset(arena);
                model.count = 0;
                depth = 0;
            } else if (choice < 3 && depth < 20) {
                counts[depth] = model.count;
                marks[depth++] = slu_arena_mark(arena);
            } else if (choice < 5 && depth > 0) {
                depth = test_random_below(&random, depth);
                slu_arena_rewind(arena, marks[depth]);
                model.count = counts[depth];
            } else {
                take(arena, &model, &random);
            }
            assert_pieces_whole(&model);
            struct slu_arena_stats stats;
            slu_arena_stats(arena, &stats);
            assert_true(stats.charged_bytes <= 60000);
            assert_int_equal(budget_used(budget) - before, stats.charged_bytes);
        }
        slu_arena_destroy(&arena);
        assert_int_equal(budget_used(budget), before);
        slu_budget_destroy(&budget);
    }
}

static void the_limit_and_the_budget_refuse_and_lose_nothing(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(3000);
    struct slu_arena *arena = arena_of(budget, 1024, 2048);
    void *piece = NULL;
    char *copy = NULL;
    assert_int_equal(slu_arena_copy(arena, "kept", 4, &copy), 0);
    assert_int_equal(slu_arena_alloc(arena, 900, 8, &piece), 0); /* 64 of header beside it */
    void *refused = NULL;
    assert_int_equal(slu_arena_alloc(arena, 1, 1, &refused), 0);
    assert_int_equal(slu_arena_alloc(arena, 1000, 1, &refused), -EDQUOT);
    assert_int_equal(slu_arena_alloc(arena, SIZE_MAX, 1, &refused), -EOVERFLOW);
    assert_int_equal(slu_arena_alloc(arena, SIZE_MAX - 100, 1, &refused), -EOVERFLOW);
    assert_int_equal(slu_arena_copy(arena, "x", SIZE_MAX, &copy), -EOVERFLOW);
    assert_int_equal(slu_arena_alloc(arena, 8, 0, &refused), -EINVAL);
    assert_int_equal(slu_arena_alloc(arena, 8, 3, &refused), -EINVAL);
    assert_int_equal(slu_arena_alloc(arena, 8, 128, &refused), -EINVAL);
    assert_string_equal(copy, "kept");
    struct slu_arena_stats stats;
    slu_arena_stats(arena, &stats);
    assert_int_equal(stats.refused_count, 1);
    assert_true(stats.high_water_bytes <= 2048);
    slu_arena_destroy(&arena);
    arena = arena_of(budget, 1024, SIZE_MAX);
    assert_int_equal(slu_arena_alloc(arena, 2500, 8, &piece), -EDQUOT); /* of the budget's own */
    slu_arena_destroy(&arena);
    slu_arena_destroy(&arena);
    slu_arena_destroy(NULL);
    slu_budget_destroy(&budget);
}

static void nothing_is_allocated_while_a_chunk_has_room(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_arena *arena = arena_of(budget, 65536, 1 << 19);
    uint64_t allocations = alloc_count();
    for (int request = 0; request < 100; request++) {
        for (int piece = 0; piece < 100; piece++) {
            void *taken = NULL;
            assert_int_equal(slu_arena_alloc(arena, 500, 8, &taken), 0);
        }
        slu_arena_reset(arena);
    }
    assert_int_equal(alloc_count(), allocations);
    slu_arena_destroy(&arena);
    slu_budget_destroy(&budget);
}

static void impossible_options_and_failed_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    static const struct {
        struct slu_arena_options options;
        int err;
        const char *word;
    } cases[] = {
        {{0, 4096}, -EINVAL, "chunk_bytes is 0"},
        {{255, 4096}, -EINVAL, "chunk_bytes is 255"},
        {{4096, 4095}, -EINVAL, "limit_bytes is 4095"},
        {{SIZE_MAX, SIZE_MAX - 1}, -EINVAL, "limit_bytes is"},
        {{SIZE_MAX - 9999, SIZE_MAX}, -EDQUOT, "budget 'test'"},
        {{65536, 65536}, -EDQUOT, "budget 'test'"},
    };
    struct slu_budget *budget = budget_of(16384);
    uint64_t before = budget_used(budget);
    struct slu_arena *arena = NULL;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_diag diag = {0};
        assert_int_equal(slu_arena_create(budget, &cases[i].options, &diag, &arena), cases[i].err);
        assert_non_null(strstr(diag.message, cases[i].word));
        assert_null(arena);
    }
    struct slu_arena_options options = {.chunk_bytes = 1024, .limit_bytes = 8192};
    alloc_fault_at(1);
    assert_int_equal(slu_arena_create(budget, &options, NULL, &arena), -ENOMEM);
    assert_int_equal(budget_used(budget), before);
    arena = arena_of(budget, 1024, 8192);
    void *piece = NULL;
    alloc_fault_at(1);
    assert_int_equal(slu_arena_alloc(arena, 2000, 8, &piece), -ENOMEM);
    assert_null(piece);
    assert_int_equal(slu_arena_alloc(arena, 2000, 8, &piece), 0);
    slu_arena_destroy(&arena);
    assert_int_equal(budget_used(budget), before);
    slu_budget_destroy(&budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_keep_their_bytes_until_they_are_given_back),
        cmocka_unit_test(the_limit_and_the_budget_refuse_and_lose_nothing),
        cmocka_unit_test(nothing_is_allocated_while_a_chunk_has_room),
        cmocka_unit_test(impossible_options_and_failed_allocations_leave_nothing_behind),
    };
    return TEST_RUN("arena", tests);
}
