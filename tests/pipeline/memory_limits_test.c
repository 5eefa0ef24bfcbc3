/* What the memory_limiters of a configuration come to. */
#include "pipeline/memory_limits.h"

#include <errno.h>

#include "budget.h"
#include "config_text.h"
#include "harness.h"
#include "pipeline/config_pipelines.h"

#define MIB       (UINT64_C(1) << 20)
#define AVAILABLE (UINT64_C(1000) * MIB)

struct limit_case {
    const char *limiters; /* under processors, with what pipelines use of them behind it */
    const char *used;
    const char *mistakes;
    uint64_t limit_bytes;
    uint64_t spike_bytes;
};

static void check(const struct limit_case *one)
{
    char text[1024];
    struct config_pipelines pipelines;
    struct memory_limits limits = {1, 2};
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    (void)snprintf(text, sizeof(text),
                   "processors: {batch: , %s}\n"
                   "receivers: {otlp: }\nexporters: {debug: }\nservice: {pipelines: {logs:"
                   " {receivers: [otlp], processors: [%s], exporters: [debug]}}}\n",
                   one->limiters, one->used);
    struct config *config = config_of(budget, text);
    int err = config_read_pipelines(config, &pipelines);
    assert_mistakes(config, "");
    assert_int_equal(err, 0);
    err = memory_limits_read(config, &pipelines, AVAILABLE, &limits);
    assert_mistakes(config, one->mistakes);
    if (one->mistakes[0] != '\0') {
        assert_int_equal(err, -EINVAL);
        assert_int_equal(limits.limit_bytes, 1);
        assert_int_equal(limits.spike_bytes, 2);
    } else {
        assert_int_equal(err, 0);
        assert_int_equal(limits.limit_bytes, one->limit_bytes);
        assert_int_equal(limits.spike_bytes, one->spike_bytes);
    }
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

static void limits_are_those_of_the_strictest_limiter_in_use(void **state)
{
    static const struct limit_case cases[] = {
        {"memory_limiter: {limit_mib: 100}", "batch", "", 0, 0},
        {"memory_limiter: {limit_mib: 100}", "memory_limiter", "", 100 * MIB, 20 * MIB},
        {"memory_limiter: {limit_mib: 100, spike_limit_mib: 30, check_interval: 1s}",
         "memory_limiter, batch", "", 100 * MIB, 30 * MIB},
        {"memory_limiter: {limit_percentage: 80, spike_limit_percentage: 25}", "memory_limiter", "",
         800 * MIB, 250 * MIB},
        {"memory_limiter: {limit_percentage: 50}", "memory_limiter", "", 500 * MIB, 100 * MIB},
        {"memory_limiter: {limit_percentage: 100}", "memory_limiter", "", 1000 * MIB, 200 * MIB},
        {"memory_limiter: {limit_mib: 100, limit_percentage: 1}", "memory_limiter", "", 100 * MIB,
         20 * MIB},
        {"memory_limiter: {limit_mib: 100}, memory_limiter/b: {limit_mib: 70, spike_limit_mib: 7}",
         "memory_limiter, memory_limiter/b", "", 70 * MIB, 7 * MIB},
        {"memory_limiter: {limit_mib: 100}, memory_limiter/b: {limit_mib: 70}", "memory_limiter",
         "", 100 * MIB, 20 * MIB},
        {"memory_limiter: {limit_mib: 100}, memory_limiter/b: {limit_percentage: 5}",
         "memory_limiter/b, memory_limiter", "", 50 * MIB, 10 * MIB},
        {"memory_limiter: {limit_mib: 16777216}", "memory_limiter", "", UINT64_C(16777216) * MIB,
         UINT64_C(16777216) * MIB / 5},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(&cases[i]);
    }
}

static void what_a_limiter_cannot_mean_is_told(void **state)
{
    static const struct limit_case cases[] = {
        {"memory_limiter: ", "memory_limiter",
         "1:23: memory_limiter needs limit_mib or limit_percentage\n", 0, 0},
        {"memory_limiter: {limit_mib: 0}", "memory_limiter",
         "1:23: memory_limiter needs limit_mib or limit_percentage\n", 0, 0},
        {"memory_limiter: {limit_percentage: 101}", "memory_limiter",
         "1:58: limit_percentage: it must be from 0 to 100, and not \"101\"\n", 0, 0},
        {"memory_limiter: {limit_mib: 16777217}", "memory_limiter",
         "1:51: limit_mib: it must be from 0 to 16777216, and not \"16777217\"\n", 0, 0},
        {"memory_limiter: {limit_mib: 100, spike_limit_mib: 100}", "memory_limiter",
         "1:73: the spike limit must be below the limit\n", 0, 0},
        {"memory_limiter: {limit_percentage: 50, spike_limit_percentage: 60}", "memory_limiter",
         "1:86: the spike limit must be below the limit\n", 0, 0},
        {"memory_limiter: {limit_mib: 1gb}", "memory_limiter",
         "1:51: limit_mib: it must be a whole number, and not \"1gb\"\n", 0, 0},
        {"memory_limiter: {limit: 1}", "memory_limiter",
         "1:40: there is no \"limit\" in the memory_limiter processor; did you mean"
         " \"limit_mib\"?\n",
         0, 0},
        {"memory_limiter: {}, memory_limiter/b: {limit_mib: x}", "memory_limiter, memory_limiter/b",
         "1:23: memory_limiter needs limit_mib or limit_percentage\n"
         "1:73: limit_mib: it must be a whole number, and not \"x\"\n",
         0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(&cases[i]);
    }
}

static void a_limiter_that_several_pipelines_use_is_told_of_once(void **state)
{
    static const char text[] =
        "processors: {memory_limiter: {limit_mib: x}}\n"
        "receivers: {otlp: }\nexporters: {debug: }\nservice: {pipelines: {\n"
        "  logs: {receivers: [otlp], processors: [memory_limiter], exporters: [debug]},\n"
        "  traces: {receivers: [otlp], processors: [memory_limiter], exporters: [debug]}}}\n";
    struct config_pipelines pipelines;
    struct memory_limits limits;
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    struct config *config = config_of(budget, text);
    assert_int_equal(config_read_pipelines(config, &pipelines), 0);
    assert_int_equal(memory_limits_read(config, &pipelines, AVAILABLE, &limits), -EINVAL);
    assert_mistakes(config, "1:42: limit_mib: it must be a whole number, and not \"x\"\n");
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_those_of_the_strictest_limiter_in_use),
        cmocka_unit_test(what_a_limiter_cannot_mean_is_told),
        cmocka_unit_test(a_limiter_that_several_pipelines_use_is_told_of_once),
    };
    return TEST_RUN("memory_limits", tests);
}
