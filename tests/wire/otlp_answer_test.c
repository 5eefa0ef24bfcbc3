#include "wire/otlp_answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/sink.h"
#include "base/utf8.h"

#include "guarded.h"
#include "harness.h"

#define SECOND_NS UINT64_C(1000000000)

struct written {
    char bytes[1024];
    struct sink sink;
};

static struct slu_bytes partial_written(struct written *written, bool is_json,
                                        enum otlp_signal signal, int64_t rejected_count,
                                        const char *message)
{
    struct otlp_partial partial = {.rejected_count = rejected_count};
    (void)snprintf(partial.message, sizeof(partial.message), "%s", message);
    sink_init_fixed(&written->sink, written->bytes, sizeof(written->bytes));
    otlp_partial_write(&written->sink, is_json, signal, &partial);
    assert_int_equal(sink_end(&written->sink), 0);
    return (struct slu_bytes){written->bytes, written->sink.len};
}

static struct slu_bytes status_written(struct written *written, bool is_json,
                                       const struct otlp_status *status)
{
    sink_init_fixed(&written->sink, written->bytes, sizeof(written->bytes));
    otlp_status_write(&written->sink, is_json, status);
    assert_int_equal(sink_end(&written->sink), 0);
    return (struct slu_bytes){written->bytes, written->sink.len};
}

static void expect_bytes(struct slu_bytes bytes, const char *expected, size_t len)
{
    assert_int_equal(bytes.len, len);
    assert_memory_equal(bytes.data, expected, len);
}

static void full_success_is_an_empty_message(void **state)
{
    (void)state;
    struct written written;
    assert_int_equal(partial_written(&written, false, OTLP_LOGS, 0, "").len, 0);
    (void)partial_written(&written, true, OTLP_LOGS, 0, ""); /* looked at in its buffer */
    assert_string_equal(written.bytes, "{}\n");
}

static void partial_success_has_these_bytes(void **state)
{
    (void)state;
    struct written written;
    expect_bytes(partial_written(&written, false, OTLP_TRACES, 300, "why"),
                 "\x0a\x08\x08\xac\x02\x12\x03why", 10);
    expect_bytes(partial_written(&written, false, OTLP_LOGS, 0, "slow"), "\x0a\x06\x12\x04slow", 8);
    (void)partial_written(&written, true, OTLP_TRACES, 300, "why");
    assert_string_equal(
        written.bytes,
        "{\"partialSuccess\":{\"rejectedSpans\":\"300\",\"errorMessage\":\"why\"}}\n");
    (void)partial_written(&written, true, OTLP_METRICS, INT64_MAX, "\"");
    assert_string_equal(written.bytes, "{\"partialSuccess\":{\"rejectedDataPoints\":"
                                       "\"9223372036854775807\",\"errorMessage\":\"\\\"\"}}\n");
    (void)partial_written(&written, true, OTLP_LOGS, 1, "");
    assert_string_equal(
        written.bytes,
        "{\"partialSuccess\":{\"rejectedLogRecords\":\"1\",\"errorMessage\":\"\"}}\n");
}

static void partial_success_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (uint64_t i = 0; i < test_rounds(1000); i++) {
        struct written written;
        struct otlp_partial read = {0};
        char message[SLU_DIAG_MESSAGE_MAX] = "";
        int64_t count = (int64_t)(test_random_next(&random) >> test_random_below(&random, 64));
        memset(message, 'm', test_random_below(&random, sizeof(message)));
        struct slu_bytes bytes = partial_written(&written, false, OTLP_LOGS, count, message);
        assert_int_equal(otlp_partial_read(bytes, &read), 0);
        assert_true(read.rejected_count == count);
        assert_string_equal(read.message, message);
    }
}

static const struct otlp_status unavailable = {
    .code = 14, .has_retry = true, .retry_ns = 2500000001, .message = "full"};

static const char unavailable_bytes[] =
    "\x08\x0e" /* code */
    "\x12\x04"
    "full"                                             /* message */
    "\x1a\x36"                                         /* details[0], an Any */
    "\x0a\x28type.googleapis.com/google.rpc.RetryInfo" /* its type */
    "\x12\x0a"                                         /* its value */
    "\x0a\x08"                                         /* retry_delay */
    "\x08\x02\x10\x81\xca\xb5\xee\x01";                /* 2 s and 500,000,001 ns */

static void a_status_with_a_delay_has_these_bytes(void **state)
{
    (void)state;
    struct written written;
    expect_bytes(status_written(&written, false, &unavailable), unavailable_bytes,
                 sizeof(unavailable_bytes) - 1);
    (void)status_written(&written, true, &unavailable);
    assert_string_equal(written.bytes, "{\"code\":14,\"message\":\"full\",\"details\":[{\"@type\":"
                                       "\"type.googleapis.com/google.rpc.RetryInfo\","
                                       "\"retryDelay\":\"2.500000001s\"}]}\n");
}

static void a_status_without_a_delay_has_no_details(void **state)
{
    (void)state;
    struct written written;
    struct otlp_status status = {.code = 3, .message = "no"};
    expect_bytes(status_written(&written, false, &status), "\x08\x03\x12\x02no", 6);
    (void)status_written(&written, true, &status);
    assert_string_equal(written.bytes, "{\"code\":3,\"message\":\"no\"}\n");
}

static void a_status_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    for (uint64_t i = 0; i < test_rounds(1000); i++) {
        struct written written;
        struct otlp_status read = {0};
        struct otlp_status status = {
            .code = (int32_t)test_random_next(&random),
            .has_retry = test_random_below(&random, 2) == 1,
        };
        memset(status.message, 's', test_random_below(&random, sizeof(status.message)));
        if (status.has_retry) {
            status.retry_ns = test_random_below(&random, 366 * 86400 * SECOND_NS);
        }
        assert_int_equal(otlp_status_read(status_written(&written, false, &status), &read), 0);
        assert_int_equal(read.code, status.code);
        assert_int_equal(read.has_retry, status.has_retry);
        assert_true(read.retry_ns == status.retry_ns);
        assert_string_equal(read.message, status.message);
    }
}

/* A status whose one detail is a RetryInfo with the bytes of this duration. */
static bool delay_is_read(struct slu_bytes duration, struct otlp_status *status)
{
    char bytes[128] = "\x1a";
    size_t type_len = 2 + 40;
    bytes[1] = (char)(type_len + 4 + duration.len);
    memcpy(bytes + 2, "\x0a\x28type.googleapis.com/google.rpc.RetryInfo", type_len);
    bytes[44] = 0x12;
    bytes[45] = (char)(2 + duration.len);
    bytes[46] = 0x0a;
    bytes[47] = (char)duration.len;
    memcpy(bytes + 48, duration.data, duration.len);
    assert_int_equal(otlp_status_read((struct slu_bytes){bytes, 48 + duration.len}, status), 0);
    return status->has_retry;
}

static void delays_that_cannot_be_are_no_delays(void **state)
{
    (void)state;
    static const struct slu_bytes faults[] = {
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* a second ago */
        {"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* a nanosecond ago */
        {"\x10\x80\x94\xeb\xdc\x03", 6},                      /* 10^9 ns */
        {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11}, /* 2^63 s */
        {"\x08\x01\x10", 3},                                  /* cut off */
        {"\x00\x01", 2},                                      /* no field */
    };
    struct otlp_status status = {0};
    assert_true(delay_is_read((struct slu_bytes){"\x08\x03\x10\x05", 4}, &status));
    assert_true(status.retry_ns == 3 * SECOND_NS + 5);
    assert_true(delay_is_read((struct slu_bytes){"", 0}, &status));
    assert_true(status.retry_ns == 0);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        assert_false(delay_is_read(faults[i], &status));
        assert_true(status.retry_ns == 0);
    }
}

static void details_of_other_types_are_passed_over(void **state)
{
    (void)state;
    static const char bytes[] = "\x08\x08"
                                "\x1a\x0b"
                                "\x0a\x05other\x12\x02\x08\x01"
                                "\x22\x01z";
    struct otlp_status status = {0};
    struct slu_bytes message = {bytes, sizeof(bytes) - 1};
    assert_int_equal(otlp_status_read(message, &status), 0);
    assert_int_equal(status.code, 8);
    assert_false(status.has_retry);
}

static bool is_utf8(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        uint32_t code = 0;
        i += utf8_decode(text + i, len - i, &code);
        if (code == UTF8_INVALID) {
            return false;
        }
    }
    return true;
}

static void long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    for (size_t before = 0; before < 4; before++) {
        char bytes[512] = "\x12\x80\x03"; /* a status's message of 384 bytes */
        struct otlp_status status = {0};
        struct otlp_partial partial = {0};
        memset(bytes + 3, 'x', before);
        for (size_t at = 3 + before; at < 387; at += 4) {
            memcpy(bytes + at, "\xf0\x9f\x92\xa7", 4);
        }
        assert_int_equal(otlp_status_read((struct slu_bytes){bytes, 387}, &status), 0);
        assert_true(strlen(status.message) > SLU_DIAG_MESSAGE_MAX - 5);
        assert_true(is_utf8(status.message));
        memmove(bytes + 3, bytes, 387);
        memcpy(bytes, "\x0a\x83\x03", 3);
        assert_int_equal(otlp_partial_read((struct slu_bytes){bytes, 390}, &partial), 0);
        assert_string_equal(partial.message, status.message);
    }
}

static void answers_that_are_not_well_formed_leave_the_result_alone(void **state)
{
    (void)state;
    struct guarded guarded = guarded_create(256);
    struct otlp_partial partial = {.rejected_count = 7};
    struct otlp_status status = {.code = 7};
    assert_int_equal(otlp_partial_read(guarded_put(&guarded, "\x0a\x03\x08\x01", 4), &partial),
                     -EBADMSG);
    assert_int_equal(otlp_partial_read(guarded_put(&guarded, "\x0a\x02\x08\x80", 4), &partial),
                     -EBADMSG);
    assert_int_equal(partial.rejected_count, 7);
    assert_int_equal(otlp_status_read(guarded_put(&guarded, "\x08\x01\x12", 3), &status), -EBADMSG);
    assert_int_equal(status.code, 7);
    guarded_destroy(&guarded);
}

static void answers_cut_anywhere_or_with_any_bit_turned_are_read_without_harm(void **state)
{
    (void)state;
    struct guarded guarded = guarded_create(1024);
    struct written written;
    struct otlp_status status;
    struct otlp_partial partial;
    struct slu_bytes bytes = status_written(&written, false, &unavailable);
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        written.bytes[bit / 8] = (char)(written.bytes[bit / 8] ^ (1 << bit % 8));
        for (size_t len = bit / 8; len <= bytes.len; len += 3) {
            struct slu_bytes cut = guarded_put(&guarded, written.bytes, len);
            int err = otlp_status_read(cut, &status);
            assert_true(err == 0 || err == -EBADMSG);
            err = otlp_partial_read(cut, &partial);
            assert_true(err == 0 || err == -EBADMSG);
        }
        written.bytes[bit / 8] = (char)(written.bytes[bit / 8] ^ (1 << bit % 8));
    }
    guarded_destroy(&guarded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_success_is_an_empty_message),
        cmocka_unit_test(partial_success_has_these_bytes),
        cmocka_unit_test(partial_success_is_read_as_it_was_written),
        cmocka_unit_test(a_status_with_a_delay_has_these_bytes),
        cmocka_unit_test(a_status_without_a_delay_has_no_details),
        cmocka_unit_test(a_status_is_read_as_it_was_written),
        cmocka_unit_test(delays_that_cannot_be_are_no_delays),
        cmocka_unit_test(details_of_other_types_are_passed_over),
        cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(answers_that_are_not_well_formed_leave_the_result_alone),
        cmocka_unit_test(answers_cut_anywhere_or_with_any_bit_turned_are_read_without_harm),
    };
    return TEST_RUN("otlp_answer", tests);
}
