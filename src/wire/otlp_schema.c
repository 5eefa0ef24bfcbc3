#include "wire/otlp_schema.h"

#include <string.h>

const char *otlp_signal_name(enum otlp_signal signal)
{
    static const char *const names[PIPELINE_SIGNAL_COUNT] = {[OTLP_TRACES] = "traces",
                                                             [OTLP_METRICS] = "metrics",
                                                             [OTLP_LOGS] = "logs",
                                                             [OTLP_PROFILES] = "profiles"};
    return names[signal];
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define FIELD(text, field_number, field_kind)                                                      \
    {                                                                                              \
        .name = (text), .number = (field_number), .kind = (field_kind)                             \
    }
#define REPEATED_FIELD(text, field_number, field_kind)                                             \
    {                                                                                              \
        .name = (text), .number = (field_number), .kind = (field_kind), .is_repeated = true        \
    }
#define ONE_MESSAGE(text, field_number, field_message)                                             \
    {                                                                                              \
        .name = (text), .message = (field_message), .number = (field_number), .kind = OTLP_MESSAGE \
    }
#define REPEATED_MESSAGE(text, field_number, field_message)                                        \
    {                                                                                              \
        .name = (text), .message = (field_message), .number = (field_number),                      \
        .kind = OTLP_MESSAGE, .is_repeated = true                                                  \
    }
#define ENUM_FIELD(text, field_number, field_names)                                                \
    {                                                                                              \
        .name = (text), .names = (field_names), .number = (field_number), .kind = OTLP_ENUM        \
    }

static const struct otlp_enum_name status_codes[] = {
    {"STATUS_CODE_UNSET", 0}, {"STATUS_CODE_OK", 1}, {"STATUS_CODE_ERROR", 2}, {NULL, 0}};

static const struct otlp_enum_name span_kinds[] = {{"SPAN_KIND_UNSPECIFIED", 0},
                                                   {"SPAN_KIND_INTERNAL", 1},
                                                   {"SPAN_KIND_SERVER", 2},
                                                   {"SPAN_KIND_CLIENT", 3},
                                                   {"SPAN_KIND_PRODUCER", 4},
                                                   {"SPAN_KIND_CONSUMER", 5},
                                                   {NULL, 0}};

static const struct otlp_enum_name temporalities[] = {{"AGGREGATION_TEMPORALITY_UNSPECIFIED", 0},
                                                      {"AGGREGATION_TEMPORALITY_DELTA", 1},
                                                      {"AGGREGATION_TEMPORALITY_CUMULATIVE", 2},
                                                      {NULL, 0}};

static const struct otlp_enum_name severities[] = {
    {"SEVERITY_NUMBER_UNSPECIFIED", 0}, {"SEVERITY_NUMBER_TRACE", 1},
    {"SEVERITY_NUMBER_TRACE2", 2},      {"SEVERITY_NUMBER_TRACE3", 3},
    {"SEVERITY_NUMBER_TRACE4", 4},      {"SEVERITY_NUMBER_DEBUG", 5},
    {"SEVERITY_NUMBER_DEBUG2", 6},      {"SEVERITY_NUMBER_DEBUG3", 7},
    {"SEVERITY_NUMBER_DEBUG4", 8},      {"SEVERITY_NUMBER_INFO", 9},
    {"SEVERITY_NUMBER_INFO2", 10},      {"SEVERITY_NUMBER_INFO3", 11},
    {"SEVERITY_NUMBER_INFO4", 12},      {"SEVERITY_NUMBER_WARN", 13},
    {"SEVERITY_NUMBER_WARN2", 14},      {"SEVERITY_NUMBER_WARN3", 15},
    {"SEVERITY_NUMBER_WARN4", 16},      {"SEVERITY_NUMBER_ERROR", 17},
    {"SEVERITY_NUMBER_ERROR2", 18},     {"SEVERITY_NUMBER_ERROR3", 19},
    {"SEVERITY_NUMBER_ERROR4", 20},     {"SEVERITY_NUMBER_FATAL", 21},
    {"SEVERITY_NUMBER_FATAL2", 22},     {"SEVERITY_NUMBER_FATAL3", 23},
    {"SEVERITY_NUMBER_FATAL4", 24},     {NULL, 0}};

/* Recursive: a value may hold values. */
static const struct otlp_message array_value, key_value_list, key_value;

static const struct otlp_field any_value_fields[] = {
    FIELD("stringValue", 1, OTLP_STRING),       FIELD("boolValue", 2, OTLP_BOOL),
    FIELD("intValue", 3, OTLP_INT64),           FIELD("doubleValue", 4, OTLP_DOUBLE),
    ONE_MESSAGE("arrayValue", 5, &array_value), ONE_MESSAGE("kvlistValue", 6, &key_value_list),
    FIELD("bytesValue", 7, OTLP_BYTES),
};

const struct otlp_message otlp_any_value = {
    "AnyValue",
    false,
    false,
    COUNT(any_value_fields),
    any_value_fields,
    {[1] = 1, [2] = 2, [3] = 3, [4] = 4, [5] = 5, [6] = 6, [7] = 7}};

static const struct otlp_field array_value_fields[] = {
    REPEATED_MESSAGE("values", 1, &otlp_any_value),
};

static const struct otlp_message array_value = {
    "ArrayValue", false, false, COUNT(array_value_fields), array_value_fields, {[1] = 1}};

static const struct otlp_field key_value_list_fields[] = {
    REPEATED_MESSAGE("values", 1, &key_value),
};

static const struct otlp_message key_value_list = {
    "KeyValueList", false, false, COUNT(key_value_list_fields), key_value_list_fields, {[1] = 1}};

static const struct otlp_field key_value_fields[] = {
    FIELD("key", 1, OTLP_STRING),
    ONE_MESSAGE("value", 2, &otlp_any_value),
};

static const struct otlp_message key_value = {
    "KeyValue", false, false, COUNT(key_value_fields), key_value_fields, {[1] = 1, [2] = 2}};

static const struct otlp_field entity_ref_fields[] = {
    FIELD("schemaUrl", 1, OTLP_STRING),
    FIELD("type", 2, OTLP_STRING),
    REPEATED_FIELD("idKeys", 3, OTLP_STRING),
    REPEATED_FIELD("descriptionKeys", 4, OTLP_STRING),
};

static const struct otlp_message entity_ref = {"EntityRef",
                                               false,
                                               false,
                                               COUNT(entity_ref_fields),
                                               entity_ref_fields,
                                               {[1] = 1, [2] = 2, [3] = 3, [4] = 4}};

static const struct otlp_field resource_fields[] = {
    REPEATED_MESSAGE("attributes", 1, &key_value),
    FIELD("droppedAttributesCount", 2, OTLP_UINT32),
    REPEATED_MESSAGE("entityRefs", 3, &entity_ref),
};

static const struct otlp_message resource = {
    "Resource", false, false, COUNT(resource_fields), resource_fields, {[1] = 1, [2] = 2, [3] = 3}};

static const struct otlp_field scope_fields[] = {
    FIELD("name", 1, OTLP_STRING),
    FIELD("version", 2, OTLP_STRING),
    REPEATED_MESSAGE("attributes", 3, &key_value),
    FIELD("droppedAttributesCount", 4, OTLP_UINT32),
};

static const struct otlp_message scope = {
    "InstrumentationScope", false,        false,
    COUNT(scope_fields),    scope_fields, {[1] = 1, [2] = 2, [3] = 3, [4] = 4}};

static const struct otlp_field span_event_fields[] = {
    FIELD("timeUnixNano", 1, OTLP_FIXED64),
    FIELD("name", 2, OTLP_STRING),
    REPEATED_MESSAGE("attributes", 3, &key_value),
    FIELD("droppedAttributesCount", 4, OTLP_UINT32),
};

static const struct otlp_message span_event = {"SpanEvent",
                                               false,
                                               false,
                                               COUNT(span_event_fields),
                                               span_event_fields,
                                               {[1] = 1, [2] = 2, [3] = 3, [4] = 4}};

static const struct otlp_field span_link_fields[] = {
    FIELD("traceId", 1, OTLP_TRACE_ID),
    FIELD("spanId", 2, OTLP_SPAN_ID),
    FIELD("traceState", 3, OTLP_STRING),
    REPEATED_MESSAGE("attributes", 4, &key_value),
    FIELD("droppedAttributesCount", 5, OTLP_UINT32),
    FIELD("flags", 6, OTLP_FIXED32),
};

static const struct otlp_message span_link = {
    "SpanLink",
    false,
    false,
    COUNT(span_link_fields),
    span_link_fields,
    {[1] = 1, [2] = 2, [3] = 3, [4] = 4, [5] = 5, [6] = 6}};

static const struct otlp_field span_status_fields[] = {
    FIELD("message", 2, OTLP_STRING),
    ENUM_FIELD("code", 3, status_codes),
};

static const struct otlp_message span_status = {
    "SpanStatus", false, false, COUNT(span_status_fields), span_status_fields, {[2] = 1, [3] = 2}};

static const struct otlp_field span_fields[] = {
    FIELD("traceId", 1, OTLP_TRACE_ID),
    FIELD("spanId", 2, OTLP_SPAN_ID),
    FIELD("traceState", 3, OTLP_STRING),
    FIELD("parentSpanId", 4, OTLP_SPAN_ID),
    FIELD("name", 5, OTLP_STRING),
    ENUM_FIELD("kind", 6, span_kinds),
    FIELD("startTimeUnixNano", 7, OTLP_FIXED64),
    FIELD("endTimeUnixNano", 8, OTLP_FIXED64),
    REPEATED_MESSAGE("attributes", 9, &key_value),
    FIELD("droppedAttributesCount", 10, OTLP_UINT32),
    REPEATED_MESSAGE("events", 11, &span_event),
    FIELD("droppedEventsCount", 12, OTLP_UINT32),
    REPEATED_MESSAGE("links", 13, &span_link),
    FIELD("droppedLinksCount", 14, OTLP_UINT32),
    ONE_MESSAGE("status", 15, &span_status),
    FIELD("flags", 16, OTLP_FIXED32),
};

static const struct otlp_message span = {"Span",
                                         true,
                                         false,
                                         COUNT(span_fields),
                                         span_fields,
                                         {[1] = 1,
                                          [2] = 2,
                                          [3] = 3,
                                          [4] = 4,
                                          [5] = 5,
                                          [6] = 6,
                                          [7] = 7,
                                          [8] = 8,
                                          [9] = 9,
                                          [10] = 10,
                                          [11] = 11,
                                          [12] = 12,
                                          [13] = 13,
                                          [14] = 14,
                                          [15] = 15,
                                          [16] = 16}};

static const struct otlp_field scope_spans_fields[] = {
    ONE_MESSAGE("scope", 1, &scope),
    REPEATED_MESSAGE("spans", 2, &span),
    FIELD("schemaUrl", 3, OTLP_STRING),
};

static const struct otlp_message scope_spans = {"ScopeSpans",
                                                false,
                                                true,
                                                COUNT(scope_spans_fields),
                                                scope_spans_fields,
                                                {[1] = 1, [2] = 2, [3] = 3}};

static const struct otlp_field resource_spans_fields[] = {
    ONE_MESSAGE("resource", 1, &resource),
    REPEATED_MESSAGE("scopeSpans", 2, &scope_spans),
    FIELD("schemaUrl", 3, OTLP_STRING),
};

static const struct otlp_message resource_spans = {"ResourceSpans",
                                                   false,
                                                   true,
                                                   COUNT(resource_spans_fields),
                                                   resource_spans_fields,
                                                   {[1] = 1, [2] = 2, [3] = 3}};

static const struct otlp_field traces_request_fields[] = {
    REPEATED_MESSAGE("resourceSpans", 1, &resource_spans),
};

static const struct otlp_message traces_request = {
    "TracesRequest", false, true, COUNT(traces_request_fields), traces_request_fields, {[1] = 1}};

static const struct otlp_field log_record_fields[] = {
    FIELD("timeUnixNano", 1, OTLP_FIXED64),
    ENUM_FIELD("severityNumber", 2, severities),
    FIELD("severityText", 3, OTLP_STRING),
    ONE_MESSAGE("body", 5, &otlp_any_value),
    REPEATED_MESSAGE("attributes", 6, &key_value),
    FIELD("droppedAttributesCount", 7, OTLP_UINT32),
    FIELD("flags", 8, OTLP_FIXED32),
    FIELD("traceId", 9, OTLP_TRACE_ID),
    FIELD("spanId", 10, OTLP_SPAN_ID),
    FIELD("observedTimeUnixNano", 11, OTLP_FIXED64),
    FIELD("eventName", 12, OTLP_STRING),
};

static const struct otlp_message log_record = {"LogRecord",
                                               true,
                                               false,
                                               COUNT(log_record_fields),
                                               log_record_fields,
                                               {[1] = 1,
                                                [2] = 2,
                                                [3] = 3,
                                                [5] = 4,
                                                [6] = 5,
                                                [7] = 6,
                                                [8] = 7,
                                                [9] = 8,
                                                [10] = 9,
                                                [11] = 10,
                                                [12] = 11}};

static const struct otlp_field scope_logs_fields[] = {
    ONE_MESSAGE("scope", 1, &scope),
    REPEATED_MESSAGE("logRecords", 2, &log_record),
    FIELD("schemaUrl", 3, OTLP_STRING),
};

static const struct otlp_message scope_logs = {"ScopeLogs",
                                               false,
                                               true,
                                               COUNT(scope_logs_fields),
                                               scope_logs_fields,
                                               {[1] = 1, [2] = 2, [3] = 3}};

static const struct otlp_field resource_logs_fields[] = {
    ONE_MESSAGE("resource", 1, &resource),
    REPEATED_MESSAGE("scopeLogs", 2, &scope_logs),
    FIELD("schemaUrl", 3, OTLP_STRING),
};

static const struct otlp_message resource_logs = {"ResourceLogs",
                                                  false,
                                                  true,
                                                  COUNT(resource_logs_fields),
                                                  resource_logs_fields,
                                                  {[1] = 1, [2] = 2, [3] = 3}};

static const struct otlp_field logs_request_fields[] = {
    REPEATED_MESSAGE("resourceLogs", 1, &resource_logs),
};

static const struct otlp_message logs_request = {
    "LogsRequest", false, true, COUNT(logs_request_fields), logs_request_fields, {[1] = 1}};

static const struct otlp_field exemplar_fields[] = {
    FIELD("timeUnixNano", 2, OTLP_FIXED64), FIELD("asDouble", 3, OTLP_DOUBLE),
    FIELD("spanId", 4, OTLP_SPAN_ID),       FIELD("traceId", 5, OTLP_TRACE_ID),
    FIELD("asInt", 6, OTLP_SFIXED64),       REPEATED_MESSAGE("filteredAttributes", 7, &key_value),
};

static const struct otlp_message exemplar = {
    "Exemplar",      false,
    false,           COUNT(exemplar_fields),
    exemplar_fields, {[2] = 1, [3] = 2, [4] = 3, [5] = 4, [6] = 5, [7] = 6}};

static const struct otlp_field number_point_fields[] = {
    FIELD("startTimeUnixNano", 2, OTLP_FIXED64),
    FIELD("timeUnixNano", 3, OTLP_FIXED64),
    FIELD("asDouble", 4, OTLP_DOUBLE),
    REPEATED_MESSAGE("exemplars", 5, &exemplar),
    FIELD("asInt", 6, OTLP_SFIXED64),
    REPEATED_MESSAGE("attributes", 7, &key_value),
    FIELD("flags", 8, OTLP_UINT32),
};

static const struct otlp_message number_point = {
    "NumberPoint",
    true,
    false,
    COUNT(number_point_fields),
    number_point_fields,
    {[2] = 1, [3] = 2, [4] = 3, [5] = 4, [6] = 5, [7] = 6, [8] = 7}};

static const struct otlp_field histogram_point_fields[] = {
    FIELD("startTimeUnixNano", 2, OTLP_FIXED64),
    FIELD("timeUnixNano", 3, OTLP_FIXED64),
    FIELD("count", 4, OTLP_FIXED64),
    FIELD("sum", 5, OTLP_DOUBLE),
    REPEATED_FIELD("bucketCounts", 6, OTLP_FIXED64),
    REPEATED_FIELD("explicitBounds", 7, OTLP_DOUBLE),
    REPEATED_MESSAGE("exemplars", 8, &exemplar),
    REPEATED_MESSAGE("attributes", 9, &key_value),
    FIELD("flags", 10, OTLP_UINT32),
    FIELD("min", 11, OTLP_DOUBLE),
    FIELD("max", 12, OTLP_DOUBLE),
};

static const struct otlp_message histogram_point = {"HistogramPoint",
                                                    true,
                                                    false,
                                                    COUNT(histogram_point_fields),
                                                    histogram_point_fields,
                                                    {[2] = 1,
                                                     [3] = 2,
                                                     [4] = 3,
                                                     [5] = 4,
                                                     [6] = 5,
                                                     [7] = 6,
                                                     [8] = 7,
                                                     [9] = 8,
                                                     [10] = 9,
                                                     [11] = 10,
                                                     [12] = 11}};

static const struct otlp_field buckets_fields[] = {
    FIELD("offset", 1, OTLP_SINT32),
    REPEATED_FIELD("bucketCounts", 2, OTLP_UINT64),
};

static const struct otlp_message buckets = {
    "Buckets", false, false, COUNT(buckets_fields), buckets_fields, {[1] = 1, [2] = 2}};

static const struct otlp_field exponential_point_fields[] = {
    REPEATED_MESSAGE("attributes", 1, &key_value),
    FIELD("startTimeUnixNano", 2, OTLP_FIXED64),
    FIELD("timeUnixNano", 3, OTLP_FIXED64),
    FIELD("count", 4, OTLP_FIXED64),
    FIELD("sum", 5, OTLP_DOUBLE),
    FIELD("scale", 6, OTLP_SINT32),
    FIELD("zeroCount", 7, OTLP_FIXED64),
    ONE_MESSAGE("positive", 8, &buckets),
    ONE_MESSAGE("negative", 9, &buckets),
    FIELD("flags", 10, OTLP_UINT32),
    REPEATED_MESSAGE("exemplars", 11, &exemplar),
    FIELD("min", 12, OTLP_DOUBLE),
    FIELD("max", 13, OTLP_DOUBLE),
    FIELD("zeroThreshold", 14, OTLP_DOUBLE),
};

static const struct otlp_message exponential_point = {"ExponentialPoint",
                                                      true,
                                                      false,
                                                      COUNT(exponential_point_fields),
                                                      exponential_point_fields,
                                                      {[1] = 1,
                                                       [2] = 2,
                                                       [3] = 3,
                                                       [4] = 4,
                                                       [5] = 5,
                                                       [6] = 6,
                                                       [7] = 7,
                                                       [8] = 8,
                                                       [9] = 9,
                                                       [10] = 10,
                                                       [11] = 11,
                                                       [12] = 12,
                                                       [13] = 13,
                                                       [14] = 14}};

static const struct otlp_field quantile_value_fields[] = {
    FIELD("quantile", 1, OTLP_DOUBLE),
    FIELD("value", 2, OTLP_DOUBLE),
};

static const struct otlp_message quantile_value = {
    "QuantileValue",   false, false, COUNT(quantile_value_fields), quantile_value_fields,
    {[1] = 1, [2] = 2}};

static const struct otlp_field summary_point_fields[] = {
    FIELD("startTimeUnixNano", 2, OTLP_FIXED64),
    FIELD("timeUnixNano", 3, OTLP_FIXED64),
    FIELD("count", 4, OTLP_FIXED64),
    FIELD("sum", 5, OTLP_DOUBLE),
    REPEATED_MESSAGE("quantileValues", 6, &quantile_value),
    REPEATED_MESSAGE("attributes", 7, &key_value),
    FIELD("flags", 8, OTLP_UINT32),
};

static const struct otlp_message summary_point = {
    "SummaryPoint",
    true,
    false,
    COUNT(summary_point_fields),
    summary_point_fields,
    {[2] = 1, [3] = 2, [4] = 3, [5] = 4, [6] = 5, [7] = 6, [8] = 7}};

static const struct otlp_field gauge_fields[] = {
    REPEATED_MESSAGE("dataPoints", 1, &number_point),
};

static const struct otlp_message gauge = {"Gauge",      false,    true, COUNT(gauge_fields),
                                          gauge_fields, {[1] = 1}};

static const struct otlp_field sum_fields[] = {
    REPEATED_MESSAGE("dataPoints", 1, &number_point),
    ENUM_FIELD("aggregationTemporality", 2, temporalities),
    FIELD("isMonotonic", 3, OTLP_BOOL),
};

static const struct otlp_message sum = {
    "Sum", false, true, COUNT(sum_fields), sum_fields, {[1] = 1, [2] = 2, [3] = 3}};

static const struct otlp_field histogram_fields[] = {
    REPEATED_MESSAGE("dataPoints", 1, &histogram_point),
    ENUM_FIELD("aggregationTemporality", 2, temporalities),
};

static const struct otlp_message histogram = {
    "Histogram", false, true, COUNT(histogram_fields), histogram_fields, {[1] = 1, [2] = 2}};

static const struct otlp_field exponential_histogram_fields[] = {
    REPEATED_MESSAGE("dataPoints", 1, &exponential_point),
    ENUM_FIELD("aggregationTemporality", 2, temporalities),
};

static const struct otlp_message exponential_histogram = {"ExponentialHistogram",
                                                          false,
                                                          true,
                                                          COUNT(exponential_histogram_fields),
                                                          exponential_histogram_fields,
                                                          {[1] = 1, [2] = 2}};

static const struct otlp_field summary_fields[] = {
    REPEATED_MESSAGE("dataPoints", 1, &summary_point),
};

static const struct otlp_message summary = {"Summary",      false,    true, COUNT(summary_fields),
                                            summary_fields, {[1] = 1}};

static const struct otlp_field metric_fields[] = {
    FIELD("name", 1, OTLP_STRING),
    FIELD("description", 2, OTLP_STRING),
    FIELD("unit", 3, OTLP_STRING),
    ONE_MESSAGE("gauge", 5, &gauge),
    ONE_MESSAGE("sum", 7, &sum),
    ONE_MESSAGE("histogram", 9, &histogram),
    ONE_MESSAGE("exponentialHistogram", 10, &exponential_histogram),
    ONE_MESSAGE("summary", 11, &summary),
    REPEATED_MESSAGE("metadata", 12, &key_value),
};

static const struct otlp_message metric = {
    "Metric",
    false,
    true,
    COUNT(metric_fields),
    metric_fields,
    {[1] = 1, [2] = 2, [3] = 3, [5] = 4, [7] = 5, [9] = 6, [10] = 7, [11] = 8, [12] = 9}};

static const struct otlp_field scope_metrics_fields[] = {
    ONE_MESSAGE("scope", 1, &scope),
    REPEATED_MESSAGE("metrics", 2, &metric),
    FIELD("schemaUrl", 3, OTLP_STRING),
};

static const struct otlp_message scope_metrics = {"ScopeMetrics",
                                                  false,
                                                  true,
                                                  COUNT(scope_metrics_fields),
                                                  scope_metrics_fields,
                                                  {[1] = 1, [2] = 2, [3] = 3}};

static const struct otlp_field resource_metrics_fields[] = {
    ONE_MESSAGE("resource", 1, &resource),
    REPEATED_MESSAGE("scopeMetrics", 2, &scope_metrics),
    FIELD("schemaUrl", 3, OTLP_STRING),
};

static const struct otlp_message resource_metrics = {"ResourceMetrics",
                                                     false,
                                                     true,
                                                     COUNT(resource_metrics_fields),
                                                     resource_metrics_fields,
                                                     {[1] = 1, [2] = 2, [3] = 3}};

static const struct otlp_field metrics_request_fields[] = {
    REPEATED_MESSAGE("resourceMetrics", 1, &resource_metrics),
};

static const struct otlp_message metrics_request = {
    "MetricsRequest",       false,    true, COUNT(metrics_request_fields),
    metrics_request_fields, {[1] = 1}};

static const struct otlp_field profile_fields[] = {
    FIELD("name", 1, OTLP_STRING),
    FIELD("timeUnixNano", 2, OTLP_FIXED64),
    FIELD("pprof", 3, OTLP_BYTES),
};

static const struct otlp_message profile = {
    "Profile", true, false, COUNT(profile_fields), profile_fields, {[1] = 1, [2] = 2, [3] = 3}};

static const struct otlp_field resource_profiles_fields[] = {
    ONE_MESSAGE("resource", 1, &resource),
    REPEATED_MESSAGE("profiles", 2, &profile),
};

static const struct otlp_message resource_profiles = {
    "ResourceProfiles", false, true, COUNT(resource_profiles_fields), resource_profiles_fields,
    {[1] = 1, [2] = 2}};

static const struct otlp_field profiles_request_fields[] = {
    REPEATED_MESSAGE("resourceProfiles", 1, &resource_profiles),
};

static const struct otlp_message profiles_request = {
    "ProfilesRequest",       false,    true, COUNT(profiles_request_fields),
    profiles_request_fields, {[1] = 1}};

const struct otlp_message *otlp_request(enum otlp_signal signal)
{
    static const struct otlp_message *const requests[] = {
        [OTLP_PROFILES] = &profiles_request,
        [OTLP_TRACES] = &traces_request,
        [OTLP_METRICS] = &metrics_request,
        [OTLP_LOGS] = &logs_request,
    };
    return requests[signal];
}

/* The message that a field of a number has. */
static const struct otlp_message *within(const struct otlp_message *message, uint64_t number)
{
    return otlp_field_find(message, number)->message;
}

const struct otlp_message *otlp_level_message(enum otlp_signal signal, enum otlp_level level)
{
    const struct otlp_message *of_resource = within(otlp_request(signal), 1);
    const struct otlp_message *of_scope = within(of_resource, 2);
    switch (level) {
    case OTLP_RESOURCE_LEVEL:
        return within(of_resource, 1);
    case OTLP_SCOPE_LEVEL:
        return within(of_scope, 1);
    case OTLP_METRIC_LEVEL:
        return &metric;
    default:
        return signal == OTLP_METRICS ? &number_point : within(of_scope, 2);
    }
}

/* "start_time_unix_nano" is "startTimeUnixNano". */
static bool name_is(const char *camel, const char *name, size_t len)
{
    size_t at = 0;
    for (; *camel != '\0'; camel++) {
        char expected = *camel;
        if (expected >= 'A' && expected <= 'Z' && at < len && name[at] == '_') {
            at++;
            expected = (char)(expected - 'A' + 'a');
        }
        if (at >= len || name[at] != expected) {
            return false;
        }
        at++;
    }
    return at == len;
}

const struct otlp_field *otlp_field_named(const struct otlp_message *message, const char *name,
                                          size_t len)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (name_is(message->fields[i].name, name, len)) {
            return &message->fields[i];
        }
    }
    return NULL;
}
