#include "wire/prometheus_name.h"

#include <string.h>

#include "harness.h"

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static void a_metrics_name_has_its_unit_and_kind_behind_it_once(void **state)
{
    (void)state;
    static const struct {
        const char *metric;
        const char *unit;
        enum prometheus_kind kind;
        const char *name;
    } cases[] = {
        {"http.server.request.duration", "s", PROMETHEUS_OTHER,
         "http_server_request_duration_seconds"},
        {"requests", "", PROMETHEUS_COUNTER, "requests_total"},
        {"requests_total", "", PROMETHEUS_COUNTER, "requests_total"},
        {"requests.total.allocated", "By", PROMETHEUS_COUNTER, "requests_allocated_bytes_total"},
        {"total.total", "", PROMETHEUS_COUNTER, "total"},
        {"subtotal", "", PROMETHEUS_COUNTER, "subtotal_total"},
        {"requests_total", "", PROMETHEUS_GAUGE, "requests_total"},
        {"memory.bytes", "By", PROMETHEUS_GAUGE, "memory_bytes"},
        {"bytes.sent", "By", PROMETHEUS_COUNTER, "bytes_sent_total"},
        {"megabytes", "By", PROMETHEUS_GAUGE, "megabytes_bytes"},
        {"load", "1", PROMETHEUS_GAUGE, "load_ratio"},
        {"ratio.of.hits", "1", PROMETHEUS_GAUGE, "of_hits_ratio"},
        {"load", "1", PROMETHEUS_COUNTER, "load_total"},
        {"load", "1", PROMETHEUS_OTHER, "load"},
        {"disk.io", "By/s", PROMETHEUS_GAUGE, "disk_io_bytes_per_second"},
        {"disk.bytes_per_second", "By/s", PROMETHEUS_GAUGE, "disk_bytes_per_second"},
        {"second.hits", "1/s", PROMETHEUS_OTHER, "second_hits_per_second"},
        {"packets", "{packet}", PROMETHEUS_COUNTER, "packets_total"},
        {"packets", "{packet}/s", PROMETHEUS_OTHER, "packets_per_second"},
        {"packets", "By/{packet}", PROMETHEUS_OTHER, "packets_bytes"},
        {"packets", "packet}", PROMETHEUS_OTHER, "packets"},
        {"packets", "packets/--", PROMETHEUS_OTHER, "packets"},
        {"speed", " km / h ", PROMETHEUS_GAUGE, "speed_km_per_hour"},
        {"speed", "a.b/c.d", PROMETHEUS_GAUGE, "speed_a_b_per_c_d"},
        {"cpu", "%", PROMETHEUS_GAUGE, "cpu_percent"},
        {"a..b--c_", "", PROMETHEUS_GAUGE, "a_b_c"},
        {"jobs:done", "", PROMETHEUS_GAUGE, "jobs:done"},
        {"9lives", "", PROMETHEUS_GAUGE, "_9lives"},
        {"-9lives", "", PROMETHEUS_GAUGE, "_9lives"},
        {"9", "1", PROMETHEUS_GAUGE, "_9_ratio"},
        {"\xc3\xa4.x", "", PROMETHEUS_GAUGE, "x"},
        {"", "s", PROMETHEUS_GAUGE, ""},
        {"...", "s", PROMETHEUS_GAUGE, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[PROMETHEUS_NAME_MAX + 1];
        size_t len = prometheus_metric_name(bytes_of(cases[i].metric), bytes_of(cases[i].unit),
                                            cases[i].kind, name, PROMETHEUS_NAME_MAX);
        name[len] = '\0';
        assert_string_equal(name, cases[i].name);
    }
}

static void a_labels_name_begins_as_prometheus_lets_it(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"http.method", "http_method"},
        {"a", "a"},
        {"1st", "key_1st"},
        {"_internal", "key_internal"},
        {".internal", "key_internal"},
        {"__name__", "__name__"},
        {"_", "key_"},
        {"..", "__"},
        {"\xc3\xa4", "key_"},
        {"\xc3\xa4z", "key_z"},
        {"z\xe2\x82\xacz", "z_z"},
        {"a:b", "a_b"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[64];
        size_t len = prometheus_label_name(bytes_of(cases[i][0]), name, sizeof(name) - 1);
        name[len] = '\0';
        assert_string_equal(name, cases[i][1]);
    }
}

/* Of whatever size the room is, all of a name is there or nothing, and no byte behind it. */
static void a_name_has_room_or_is_none(void **state)
{
    (void)state;
    const struct slu_bytes metric = bytes_of("9.http.server.total.duration");
    const struct slu_bytes unit = bytes_of("By/s");
    static const char whole[] = "_9_http_server_duration_bytes_per_second_total";
    char name[64];
    for (size_t size = 0; size < sizeof(name); size++) {
        memset(name, '!', sizeof(name));
        size_t len = prometheus_metric_name(metric, unit, PROMETHEUS_COUNTER, name, size);
        assert_true(len == 0 || len == sizeof(whole) - 1);
        assert_true(len > 0 || size < sizeof(whole) + 6);
        for (size_t i = size; i < sizeof(name); i++) {
            assert_int_equal(name[i], '!');
        }
        memset(name, '!', sizeof(name));
        len = prometheus_label_name(bytes_of("1st.name"), name, size);
        assert_int_equal(len, size < 12 ? 0 : 12);
        for (size_t i = size; i < sizeof(name); i++) {
            assert_int_equal(name[i], '!');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_metrics_name_has_its_unit_and_kind_behind_it_once),
        cmocka_unit_test(a_labels_name_begins_as_prometheus_lets_it),
        cmocka_unit_test(a_name_has_room_or_is_none),
    };
    return TEST_RUN("prometheus_name", tests);
}
