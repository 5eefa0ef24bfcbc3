/* The top of a configuration: its parts, how they refer to each other, whole files. */
#include "pipeline/config_pipelines.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "budget.h"
#include "config_text.h"
#include "harness.h"

#define GOOD_SERVICE "service: {pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}\n"
#define GOOD_PARTS   "receivers: {otlp: }\nexporters: {debug: }\n"

struct whole_case {
    const char *text;
    const char *mistakes;
};

static void check_wholes(const struct whole_case *cases, size_t count)
{
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    for (size_t i = 0; i < count; i++) {
        struct config_pipelines out = {0};
        struct config *config = config_of(budget, cases[i].text);
        int err = config_read_pipelines(config, &out);
        assert_mistakes(config, cases[i].mistakes);
        assert_int_equal(err, cases[i].mistakes[0] != '\0' ? -EINVAL : 0);
        config_destroy(&config);
    }
    slu_budget_destroy(&budget);
}

#define CHECK_WHOLES(cases) check_wholes(cases, sizeof(cases) / sizeof((cases)[0]))

static void the_least_that_is_enough_is_read(void **state)
{
    struct config_pipelines out = {0};
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    struct config *config = config_of(budget, GOOD_PARTS GOOD_SERVICE);
    assert_int_equal(config_read_pipelines(config, &out), 0);
    assert_mistakes(config, "");
    assert_int_equal(out.receivers.count, 1);
    assert_int_equal(out.processors.count, 0);
    assert_int_equal(out.pipeline_count, 1);
    assert_string_equal(out.pipelines[0].name, "logs");
    assert_int_equal(out.pipelines[0].signal, OTLP_LOGS);
    assert_ptr_equal(out.pipelines[0].receivers[0], &out.receivers.items[0]);
    assert_ptr_equal(out.pipelines[0].exporters[0], &out.exporters.items[0]);
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

static void a_type_is_what_stands_before_the_slash(void **state)
{
    static const char text[] =
        "receivers: {otlp/a/b: , otlp/: }\nexporters: {debug: }\n"
        "service: {pipelines: {traces/x/y: {receivers: [otlp/a/b], exporters: [debug]}}}\n";
    struct config_pipelines out = {0};
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    struct config *config = config_of(budget, text);
    assert_int_equal(config_read_pipelines(config, &out), 0);
    assert_string_equal(out.receivers.items[0].type, "otlp");
    assert_string_equal(out.receivers.items[0].name, "otlp/a/b");
    assert_string_equal(out.receivers.items[1].type, "otlp");
    assert_int_equal(out.pipelines[0].signal, OTLP_TRACES);
    assert_string_equal(out.pipelines[0].name, "traces/x/y");
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

static void only_extensions_that_the_service_names_are_there(void **state)
{
    static const char text[] = "extensions: {zpages: , pprof: , file_storage: }\n" GOOD_PARTS
                               "service:\n  extensions: [file_storage, zpages]\n"
                               "  pipelines: {logs: {receivers: [otlp], exporters: [debug]}}\n";
    struct config_pipelines out = {0};
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    struct config *config = config_of(budget, text);
    assert_int_equal(config_read_pipelines(config, &out), 0);
    assert_int_equal(out.extensions.count, 2);
    assert_string_equal(out.extensions.items[0].name, "file_storage");
    assert_string_equal(out.extensions.items[1].name, "zpages");
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

static void what_is_wrong_with_the_top_is_told(void **state)
{
    static const struct whole_case cases[] = {
        {"", "1:1: the configuration is empty\n"},
        {"# nothing\n", "1:1: the configuration is empty\n"},
        {"a: [", "2:1: flow sequence without a closing bracket\n"},
        {"- a\n", "1:1: the configuration needs a service with its pipelines\n"
                  "1:3: a mapping is expected here: lines of \"key: value\"\n"},
        {GOOD_PARTS, "1:1: the configuration needs a service with its pipelines\n"},
        {GOOD_PARTS "service:\n", "1:1: the configuration needs a service with its pipelines\n"},
        {GOOD_PARTS "service: {}\n",
         "3:1: service.pipelines needs a pipeline: traces, metrics, logs or profiles\n"},
        {GOOD_PARTS "service: {pipelines: {}}\n",
         "3:11: service.pipelines needs a pipeline: traces, metrics, logs or profiles\n"},
        {GOOD_PARTS "service:\n  pipelines:\n",
         "4:3: service.pipelines needs a pipeline: traces, metrics, logs or profiles\n"},
        {"recievers: {otlp: }\n" GOOD_PARTS GOOD_SERVICE,
         "1:1: there is no \"recievers\" in a configuration; did you mean \"receivers\"?\n"},
        {"connectors: {count: }\n" GOOD_PARTS GOOD_SERVICE, "1:14: connectors are not built yet\n"},
        {"processors: [batch]\n" GOOD_PARTS GOOD_SERVICE,
         "1:14: a mapping is expected here: lines of \"key: value\"\n"},
        {"processors: {[a]: 1}\n" GOOD_PARTS GOOD_SERVICE, "1:15: a key must be a name\n"},
        {"processors: *p\n" GOOD_PARTS GOOD_SERVICE,
         "1:13: this refers to an anchor that is not there\n"},
    };
    (void)state;
    CHECK_WHOLES(cases);
}

static void what_is_wrong_with_a_pipeline_is_told(void **state)
{
    static const struct whole_case cases[] = {
        {GOOD_PARTS "service: {pipelines: {trace: {receivers: [otlp], exporters: [debug]}}}\n",
         "3:23: a pipeline is one of traces, metrics, logs or profiles, or one with /NAME; did you"
         " mean \"traces\"?\n"},
        {GOOD_PARTS "service: {pipelines: {audits: {receivers: [otlp], exporters: [debug]}}}\n",
         "3:23: a pipeline is one of traces, metrics, logs or profiles, or one with /NAME\n"},
        {GOOD_PARTS "service: {pipelines: {logs: {receivers: [otpl], exporters: [debug]}}}\n",
         "3:42: there is no receiver \"otpl\"; did you mean \"otlp\"?\n"},
        {GOOD_PARTS "service: {pipelines: {logs: {receivers: [otlp], exporters: [kafka]}}}\n",
         "3:61: there is no exporter \"kafka\"; name it under exporters, with its options\n"},
        {GOOD_PARTS "service: {pipelines: {logs: {receivers: [otlp], exporters: [otlp]}}}\n",
         "3:61: there is no exporter \"otlp\"; name it under exporters, with its options\n"},
        {GOOD_PARTS "service: {pipelines: {logs: {receivers: [otlp, otlp], exporters: [debug]}}}\n",
         "3:48: otlp is in the list already\n"},
        {GOOD_PARTS "service: {pipelines: {logs: {receivers: [otlp]}}}\n",
         "3:23: the pipeline logs needs an exporter\n"},
        {GOOD_PARTS "service: {pipelines: {logs: {exporters: [debug]}}}\n",
         "3:23: the pipeline logs needs a receiver\n"},
        {GOOD_PARTS "service: {pipelines: {logs: }}\n",
         "3:23: the pipeline logs needs a receiver\n"},
        {GOOD_PARTS "service: {pipelines: {logs: {receivers: otlp, exporters: [debug]}}}\n",
         "3:41: receivers: a list is expected here: [a, b]\n"},
        {GOOD_PARTS
         "service: {pipelines: {logs: {receivers: [otlp], exporters: [debug], procesors: []}}}\n",
         "3:69: there is no \"procesors\" in a pipeline; did you mean \"processors\"?\n"},
        {GOOD_PARTS "service:\n  extensions: [pprof]\n"
                    "  pipelines: {logs: {receivers: [otlp], exporters: [debug]}}\n",
         "4:16: there is no extension \"pprof\"; name it under extensions, with its options\n"},
    };
    (void)state;
    CHECK_WHOLES(cases);
}

static void mistakes_of_all_parts_are_told_in_the_order_of_the_file(void **state)
{
    static const struct whole_case cases[] = {
        {"service:\n"
         "  pipelines:\n"
         "    logs: {receivers: [oltp], processors: [batsh], exporters: [debug]}\n"
         "    metric: {receivers: [otlp], exporters: [debug, debug]}\n"
         "    traces:\n"
         "      receivers: []\n"
         "  extension: []\n"
         "receivers: {otlp: }\n"
         "processors: {batch: }\n"
         "exporters: {debug: }\n"
         "exporter: {debug: }\n",
         "3:24: there is no receiver \"oltp\"; did you mean \"otlp\"?\n"
         "3:44: there is no processor \"batsh\"; did you mean \"batch\"?\n"
         "4:5: a pipeline is one of traces, metrics, logs or profiles, or one with /NAME; did you"
         " mean \"metrics\"?\n"
         "4:52: debug is in the list already\n"
         "5:5: the pipeline traces needs a receiver\n"
         "7:3: there is no \"extension\" in service; did you mean \"extensions\"?\n"
         "11:1: there is no \"exporter\" in a configuration; did you mean \"exporters\"?\n"},
    };
    (void)state;
    CHECK_WHOLES(cases);
}

/* In the tests' folder, whose path is in TESTS_FOLDER. */
static struct config *config_of_file(struct slu_budget *budget, const char *name)
{
    static char text[1 << 16];
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s", TESTS_FOLDER, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof(text), file);
    assert_int_equal(fclose(file), 0);
    return config_of_bytes(budget, text, len);
}

static void an_agent_of_real_life_is_read_whole(void **state)
{
    struct config_pipelines out = {0};
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    struct config *config = config_of_file(budget, "collector_agent.yaml");
    int err = config_read_pipelines(config, &out);
    assert_mistakes(config, "");
    assert_int_equal(err, 0);
    assert_int_equal(out.receivers.count, 5);
    assert_int_equal(out.processors.count, 7);
    assert_int_equal(out.exporters.count, 3);
    assert_int_equal(out.extensions.count, 3);
    assert_int_equal(out.pipeline_count, 4);
    const struct config_pipeline *traces = &out.pipelines[0];
    assert_string_equal(traces->processors[3]->name, "batch/traces");
    assert_string_equal(traces->processors[3]->type, "batch");
    assert_string_equal(out.pipelines[3].name, "logs/debug");
    const struct config_node *http = out.exporters.items[2].node;
    assert_non_null(config_child(config_child(http, "tls"), "ca_file"));
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

static void a_gateway_of_real_life_is_read_whole(void **state)
{
    struct config_pipelines out = {0};
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    struct config *config = config_of_file(budget, "collector_gateway.yaml");
    int err = config_read_pipelines(config, &out);
    assert_mistakes(config, "");
    assert_int_equal(err, 0);
    assert_int_equal(out.receivers.count, 3);
    assert_int_equal(out.processors.count, 7);
    assert_int_equal(out.exporters.count, 6);
    assert_int_equal(out.extensions.count, 2);
    assert_int_equal(out.pipeline_count, 3);
    assert_int_equal(out.pipelines[0].signal, OTLP_METRICS);
    assert_int_equal(out.pipelines[1].exporter_count, 3);
    assert_int_equal(out.pipelines[2].processor_count, 0);
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

static int read_whole(struct slu_budget *budget)
{
    static const char text[] = "extensions: {pprof: }\nprocessors: {batch: }\n" GOOD_PARTS
                               "service:\n  extensions: [pprof]\n  pipelines:\n"
                               "    logs: {receivers: [otlp], processors: [batch], exporters:"
                               " [debug]}\n";
    struct config_pipelines out = {0};
    struct config *config = NULL;
    struct config_source source = {.name = "test.yaml", .text = {text, sizeof(text) - 1}};
    int err = config_parse(budget, &source, &config);
    if (err != 0) {
        return err;
    }
    err = config_read_pipelines(config, &out);
    if (err == 0) {
        assert_string_equal(out.pipelines[0].processors[0]->name, "batch");
    }
    config_destroy(&config);
    return err;
}

static void memory_that_runs_out_is_never_a_mistake_of_the_file(void **state)
{
    bool was_hit = true;
    int err = -EDQUOT;
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    uint64_t used_bytes = budget_used(budget);
    for (uint64_t nth = 1; was_hit; nth++) {
        alloc_fault_at(nth);
        err = read_whole(budget);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err, was_hit ? -ENOMEM : 0);
        assert_int_equal(budget_used(budget), used_bytes);
    }
    slu_budget_destroy(&budget);
    err = -EDQUOT;
    for (uint64_t bytes = 512; err != 0; bytes += 64) {
        budget = budget_of(bytes);
        err = read_whole(budget);
        assert_true(err == 0 || err == -EDQUOT);
        slu_budget_destroy(&budget);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_that_is_enough_is_read),
        cmocka_unit_test(a_type_is_what_stands_before_the_slash),
        cmocka_unit_test(only_extensions_that_the_service_names_are_there),
        cmocka_unit_test(what_is_wrong_with_the_top_is_told),
        cmocka_unit_test(what_is_wrong_with_a_pipeline_is_told),
        cmocka_unit_test(mistakes_of_all_parts_are_told_in_the_order_of_the_file),
        cmocka_unit_test(an_agent_of_real_life_is_read_whole),
        cmocka_unit_test(a_gateway_of_real_life_is_read_whole),
        cmocka_unit_test(memory_that_runs_out_is_never_a_mistake_of_the_file),
    };
    return TEST_RUN("config_pipelines", tests);
}
