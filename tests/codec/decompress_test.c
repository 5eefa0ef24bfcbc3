#include "codec/decompress.h"

#include <errno.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "budget.h"
#include "codec/snappy.h"
#include "harness.h"

#define TEXT_BYTES   ((size_t)100000)
#define PACKED_BYTES ((size_t)200000)
#define BUDGET_BYTES ((uint64_t)32 << 20)

static unsigned char text[TEXT_BYTES];
static unsigned char packed[PACKED_BYTES];

static const struct decompress_limits limits = {.output_bytes_max = TEXT_BYTES,
                                                .ratio_max = 1 << 20};

static const enum compression kinds[] = {COMPRESSION_GZIP, COMPRESSION_DEFLATE, COMPRESSION_ZSTD,
                                         COMPRESSION_SNAPPY};

static void text_fill(struct test_random *random)
{
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        text[i] = (unsigned char)test_random_below(random, i % 1000 < 500 ? 3 : 256);
    }
}

static size_t deflated(size_t len, int window_bits)
{
    z_stream stream = {.next_in = text, .avail_in = (uInt)len};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_out = packed;
    stream.avail_out = (uInt)PACKED_BYTES;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return PACKED_BYTES - stream.avail_out;
}

/* Literals of at most 60 bytes, and a copy where 16 bytes stand twice within reach. */
static size_t snapped(size_t len)
{
    size_t at = 0;
    for (size_t left = len;; left >>= 7) {
        packed[at++] = (unsigned char)((left & 127) | (left > 127 ? 128 : 0));
        if (left <= 127) {
            break;
        }
    }
    for (size_t done = 0; done < len;) {
        size_t step = len - done < 16 ? len - done : 16;
        if (step == 16 && done >= 1000 && memcmp(text + done, text + done - 1000, 16) == 0) {
            packed[at++] = (15 << 2) | 2;
            packed[at++] = 1000 & 255;
            packed[at++] = 1000 >> 8;
        } else {
            packed[at++] = (unsigned char)((step - 1) << 2);
            memcpy(packed + at, text + done, step);
            at += step;
        }
        done += step;
    }
    return at;
}

static size_t pack(enum compression kind, size_t len)
{
    switch (kind) {
    case COMPRESSION_GZIP:
        return deflated(len, 16 + MAX_WBITS);
    case COMPRESSION_DEFLATE:
        return deflated(len, MAX_WBITS);
    case COMPRESSION_ZSTD:
        return ZSTD_compress(packed, PACKED_BYTES, text, len, 3);
    default:
        return snapped(len);
    }
}

static void what_was_compressed_comes_back(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    uint64_t used = budget_used(budget);
    for (uint64_t round = 0; round < test_rounds(40); round++) {
        text_fill(&random);
        size_t len = round == 0 ? 0 : (size_t)test_random_below(&random, TEXT_BYTES + 1);
        for (size_t i = 0; i < 4; i++) {
            struct slu_bytes input = {packed, pack(kinds[i], len)};
            struct block output;
            assert_int_equal(decompress_all(budget, kinds[i], input, &limits, &output), 0);
            assert_int_equal(output.len, len);
            assert_memory_equal(output.data, text, len);
            block_free(budget, &output);
        }
        struct slu_bytes bare = {packed, deflated(len, -MAX_WBITS)};
        struct block output;
        assert_int_equal(decompress_all(budget, COMPRESSION_DEFLATE, bare, &limits, &output), 0);
        assert_int_equal(output.len, len);
        block_free(budget, &output);
    }
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

static void what_is_cut_off_or_goes_on_is_refused(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    uint64_t used = budget_used(budget);
    text_fill(&random);
    for (size_t i = 0; i < 4; i++) {
        size_t len = pack(kinds[i], 3000);
        struct block output;
        for (size_t cut = 0; cut < len; cut++) {
            struct slu_bytes input = {packed, cut};
            assert_int_equal(decompress_all(budget, kinds[i], input, &limits, &output), -EBADMSG);
        }
        packed[len] = 1;
        struct slu_bytes longer = {packed, len + 1};
        assert_int_equal(decompress_all(budget, kinds[i], longer, &limits, &output), -EBADMSG);
    }
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

static void limits_of_size_and_ratio_hold(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    uint64_t used = budget_used(budget);
    memset(text, 'a', TEXT_BYTES);
    for (size_t i = 0; i < 4; i++) {
        struct slu_bytes input = {packed, pack(kinds[i], TEXT_BYTES)};
        struct block output;
        struct decompress_limits exact = {TEXT_BYTES, 1 << 20};
        struct decompress_limits small = {TEXT_BYTES - 1, 1 << 20};
        struct decompress_limits flat = {TEXT_BYTES, 2};
        assert_int_equal(decompress_all(budget, kinds[i], input, &exact, &output), 0);
        block_free(budget, &output);
        assert_int_equal(decompress_all(budget, kinds[i], input, &small, &output), -EFBIG);
        if (kinds[i] != COMPRESSION_SNAPPY) { /* ours makes it no more than 6 times smaller */
            assert_int_equal(decompress_all(budget, kinds[i], input, &flat, &output), -EFBIG);
        }
        assert_int_equal(decompress_all(budget, COMPRESSION_NONE, input, &exact, &output), -EINVAL);
    }
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

static void a_zstd_window_that_is_too_large_is_refused(void **state)
{
    (void)state;
    static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00};
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct block output;
    struct slu_bytes input = {frame, sizeof(frame)};
    assert_int_equal(decompress_all(budget, COMPRESSION_ZSTD, input, &limits, &output), -EFBIG);
    slu_budget_destroy(&budget);
}

static void memory_that_is_refused_leaves_nothing(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    memset(text, 'b', TEXT_BYTES);
    for (size_t i = 0; i < 4; i++) {
        struct slu_bytes input = {packed, pack(kinds[i], TEXT_BYTES)};
        struct block output;
        uint64_t used = budget_used(budget);
        int64_t live = alloc_live_count();
        int err = -ENOMEM;
        for (uint64_t nth = 1; err != 0; nth++) {
            alloc_fault_at(nth);
            err = decompress_all(budget, kinds[i], input, &limits, &output);
            alloc_fault_at(0);
            assert_true(err == 0 || err == -ENOMEM);
            assert_true(err == 0 || (budget_used(budget) == used && alloc_live_count() == live));
        }
        block_free(budget, &output);
    }
    slu_budget_destroy(&budget);
}

static void snappy_elements_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *block;
        size_t len;
        const char *text; /* NULL: refused */
    } table[] = {
        {"\x00", 1, ""},
        {"\x05\x10hello", 7, "hello"},
        {"\x05\xf0\x04hello", 8, "hello"}, /* a length of its own byte */
        {"\x0a\x04"
         "ab"
         "\x09\x02",
         6, NULL}, /* 8 of 10 */
        {"\x0a\x04"
         "ab"
         "\x11\x02",
         6, "ababababab"}, /* overlapping */
        {"\x0a\x04"
         "ab"
         "\x1e\x02\x00",
         7, "ababababab"}, /* the same, longer */
        {"\x0a\x04"
         "ab"
         "\x1f\x02\x00\x00\x00",
         9, "ababababab"},
        {"\x0a\x04"
         "ab"
         "\x11\x03",
         6, NULL}, /* before the beginning */
        {"\x0a\x04"
         "ab"
         "\x11\x00",
         6, NULL}, /* no distance */
        {"\x09\x04"
         "ab"
         "\x11\x02",
         6, NULL}, /* more than was said */
        {"\x05\x10hell", 6, NULL},
        {"\x05\xfc\xff\xff\xff\xff", 6, NULL},
        {"\xff\xff\xff\xff\xff\x01", 6, NULL}, /* a length of more than 32 bits */
        {"", 0, NULL},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct slu_bytes block = {table[i].block, table[i].len};
        uint64_t len = 0;
        char out[64];
        int err = snappy_length(block, &len);
        if (err == 0) {
            assert_true(len <= sizeof(out));
            err = snappy_decompress(block, out, (size_t)len);
        }
        assert_int_equal(err, table[i].text == NULL ? -EBADMSG : 0);
        if (err == 0) {
            assert_int_equal(len, strlen(table[i].text));
            assert_memory_equal(out, table[i].text, (size_t)len);
        }
    }
}

static void names_are_those_of_content_encoding(void **state)
{
    (void)state;
    assert_int_equal(compression_named((struct slu_bytes){"GZip", 4}), COMPRESSION_GZIP);
    assert_int_equal(compression_named((struct slu_bytes){"zstd", 4}), COMPRESSION_ZSTD);
    assert_int_equal(compression_named((struct slu_bytes){"identity", 8}), COMPRESSION_NONE);
    assert_int_equal(compression_named((struct slu_bytes){"gzi", 3}), COMPRESSION_UNKNOWN);
    assert_int_equal(compression_named((struct slu_bytes){"gzip, gzip", 10}), COMPRESSION_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_compressed_comes_back),
        cmocka_unit_test(what_is_cut_off_or_goes_on_is_refused),
        cmocka_unit_test(limits_of_size_and_ratio_hold),
        cmocka_unit_test(a_zstd_window_that_is_too_large_is_refused),
        cmocka_unit_test(memory_that_is_refused_leaves_nothing),
        cmocka_unit_test(snappy_elements_are_checked),
        cmocka_unit_test(names_are_those_of_content_encoding),
    };
    return TEST_RUN("decompress", tests);
}
