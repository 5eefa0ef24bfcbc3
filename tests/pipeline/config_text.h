/* Configurations in tests: parsed from a string, with variables of a test's own. */
#ifndef TESTS_PIPELINE_CONFIG_TEXT_H
#define TESTS_PIPELINE_CONFIG_TEXT_H

#include <stdio.h>
#include <string.h>

#include <sluice/diag.h>

#include "budget.h"
#include "harness.h"
#include "pipeline/config.h"

#define CONFIG_TEST_BYTES (UINT64_C(256) << 20)

static inline const char *test_variable(void *arg, const char *name)
{
    static const char *const variables[][2] = {
        {"HOST", "example.org"},
        {"PORT", "4317"},
        {"EMPTY", ""},
        {"TRUE", "true"},
        {"STRUCTURE", "a: [b]"},
        {"LINES", "one\ntwo: 2\n- three"},
        {"DOLLAR", "${HOST} $$"},
        {"QUOTES", "\"'#{}[]&*!|>%@`"},
        {"SPACE", " 7 "},
    };
    (void)arg;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (strcmp(variables[i][0], name) == 0) {
            return variables[i][1];
        }
    }
    return NULL;
}

static inline struct config *config_of_bytes(struct slu_budget *budget, const char *text,
                                             size_t len)
{
    struct config *config = NULL;
    struct config_source source = {
        .name = "test.yaml", .text = {text, len}, .variable = test_variable};
    assert_int_equal(config_parse(budget, &source, &config), 0);
    return config;
}

static inline struct config *config_of(struct slu_budget *budget, const char *text)
{
    return config_of_bytes(budget, text, strlen(text));
}

/* All mistakes, a line each: "1:2: message\n". */
static inline const char *mistakes_text(struct config *config, char *out, size_t size_bytes)
{
    size_t count = 0;
    size_t len = 0;
    const struct slu_diag *mistakes = config_mistakes(config, &count);
    out[0] = '\0';
    for (size_t i = 0; i < count && len < size_bytes; i++) {
        len += (size_t)snprintf(out + len, size_bytes - len, "%u:%u: %s\n", mistakes[i].line,
                                mistakes[i].column, mistakes[i].message);
    }
    assert_true(len < size_bytes);
    return out;
}

static inline void assert_mistakes(struct config *config, const char *expected)
{
    char text[65536];
    assert_string_equal(mistakes_text(config, text, sizeof(text)), expected);
}

#endif
