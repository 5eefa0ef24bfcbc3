#include "wire/otlp_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define MESSAGES_MAX 64

/* The messages as the proto files have them: each field's name and number. */
static const struct {
    const char *name;
    const char *fields;
} protos[] = {
    {"TracesRequest", "resource_spans=1"},
    {"MetricsRequest", "resource_metrics=1"},
    {"LogsRequest", "resource_logs=1"},
    {"ResourceSpans", "resource=1 scope_spans=2 schema_url=3"},
    {"ResourceMetrics", "resource=1 scope_metrics=2 schema_url=3"},
    {"ResourceLogs", "resource=1 scope_logs=2 schema_url=3"},
    {"ScopeSpans", "scope=1 spans=2 schema_url=3"},
    {"ScopeMetrics", "scope=1 metrics=2 schema_url=3"},
    {"ScopeLogs", "scope=1 log_records=2 schema_url=3"},
    {"Resource", "attributes=1 dropped_attributes_count=2 entity_refs=3"},
    {"EntityRef", "schema_url=1 type=2 id_keys=3 description_keys=4"},
    {"InstrumentationScope", "name=1 version=2 attributes=3 dropped_attributes_count=4"},
    {"KeyValue", "key=1 value=2"},
    {"AnyValue", "string_value=1 bool_value=2 int_value=3 double_value=4 array_value=5 "
                 "kvlist_value=6 bytes_value=7"},
    {"ArrayValue", "values=1"},
    {"KeyValueList", "values=1"},
    {"Span", "trace_id=1 span_id=2 trace_state=3 parent_span_id=4 flags=16 name=5 kind=6 "
             "start_time_unix_nano=7 end_time_unix_nano=8 attributes=9 "
             "dropped_attributes_count=10 events=11 dropped_events_count=12 links=13 "
             "dropped_links_count=14 status=15"},
    {"SpanEvent", "time_unix_nano=1 name=2 attributes=3 dropped_attributes_count=4"},
    {"SpanLink", "trace_id=1 span_id=2 trace_state=3 attributes=4 dropped_attributes_count=5 "
                 "flags=6"},
    {"SpanStatus", "message=2 code=3"},
    {"LogRecord", "time_unix_nano=1 observed_time_unix_nano=11 severity_number=2 severity_text=3 "
                  "body=5 attributes=6 dropped_attributes_count=7 flags=8 trace_id=9 span_id=10 "
                  "event_name=12"},
    {"Metric", "name=1 description=2 unit=3 gauge=5 sum=7 histogram=9 exponential_histogram=10 "
               "summary=11 metadata=12"},
    {"Gauge", "data_points=1"},
    {"Sum", "data_points=1 aggregation_temporality=2 is_monotonic=3"},
    {"Histogram", "data_points=1 aggregation_temporality=2"},
    {"ExponentialHistogram", "data_points=1 aggregation_temporality=2"},
    {"Summary", "data_points=1"},
    {"NumberPoint", "attributes=7 start_time_unix_nano=2 time_unix_nano=3 as_double=4 as_int=6 "
                    "exemplars=5 flags=8"},
    {"HistogramPoint", "attributes=9 start_time_unix_nano=2 time_unix_nano=3 count=4 sum=5 "
                       "bucket_counts=6 explicit_bounds=7 exemplars=8 flags=10 min=11 max=12"},
    {"ExponentialPoint", "attributes=1 start_time_unix_nano=2 time_unix_nano=3 count=4 sum=5 "
                         "scale=6 zero_count=7 positive=8 negative=9 flags=10 exemplars=11 min=12 "
                         "max=13 zero_threshold=14"},
    {"Buckets", "offset=1 bucket_counts=2"},
    {"SummaryPoint", "attributes=7 start_time_unix_nano=2 time_unix_nano=3 count=4 sum=5 "
                     "quantile_values=6 flags=8"},
    {"QuantileValue", "quantile=1 value=2"},
    {"Exemplar", "filtered_attributes=7 time_unix_nano=2 as_double=3 as_int=6 span_id=4 "
                 "trace_id=5"},
};

#define PROTO_COUNT (sizeof(protos) / sizeof(protos[0]))

struct messages {
    const struct otlp_message *found[MESSAGES_MAX];
    size_t count;
};

static void collect(struct messages *messages, const struct otlp_message *message)
{
    for (size_t i = 0; i < messages->count; i++) {
        if (messages->found[i] == message) {
            return;
        }
    }
    assert_true(messages->count < MESSAGES_MAX);
    messages->found[messages->count++] = message;
    for (size_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].message != NULL) {
            collect(messages, message->fields[i].message);
        }
    }
}

static struct messages all_messages(void)
{
    struct messages messages = {0};
    for (int signal = 0; signal < OTLP_SIGNAL_COUNT; signal++) {
        collect(&messages, otlp_request((enum otlp_signal)signal));
    }
    return messages;
}

static void compare(const struct otlp_message *message, const char *fields)
{
    size_t count = 0;
    for (const char *at = fields; *at != '\0';) {
        const char *equals = strchr(at, '=');
        assert_non_null(equals);
        char *end = NULL;
        unsigned long number = strtoul(equals + 1, &end, 10);
        const struct otlp_field *field = otlp_field_named(message, at, (size_t)(equals - at));
        assert_non_null(field);
        assert_int_equal(field->number, number);
        count++;
        at = *end == ' ' ? end + 1 : end;
    }
    assert_int_equal(message->field_count, count);
}

static void the_tables_have_the_fields_of_the_proto_files(void **state)
{
    (void)state;
    struct messages messages = all_messages();
    assert_int_equal(messages.count, PROTO_COUNT);
    for (size_t i = 0; i < messages.count; i++) {
        size_t at = 0;
        while (at < PROTO_COUNT && strcmp(protos[at].name, messages.found[i]->name) != 0) {
            at++;
        }
        print_message("# %s\n", messages.found[i]->name);
        assert_true(at < PROTO_COUNT);
        compare(messages.found[i], protos[at].fields);
    }
}

static void fields_are_found_by_their_number_and_in_its_order(void **state)
{
    (void)state;
    struct messages messages = all_messages();
    for (size_t i = 0; i < messages.count; i++) {
        const struct otlp_message *message = messages.found[i];
        size_t found = 0;
        uint8_t last = 0;
        for (uint64_t number = 0; number <= OTLP_FIELD_NUMBER_MAX + 1; number++) {
            const struct otlp_field *field = otlp_field_find(message, number);
            assert_true(field == NULL || field->number == number);
            found += field != NULL;
        }
        assert_int_equal(found, message->field_count);
        for (size_t at = 0; at < message->field_count; at++) {
            const struct otlp_field *field = &message->fields[at];
            assert_true(field->number > last);
            assert_int_equal(field->kind == OTLP_MESSAGE, field->message != NULL);
            assert_int_equal(field->kind == OTLP_ENUM, field->names != NULL);
            last = field->number;
        }
        assert_null(otlp_field_find(message, UINT64_MAX));
    }
}

/* Only carriers of records are above records: their depth is bounded. */
static bool holds_records(const struct otlp_message *message, uint32_t depth)
{
    for (size_t i = 0; i < message->field_count && depth < 8; i++) {
        const struct otlp_message *within = message->fields[i].message;
        if (within != NULL && (within->is_record || holds_records(within, depth + 1))) {
            return true;
        }
    }
    return false;
}

static void what_holds_records_is_marked_and_no_record_holds_others(void **state)
{
    (void)state;
    struct messages messages = all_messages();
    size_t record_count = 0;
    for (size_t i = 0; i < messages.count; i++) {
        const struct otlp_message *message = messages.found[i];
        assert_int_equal(message->has_records, holds_records(message, 0));
        assert_false(message->is_record && message->has_records);
        record_count += message->is_record;
    }
    assert_int_equal(record_count, 6); /* spans, log records, and points of four kinds */
}

static void names_are_taken_in_both_spellings_and_no_other(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "StartTimeUnixNano",
                                        "starttimeunixnano",
                                        "start_time",
                                        "start_time_unix_nano_",
                                        "startTimeUnixNan",
                                        "startTimeUnixNanos",
                                        "start__time_unix_nano",
                                        "_start_time_unix_nano",
                                        "startTimeUnixNano\n"};
    const struct otlp_message *spans = otlp_request(OTLP_TRACES)->fields[0].message;
    const struct otlp_message *span =
        otlp_field_find(otlp_field_find(spans, 2)->message, 2)->message;
    assert_string_equal(span->name, "Span");
    assert_int_equal(otlp_field_named(span, "startTimeUnixNano", 17)->number, 7);
    assert_int_equal(otlp_field_named(span, "start_time_unix_nano", 20)->number, 7);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(otlp_field_named(span, wrong[i], strlen(wrong[i])));
    }
    assert_null(otlp_field_named(span, "startTimeUnixNano", 16));
    assert_null(otlp_field_named(span, "startTimeUnixNano\0", 18));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_have_the_fields_of_the_proto_files),
        cmocka_unit_test(fields_are_found_by_their_number_and_in_its_order),
        cmocka_unit_test(what_holds_records_is_marked_and_no_record_holds_others),
        cmocka_unit_test(names_are_taken_in_both_spellings_and_no_other),
    };
    return TEST_RUN("otlp_schema", tests);
}
