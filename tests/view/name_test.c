#include "view/name.h"

#include <string.h>

#include <sluice/budget.h>

#include "base/bytes.h"
#include "view/view.h"

#include "harness.h"
#include "made_profile.h"

struct path {
    const char *given;
    const char *clean;
};

/* As the table of tests of Go's path.Clean has it. */
static void paths_are_cleaned_as_the_peer_does(void **state)
{
    (void)state;
    static const struct path paths[] = {
        {"", "."},
        {"abc", "abc"},
        {"abc/def", "abc/def"},
        {".", "."},
        {"..", ".."},
        {"../../abc", "../../abc"},
        {"/abc", "/abc"},
        {"/", "/"},
        {"abc/", "abc"},
        {"../../", "../.."},
        {"abc//def//ghi", "abc/def/ghi"},
        {"//abc", "/abc"},
        {"abc/./def", "abc/def"},
        {"/./abc/def", "/abc/def"},
        {"abc/def/ghi/../jkl", "abc/def/jkl"},
        {"abc/def/..", "abc"},
        {"abc/def/../..", "."},
        {"/abc/def/../..", "/"},
        {"abc/def/../../..", ".."},
        {"/abc/def/../../..", "/"},
        {"abc/def/../../../ghi/jkl/../../../mno", "../../mno"},
        {"abc/../../././../def", "../../def"},
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char clean[64];
        struct slu_bytes given = {paths[i].given, strlen(paths[i].given)};
        size_t len = name_clean_path(given, clean);
        assert_true(len <= given.len + 1);
        clean[len] = '\0';
        assert_string_equal(clean, paths[i].clean);
    }
}

static void labels_say_what_is_known(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of((uint64_t)16 << 20);
    struct model *model = made_model(budget);
    uint32_t name = made_string(model, "f");
    uint32_t file = made_string(model, "/a.c");
    uint32_t module = made_string(model, "/lib/libc.so.6");
    const struct {
        struct view_entry entry;
        const char *label;
    } cases[] = {
        {{.name = name}, "f"},
        {{.name = name, .file = file}, "f /a.c"},
        {{.name = name, .file = file, .line = 7}, "f /a.c:7"},
        {{.name = name, .file = file, .line = 7, .address = 0xabc}, "0000000000000abc f /a.c:7"},
        {{.file = file}, "/a.c"},
        {{.module = module}, "[libc.so.6]"},
        {{.module = module, .address = 16}, "0000000000000010 [libc.so.6]"},
        {{0}, "<unknown>"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct view_entry entry = cases[i].entry;
        assert_int_equal(name_label(model, &entry), 0);
        struct slu_bytes expected = {cases[i].label, strlen(cases[i].label)};
        assert_true(bytes_equal(model_text(model, entry.label), expected));
    }
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_cleaned_as_the_peer_does),
        cmocka_unit_test(labels_say_what_is_known),
    };
    return TEST_RUN("name", tests);
}
