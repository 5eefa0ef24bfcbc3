#include "codec/base64.h"

#include <errno.h>
#include <string.h>

#include "base/sink.h"
#include "harness.h"

static const struct {
    const char *bytes;
    const char *text;
} pairs[] = {/* RFC 4648, 10 */
             {"", ""},
             {"f", "Zg=="},
             {"fo", "Zm8="},
             {"foo", "Zm9v"},
             {"foob", "Zm9vYg=="},
             {"fooba", "Zm9vYmE="},
             {"foobar", "Zm9vYmFy"},
             {"\xfb\xff\xfe", "+//+"}};

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static void the_vectors_of_the_rfc_hold_in_both_directions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char text[32];
        struct sink sink;
        sink_init_fixed(&sink, text, sizeof(text));
        base64_encode(&sink, bytes_of(pairs[i].bytes));
        assert_int_equal(sink_end(&sink), 0);
        assert_string_equal(text, pairs[i].text);

        unsigned char bytes[32];
        size_t len = 99;
        assert_int_equal(base64_decode(bytes_of(pairs[i].text), bytes, &len), 0);
        assert_int_equal(len, strlen(pairs[i].bytes));
        assert_memory_equal(bytes, pairs[i].bytes, len);
    }
}

static void padding_may_be_left_out_and_the_alphabet_of_urls_is_read(void **state)
{
    unsigned char bytes[32];
    size_t len = 0;
    (void)state;
    assert_int_equal(base64_decode(bytes_of("Zm9vYg"), bytes, &len), 0);
    assert_int_equal(len, 4);
    assert_memory_equal(bytes, "foob", 4);
    assert_int_equal(base64_decode(bytes_of("-__-"), bytes, &len), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "\xfb\xff\xfe", 3);
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const faults[] = {
        "Z", "Zm9vY", "Zg=", "Zg===", "=", "Z g=", "Zm9v====", "Zm\x80v"};
    unsigned char bytes[32];
    size_t len = 99;
    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        assert_int_equal(base64_decode(bytes_of(faults[i]), bytes, &len), -EBADMSG);
        assert_int_equal(len, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_hold_in_both_directions),
        cmocka_unit_test(padding_may_be_left_out_and_the_alphabet_of_urls_is_read),
        cmocka_unit_test(what_is_no_base64_is_refused),
    };
    return TEST_RUN("base64", tests);
}
