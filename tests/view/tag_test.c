/* Which labels --tag wants; cli-heap_peer_test holds the same beside go tool pprof. */
#include "view/tag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/diag.h>

#include "budget.h"
#include "harness.h"
#include "made_profile.h"

#define BUDGET_BYTES ((uint64_t)16 << 20)

static struct model_label number_label(struct model *model, const char *key, int64_t number,
                                       const char *unit)
{
    return (struct model_label){.key = made_string(model, key),
                                .unit = made_string(model, unit),
                                .is_number = 1,
                                .number = number};
}

static struct model_label text_label(struct model *model, const char *key, const char *text)
{
    return (struct model_label){.key = made_string(model, key), .text = made_string(model, text)};
}

static uint32_t set_of(struct model *model, const struct model_label *labels, uint32_t count)
{
    uint32_t set = 0;
    assert_int_equal(model_labels(model, labels, count, &set), 0);
    return set;
}

static bool is_wanted(const struct model *model, const char *text, uint32_t labels)
{
    struct tag tag;
    struct slu_diag diag = {0};
    assert_int_equal(tag_init(&tag, model, text, &diag), 0);
    bool wanted = tag_matches(&tag, labels);
    tag_deinit(&tag);
    return wanted;
}

static void a_number_is_wanted_from_one_bound_to_the_other(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *unit; /* of the label */
        int64_t number;
        bool wanted;
    } cases[] = {
        {"bytes=64:1mb", "bytes", 64, true},
        {"bytes=64:1mb", "bytes", 63, false},
        {"bytes=64:1mb", "bytes", 1048576, true},
        {"bytes=64:1mb", "bytes", 1048577, false},
        {"bytes=64:", "bytes", 64, true},
        {"bytes=64:", "bytes", 63, false},
        {"bytes=:1kb", "bytes", 1024, true},
        {"bytes=:1kb", "bytes", 1025, false},
        {"bytes=:1KB", "kilobytes", 1, true},
        {"bytes=:1kb", "kilobytes", 2, false},
        {"bytes=2kb", "bytes", 2048, true},
        {"bytes=2kb", "bytes", 2047, false},
        {"bytes=2", "kilobytes", 2, true},    /* no unit: the label's own */
        {"bytes=1kb:2", "bytes", 2048, true}, /* no unit behind a colon: the one before it */
        {"bytes=1kb:2", "bytes", 2049, false},
        {"bytes=1kb:", "", 4096, true}, /* the key says the unit */
        {"bytes=1s:", "bytes", INT64_MAX, false},
        {"bytes=100us:1ms", "nanoseconds", 1000000, true},
        {"bytes=100us:1ms", "nanoseconds", 99999, false},
        {"bytes=1hr", "seconds", 3600, true},
        {"bytes=-5:+5", "things", -5, true},
        {"bytes=-5:+5", "things", -6, false},
        {"bytes=7gb", "things", 7, true}, /* of a unit that is not known, the number */
        {"64:1mb", "bytes", 64, true},
        {"other=64:1mb", "bytes", 64, false},
        {"bytes=9223372036854775807", "", INT64_MAX, true},
    };
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = made_model(budget);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_label label = number_label(model, "bytes", cases[i].number, cases[i].unit);
        bool wanted = is_wanted(model, cases[i].text, set_of(model, &label, 1));
        if (wanted != cases[i].wanted) {
            fail_msg("%s, %lld %s", cases[i].text, (long long)cases[i].number, cases[i].unit);
        }
    }
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void what_is_no_range_is_looked_for_as_expressions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool wanted;
    } cases[] = {
        {"path=^/api", true},
        {"path=^api", false},
        {"path=none,/list$", true}, /* of a key, one is enough */
        {"path=none,nothing", false},
        {"path:/api", true},
        {"path:/api,worker:3", true}, /* without a key, each has to be there */
        {"path:/api,worker:4", false},
        {"worker=3", true}, /* a text that is all of it */
        {"worker=[0-9]", true},
        {"3", true},
        {"4", false},
        {"bytes=6", false},
        {"bytes=^6", true},
        {"1kb:1s", false}, /* not of one kind, so no range */
        {":", true},
        {"=:", true},
        {"bytes=64:128x:", false},
    };
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = made_model(budget);
    struct model_label labels[] = {
        text_label(model, "path", "/api/list"),
        text_label(model, "worker", "3"),
        number_label(model, "bytes", 64, "bytes"),
    };
    uint32_t set = set_of(model, labels, 3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (is_wanted(model, cases[i].text, set) != cases[i].wanted) {
            fail_msg("%s", cases[i].text);
        }
    }
    assert_true(is_wanted(model, NULL, set));
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void what_cannot_be_read_is_told(void **state)
{
    (void)state;
    char long_key[TAG_KEY_MAX + 2];
    memset(long_key, 'k', sizeof(long_key));
    memcpy(long_key + TAG_KEY_MAX, "=", 2);
    const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"bytes=9223372036854775808", "--tag: a number of more than 63 bits"},
        {"bytes=1:99999999999999999999kb", "--tag: a number of more than 63 bits"},
        {"path=(", "--tag: no regular expression"},
        {"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "--tag: more than 16 expressions"},
        {long_key, "--tag: a key longer than 127 bytes"},
    };
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = made_model(budget);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tag tag;
        struct slu_diag diag = {0};
        assert_int_equal(tag_init(&tag, model, cases[i].text, &diag), -EINVAL);
        assert_memory_equal(diag.message, cases[i].message, strlen(cases[i].message));
        tag_deinit(&tag);
    }
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void a_wish_without_memory_leaves_nothing(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = made_model(budget);
    uint64_t used = budget_used(budget);
    int err = -ENOMEM;
    for (uint64_t nth = 1; err == -ENOMEM; nth++) {
        struct tag tag;
        alloc_fault_at(nth);
        err = tag_init(&tag, model, "path=a,b", NULL);
        alloc_fault_at(0);
        tag_deinit(&tag);
        assert_int_equal(budget_used(budget), used);
    }
    assert_int_equal(err, 0);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_wanted_from_one_bound_to_the_other),
        cmocka_unit_test(what_is_no_range_is_looked_for_as_expressions),
        cmocka_unit_test(what_cannot_be_read_is_told),
        cmocka_unit_test(a_wish_without_memory_leaves_nothing),
    };
    return TEST_RUN("tag", tests);
}
