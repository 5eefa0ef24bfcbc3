#include "wire/otlp_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/diag.h>

#include "codec/protobuf_reader.h"
#include "wire/otlp_schema.h"

#include "guarded.h"
#include "harness.h"
#include "nested.h"
#include "otlp_model.h"
#include "otlp_random.h"

#define BYTES(literal) ((struct slu_bytes){(literal), sizeof(literal) - 1})

static struct otlp_made made;
static struct nested nested;

/* Check where the memory ends with the message; the answer must be the model's. */
static bool is_taken(struct guarded *guarded, enum otlp_signal signal, struct slu_bytes message)
{
    struct otlp_counts counts = {.records = 77777};
    struct slu_diag diag = {.message = "untouched"};
    uint64_t expected = 77777;
    message = guarded_put(guarded, message.data, message.len);
    bool is_valid = otlp_model_check(signal, message, &expected);
    int err = otlp_check(signal, message, &counts, &diag);
    assert_int_equal(err, is_valid ? 0 : -EBADMSG);
    assert_int_equal(counts.records, expected);
    assert_int_equal(strcmp(diag.message, "untouched") == 0, is_valid);
    assert_int_equal(otlp_check(signal, message, &counts, NULL), err);
    return is_valid;
}

static void random_requests_are_taken_and_counted(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    struct guarded guarded = guarded_create(OTLP_MADE_BYTES_MAX);
    uint64_t most = 0;
    for (uint64_t i = 0; i < test_rounds(3000); i++) {
        enum otlp_signal signal = (enum otlp_signal)(i % OTLP_SIGNAL_COUNT);
        struct otlp_counts counts = {0};
        otlp_make(&made, &random, signal, i % 4 == 0 ? OTLP_PLAIN : OTLP_WILD,
                  test_random_below(&random, i % 64 == 0 ? 100000 : 4000));
        assert_true(is_taken(&guarded, signal, otlp_made_view(&made)));
        assert_int_equal(otlp_check(signal, otlp_made_view(&made), &counts, NULL), 0);
        assert_int_equal(counts.records, made.record_count);
        most = counts.records > most ? counts.records : most;
    }
    assert_true(most > 100);
    guarded_destroy(&guarded);
}

/* Where the fields at the top end: there alone a message may be cut. */
static bool ends_between_fields(struct slu_bytes message, size_t len)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_reader_offset(&reader) < len && protobuf_next(&reader, &field)) {
    }
    return protobuf_reader_offset(&reader) == len;
}

static void a_request_is_refused_wherever_it_is_cut_but_between_its_fields(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    struct guarded guarded = guarded_create(OTLP_MADE_BYTES_MAX);
    for (uint64_t i = 0; i < test_rounds(90); i++) {
        enum otlp_signal signal = (enum otlp_signal)(i % OTLP_SIGNAL_COUNT);
        otlp_make(&made, &random, signal, i % 2 == 0 ? OTLP_PLAIN : OTLP_WILD, 300);
        for (size_t len = 0; len < made.len; len++) {
            struct slu_bytes cut = {made.bytes, len};
            assert_int_equal(is_taken(&guarded, signal, cut),
                             ends_between_fields(otlp_made_view(&made), len));
        }
    }
    guarded_destroy(&guarded);
}

static void a_request_with_any_bit_turned_is_judged_as_the_model_does(void **state)
{
    (void)state;
    struct test_random random = test_random_start(3);
    struct guarded guarded = guarded_create(OTLP_MADE_BYTES_MAX);
    uint64_t refused_count = 0;
    uint64_t taken_count = 0;
    for (uint64_t i = 0; i < test_rounds(60); i++) {
        enum otlp_signal signal = (enum otlp_signal)(i % OTLP_SIGNAL_COUNT);
        otlp_make(&made, &random, signal, OTLP_WILD, 300);
        for (size_t bit = 0; bit < 8 * made.len; bit++) {
            made.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            bool is_valid = is_taken(&guarded, signal, otlp_made_view(&made));
            taken_count += is_valid;
            refused_count += !is_valid;
            made.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_true(taken_count > 100 && refused_count > 100);
    guarded_destroy(&guarded);
}

static void random_bytes_are_judged_as_the_model_does(void **state)
{
    (void)state;
    struct test_random random = test_random_start(4);
    struct guarded guarded = guarded_create(OTLP_MADE_BYTES_MAX);
    for (uint64_t i = 0; i < test_rounds(20000); i++) {
        uint8_t bytes[24];
        size_t len = test_random_below(&random, sizeof(bytes));
        for (size_t at = 0; at < len; at++) {
            bytes[at] = (uint8_t)test_random_below(&random, i % 2 == 0 ? 256 : 24);
        }
        (void)is_taken(&guarded, (enum otlp_signal)(i % OTLP_SIGNAL_COUNT), /* it asserts */
                       (struct slu_bytes){bytes, len});
    }
    guarded_destroy(&guarded);
}

static void text_of_all_sorts_is_judged_as_the_model_does(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a", "1234567", "12345678", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xe1\x80\x80", "\xe4\xb8\xad", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
        /* from here on: broken */
        "\x80", "\xc3", "\xc1\x81", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe4\xb8", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf0\x90\x80", "\xff"};
    struct test_random random = test_random_start(6);
    struct guarded guarded = guarded_create(4096);
    uint64_t taken_count = 0;
    uint64_t round_count = test_rounds(30000);
    for (uint64_t i = 0; i < round_count; i++) {
        char text[128];
        size_t len = 0;
        for (uint64_t count = test_random_below(&random, 12); count > 0; count--) {
            uint64_t broken = test_random_below(&random, 16) == 0 ? 10 : 0;
            const char *piece = pieces[test_random_below(&random, 12 + broken)];
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        nested_init(&nested, text, len);
        static const uint8_t above[] = {1, 5, 2, 2, 1};
        for (size_t at = 0; at < sizeof(above); at++) {
            nested_wrap(&nested, above[at]);
        }
        taken_count += is_taken(&guarded, OTLP_LOGS, nested_view(&nested));
    }
    assert_true(taken_count > round_count / 4 && taken_count < round_count - round_count / 8);
    guarded_destroy(&guarded);
}

/* The fields from the request down to the one that is wrong. */
struct path {
    enum otlp_signal signal;
    const struct otlp_field *fields[32];
    uint32_t depth;
    uint64_t case_count;
};

static void path_write(const struct path *path, char *out, size_t size)
{
    size_t len = 0;
    for (uint32_t i = 0; i < path->depth && len < size; i++) {
        len += (size_t)snprintf(out + len, size - len, "%s%s%s", i > 0 ? "." : "",
                                path->fields[i]->name, path->fields[i]->is_repeated ? "[0]" : "");
    }
}

/* `field`, as it stands at the end of the path, is refused with the path and `fault`. */
static void expect_fault(struct path *path, uint32_t wire, struct slu_bytes content,
                         const char *fault)
{
    char where[SLU_DIAG_MESSAGE_MAX - 64] = "";
    char expected[SLU_DIAG_MESSAGE_MAX];
    struct slu_diag diag = {0};
    struct otlp_counts counts = {.records = 77777};
    nested_init(&nested, content.data, content.len);
    nested_tag(&nested, path->fields[path->depth - 1]->number, wire);
    for (uint32_t i = path->depth - 1; i > 0; i--) {
        nested_wrap(&nested, path->fields[i - 1]->number);
    }
    path_write(path, where, sizeof(where));
    (void)snprintf(expected, sizeof(expected), "%s %s", where, fault);
    assert_int_equal(otlp_check(path->signal, nested_view(&nested), &counts, &diag), -EBADMSG);
    assert_string_equal(diag.message, expected);
    assert_int_equal(counts.records, 77777);
    path->case_count++;
}

static void expect_text_faults(struct path *path)
{
    static const struct slu_bytes faults[] = {
        {"\x01\x80", 2},             /* nothing that it goes on from */
        {"\x02\xc0\xaf", 3},         /* longer than it needs to be */
        {"\x03\xed\xa0\x80", 4},     /* half of a pair */
        {"\x04\xf4\x90\x80\x80", 5}, /* above U+10FFFF */
        {"\x02z\xff", 3},            /* no byte of UTF-8 */
        {"\x09"
         "12345678\xc3",
         10}, /* cut off, behind a word of ASCII */
        {"\x0a"
         "1234567\xe2\x82x",
         11}, /* cut off in the middle */
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        expect_fault(path, PROTOBUF_BYTES, faults[i], "is not UTF-8");
    }
}

static void expect_id_faults(struct path *path, uint8_t len)
{
    char fault[32];
    (void)snprintf(fault, sizeof(fault), "is not %u bytes long", len);
    for (uint8_t wrong = 1; wrong <= 40; wrong++) {
        uint8_t bytes[41] = {wrong};
        if (wrong != len) {
            expect_fault(path, PROTOBUF_BYTES, (struct slu_bytes){bytes, (size_t)wrong + 1}, fault);
        }
    }
}

static enum protobuf_wire wire_of(uint8_t kind)
{
    return kind <= OTLP_MESSAGE   ? PROTOBUF_BYTES
           : kind == OTLP_FIXED32 ? PROTOBUF_FIXED32
           : kind >= OTLP_FIXED64 ? PROTOBUF_FIXED64
                                  : PROTOBUF_VARINT;
}

static void expect_type_faults(struct path *path, const struct otlp_field *field)
{
    static const struct slu_bytes contents[] = {
        {"\x01", 1}, {"12345678", 8}, {"\x01z", 2}, {"\x08\x01", 2},
        {"", 0},     {"1234", 4},     {"", 0},      {"", 0},
    };
    for (uint32_t wire = 0; wire < 8; wire++) {
        if (wire != wire_of(field->kind) && !(wire == PROTOBUF_BYTES && field->is_repeated)) {
            expect_fault(path, wire, contents[wire], "has another type than the schema's");
        }
    }
}

static void expect_cut_faults(struct path *path, const struct otlp_field *field)
{
    switch (wire_of(field->kind)) {
    case PROTOBUF_BYTES:
        expect_fault(path, PROTOBUF_BYTES, BYTES("\x02x"),
                     "is longer than the message that it is in");
        expect_fault(path, PROTOBUF_BYTES, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                     "is longer than the message that it is in");
        expect_fault(path, PROTOBUF_BYTES, BYTES("\x80"),
                     "is longer than the message that it is in");
        break;
    case PROTOBUF_VARINT:
        expect_fault(path, PROTOBUF_VARINT, BYTES(""), "is cut off");
        expect_fault(path, PROTOBUF_VARINT, BYTES("\xff\xff"), "is cut off");
        expect_fault(path, PROTOBUF_VARINT, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
                     "is cut off");
        break;
    case PROTOBUF_FIXED64:
        expect_fault(path, PROTOBUF_FIXED64, BYTES("1234567"), "is cut off");
        break;
    default:
        expect_fault(path, PROTOBUF_FIXED32, BYTES("123"), "is cut off");
    }
    if (field->is_repeated && wire_of(field->kind) == PROTOBUF_FIXED64) {
        expect_fault(path, PROTOBUF_BYTES,
                     BYTES("\x09"
                           "123456789"),
                     "is cut off");
    } else if (field->is_repeated && wire_of(field->kind) == PROTOBUF_VARINT) {
        expect_fault(path, PROTOBUF_BYTES, BYTES("\x02\x01\x80"), "is cut off");
    }
}

static bool is_on_path(const struct path *path, const struct otlp_message *message)
{
    for (uint32_t i = 0; i < path->depth; i++) {
        if (path->fields[i]->message == message) {
            return true;
        }
    }
    return false;
}

static void expect_all_faults(struct path *path, const struct otlp_message *message)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct otlp_field *field = &message->fields[i];
        bool descends = field->message != NULL && !is_on_path(path, field->message);
        path->fields[path->depth++] = field;
        expect_type_faults(path, field);
        expect_cut_faults(path, field);
        if (field->kind == OTLP_STRING) {
            expect_text_faults(path);
        } else if (field->kind == OTLP_TRACE_ID || field->kind == OTLP_SPAN_ID) {
            expect_id_faults(path, field->kind == OTLP_TRACE_ID ? 16 : 8);
        } else if (descends) {
            expect_all_faults(path, field->message);
        }
        path->depth--;
    }
}

static void every_fault_of_every_field_is_refused_with_its_path(void **state)
{
    (void)state;
    for (int signal = 0; signal < OTLP_SIGNAL_COUNT; signal++) {
        struct path path = {.signal = (enum otlp_signal)signal};
        expect_all_faults(&path, otlp_request(path.signal));
        print_message("# signal %d: %llu faults\n", signal, (unsigned long long)path.case_count);
        assert_true(path.case_count > 900);
    }
}

static void what_is_no_field_is_told_with_its_byte(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *message;
    } cases[] = {
        {"\x00\x01", 2, "byte 0 is cut off, or no field"},
        {"\x02\x00", 2, "byte 0 is cut off, or no field"},
        {"\x0a\x00\x00\x01", 4, "byte 2 is cut off, or no field"},
        {"\x0a\x02\x00\x01", 4, "resourceLogs[0].byte 0 is cut off, or no field"},
        {"\x80\x80\x80\x80\x10\x01", 6, "byte 0 is cut off, or no field"},
        {"\x88\x80\x80\x80\x80\x80\x80\x80\x80\x01\x01", 11, "byte 0 is cut off, or no field"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "byte 0 is cut off, or no field"},
        {"\x80", 1, "byte 0 is cut off, or no field"},
        {"\x16\x01", 2, "byte 0 is cut off, or no field"},
        {"\x17\x01", 2, "byte 0 is cut off, or no field"},
        {"\x14", 1, "byte 0 is cut off, or no field"},
        {"\x13\x08\x01", 3, "byte 0 is cut off, or no field"},
        {"\x13\x08\x01\x1c", 4, "byte 0 is cut off, or no field"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_diag diag = {0};
        struct otlp_counts counts = {0};
        struct slu_bytes message = {cases[i].bytes, cases[i].len};
        assert_int_equal(otlp_check(OTLP_LOGS, message, &counts, &diag), -EBADMSG);
        assert_string_equal(diag.message, cases[i].message);
    }
}

static void the_path_counts_the_fields_before_the_one_that_is_wrong(void **state)
{
    (void)state;
    struct slu_diag diag = {0};
    struct otlp_counts counts = {0};
    struct slu_bytes message = BYTES("\x0a\x00"         /* resourceLogs[0] */
                                     "\x0a\x12"         /* resourceLogs[1] */
                                     "\x12\x00"         /* .scopeLogs[0] */
                                     "\x1a\x01u"        /* .schemaUrl */
                                     "\x12\x0b"         /* .scopeLogs[1] */
                                     "\x12\x00\x12\x00" /* .logRecords[0] and [1] */
                                     "\x12\x05"         /* .logRecords[2] */
                                     "\x2a\x03\x0a\x01\xff");
    assert_int_equal(otlp_check(OTLP_LOGS, message, &counts, &diag), -EBADMSG);
    assert_string_equal(diag.message, "resourceLogs[1].scopeLogs[1].logRecords[2].body.stringValue "
                                      "is not UTF-8");
}

/* A log record whose body holds `depth` arrays, one in the other. */
static void nest_arrays(uint32_t depth)
{
    nested_init(&nested, "\x18\x01", 2);
    for (uint32_t i = 0; i < depth; i++) {
        nested_wrap(&nested, 1); /* ArrayValue.values */
        nested_wrap(&nested, 5); /* AnyValue.array_value */
    }
    nested_wrap(&nested, 5); /* LogRecord.body */
    for (int i = 0; i < 3; i++) {
        nested_wrap(&nested, i < 2 ? 2 : 1);
    }
}

static void values_nest_to_the_limit_and_five_thousand_are_refused(void **state)
{
    (void)state;
    /* The request, the resource's, the scope's, the record and its body are five. */
    uint32_t most = (OTLP_DEPTH_MAX - 5) / 2;
    struct guarded guarded = guarded_create(NESTED_BYTES_MAX);
    struct otlp_counts counts = {0};
    struct slu_diag diag = {0};
    nest_arrays(most);
    assert_true(is_taken(&guarded, OTLP_LOGS, nested_view(&nested)));
    nest_arrays(most + 1);
    assert_false(is_taken(&guarded, OTLP_LOGS, nested_view(&nested)));
    nest_arrays(5000);
    assert_int_equal(otlp_check(OTLP_LOGS, nested_view(&nested), &counts, &diag), -EBADMSG);
    assert_int_equal(
        strncmp(diag.message, "resourceLogs[0].scopeLogs[0].logRecords[0].body.array", 53), 0);
    assert_non_null(strstr(diag.message, " is nested too deeply"));
    guarded_destroy(&guarded);
}

static void an_empty_request_has_no_records(void **state)
{
    (void)state;
    for (int signal = 0; signal < OTLP_SIGNAL_COUNT; signal++) {
        struct otlp_counts counts = {.records = 7};
        assert_int_equal(otlp_check((enum otlp_signal)signal, (struct slu_bytes){0}, &counts, NULL),
                         0);
        assert_int_equal(counts.records, 0);
    }
}

static void two_requests_in_a_row_are_one(void **state)
{
    (void)state;
    static uint8_t both[2 * OTLP_MADE_BYTES_MAX];
    struct test_random random = test_random_start(5);
    for (uint64_t i = 0; i < test_rounds(300); i++) {
        enum otlp_signal signal = (enum otlp_signal)(i % OTLP_SIGNAL_COUNT);
        struct otlp_counts counts = {0};
        size_t len = 0;
        uint64_t record_count = 0;
        for (int part = 0; part < 2; part++) {
            otlp_make(&made, &random, signal, OTLP_WILD, 1000);
            memcpy(both + len, made.bytes, made.len);
            len += made.len;
            record_count += made.record_count;
        }
        assert_int_equal(otlp_check(signal, (struct slu_bytes){both, len}, &counts, NULL), 0);
        assert_int_equal(counts.records, record_count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_requests_are_taken_and_counted),
        cmocka_unit_test(a_request_is_refused_wherever_it_is_cut_but_between_its_fields),
        cmocka_unit_test(a_request_with_any_bit_turned_is_judged_as_the_model_does),
        cmocka_unit_test(random_bytes_are_judged_as_the_model_does),
        cmocka_unit_test(text_of_all_sorts_is_judged_as_the_model_does),
        cmocka_unit_test(every_fault_of_every_field_is_refused_with_its_path),
        cmocka_unit_test(what_is_no_field_is_told_with_its_byte),
        cmocka_unit_test(the_path_counts_the_fields_before_the_one_that_is_wrong),
        cmocka_unit_test(values_nest_to_the_limit_and_five_thousand_are_refused),
        cmocka_unit_test(an_empty_request_has_no_records),
        cmocka_unit_test(two_requests_in_a_row_are_one),
    };
    return TEST_RUN("otlp_check", tests);
}
