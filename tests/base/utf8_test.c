#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

#include "harness.h"

/* The plain rule, without looking at what is forbidden; for up to 31 bits. */
static size_t encode(uint32_t code, size_t len, char *out)
{
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0, 0xf8};
    if (len == 1) {
        out[0] = (char)code;
        return 1;
    }
    for (size_t at = len; at-- > 1; code >>= 6) {
        out[at] = (char)(0x80 | (code & 0x3f));
    }
    out[0] = (char)(leads[len] | code);
    return len;
}

static size_t natural_len(uint32_t code)
{
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

static void every_scalar_value_is_read_back(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff) {
            continue;
        }
        char bytes[4];
        uint32_t read = 0;
        size_t len = encode(code, natural_len(code), bytes);
        if (utf8_decode(bytes, len, &read) != len || read != code) {
            fail_msg("U+%04X", code);
        }
    }
}

static void a_cut_character_is_one_ill_formed_piece(void **state)
{
    (void)state;
    static const uint32_t codes[] = {0x80,   0x7ff,   0x800,   0xd7ff,   0xe000,
                                     0xffff, 0x10000, 0x3ffff, 0x100000, 0x10ffff};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char bytes[8];
        size_t len = encode(codes[i], natural_len(codes[i]), bytes);
        for (size_t cut = 1; cut < len; cut++) {
            uint32_t read = 0;
            assert_int_equal(utf8_decode(bytes, cut, &read), cut);
            assert_int_equal(read, UTF8_INVALID);
            char followed[8];
            memcpy(followed, bytes, cut);
            followed[cut] = 'x';
            assert_int_equal(utf8_decode(followed, cut + 1, &read), cut);
            assert_int_equal(read, UTF8_INVALID);
        }
    }
}

static void overlong_forms_surrogates_and_what_is_too_large_are_ill_formed(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        size_t len;
    } forms[] = {{0x00, 2},   {0x7f, 2},   {0x00, 3},     {0x7ff, 3},    {0x00, 4},
                 {0xffff, 4}, {0xd800, 3}, {0xdfff, 3},   {0x110000, 4}, {0x1fffff, 4},
                 {0x2f, 2},   {0x2f, 3},   {0x1fffff, 5}, {0x3ffffff, 5}};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char bytes[8];
        uint32_t read = 0;
        size_t len = encode(forms[i].code, forms[i].len, bytes);
        assert_int_equal(utf8_decode(bytes, len, &read), 1);
        assert_int_equal(read, UTF8_INVALID);
    }
}

static void bytes_that_never_lead_are_taken_one_by_one(void **state)
{
    (void)state;
    for (int byte = 0x80; byte <= 0xff; byte++) {
        bool leads = byte >= 0xc2 && byte <= 0xf4;
        char bytes[4] = {(char)byte, '\x80', '\x80', '\x80'};
        uint32_t read = 0;
        if (!leads) {
            assert_int_equal(utf8_decode(bytes, sizeof(bytes), &read), 1);
            assert_int_equal(read, UTF8_INVALID);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scalar_value_is_read_back),
        cmocka_unit_test(a_cut_character_is_one_ill_formed_piece),
        cmocka_unit_test(overlong_forms_surrogates_and_what_is_too_large_are_ill_formed),
        cmocka_unit_test(bytes_that_never_lead_are_taken_one_by_one),
    };
    return TEST_RUN("utf8", tests);
}
