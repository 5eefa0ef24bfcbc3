#include "codec/unzstd.h"

#include <errno.h>
#include <string.h>

#include <zstd.h>

#include <sluice/budget.h>

#include "budget.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)16 << 20)
#define TEXT_MAX     ((size_t)1 << 20)

static unsigned char text[TEXT_MAX];
static unsigned char unpacked[TEXT_MAX];
static struct {
    unsigned char bytes[2 * TEXT_MAX];
    size_t len;
} packed;

static void fill_text(struct test_random *random, size_t len, uint64_t alphabet)
{
    for (size_t i = 0; i < len; i++) {
        text[i] = (unsigned char)test_random_below(random, alphabet);
    }
}

/* Append `len` bytes of text as one frame, with a checksum. */
static void pack(size_t len, int window_log)
{
    ZSTD_CCtx *packer = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(packer, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(packer, ZSTD_c_contentSizeFlag, 0);
    ZSTD_CCtx_setParameter(packer, ZSTD_c_windowLog, window_log);
    ZSTD_inBuffer in = {text, len, 0};
    ZSTD_outBuffer out = {packed.bytes, sizeof(packed.bytes), packed.len};
    assert_int_equal(ZSTD_compressStream2(packer, &out, &in, ZSTD_e_flush), 0);
    assert_int_equal(ZSTD_compressStream2(packer, &out, &in, ZSTD_e_end), 0);
    packed.len = out.pos;
    ZSTD_freeCCtx(packer);
}

static struct slu_bytes packed_view(void)
{
    return (struct slu_bytes){packed.bytes, packed.len};
}

/* Unpack everything, `step` bytes of input and `room` bytes of output at a time. */
static int unpack(struct slu_budget *budget, uint64_t bytes_max, size_t step, size_t room,
                  size_t *len)
{
    struct unzstd *unzstd = NULL;
    size_t given = 0;
    size_t written = 1;
    struct slu_bytes input = {packed.bytes, 0};
    *len = 0;
    int err = unzstd_create(budget, packed_view(), bytes_max, &unzstd);
    while (err == 0 && (written > 0 || given < packed.len)) {
        if (input.len == 0) {
            input.data = packed.bytes + given;
            input.len = packed.len - given < step ? packed.len - given : step;
            given += input.len;
        }
        size_t left = sizeof(unpacked) - *len;
        err = unzstd_read(unzstd, &input, unpacked + *len, left < room ? left : room, &written);
        *len += err == 0 ? written : 0;
        assert_true(err != 0 || written > 0 || input.len == 0 || left == 0);
    }
    err = err == 0 ? unzstd_end(unzstd) : err;
    unzstd_destroy(&unzstd);
    return err;
}

static void any_cut_into_pieces_gives_what_was_packed(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    uint64_t before = budget_used(budget);
    for (uint64_t round = 0; round < test_rounds(60); round++) {
        size_t len = (size_t)test_random_below(&random, TEXT_MAX >> test_random_below(&random, 20));
        size_t got = 0;
        fill_text(&random, len, 1 + test_random_below(&random, 256));
        packed.len = 0;
        pack(len / 2, 17);
        pack(len / 2, 10);
        size_t step = 1 + (size_t)test_random_below(&random, 70000);
        size_t room = 1 + (size_t)test_random_below(&random, 70000);
        assert_int_equal(unpack(budget, len, step, room, &got), 0);
        assert_int_equal(got, 2 * (len / 2));
        assert_memory_equal(unpacked, text, len / 2);
        assert_memory_equal(unpacked + len / 2, text, len / 2);
        assert_int_equal(budget_used(budget), before);
    }
    slu_budget_destroy(&budget);
}

static void a_bomb_ends_at_the_limit(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    size_t got = 0;
    memset(text, 0, TEXT_MAX);
    packed.len = 0;
    for (int i = 0; i < 100; i++) {
        pack(TEXT_MAX, 17);
    }
    assert_int_equal(unpack(budget, 100000, 4096, 4096, &got), -EFBIG);
    assert_true(got <= 100000);
    slu_budget_destroy(&budget);
}

static void a_window_is_charged_and_a_huge_one_refused(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of((uint64_t)1 << 20);
    struct slu_budget *large = budget_of((uint64_t)1 << 30);
    struct unzstd *unzstd = NULL;
    /* RFC 8878: a window descriptor's upper five bits are the exponent above 2^10. */
    unsigned char head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, (23 - 10) << 3, 0};
    struct slu_bytes view = {head, sizeof(head)};
    assert_int_equal(unzstd_create(budget, view, TEXT_MAX, &unzstd), -EDQUOT);
    head[5] = (28 - 10) << 3;
    assert_int_equal(unzstd_create(large, view, TEXT_MAX, &unzstd), -EBADMSG);
    head[5] = (27 - 10) << 3;
    assert_int_equal(unzstd_create(large, view, TEXT_MAX, &unzstd), 0);
    unzstd_destroy(&unzstd);
    assert_int_equal(unzstd_create(large, (struct slu_bytes){head, 3}, 9, &unzstd), -EBADMSG);
    slu_budget_destroy(&budget);
    slu_budget_destroy(&large);
}

static void a_text_cut_off_or_damaged_anywhere_is_refused(void **state)
{
    (void)state;
    struct test_random random = test_random_start(3);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    size_t got = 0;
    fill_text(&random, 400, 256);
    packed.len = 0;
    pack(400, 12);
    size_t whole = packed.len;
    for (packed.len = 0; packed.len < whole; packed.len++) {
        assert_int_equal(unpack(budget, TEXT_MAX, 50, 50, &got), -EBADMSG);
    }
    for (size_t bit = 6 * 8; bit < whole * 8; bit++) {
        packed.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        int err = unpack(budget, TEXT_MAX, 50, 50, &got);
        assert_true(err != 0 || memcmp(unpacked, text, 400) == 0);
        packed.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    assert_int_equal(unpack(budget, TEXT_MAX, 50, 50, &got), 0);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_into_pieces_gives_what_was_packed),
        cmocka_unit_test(a_bomb_ends_at_the_limit),
        cmocka_unit_test(a_window_is_charged_and_a_huge_one_refused),
        cmocka_unit_test(a_text_cut_off_or_damaged_anywhere_is_refused),
    };
    return TEST_RUN("unzstd", tests);
}
