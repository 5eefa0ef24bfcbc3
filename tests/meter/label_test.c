#include <sluice/label.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"
#include "budget.h"
#include "harness.h"

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static void assert_normalised(const struct slu_label_rules *rules, enum slu_label_form form,
                              const char *raw, const char *wanted)
{
    char out[SLU_LABEL_BYTES_MAX + 1];
    size_t len = slu_label_normalise(rules, form, bytes_of(raw), out, SLU_LABEL_BYTES_MAX);
    out[len] = '\0';
    assert_string_equal(out, wanted);
}

struct example {
    const char *raw;
    const char *wanted;
};

static void assert_examples(const struct slu_label_rules *rules, enum slu_label_form form,
                            const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_normalised(rules, form, examples[i].raw, examples[i].wanted);
    }
}

#define ASSERT_EXAMPLES(rules, form, examples)                                                     \
    assert_examples(rules, form, examples, sizeof(examples) / sizeof((examples)[0]))

static void a_path_loses_what_is_not_path(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"/api/v1/user?id=123", "/api/v1/user"},
        {"/a#top", "/a"},
        {"/a;jsessionid=9/b;c=d?e", "/a/b"},
        {"https://shop.example:8443/cart/?q=1", "/cart"},
        {"HTTP://h", "/"},
        {"//a///b//", "/a/b"},
        {"relative/path", "/relative/path"},
        {"/", "/"},
        {"?x", "/"},
        {"*", "/*"},
        {"", ""},
        {"/a/./b/../c", "/a/c"},
        {"/../../a", "/a"},
        {"/a/%2e%2E/b", "/b"},
        {"http:/a", "/http:/a"},
    };
    ASSERT_EXAMPLES(NULL, SLU_LABEL_PATH, examples);
}

static void escapes_of_a_path_have_one_spelling(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"/%41%62c%7E", "/Abc~"},
        {"/a%2fb", "/a%2Fb"},
        {"/100%", "/100%25"},
        {"/%%34%31", "/%2541"},
        {"/%2541", "/%2541"},
        {"/%zz", "/%25zz"},
        {"/a b\tc", "/a%20b%09c"},
        {"/%", "/%25"},
        {"/%4", "/%254"},
        {"/caf\xc3\xa9", "/caf\xc3\xa9"},
        {"/a\xff z", "/a\xef\xbf\xbd%20z"},
    };
    ASSERT_EXAMPLES(NULL, SLU_LABEL_PATH, examples);
}

static void identifiers_in_a_path_become_one(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"/user/7", "/user/:id"},
        {"/user/-12.5/x", "/user/:id/x"},
        {"/day/2024-02-29", "/day/:id"},
        {"/host/10.0.0.1", "/host/:id"},
        {"/u/550e8400-e29b-41d4-a716-446655440000", "/u/:id"},
        {"/u/{550E8400-E29B-41D4-A716-446655440000}", "/u/:id"},
        {"/u/urn:uuid:550e8400-e29b-41d4-a716-446655440000", "/u/:id"},
        {"/commit/9fceb02d0ae598e95dc970b74767f19372d61af8", "/commit/:id"},
        {"/object/0xDEADBEEF1", "/object/:id"},
        {"/order/INV-0012345", "/order/:id"},
        {"/ulid/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/ulid/:id"},
        {"/video/dQw4w9WgXcQ", "/video/:id"},
        {"/customer/cus_NffrFeUfNV2Hib", "/customer/:id"},
        {"/long/"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "/long/:id"},
    };
    ASSERT_EXAMPLES(NULL, SLU_LABEL_PATH, examples);
}

static void words_in_a_path_stay(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/api/v1beta1/pods", "/oauth2/authorize", "/ipv4/x86_64/sha256", "/s3/utf8/web3js",
        "/decade/facade",    "/deadbeef",         "/getUserByIdV2",      "/index.html",
        "/:id/{user}",       "/my-first-article", "/h264-mp4-v2",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_normalised(NULL, SLU_LABEL_PATH, paths[i], paths[i]);
    }
}

static void a_path_is_cut_after_a_whole_segment(void **state)
{
    (void)state;
    char raw[2000];
    char out[SLU_LABEL_BYTES_MAX];
    for (size_t i = 0; i < sizeof(raw); i++) {
        raw[i] = i % 10 == 0 ? '/' : 'x';
    }
    size_t len = slu_label_normalise(NULL, SLU_LABEL_PATH, (struct slu_bytes){raw, sizeof(raw)},
                                     out, SLU_LABEL_BYTES_MIN);
    assert_int_equal(len, SLU_LABEL_BYTES_MIN / 10 * 10);
    assert_memory_equal(out, raw, len);
}

static struct slu_label_rules *rules_of(struct slu_budget *budget,
                                        const struct slu_label_options *options)
{
    struct slu_label_rules *rules = NULL;
    struct slu_diag diag = {0};
    int err = slu_label_rules_create(budget, options, &diag, &rules);
    assert_string_equal(diag.message, "");
    assert_int_equal(err, 0);
    return rules;
}

static const char *const templates[] = {
    "/users/:user", "/users/:user/posts/:post", "/users/me", "/2.0/:org", "/:any/x/y/z",
};

static void the_longest_template_that_fits_is_taken(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"/users/bob", "/users/:user"},
        {"/users/me", "/users/:user"}, /* the first of equal length */
        {"/users/bob/likes/77", "/users/:user/likes/:id"},
        {"/users/bob/posts/first/raw?x", "/users/:user/posts/:post/raw"},
        {"/users", "/users"},
        {"/2.0/acme/3", "/2.0/:org/:id"},
        {"/2.1/acme", "/:id/acme"},
        {"/users/x/y/z", "/:any/x/y/z"},
        {"/", "/"},
    };
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_label_options options = {.templates = templates,
                                        .template_count = sizeof(templates) / sizeof(templates[0])};
    struct slu_label_rules *rules = rules_of(budget, &options);
    ASSERT_EXAMPLES(rules, SLU_LABEL_PATH, examples);
    slu_label_rules_destroy(&rules);
    slu_budget_destroy(&budget);
}

static void text_is_made_valid_and_bounded(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"plain", "plain"},         {"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
        {"a\xc3", "a\xef\xbf\xbd"}, {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"12345", "12345"},
    };
    ASSERT_EXAMPLES(NULL, SLU_LABEL_TEXT, examples);
    char raw[SLU_LABEL_BYTES_MIN + 10];
    char out[SLU_LABEL_BYTES_MIN];
    memset(raw, 'x', sizeof(raw));
    memcpy(raw + SLU_LABEL_BYTES_MIN - 1, "\xc3\xa9", 2);
    size_t len = slu_label_normalise(NULL, SLU_LABEL_TEXT, (struct slu_bytes){raw, sizeof(raw)},
                                     out, sizeof(out));
    assert_int_equal(len, SLU_LABEL_BYTES_MIN - 1);
    len =
        slu_label_normalise(NULL, SLU_LABEL_TEXT, (struct slu_bytes){"a\0b", 3}, out, sizeof(out));
    assert_int_equal(len, 5);
    assert_memory_equal(out,
                        "a\xef\xbf\xbd"
                        "b",
                        5);
}

static void other_forms_have_few_values(void **state)
{
    (void)state;
    static const struct example methods[] = {
        {"GET", "GET"},         {"get", "GET"},   {"Options", "OPTIONS"}, {"PATCH", "PATCH"},
        {"GETS", "_OTHER"},     {"GE", "_OTHER"}, {"\x01", "_OTHER"},     {"_OTHER", "_OTHER"},
        {"CONNECTX", "_OTHER"}, {"", ""},
    };
    static const struct example statuses[] = {
        {"200", "2xx"},    {"404", "4xx"},       {"2xx", "2xx"},
        {"999", "_OTHER"}, {"20", "_OTHER"},     {"2000", "_OTHER"},
        {"20x", "_OTHER"}, {"_OTHER", "_OTHER"}, {"099", "_OTHER"},
    };
    static const struct example tokens[] = {
        {"alice", "alice"}, {"7", ":id"},       {"550e8400-e29b-41d4-a716-446655440000", ":id"},
        {":id", ":id"},     {"a/b 7", "a/b 7"},
    };
    static const struct example drops[] = {{"x", ""}};
    ASSERT_EXAMPLES(NULL, SLU_LABEL_METHOD, methods);
    ASSERT_EXAMPLES(NULL, SLU_LABEL_STATUS, statuses);
    ASSERT_EXAMPLES(NULL, SLU_LABEL_TOKEN, tokens);
    ASSERT_EXAMPLES(NULL, SLU_LABEL_DROP, drops);
}

static bool is_valid_utf8(const char *bytes, size_t len)
{
    uint32_t code = 0;
    for (size_t at = 0; at < len;) {
        at += utf8_decode(bytes + at, len - at, &code);
        if (code == UTF8_INVALID || code == 0) {
            return false;
        }
    }
    return true;
}

/* Pieces that paths are made of, and what is meant to confuse. */
static size_t hostile_fill(struct test_random *random, char *raw, size_t size)
{
    static const char *const pieces[] = {
        "/",   "//",  ".",     "..",    "%2e",  "%",        "%41", "%2F", "?",
        ";",   "#",   "users", "posts", "7",    ":id",      "x",   "y",   "z",
        "me",  "2.0", "http",  "://",   "\xff", "\xc3\xa9", "%zz", "0x1", "abc",
        "DEF", "-",   "12345", " ",     "\x01", "{",        "}",   "%25",
    };
    size_t len = 0;
    size_t count = test_random_below(random, 60);
    for (size_t i = 0; i < count; i++) {
        const char *piece = pieces[test_random_below(random, sizeof(pieces) / sizeof(pieces[0]))];
        if (test_random_below(random, 20) == 0 && len < size) {
            raw[len++] = (char)test_random_below(random, 256);
        }
        size_t piece_len = strlen(piece);
        if (piece_len <= size - len) {
            memcpy(raw + len, piece, piece_len);
            len += piece_len;
        }
    }
    return len;
}

static void normalising_twice_is_normalising_once(void **state)
{
    (void)state;
    struct test_random random = test_random_start(7);
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_label_options options = {.templates = templates,
                                        .template_count = sizeof(templates) / sizeof(templates[0])};
    struct slu_label_rules *rules = rules_of(budget, &options);
    uint64_t allocations = alloc_count();
    for (uint64_t i = 0; i < test_rounds(60000); i++) {
        char raw[400];
        char once[300];
        char twice[300];
        enum slu_label_form form = (enum slu_label_form)test_random_below(&random, 6);
        size_t size = SLU_LABEL_BYTES_MIN + test_random_below(&random, 300 - SLU_LABEL_BYTES_MIN);
        const struct slu_label_rules *table = test_random_below(&random, 2) == 0 ? NULL : rules;
        size_t len = hostile_fill(&random, raw, sizeof(raw));
        size_t once_len =
            slu_label_normalise(table, form, (struct slu_bytes){raw, len}, once, size);
        assert_true(once_len <= size);
        assert_true(is_valid_utf8(once, once_len));
        size_t twice_len =
            slu_label_normalise(table, form, (struct slu_bytes){once, once_len}, twice, size);
        assert_int_equal(twice_len, once_len);
        assert_memory_equal(twice, once, once_len);
    }
    assert_int_equal(alloc_count(), allocations);
    slu_label_rules_destroy(&rules);
    slu_budget_destroy(&budget);
}

static void a_label_has_the_form_of_its_rule(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    static const struct slu_label_rule table[] = {
        {"path", SLU_LABEL_PATH},      {"method", SLU_LABEL_METHOD}, {"code", SLU_LABEL_STATUS},
        {"pathology", SLU_LABEL_DROP}, {"p", SLU_LABEL_TOKEN},
    };
    struct slu_label_options options = {.rules = table, .rule_count = 5};
    struct slu_label_rules *rules = rules_of(budget, &options);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(slu_label_form(rules, bytes_of(table[i].label)), table[i].form);
    }
    assert_int_equal(slu_label_form(rules, bytes_of("pat")), SLU_LABEL_TEXT);
    assert_int_equal(slu_label_form(rules, bytes_of("")), SLU_LABEL_TEXT);
    assert_int_equal(slu_label_form(NULL, bytes_of("path")), SLU_LABEL_TEXT);
    slu_label_rules_destroy(&rules);
    assert_null(rules);
    slu_label_rules_destroy(&rules);
    slu_label_rules_destroy(NULL);
    slu_budget_destroy(&budget);
}

static void assert_refused(const struct slu_label_options *options, const char *word)
{
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_label_rules *rules = NULL;
    struct slu_diag diag = {0};
    assert_int_equal(slu_label_rules_create(budget, options, &diag, &rules), -EINVAL);
    assert_non_null(strstr(diag.message, word));
    assert_int_equal(slu_label_rules_create(budget, options, NULL, &rules), -EINVAL);
    assert_null(rules);
    slu_budget_destroy(&budget);
}

static void refuse_template(const char *text, const char *word)
{
    const char *const list[] = {"/ok", text};
    assert_refused(&(struct slu_label_options){.templates = list, .template_count = 2}, word);
}

static void refuse_rule(struct slu_label_rule rule, const char *word)
{
    struct slu_label_rule list[] = {{"ok", SLU_LABEL_TEXT}, rule};
    assert_refused(&(struct slu_label_options){.rules = list, .rule_count = 2}, word);
}

static void impossible_rules_are_refused_with_the_reason(void **state)
{
    (void)state;
    char long_name[SLU_LABEL_RULE_NAME_BYTES_MAX + 2];
    memset(long_name, 'a', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    refuse_template("", "template 1");
    refuse_template(NULL, "template 1");
    refuse_template("/", "not a normalised path");
    refuse_template("users/:id", "'/users/:id'");
    refuse_template("/users/", "'/users'");
    refuse_template("/a?b", "'/a'");
    refuse_template(long_name, "template 1");
    refuse_rule((struct slu_label_rule){"", SLU_LABEL_TEXT}, "rule 1");
    refuse_rule((struct slu_label_rule){NULL, SLU_LABEL_TEXT}, "rule 1");
    refuse_rule((struct slu_label_rule){long_name, SLU_LABEL_TEXT}, "rule 1");
    refuse_rule((struct slu_label_rule){"ok", SLU_LABEL_PATH}, "rule 0 already");
    refuse_rule((struct slu_label_rule){"b", (enum slu_label_form)6}, "form 6");
    assert_refused(&(struct slu_label_options){.rule_count = SLU_LABEL_RULES_MAX + 1},
                   "rule_count");
    assert_refused(&(struct slu_label_options){.template_count = SLU_LABEL_TEMPLATES_MAX + 1},
                   "template_count");
}

static void creation_without_memory_leaves_nothing(void **state)
{
    (void)state;
    struct slu_label_options options = {.templates = templates, .template_count = 2};
    struct slu_label_rules *rules = NULL;
    struct slu_diag diag = {0};
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_budget *small = NULL;
    uint64_t used = budget_used(budget);
    alloc_fault_at(1);
    assert_int_equal(slu_label_rules_create(budget, &options, &diag, &rules), -ENOMEM);
    alloc_fault_at(0);
    assert_int_equal(budget_used(budget), used);
    assert_int_equal(slu_budget_create(NULL, "small", used + 64, &small), 0);
    assert_int_equal(slu_label_rules_create(small, &options, &diag, &rules), -EDQUOT);
    assert_non_null(strstr(diag.message, "'small'"));
    assert_null(rules);
    slu_budget_destroy(&small);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_loses_what_is_not_path),
        cmocka_unit_test(escapes_of_a_path_have_one_spelling),
        cmocka_unit_test(identifiers_in_a_path_become_one),
        cmocka_unit_test(words_in_a_path_stay),
        cmocka_unit_test(a_path_is_cut_after_a_whole_segment),
        cmocka_unit_test(the_longest_template_that_fits_is_taken),
        cmocka_unit_test(text_is_made_valid_and_bounded),
        cmocka_unit_test(other_forms_have_few_values),
        cmocka_unit_test(normalising_twice_is_normalising_once),
        cmocka_unit_test(a_label_has_the_form_of_its_rule),
        cmocka_unit_test(impossible_rules_are_refused_with_the_reason),
        cmocka_unit_test(creation_without_memory_leaves_nothing),
    };
    return TEST_RUN("meter/label", tests);
}
